/* Addresses of peers: text, source prefixes, what is local. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "net/peer.h"
#include "restante/compiler.h"

static struct peer peer_of(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr none = { .sa_family = AF_UNIX };
	struct peer peer;

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		peer_from_sockaddr(&peer, (struct sockaddr *)&in);
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		peer_from_sockaddr(&peer, (struct sockaddr *)&in6);
	else
		peer_from_sockaddr(&peer, &none);
	return peer;
}

static void text_round_trip_same(void **state)
{
	static const struct {
		const char *given, *text;
		bool local;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", false },
		{ "127.9.9.9", "127.9.9.9", true },
		{ "2001:db8::1", "2001:db8::1", false },
		{ "::1", "::1", true },
		{ "::ffff:192.0.2.7", "192.0.2.7", false },
		{ "::ffff:127.0.0.1", "127.0.0.1", true },
		{ "unix", "local", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct peer peer = peer_of(rows[i].given);
		char text[PEER_TEXT_MAX];

		peer_text(&peer, text, sizeof text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(peer_is_local(&peer), rows[i].local);
	}
}

static void source_prefix_v4_whole_v6_half(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "2001:db8::1", "2001:db8::ffff:1", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "::ffff:192.0.2.1", "192.0.2.1", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct peer a = peer_of(rows[i].a);
		struct peer b = peer_of(rows[i].b);
		struct source source_a = peer_source(&a);
		struct source source_b = peer_source(&b);

		assert_int_equal(memcmp(&source_a, &source_b, sizeof source_a) == 0,
				 rows[i].same);
	}
}

static void sockaddr_round_trip_same(void **state)
{
	static const char *const rows[] = { "192.0.2.1", "2001:db8::1", "unix" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct peer peer = peer_of(rows[i]), again;
		struct sockaddr_storage address;

		peer.port = peer.family == AF_UNIX ? 0 : 2525;
		peer_to_sockaddr(&peer, &address);
		peer_from_sockaddr(&again, (const struct sockaddr *)&address);
		assert_memory_equal(&peer, &again, sizeof peer);
	}
}

static void text_of_smtp_is_read(void **state)
{
	static const struct {
		struct str given;
		const char *text; /* NULL = it is none */
	} rows[] = {
		{ STR_INIT("192.0.2.1"), "192.0.2.1" },
		{ STR_INIT("IPV6:2001:db8::1"), "2001:db8::1" },
		{ STR_INIT("ipv6:::ffff:192.0.2.1"), "192.0.2.1" },
		{ STR_INIT(""), NULL },
		{ STR_INIT("2001:db8::1"), NULL },
		{ STR_INIT("IPV6:"), NULL },
		{ STR_INIT("IPV6:192.0.2.1"), NULL },
		{ STR_INIT("192.0.2.1\0"), NULL },
		{ STR_INIT("192.0.2.256"), NULL },
		{ STR_INIT("[192.0.2.1]"), NULL },
		{ STR_INIT("IPV6:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"), NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct peer peer;
		char text[PEER_TEXT_MAX];

		assert_int_equal(peer_from_text(&peer, rows[i].given), rows[i].text != NULL);
		if (rows[i].text == NULL)
			continue;
		peer_text(&peer, text, sizeof text);
		assert_string_equal(text, rows[i].text);
	}
}

static void unknown_is_neither_local_nor_named(void **state)
{
	struct peer peer = { .family = PEER_UNKNOWN };
	char text[PEER_TEXT_MAX];

	(void)state;
	peer_text(&peer, text, sizeof text);
	assert_string_equal(text, "unknown");
	assert_false(peer_is_local(&peer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_round_trip_same),
		cmocka_unit_test(source_prefix_v4_whole_v6_half),
		cmocka_unit_test(sockaddr_round_trip_same),
		cmocka_unit_test(text_of_smtp_is_read),
		cmocka_unit_test(unknown_is_neither_local_nor_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
