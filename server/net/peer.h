/*
 * Who is at the other end: the address in a small form, its text, and the prefix by which sources
 * are counted (IPv4 /32, IPv6 /64).
 */
#ifndef RESTANTE_PEER_H
#define RESTANTE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "restante/compiler.h"
#include "restante/network.h"
#include "restante/str.h"

/* "[" and "]", an IPv6 address, ":" and a port fit. */
#define PEER_TEXT_MAX 64

#define PEER_UNKNOWN AF_UNSPEC /* somebody has said that nobody knows */

struct peer {
	uint16_t family; /* AF_INET, AF_INET6, AF_UNIX or PEER_UNKNOWN */
	uint16_t port;
	unsigned char address[16];
};

/* What connections of one source have in common. */
struct source {
	uint16_t family;
	unsigned char prefix[8];
};

/* An IPv4 address mapped into IPv6 is taken as the IPv4 address it is. */
void peer_from_sockaddr(struct peer *peer, const struct sockaddr *address);
/* "192.0.2.1" or "IPV6:2001:db8::1", as SMTP writes them; without port. */
MUST_USE bool peer_from_text(struct peer *peer, struct str text);
/* The other way round, for who knows such addresses only. */
void peer_to_sockaddr(const struct peer *peer, struct sockaddr_storage *address);
/* The address without port ("local" for a unix socket, "unknown" for PEER_UNKNOWN), NUL-terminated. */
void peer_text(const struct peer *peer, char *text, size_t cap);
/*
 * Its address for comparing with networks, which has nobody whose address is unknown; false: a unix
 * socket has none.
 */
bool peer_network_address(const struct peer *peer, struct network_address *address);
struct source peer_source(const struct peer *peer);
bool peer_is_local(const struct peer *peer);

#endif
