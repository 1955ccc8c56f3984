/*
 * A client of LMTP (RFC 2033) for `restante deliver`: one connection, one message.
 */
#ifndef RESTANTE_ADMIN_LMTP_CLIENT_H
#define RESTANTE_ADMIN_LMTP_CLIENT_H

#include "restante/compiler.h"
#include "restante/limits.h"
#include "restante/str.h"

#include <stdio.h>

#define LMTP_REPLY_TEXT_MAX 512

struct lmtp_reply {
	int code;                       /* 0: no reply, the connection broke */
	char text[LMTP_REPLY_TEXT_MAX]; /* last line, code included; or why there is none */
};

struct lmtp_recipient {
	const char *address;
	bool accepted;           /* at RCPT */
	struct lmtp_reply reply; /* of RCPT when it was refused, else of the message */
};

/*
 * Connects to "unix:/path", "127.0.0.1:24" or "[::1]:24", delivers what `message` reads to the
 * recipients and fills in every reply. False: nobody there, or the server refused the whole
 * transaction; then `*whole` says how. The message is not read when no recipient is accepted.
 */
MUST_USE bool lmtp_deliver(const char *server, const char *hostname, const char *sender,
			   struct lmtp_recipient *recipients, size_t count, FILE *message,
			   struct lmtp_reply *whole);

/* The exit status that tells a pipe transport what a reply means; 0 for 2xx. */
int lmtp_reply_exit(const struct lmtp_reply *reply);
/* The worse of two statuses: what must be tried again before what is lost, that before done. */
int lmtp_worse_exit(int a, int b);

/*
 * Message octets as they travel: LF becomes CRLF, a line that begins with "." gets another one
 * (RFC 5321 section 4.5.2). Keeps what it must remember between calls.
 */
struct lmtp_stuffing {
	bool inside_line; /* not at the beginning of a line */
	bool after_cr;
};
/* Takes octets off *in until it is empty or `cap` is nearly full; returns octets written. */
size_t lmtp_stuff(struct lmtp_stuffing *stuffing, struct str *in, char *to, size_t cap);

#endif
