/*
 * PROXY headers. Input: the first octets of a connection.
 *
 * What must hold: a header ends within the input and its limit, and what it says lies in it; any
 * shorter part of it wants more, and what comes behind changes nothing; what is refused stays
 * refused; one of version 2 that says the same, with a checksum, is read as the same, and not with
 * a wrong one.
 */
#include "fuzz.h"
#include "net/proxy.h"

#define SIGNATURE STR("\r\n\r\n\0\r\nQUIT\n")

static bool same_peer(const struct peer *a, const struct peer *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->address, b->address, sizeof a->address) == 0;
}

static bool same(const struct proxy_header *a, const struct proxy_header *b)
{
	return a->known == b->known && a->tls == b->tls && same_peer(&a->client, &b->client) &&
	       str_equal(a->version, b->version) && str_equal(a->cipher, b->cipher) &&
	       str_equal(a->authority, b->authority);
}

/* --- the same header in version 2 --------------------------------------------------------- */

static void add_octet(struct fuzz_text *text, unsigned octet)
{
	char c = (char)octet;

	fuzz_add(text, (struct str){ &c, 1 });
}

static void add_pair(struct fuzz_text *text, size_t number)
{
	add_octet(text, (unsigned)(number >> 8));
	add_octet(text, (unsigned)(number & 0xff));
}

static void add_tlv(struct fuzz_text *text, unsigned type, struct str value)
{
	add_octet(text, type);
	add_pair(text, value.n);
	fuzz_add(text, value);
}

static void add_ssl(struct fuzz_text *text, const struct proxy_header *header)
{
	add_octet(text, 0x20);
	add_pair(text, 5 + 3 + header->version.n + 3 + header->cipher.n);
	add_octet(text, header->tls ? 1 : 2);
	fuzz_add(text, STR("\0\0\0\0"));
	add_tlv(text, 0x21, header->version);
	add_tlv(text, 0x23, header->cipher);
}

/* By its definition: the remainder of a division of polynomials, least significant bit first. */
static uint32_t naive_crc32c(struct str octets)
{
	uint32_t remainder = 0;

	for (size_t i = 0; i < octets.n * 8 + 32; i++) {
		size_t at = i / 8;
		unsigned octet = at < octets.n ? (unsigned char)octets.p[at] : 0;
		uint32_t bit = (at < 4 ? ~octet : octet) >> i % 8 & 1;
		bool carry = (remainder & 1) != 0;

		remainder = remainder >> 1 | bit << 31;
		if (carry)
			remainder ^= UINT32_C(0x82f63b78);
	}
	return ~remainder;
}

static void write_again(struct fuzz_text *text, const struct proxy_header *header)
{
	bool v4 = header->client.family == AF_INET;
	struct str address = { (const char *)header->client.address, v4 ? 4 : 16 };
	uint32_t crc;
	size_t n;

	fuzz_add(text, SIGNATURE);
	add_pair(text, v4 ? 0x2111 : 0x2121);
	add_pair(text, 0);
	fuzz_add(text, address);
	fuzz_add(text, address);
	add_pair(text, header->client.port);
	add_pair(text, 0);
	add_tlv(text, 0x02, header->authority);
	add_ssl(text, header);
	add_tlv(text, 0x03, STR("\0\0\0\0"));
	n = text->n - 16;
	text->p[14] = (char)(n >> 8);
	text->p[15] = (char)(n & 0xff);
	crc = naive_crc32c(fuzz_str(text));
	for (int i = 0; i < 4; i++)
		text->p[text->n - 4 + (size_t)i] = (char)(crc >> (24 - 8 * i) & 0xff);
}

static void check_written_again(const struct proxy_header *header)
{
	static struct fuzz_text text;
	struct proxy_header again;

	text.n = 0;
	write_again(&text, header);
	if (text.n > PROXY_V2_MAX)
		return;
	FUZZ_CHECK(proxy_parse(fuzz_str(&text), &again) == PROXY_WHOLE && again.n == text.n);
	FUZZ_CHECK(!again.local && same(header, &again));
	text.p[text.n - 1] ^= 1;
	FUZZ_CHECK(proxy_parse(fuzz_str(&text), &again) == PROXY_BAD);
}

/* --- the header as it came ---------------------------------------------------------------- */

static bool lies_in(struct str part, struct str text)
{
	return part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n);
}

static void check_whole(struct str octets, const struct proxy_header *header)
{
	struct str whole = { octets.p, header->n };
	struct proxy_header again;
	char *copy;

	FUZZ_CHECK(header->n > 0 && header->n <= octets.n);
	FUZZ_CHECK(header->n <= (octets.p[0] == 'P' ? PROXY_V1_MAX : PROXY_V2_MAX));
	FUZZ_CHECK(lies_in(header->version, whole) && lies_in(header->cipher, whole) &&
		   lies_in(header->authority, whole));
	FUZZ_CHECK(!header->known || header->client.family == AF_INET ||
		   header->client.family == AF_INET6);
	FUZZ_CHECK(!header->local || (!header->known && !header->tls));
	for (size_t n = 0; n < whole.n; n++) {
		copy = fuzz_copy((struct str){ whole.p, n });
		FUZZ_CHECK(proxy_parse((struct str){ copy, n }, &again) == PROXY_PARTIAL);
		free(copy);
	}
	copy = fuzz_copy(whole);
	FUZZ_CHECK(proxy_parse((struct str){ copy, whole.n }, &again) == PROXY_WHOLE);
	FUZZ_CHECK(again.n == header->n && again.local == header->local &&
		   same(header, &again));
	free(copy);
	if (header->known)
		check_written_again(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(fuzz_input(data, size));
	struct str octets = { copy, size };
	struct proxy_header header, longer;

	switch (proxy_parse(octets, &header)) {
	case PROXY_WHOLE:
		check_whole(octets, &header);
		break;
	case PROXY_PARTIAL:
		FUZZ_CHECK(size < PROXY_V2_MAX);
		break;
	case PROXY_BAD:
		FUZZ_CHECK(header.why != NULL);
		free(copy);
		copy = malloc(size + 2);
		if (copy == NULL)
			return 0;
		memcpy(copy, data, size);
		memcpy(copy + size, "\r\n", 2);
		FUZZ_CHECK(proxy_parse((struct str){ copy, size + 2 }, &longer) == PROXY_BAD);
		break;
	}
	free(copy);
	return 0;
}
