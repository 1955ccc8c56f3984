/*
 * Logging in by USER and PASS, APOP or SCRAM-SHA-256: what to say after which reply. A user of SCRAM
 * keeps the keys derived from the password, as clients may (RFC 5802 section 5.1).
 */
#ifndef RESTANTE_BENCH_LOGIN_H
#define RESTANTE_BENCH_LOGIN_H

#include <stddef.h>

#include "pop3_script.h"

/* LOGIN_NONE: the greeting is all that is waited for. */
enum login_method { LOGIN_PASS, LOGIN_APOP, LOGIN_SCRAM, LOGIN_NONE };

#define LOGIN_STEPS_MAX 4
#define LOGIN_LINE_MAX 1024

struct scram_keys;

struct login {
	enum login_method method;
	const char *user, *password;
	struct scram_keys **keys; /* the user's; NULL = none yet */
	char nonce[32];
	char first_bare[300];  /* of SCRAM's client-first-message */
	char server_proof[64]; /* what the server must answer, base64 */
};

/* How many replies, the greeting among them, until the user is in. */
size_t login_steps(enum login_method method);
/* Of these, the kind of reply `step`. */
enum reply_kind login_reply(enum login_method method, size_t step);
/* After reply `step` with the line `reply`: the next line, its octets; 0 = there is none. Ends the
 * program when the reply is wrong. */
size_t login_next(struct login *login, size_t step, const char *reply, char *line, size_t cap);

#endif
