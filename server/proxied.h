/*
 * What a proxy in front of the server tells (net/proxy.h): who the client is, from then on the
 * connection's peer for limits, logs and trace lines; and whether it speaks TLS with the proxy.
 *
 * Only for connections of listeners that require it, from networks that may; the acceptor sees to
 * that. Nothing behind the header is read: it is for TLS or for the protocol.
 */
#ifndef RESTANTE_PROXIED_H
#define RESTANTE_PROXIED_H

#include "prelude.h"

/* Reads the header, in one piece or several, and takes the client in. */
enum prelude_status proxied_meet_client(struct connection *connection);
/* The header is missing or wrong: one line. */
void proxied_refused(const struct connection *connection, const char *why);

/* For the session's line: where the proxy is; and the rest of what it told. */
void proxied_log_proxy(const struct proxied *proxied, struct log_line *line);
void proxied_log_told(const struct proxied *proxied, struct log_line *line);

#endif
