/*
 * Networks (restante/network.h) as an operator writes them, with a reason where they are none.
 */
#ifndef RESTANTE_CONFIG_NETWORK_H
#define RESTANTE_CONFIG_NETWORK_H

#include "restante/config.h"

/* Why a value is refused: a sentence that follows what it was given for. */
struct reason {
	char text[256];
};

/* "192.0.2.0/24", "2001:db8::/32", or one address. Bits behind the prefix are refused. */
MUST_USE bool network_parse(const char *text, struct network *network, struct reason *reason);
/* The same, but bits behind the prefix are cleared: a program may say "2001:db8::1/64". */
MUST_USE bool network_parse_masked(const char *text, struct network *network,
				   struct reason *reason);

#endif
