/*
 * Networks in CIDR notation, and whether an address is in one.
 */
#ifndef RESTANTE_NETWORK_H
#define RESTANTE_NETWORK_H

#include "restante/compiler.h"
#include "restante/str.h"

struct network_address {
	int family; /* AF_INET or AF_INET6; an IPv4 address never in IPv6's form */
	unsigned char octets[16];
};

struct network {
	struct network_address first;
	unsigned prefix; /* bits */
};

/* IPv6's longest with "/128" and NUL fit. */
#define NETWORK_TEXT_MAX 64

/* "192.0.2.0/24", "2001:db8::/32", or one address. False: not that. */
MUST_USE bool network_read(struct str text, struct network *network);
/* Clears the bits behind the prefix; true when none was set. */
bool network_mask(struct network *network);
/* Reads one without bits behind its prefix. */
MUST_USE bool network_parse_text(struct str text, struct network *network);
void network_format(const struct network *network, char *text, size_t cap);
bool network_has(const struct network *network, const struct network_address *address);

/* A list, separated by spaces or commas. False: *bad is no network. */
MUST_USE bool networks_parse(struct str list, struct str *bad);
/* Is the address in one of a list that networks_parse takes. */
bool networks_have(struct str list, const struct network_address *address);

#endif
