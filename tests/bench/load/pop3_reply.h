/*
 * Checks the replies of one POP3 session while they come in, in whatever pieces: status, counts that
 * agree between STAT, LIST and UIDL, every octet of a message and its end. A wrong reply ends the
 * program: a server that errs is not fast.
 */
#ifndef RESTANTE_BENCH_POP3_REPLY_H
#define RESTANTE_BENCH_POP3_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3_script.h"

#define REPLY_LINE_MAX 1024

struct reply {
	/* the maildrop as this session knows it */
	bool counted; /* `messages` is known */
	uint64_t messages, octets;
	bool summed;     /* `octets` is */
	uint64_t *sizes; /* of LIST, by msgno - 1 */
	size_t sizes_n, sizes_cap;
	uint64_t kib; /* of body, in every message that is retrieved */
	/* the reply under way */
	enum reply_kind kind;
	uint64_t msgno;
	bool inside; /* behind the first line of a multi-line reply */
	char line[REPLY_LINE_MAX];
	size_t line_n;
	char last_uidl[80];
	uint64_t rows, sum;
	uint64_t header_left, rest_at;
	uint64_t announced; /* octets of the message */
};

/* A session begins; `messages` 0 = not known beforehand. */
void reply_reset(struct reply *reply, uint64_t messages, uint64_t kib);
void reply_begin(struct reply *reply, enum reply_kind kind, uint64_t msgno);
/* Takes octets off the front; true = the reply is complete. Its first line is then in `line`, if
 * it has no more than one. */
bool reply_take(struct reply *reply, const char **octets, size_t *n);
void reply_free(struct reply *reply);

#endif
