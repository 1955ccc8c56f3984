/* Networks, see config_network.h, and who is in them. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/number.h"
#include "config_private.h"

static unsigned family_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* True when no bit behind the prefix was set. */
static bool clear_rest(struct config_network *network)
{
	bool clear = true;

	for (unsigned bit = network->prefix; bit < family_bits(network->family); bit++) {
		unsigned char mask = (unsigned char)(0x80U >> bit % 8);

		clear = clear && (network->address[bit / 8] & mask) == 0;
		network->address[bit / 8] &= (unsigned char)~mask;
	}
	return clear;
}

static bool parse(const char *text, struct config_network *network, struct reason *reason)
{
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	uint64_t prefix;

	(void)snprintf(reason->text, sizeof reason->text,
		       "is no network: write 192.0.2.0/24 or 2001:db8::/32");
	if (n >= sizeof host)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	memset(network, 0, sizeof *network);
	network->family = memchr(host, ':', n) != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(network->family, host, network->address) != 1)
		return false;
	prefix = family_bits(network->family);
	if (slash != NULL && !number_parse(str_of(slash + 1), prefix, &prefix))
		return false;
	network->prefix = (unsigned)prefix;
	return true;
}

bool network_parse(const char *text, struct config_network *network, struct reason *reason)
{
	if (!parse(text, network, reason))
		return false;
	if (clear_rest(network))
		return true;
	(void)snprintf(reason->text, sizeof reason->text,
		       "has bits set behind its prefix of %u", network->prefix);
	return false;
}

bool network_parse_masked(const char *text, struct config_network *network,
			  struct reason *reason)
{
	if (!parse(text, network, reason))
		return false;
	(void)clear_rest(network);
	return true;
}

void network_format(const struct config_network *network, char *text, size_t cap)
{
	char host[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(network->family, network->address, host, sizeof host);
	(void)snprintf(text, cap, "%s/%u", host, network->prefix);
}

bool network_holds(const struct config_network *network, int family,
		   const unsigned char *address)
{
	unsigned whole = network->prefix / 8;
	unsigned rest = network->prefix % 8;

	if (network->family != family || memcmp(network->address, address, whole) != 0)
		return false;
	return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static bool is_loopback(int family, const unsigned char *address)
{
	if (family == AF_INET)
		return address[0] == 127;
	return memcmp(address, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

/* The address octets of a peer; an IPv4 address that came in IPv6's clothes is IPv4. */
static const unsigned char *peer_octets(const struct sockaddr *peer, int *family)
{
	const struct in6_addr *v6 =
		&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;

	*family = peer->sa_family;
	if (peer->sa_family == AF_INET)
		return (const unsigned char *)&((const struct sockaddr_in *)(const void *)peer)
			->sin_addr;
	if (IN6_IS_ADDR_V4MAPPED(v6)) {
		*family = AF_INET;
		return v6->s6_addr + 12;
	}
	return v6->s6_addr;
}

bool config_networks_hold(const struct config_networks *networks, const struct sockaddr *peer)
{
	const unsigned char *address;
	int family;

	if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
		return false;
	address = peer_octets(peer, &family);
	for (size_t i = 0; i < networks->n; i++) {
		if (network_holds(&networks->items[i], family, address))
			return true;
	}
	return false;
}

bool config_clear_password_allowed(const struct config *config, const struct sockaddr *peer)
{
	const unsigned char *address;
	int family;

	if (peer->sa_family == AF_UNIX)
		return true;
	if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
		return false;
	address = peer_octets(peer, &family);
	return is_loopback(family, address) ||
	       config_networks_hold(&config->clear_password_networks, peer);
}
