/* Addresses of peers: see peer.h. */
#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void from_v6(struct peer *peer, const struct sockaddr_in6 *in6)
{
	peer->port = ntohs(in6->sin6_port);
	if (memcmp(&in6->sin6_addr, mapped_prefix, sizeof mapped_prefix) == 0) {
		peer->family = AF_INET;
		memcpy(peer->address, (const unsigned char *)&in6->sin6_addr + 12, 4);
		return;
	}
	peer->family = AF_INET6;
	memcpy(peer->address, &in6->sin6_addr, 16);
}

void peer_from_sockaddr(struct peer *peer, const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(peer, 0, sizeof *peer);
	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof in);
		peer->family = AF_INET;
		peer->port = ntohs(in.sin_port);
		memcpy(peer->address, &in.sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof in6);
		from_v6(peer, &in6);
	} else {
		peer->family = AF_UNIX;
	}
}

bool peer_from_text(struct peer *peer, struct str text)
{
	static const struct str v6 = STR_INIT("IPV6:");
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	bool is_v6 = text.n > v6.n && str_equal_nocase((struct str){ text.p, v6.n }, v6);
	char address[INET6_ADDRSTRLEN];

	if (is_v6)
		text = str_from(text, v6.n);
	if (text.n >= sizeof address || memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(address, text.p, text.n);
	address[text.n] = '\0';
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address,
		      is_v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr) != 1)
		return false;
	peer_from_sockaddr(peer, is_v6 ? (const struct sockaddr *)&in6
				       : (const struct sockaddr *)&in);
	return true;
}

void peer_to_sockaddr(const struct peer *peer, struct sockaddr_storage *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(peer->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(peer->port) };

	memset(address, 0, sizeof *address);
	address->ss_family = peer->family;
	if (peer->family == AF_INET) {
		memcpy(&in.sin_addr, peer->address, 4);
		memcpy(address, &in, sizeof in);
	} else if (peer->family == AF_INET6) {
		memcpy(&in6.sin6_addr, peer->address, 16);
		memcpy(address, &in6, sizeof in6);
	}
}

void peer_text(const struct peer *peer, char *text, size_t cap)
{
	if (peer->family == AF_UNIX)
		snprintf(text, cap, "local");
	else if (inet_ntop(peer->family, peer->address, text, (socklen_t)cap) == NULL)
		snprintf(text, cap, "unknown");
}

bool peer_network_address(const struct peer *peer, struct network_address *address)
{
	memset(address, 0, sizeof *address);
	address->family = peer->family;
	memcpy(address->octets, peer->address, sizeof address->octets);
	return peer->family != AF_UNIX;
}

struct source peer_source(const struct peer *peer)
{
	struct source source;

	/* The struct is a hash key as a whole: its padding counts too. */
	memset(&source, 0, sizeof source);
	source.family = peer->family;
	memcpy(source.prefix, peer->address, peer->family == AF_INET ? 4 : 8);
	return source;
}

bool peer_is_local(const struct peer *peer)
{
	static const unsigned char loopback6[16] = { [15] = 1 };

	switch (peer->family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return peer->address[0] == 127;
	case AF_INET6:
		return memcmp(peer->address, loopback6, sizeof loopback6) == 0;
	}
	return false;
}
