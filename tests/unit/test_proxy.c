/* PROXY headers, versions 1 and 2: what they say, what is refused, and where they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\0\2\1\xc6\x33\x64\7\x30\x39\0\x6e" /* 192.0.2.1:12345 to 198.51.100.7:110 */
#define V6_CLIENT "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define V6 V6_CLIENT V6_CLIENT "\x30\x39\0\x6e"
#define OF16 "0123456789abcdef"
#define OF108 OF16 OF16 OF16 OF16 OF16 OF16 "0123456789ab"

/* What is not said is as it is when nobody tells. */
struct row {
	struct str octets;
	const char *client; /* NULL = unknown */
	uint16_t port;
	bool local, tls;
	const char *version, *cipher, *authority;
};

static const struct row good[] = {
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 12345 110\r\n"), "192.0.2.1", 12345 },
	{ STR_INIT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	  "255.255.255.255", 65535 },
	{ STR_INIT("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0", 0 },
	{ STR_INIT("PROXY TCP6 2001:db8::1 2001:db8::2 12345 995\r\n"), "2001:db8::1", 12345 },
	{ STR_INIT("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n"), "192.0.2.9", 1 },
	{ STR_INIT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535 },
	{ .octets = STR_INIT("PROXY UNKNOWN\r\n") },
	{ .octets = STR_INIT("PROXY UNKNOWN anything is to be ignored\r\n") },
	{ .octets = STR_INIT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n") },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x0c" V4), "192.0.2.1", 12345 },
	{ STR_INIT(SIGNATURE "\x21\x21\0\x24" V6), "2001:db8::1", 12345 },
	/* LOCAL, however it goes on; health checks of haproxy have nothing behind. */
	{ .octets = STR_INIT(SIGNATURE "\x20\0\0\0"), .local = true },
	{ .octets = STR_INIT(SIGNATURE "\x20\x11\0\x0c" V4), .local = true },
	{ .octets = STR_INIT(SIGNATURE "\x20\x11\0\3abc"), .local = true },
	/* Nothing that we could use: the client stays unknown. */
	{ .octets = STR_INIT(SIGNATURE "\x21\0\0\0") },
	{ .octets = STR_INIT(SIGNATURE "\x21\0\0\4junk") },
	{ .octets = STR_INIT(SIGNATURE "\x21\x12\0\x0c" V4) },
	{ .octets = STR_INIT(SIGNATURE "\x21\x31\0\xd8" OF108 OF108) },
	{ .octets = STR_INIT(SIGNATURE "\x21\x31\0\xe0" OF108 OF108 "\x20\0\5\1\0\0\0\0"),
	  .tls = true },
	/* TLVs. */
	{ STR_INIT(SIGNATURE "\x21\x11\0\x1f" V4 "\2\0\x10mail.example.org"), "192.0.2.1",
	  12345, .authority = "mail.example.org" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x39" V4 "\4\0\2xx\x20\0\x25\1\0\0\0\0"
			     "\x21\0\7TLSv1.3\x23\0\x13TLS_AES_128_GCM_SHA"),
	  "192.0.2.1", 12345, .tls = true, .version = "TLSv1.3",
	  .cipher = "TLS_AES_128_GCM_SHA" },
	/* A certificate of the client's in an earlier connection, and no TLS in this one. */
	{ STR_INIT(SIGNATURE "\x21\x11\0\x14" V4 "\x20\0\5\4\0\0\0\1"), "192.0.2.1", 12345 },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4\x0a\x12\x2d\xa7"), "192.0.2.1",
	  12345 },
};

static const struct {
	struct str octets;
	const char *why;
} wrong[] = {
	{ STR_INIT("CAPA\r\n"), "no PROXY header" },
	{ STR_INIT("\x16\3\1\2\0"), "no PROXY header" },
	{ STR_INIT("PROXX"), "no PROXY header" },
	{ STR_INIT("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), "no PROXY header" },
	{ STR_INIT("PROXY\r\n"), "no PROXY header" },
	{ STR_INIT("\r\n\r\n\0\r\nQUIT\r"), "no PROXY header" },
	{ STR_INIT("\n"), "no PROXY header" },
	{ STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"),
	  "header of version 1 that ends with "
	  "a bare LF" },
	{ STR_INIT("PROXY UNKNOWN\n\r\n"), "header of version 1 that ends with a bare LF" },
	{ STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rx"), "header of version 1 that ends "
							     "with a bare CR" },
	{ STR_INIT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"),
	  "header of version 1 with more than 107 octets" },
	{ STR_INIT(SIGNATURE "\x11"), "unknown version or command" },
	{ STR_INIT(SIGNATURE "\x22"), "unknown version or command" },
	{ STR_INIT(SIGNATURE "\x21\x41"), "unknown family or transport" },
	{ STR_INIT(SIGNATURE "\x21\x13"), "unknown family or transport" },
	{ STR_INIT(SIGNATURE "\x21\x11\3\xf1"), "header of version 2 that is too long" },
	{ STR_INIT(SIGNATURE "\x20\0\xff\xff"), "header of version 2 that is too long" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x0b" V4), "header of version 2 that is too short for "
						   "its addresses" },
	{ STR_INIT(SIGNATURE "\x21\x21\0\x0c" V4), "header of version 2 that is too short for "
						   "its addresses" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x0e" V4 "\4\0"),
	  "TLV that is longer than its header" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x10" V4 "\4\0\2x"), "TLV that is longer than its "
							     "header" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4\x0a\x12\x2d\xa6"), "wrong checksum" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x12" V4 "\3\0\3\x0a\x12\x2d"), "wrong checksum" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x13" V4 "\x20\0\4\1\0\0\0"), "malformed TLV of TLS" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x16" V4 "\x20\0\7\1\0\0\0\0\x21\0"),
	  "malformed TLV of TLS" },
	{ STR_INIT(SIGNATURE "\x21\x11\0\x19" V4 "\x20\0\x0a\1\0\0\0\0\x21\0\3ab"),
	  "malformed TLV of TLS" },
};

static const struct str wrong_lines[] = {
	STR_INIT("PROXY TCP4\r\n"),
	STR_INIT("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY UNKNOWNX\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 0x1 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1 mail.example.org 1 2\r\n"),
	STR_INIT("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"),
	STR_INIT("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
	STR_INIT("PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n"),
	STR_INIT("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n"),
	STR_INIT("PROXY TCP6 "
		 "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000 2001:db8::2 1 2\r\n"),
};

/* `octets` with `behind` after them, in memory of exactly that size. */
static enum proxy_status parse_copy(struct str octets, struct str behind,
				    struct proxy_header *header, char **copy)
{
	*copy = malloc(octets.n + behind.n + 1);
	assert_non_null(*copy);
	memcpy(*copy, octets.p, octets.n);
	memcpy(*copy + octets.n, behind.p, behind.n);
	return proxy_parse((struct str){ *copy, octets.n + behind.n }, header);
}

static void assert_text(struct str text, const char *expected)
{
	assert_true(str_equal(text, str_of(expected != NULL ? expected : "")));
}

static void header_whole_tells_all_and_ends_where_it_ends(void **state)
{
	static const struct str behind[] = { STR_INIT(""), STR_INIT("\n"), STR_INIT("CAPA\r\n"),
					     STR_INIT("PROXY UNKNOWN\r\n") };
	struct proxy_header header;
	char text[PEER_TEXT_MAX], *copy;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good) * ARRAY_SIZE(behind); i++) {
		const struct row *row = &good[i / ARRAY_SIZE(behind)];

		assert_int_equal(parse_copy(row->octets, behind[i % ARRAY_SIZE(behind)],
					    &header, &copy),
				 PROXY_WHOLE);
		assert_int_equal(header.n, row->octets.n);
		assert_int_equal(header.known, row->client != NULL);
		if (row->client != NULL) {
			peer_text(&header.client, text, sizeof text);
			assert_string_equal(text, row->client);
			assert_int_equal(header.client.port, row->port);
		}
		assert_int_equal(header.local, row->local);
		assert_int_equal(header.tls, row->tls);
		assert_text(header.version, row->version);
		assert_text(header.cipher, row->cipher);
		assert_text(header.authority, row->authority);
		free(copy);
	}
}

static void header_in_part_wants_more(void **state)
{
	struct proxy_header header;
	char *copy;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		for (size_t n = 0; n < good[i].octets.n; n++) {
			struct str part = { good[i].octets.p, n };

			assert_int_equal(parse_copy(part, STR(""), &header, &copy),
					 PROXY_PARTIAL);
			free(copy);
		}
	}
}

static void header_wrong_is_refused_with_reason(void **state)
{
	struct proxy_header header;
	char *copy;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(parse_copy(wrong[i].octets, STR(""), &header, &copy),
				 PROXY_BAD);
		assert_string_equal(header.why, wrong[i].why);
		free(copy);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong_lines); i++) {
		assert_int_equal(parse_copy(wrong_lines[i], STR(""), &header, &copy),
				 PROXY_BAD);
		assert_string_equal(header.why, "malformed header of version 1");
		free(copy);
	}
}

/* One octet other than the sender's, anywhere, is noticed. */
static void checksum_sees_every_octet(void **state)
{
	struct str octets = STR(SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4\x0a\x12\x2d\xa7");
	struct proxy_header header;
	char changed[64];

	(void)state;
	for (size_t i = 16; i < octets.n; i++) {
		memcpy(changed, octets.p, octets.n);
		changed[i] = (char)(changed[i] ^ 1);
		/* But for its type, which makes it another TLV that nobody knows. */
		assert_int_equal(proxy_parse((struct str){ changed, octets.n }, &header),
				 i == 28 ? PROXY_WHOLE : PROXY_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_whole_tells_all_and_ends_where_it_ends),
		cmocka_unit_test(header_in_part_wants_more),
		cmocka_unit_test(header_wrong_is_refused_with_reason),
		cmocka_unit_test(checksum_sees_every_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
