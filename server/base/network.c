/* Networks: see network.h. */
#include "restante/network.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/number.h"

static unsigned family_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

bool network_mask(struct network *network)
{
	bool clear = true;

	for (unsigned bit = network->prefix; bit < family_bits(network->first.family); bit++) {
		unsigned char mask = (unsigned char)(0x80U >> bit % 8);

		clear = clear && (network->first.octets[bit / 8] & mask) == 0;
		network->first.octets[bit / 8] &= (unsigned char)~mask;
	}
	return clear;
}

bool network_read(struct str text, struct network *network)
{
	const char *slash = text.n == 0 ? NULL : memchr(text.p, '/', text.n);
	size_t n = slash != NULL ? (size_t)(slash - text.p) : text.n;
	char host[INET6_ADDRSTRLEN];
	uint64_t prefix;

	if (n == 0 || n >= sizeof host || memchr(text.p, '\0', n) != NULL)
		return false;
	memcpy(host, text.p, n);
	host[n] = '\0';
	memset(network, 0, sizeof *network);
	network->first.family = memchr(host, ':', n) != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(network->first.family, host, network->first.octets) != 1)
		return false;
	prefix = family_bits(network->first.family);
	if (slash != NULL && !number_parse(str_from(text, n + 1), prefix, &prefix))
		return false;
	network->prefix = (unsigned)prefix;
	return true;
}

bool network_parse_text(struct str text, struct network *network)
{
	return network_read(text, network) && network_mask(network);
}

void network_format(const struct network *network, char *text, size_t cap)
{
	char host[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(network->first.family, network->first.octets, host, sizeof host);
	(void)snprintf(text, cap, "%s/%u", host, network->prefix);
}

bool network_has(const struct network *network, const struct network_address *address)
{
	const unsigned char *first = network->first.octets;
	unsigned whole = network->prefix / 8;
	unsigned rest = network->prefix % 8;

	if (network->first.family != address->family ||
	    memcmp(first, address->octets, whole) != 0)
		return false;
	return rest == 0 || (first[whole] ^ address->octets[whole]) >> (8 - rest) == 0;
}

/* Takes the next word off a list; empty at its end. */
static struct str next_word(struct str *list)
{
	struct str word = { list->p, 0 };

	while (list->n > 0 && (list->p[0] == ' ' || list->p[0] == ','))
		*list = str_from(*list, 1);
	word.p = list->p;
	while (word.n < list->n && word.p[word.n] != ' ' && word.p[word.n] != ',')
		word.n++;
	*list = str_from(*list, word.n);
	return word;
}

bool networks_parse(struct str list, struct str *bad)
{
	struct network network;

	while ((*bad = next_word(&list)).n > 0)
		if (!network_parse_text(*bad, &network))
			return false;
	return true;
}

bool networks_have(struct str list, const struct network_address *address)
{
	struct network network;
	struct str word;

	while ((word = next_word(&list)).n > 0)
		if (network_parse_text(word, &network) && network_has(&network, address))
			return true;
	return false;
}
