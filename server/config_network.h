/*
 * Networks in CIDR notation: from text, to text, and whether they hold an address.
 */
#ifndef RESTANTE_CONFIG_NETWORK_H
#define RESTANTE_CONFIG_NETWORK_H

#include "restante/config.h"

/* Why a value is refused: a sentence that follows what it was given for. */
struct reason {
	char text[256];
};

/* "255.255.255.255/32" and IPv6's longest with "/128" and NUL fit. */
#define NETWORK_TEXT_MAX 64

/* "192.0.2.0/24", "2001:db8::/32", or one address. Bits behind the prefix are refused. */
MUST_USE bool network_parse(const char *text, struct config_network *network,
			    struct reason *reason);
/* The same, but bits behind the prefix are cleared: a program may say "2001:db8::1/64". */
MUST_USE bool network_parse_masked(const char *text, struct config_network *network,
				   struct reason *reason);
void network_format(const struct config_network *network, char *text, size_t cap);
/* An IPv4 address is 4 octets, never mapped into IPv6. */
bool network_holds(const struct config_network *network, int family,
		   const unsigned char *address);

#endif
