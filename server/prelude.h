/*
 * What comes before the protocol's first word: the PROXY header and the TLS handshake of a listener
 * that wants them, and the greeting. The same handshake follows STLS and STARTTLS, where the greeting has been said.
 * Their time is short: from deadlines of their own the connection gets its old one back afterwards.
 */
#ifndef RESTANTE_PRELUDE_H
#define RESTANTE_PRELUDE_H

#include "connection.h"

enum prelude_status {
	PRELUDE_DONE, /* the protocol goes on */
	PRELUDE_WAITS_FOR_INPUT,
	PRELUDE_WAITS_FOR_ROOM,
	PRELUDE_FAILED /* close; connection->why is set */
};

/* The PROXY header comes next, and TLS behind it where tls_first. Before the connection is armed. */
void prelude_expect_proxy(struct connection *connection);
/* The handshake comes next. Before the connection is armed, or by its owner. */
void prelude_expect_tls(struct connection *connection);
/*
 * The client asked for TLS, and `behind` is what has already come after it. False: there is
 * something, in clear, which nobody may act upon (RFC 3207 section 4.2 knows why): close.
 */
MUST_USE bool prelude_start_tls(struct connection *connection, struct str behind);
/* By the owning worker, until it says PRELUDE_DONE. */
enum prelude_status prelude_run(struct connection *connection);
/* Says the protocol's first word, or keeps what the socket does not take; false: broken. */
MUST_USE bool prelude_greet(struct connection *connection);

#endif
