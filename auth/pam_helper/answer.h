/*
 * From a request to its reply: is there such a user (NSS), and if so, is it them (PAM).
 */
#ifndef RESTANTE_PAM_ANSWER_H
#define RESTANTE_PAM_ANSWER_H

#include <stdatomic.h>
#include <stdint.h>

#include "settings.h"

/*
 * May block for as long as NSS and PAM do. *refusal_ms is how long PAM takes to refuse a known user,
 * learnt from one call to the next; 0 at first. An unknown user is answered after that time.
 */
void answer_request(const struct settings *settings, const struct helper_request *request,
		    _Atomic int64_t *refusal_ms, struct helper_reply *reply);

#endif
