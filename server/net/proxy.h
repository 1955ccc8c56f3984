/*
 * The header of the PROXY protocol, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt), by which a
 * proxy tells whose connection it passes on. Pure: octets in, what they say out.
 *
 * Nothing here decides whether a header is to be expected or who may send one: a listener's
 * options do. A header that is not exactly as written is refused as a whole.
 */
#ifndef RESTANTE_PROXY_H
#define RESTANTE_PROXY_H

#include "net/peer.h"
#include "restante/compiler.h"
#include "restante/limits.h"
#include "restante/str.h"

enum proxy_status {
	PROXY_WHOLE,   /* the first header->n octets are the header */
	PROXY_PARTIAL, /* all of it belongs to a header, and there is more to come */
	PROXY_BAD      /* no header, whatever may come: header->why */
};

/* The texts point into the octets. */
struct proxy_header {
	size_t n;
	bool local;                 /* the proxy itself, looking whether we are alive */
	bool known;                 /* `client` says who it is; else nobody does */
	struct peer client;         /* where the client comes from */
	bool tls;                   /* the client speaks TLS with the proxy */
	struct str version, cipher; /* ... this one; "" = not told */
	struct str authority;       /* the name that the client asked for (SNI); "" = none */
	const char *why;            /* static text */
};

/* Reads no further than the header's end. What it says depends on the octets before that alone. */
MUST_USE enum proxy_status proxy_parse(struct str octets, struct proxy_header *header);

#endif
