/* Networks of the configuration: see config_network.h. */
#include <netinet/in.h>
#include <stdio.h>

#include "config_private.h"

static bool read_network(const char *text, struct network *network, struct reason *reason)
{
	if (network_read(str_of(text), network))
		return true;
	(void)snprintf(reason->text, sizeof reason->text,
		       "is no network: write 192.0.2.0/24 or 2001:db8::/32");
	return false;
}

bool network_parse(const char *text, struct network *network, struct reason *reason)
{
	if (!read_network(text, network, reason))
		return false;
	if (network_mask(network))
		return true;
	(void)snprintf(reason->text, sizeof reason->text,
		       "has bits set behind its prefix of %u", network->prefix);
	return false;
}

bool network_parse_masked(const char *text, struct network *network, struct reason *reason)
{
	if (!read_network(text, network, reason))
		return false;
	(void)network_mask(network);
	return true;
}

static bool is_loopback(const struct network_address *address)
{
	if (address->family == AF_INET)
		return address->octets[0] == 127;
	return memcmp(address->octets, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

/* False for a unix socket. An IPv4 address that came in IPv6's clothes is IPv4. */
static bool address_of(const struct sockaddr *peer, struct network_address *address)
{
	const struct in6_addr *v6 =
		&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
	const struct in_addr *v4 = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;

	memset(address, 0, sizeof *address);
	address->family = peer->sa_family;
	if (peer->sa_family == AF_INET) {
		memcpy(address->octets, v4, sizeof *v4);
	} else if (peer->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
		address->family = AF_INET;
		memcpy(address->octets, v6->s6_addr + 12, sizeof *v4);
	} else if (peer->sa_family == AF_INET6) {
		memcpy(address->octets, v6, sizeof *v6);
	}
	return peer->sa_family == AF_INET || peer->sa_family == AF_INET6;
}

bool config_networks_hold(const struct config_networks *networks, const struct sockaddr *peer)
{
	struct network_address address;

	if (!address_of(peer, &address))
		return false;
	for (size_t i = 0; i < networks->n; i++) {
		if (network_has(&networks->items[i], &address))
			return true;
	}
	return false;
}

bool config_clear_password_allowed(const struct config *config, const struct sockaddr *peer)
{
	struct network_address address;

	if (peer->sa_family == AF_UNIX)
		return true;
	return address_of(peer, &address) &&
	       (is_loopback(&address) ||
		config_networks_hold(&config->clear_password_networks, peer));
}
