/*
 * Where a listener listens, as the configuration writes it: "127.0.0.1:1110", "[::1]:110",
 * "*:110" (IPv4 and IPv6), "unix:/path". Numeric only: nothing is looked up. And what the server
 * may be called.
 */
#ifndef RESTANTE_CONFIG_ADDRESS_H
#define RESTANTE_CONFIG_ADDRESS_H

#include <netinet/in.h>
#include <sys/un.h>

#include "restante/compiler.h"
#include "restante/str.h"

struct config_address {
	bool any; /* "*": the same port of 0.0.0.0 and [::] */
	socklen_t len;
	union {
		struct sockaddr base;
		struct sockaddr_in v4; /* also where `any` is set */
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} u;
};

/* *why is static text, set when it returns false. */
MUST_USE bool address_parse(const char *text, struct config_address *address, const char **why);

/* A domain, or an address in brackets (RFC 5321 section 4.1.3); or nothing. */
MUST_USE bool hostname_valid(const char *name);

#endif
