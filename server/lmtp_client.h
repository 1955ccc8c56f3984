/*
 * Whose mail an LMTP connection hands over: the peer's own, until XCLIENT says for somebody else.
 * From then on that is the connection's peer, in the log and in Received fields; who is connected
 * is kept beside it.
 */
#ifndef RESTANTE_LMTP_CLIENT_H
#define RESTANTE_LMTP_CLIENT_H

#include "lmtp_connection.h"

/* Whether this connection may say XCLIENT: by its network. */
bool lmtp_client_trusted(const struct connection *connection);
/* Performs LMTP_XCLIENT and reports it. False: out of memory, close. */
MUST_USE bool lmtp_client_told(struct lmtp_connection *c, const struct lmtp_xclient *told,
			       struct buf *out);
/* As before XCLIENT: STARTTLS makes us forget what came in clear. */
void lmtp_client_forget(struct lmtp_connection *c);
/* For the log: who is connected, where that is not the peer. */
void lmtp_client_log(const struct lmtp_connection *c, struct log_line *line);
/* RFC 5321 section 4.4: what follows "from" in a Received field; `hello` is LHLO's argument. */
void lmtp_client_trace(const struct lmtp_connection *c, const char *hello, char *text,
		       size_t cap);

#endif
