/*
 * From a request to its reply: is there such a user (NSS), and if so, is it them (PAM).
 */
#ifndef RESTANTE_PAM_ANSWER_H
#define RESTANTE_PAM_ANSWER_H

#include <stdint.h>

#include "settings.h"

#define REFUSALS 16

/* How long things took lately, in microseconds. Zeros at first; a worker's own. */
struct refusals {
	int64_t taken[REFUSALS]; /* by PAM, to refuse a known user; the oldest gives way */
	unsigned count;          /* of them, ever */
	int64_t hash;            /* by the hash that an unknown one costs; 0 = not known yet */
};

/*
 * May block for as long as NSS and PAM do. An unknown user is answered after the time that one of
 * *refusals took, any of them, so that the times of known and unknown ones are alike as a whole.
 */
void answer_request(const struct settings *settings, const struct helper_request *request,
		    struct refusals *refusals, struct helper_reply *reply);

#endif
