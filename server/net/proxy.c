/*
 * PROXY headers: see proxy.h.
 *
 * Where the specification leaves a choice: what is not a stream over IPv4 or IPv6 (UNSPEC, unix
 * sockets, datagrams, "UNKNOWN") is taken, and the client stays unknown. The block of LOCAL and
 * of UNSPEC is skipped unread, since its layout is not given.
 */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/number.h"

static enum proxy_status bad(struct proxy_header *header, const char *why)
{
	header->why = why;
	return PROXY_BAD;
}

/* True when the octets are, as far as they go, the beginning of `text`. */
static bool begins(struct str octets, struct str text)
{
	return memcmp(octets.p, text.p, octets.n < text.n ? octets.n : text.n) == 0;
}

/* --- version 1: a line ----------------------------------------------------------------------- */

static const struct str v1_signature = STR_INIT("PROXY ");

/* The next word of the line, and the single space behind it. */
static struct str take_word(struct str *line)
{
	const char *space = line->n > 0 ? memchr(line->p, ' ', line->n) : NULL;
	struct str word = *line;

	if (space == NULL) {
		*line = str_from(*line, line->n);
		return word;
	}
	word.n = (size_t)(space - line->p);
	*line = str_from(*line, word.n + 1);
	/* A space that nothing follows would be lost: leave it, so that the line is not empty. */
	if (line->n == 0)
		*line = (struct str){ space, 1 };
	return word;
}

static bool parse_address(struct str word, int family, void *address)
{
	char text[INET6_ADDRSTRLEN];

	if (word.n >= sizeof text || memchr(word.p, '\0', word.n) != NULL)
		return false;
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	return inet_pton(family, text, address) == 1;
}

/* Canonical: no zeros in front. */
static bool parse_port(struct str word, uint16_t *port)
{
	uint64_t number;

	if ((word.n > 1 && word.p[0] == '0') || !number_parse(word, UINT16_MAX, &number))
		return false;
	*port = (uint16_t)number;
	return true;
}

/* "source destination port port" */
static bool parse_ends(struct str line, int family, struct peer *client)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct in6_addr ignored;
	uint16_t port, ignored_port;
	bool good = parse_address(take_word(&line), family,
				  family == AF_INET ? (void *)&in.sin_addr
						    : (void *)&in6.sin6_addr);

	good = good && parse_address(take_word(&line), family, &ignored);
	good = good && parse_port(take_word(&line), &port);
	if (!good || !parse_port(take_word(&line), &ignored_port) || line.n > 0)
		return false;
	in.sin_port = in6.sin6_port = htons(port);
	peer_from_sockaddr(client, family == AF_INET ? (const struct sockaddr *)&in
						     : (const struct sockaddr *)&in6);
	return true;
}

static enum proxy_status parse_line(struct str line, struct proxy_header *header)
{
	struct str protocol;

	line = str_from(line, v1_signature.n);
	protocol = take_word(&line);
	/* Whatever stands behind it is to be ignored. */
	if (str_equal(protocol, STR("UNKNOWN")))
		return PROXY_WHOLE;
	header->known = true;
	if (str_equal(protocol, STR("TCP4")) && parse_ends(line, AF_INET, &header->client))
		return PROXY_WHOLE;
	if (str_equal(protocol, STR("TCP6")) && parse_ends(line, AF_INET6, &header->client))
		return PROXY_WHOLE;
	return bad(header, "malformed header of version 1");
}

static enum proxy_status parse_v1(struct str octets, struct proxy_header *header)
{
	struct str seen = octets;
	const char *end;

	if (seen.n > PROXY_V1_MAX)
		seen.n = PROXY_V1_MAX;
	end = memchr(seen.p, '\r', seen.n);
	if (memchr(seen.p, '\n', end == NULL ? seen.n : (size_t)(end - seen.p)) != NULL)
		return bad(header, "header of version 1 that ends with a bare LF");
	if (end != NULL && end + 1 < seen.p + seen.n) {
		if (end[1] != '\n')
			return bad(header, "header of version 1 that ends with a bare CR");
		header->n = (size_t)(end - seen.p) + 2;
		return parse_line((struct str){ seen.p, header->n - 2 }, header);
	}
	if (seen.n == PROXY_V1_MAX)
		return bad(header, "header of version 1 with more than 107 octets");
	return PROXY_PARTIAL;
}

/* --- version 2: binary ----------------------------------------------------------------------- */

static const struct str v2_signature = STR_INIT("\r\n\r\n\0\r\nQUIT\n");

enum {
	V2_FIXED = 16,
	V2_VERSION = 0x20,
	V2_LOCAL = V2_VERSION | 0,
	V2_PROXY = V2_VERSION | 1,
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,

	TLV_AUTHORITY = 0x02,
	TLV_CRC32C = 0x03,
	TLV_SSL = 0x20,
	TLV_SSL_VERSION = 0x21,
	TLV_SSL_CIPHER = 0x23,
	TLV_HEAD = 3,
	SSL_HEAD = 5, /* one octet of flags, four of verification */
	SSL_CLIENT = 0x01,
	CRC_OCTETS = 4,
	AUTHORITY_MAX = 255, /* a name in the DNS */
};

static unsigned octet(struct str s, size_t i)
{
	return (unsigned char)s.p[i];
}

static unsigned pair(struct str s, size_t i)
{
	return octet(s, i) << 8 | octet(s, i + 1);
}

/* Octets of both addresses and what belongs to them, by family. */
static size_t addresses_size(unsigned family)
{
	static const size_t sizes[] = { 0, 2 * 4 + 2 * 2, 2 * 16 + 2 * 2, 2 * 108 };

	return sizes[family >> 4];
}

/* RFC 9260 appendix A, bit by bit: a header is short. The octets `hole` to `hole` + 4 count as 0. */
static uint32_t crc32c(struct str octets, size_t hole)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < octets.n; i++) {
		crc ^= i >= hole && i < hole + CRC_OCTETS ? 0 : octet(octets, i);
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

struct tlv {
	unsigned type;
	struct str value;
};

/* Takes one off the front; false when it does not fit into what is there. */
static bool take_tlv(struct str *from, struct tlv *tlv)
{
	if (from->n < TLV_HEAD || pair(*from, 1) > from->n - TLV_HEAD)
		return false;
	tlv->type = octet(*from, 0);
	tlv->value = (struct str){ from->p + TLV_HEAD, pair(*from, 1) };
	*from = str_from(*from, TLV_HEAD + tlv->value.n);
	return true;
}

static bool take_ssl(struct str value, struct proxy_header *header)
{
	struct tlv tlv;

	if (value.n < SSL_HEAD)
		return false;
	header->tls = (octet(value, 0) & SSL_CLIENT) != 0;
	value = str_from(value, SSL_HEAD);
	while (value.n > 0) {
		if (!take_tlv(&value, &tlv))
			return false;
		if (tlv.type == TLV_SSL_VERSION)
			header->version = tlv.value;
		else if (tlv.type == TLV_SSL_CIPHER)
			header->cipher = tlv.value;
	}
	return true;
}

static bool checksum_right(struct str whole, struct str value)
{
	size_t at = (size_t)(value.p - whole.p);

	return value.n == CRC_OCTETS &&
	       crc32c(whole, at) == ((uint32_t)pair(value, 0) << 16 | pair(value, 2));
}

static enum proxy_status take_tlvs(struct str whole, struct str rest,
				   struct proxy_header *header)
{
	struct tlv tlv;

	while (rest.n > 0) {
		if (!take_tlv(&rest, &tlv))
			return bad(header, "TLV that is longer than its header");
		if (tlv.type == TLV_CRC32C && !checksum_right(whole, tlv.value))
			return bad(header, "wrong checksum");
		if (tlv.type == TLV_SSL && !take_ssl(tlv.value, header))
			return bad(header, "malformed TLV of TLS");
		if (tlv.type == TLV_AUTHORITY) {
			if (tlv.value.n > AUTHORITY_MAX)
				return bad(header, "malformed TLV of the name asked for");
			header->authority = tlv.value;
		}
	}
	return PROXY_WHOLE;
}

static void take_client(struct str block, unsigned family, struct proxy_header *header)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	header->known = true;
	if (family == V2_TCP4) {
		memcpy(&in.sin_addr, block.p, 4);
		in.sin_port = htons((uint16_t)pair(block, 8));
		peer_from_sockaddr(&header->client, (const struct sockaddr *)&in);
	} else {
		memcpy(&in6.sin6_addr, block.p, 16);
		in6.sin6_port = htons((uint16_t)pair(block, 32));
		peer_from_sockaddr(&header->client, (const struct sockaddr *)&in6);
	}
}

/* What the four octets behind the signature announce, as far as they are there. */
static const char *fixed_refusal(struct str octets)
{
	if (octets.n > 12 && octet(octets, 12) != V2_LOCAL && octet(octets, 12) != V2_PROXY)
		return "unknown version or command";
	if (octets.n > 13 && ((octet(octets, 13) >> 4) > 3 || (octet(octets, 13) & 0xf) > 2))
		return "unknown family or transport";
	if (octets.n >= V2_FIXED && pair(octets, 14) > PROXY_V2_MAX - V2_FIXED)
		return "header of version 2 that is too long";
	return NULL;
}

static enum proxy_status parse_v2(struct str octets, struct proxy_header *header)
{
	const char *why = fixed_refusal(octets);
	struct str whole = octets, block;
	unsigned family;

	if (why != NULL)
		return bad(header, why);
	if (octets.n < V2_FIXED || octets.n - V2_FIXED < pair(octets, 14))
		return PROXY_PARTIAL;
	whole.n = header->n = V2_FIXED + pair(octets, 14);
	block = str_from(whole, V2_FIXED);
	family = octet(octets, 13);
	header->local = octet(octets, 12) == V2_LOCAL;
	if (header->local || addresses_size(family) == 0)
		return PROXY_WHOLE;
	if (block.n < addresses_size(family))
		return bad(header, "header of version 2 that is too short for its addresses");
	if (family == V2_TCP4 || family == V2_TCP6)
		take_client(block, family, header);
	return take_tlvs(whole, str_from(block, addresses_size(family)), header);
}

enum proxy_status proxy_parse(struct str octets, struct proxy_header *header)
{
	*header = (struct proxy_header){ .version = STR_INIT(""),
					 .cipher = STR_INIT(""),
					 .authority = STR_INIT("") };
	if (octets.n == 0)
		return PROXY_PARTIAL;
	if (begins(octets, v1_signature))
		return parse_v1(octets, header);
	if (begins(octets, v2_signature))
		return parse_v2(octets, header);
	return bad(header, "no PROXY header");
}
