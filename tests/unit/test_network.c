/* network.h: which texts are networks, and what is in them. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "restante/network.h"

static struct network_address address(const char *text)
{
	struct network_address made = { 0 };

	made.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(made.family, text, made.octets), 1);
	return made;
}

static void network_texts(void **state)
{
	static const struct {
		const char *text;
		int prefix; /* -1 = none */
	} rows[] = {
		{ "192.0.2.0/24", 24 },
		{ "192.0.2.1", 32 },
		{ "0.0.0.0/0", 0 },
		{ "2001:db8::/32", 32 },
		{ "::1", 128 },
		{ "::/0", 0 },
		{ "192.0.2.1/24", -1 },
		{ "2001:db8::1/64", -1 },
		{ "192.0.2.0/33", -1 },
		{ "::/129", -1 },
		{ "192.0.2", -1 },
		{ "192.0.2.0/", -1 },
		{ "/24", -1 },
		{ "", -1 },
		{ "192.0.2.0/+24", -1 },
		{ "192.0.2.0/2 4", -1 },
		{ "192.0.2.0/255.0.0.0", -1 },
		{ "example.org", -1 },
		{ "fe80::1%eth0", -1 },
		{ "192.0.02.0/24", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct network network;
		bool good = network_parse_text(str_of(rows[i].text), &network);

		if (good != (rows[i].prefix >= 0) ||
		    (good && network.prefix != (unsigned)rows[i].prefix))
			fail_msg("%s", rows[i].text);
	}
}

static void list_has_what_is_in_one_of_it(void **state)
{
	static const struct {
		const char *list, *address;
		bool in;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.0/24", "2001:db8::1", false },
		{ "0.0.0.0/0", "::1", false },
		{ "0.0.0.0/0 ::/0", "::1", true },
		{ "198.51.100.0/24,2001:db8::/33, 127.0.0.1", "2001:db8:7fff::1", true },
		{ "198.51.100.0/24,2001:db8::/33, 127.0.0.1", "2001:db8:8000::1", false },
		{ "198.51.100.0/24,2001:db8::/33, 127.0.0.1", "127.0.0.1", true },
		{ "198.51.100.0/24,2001:db8::/33, 127.0.0.1", "127.0.0.2", false },
		{ "", "127.0.0.1", false },
		{ " , ", "127.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct network_address from = address(rows[i].address);
		struct str bad;

		assert_true(networks_parse(str_of(rows[i].list), &bad));
		if (networks_have(str_of(rows[i].list), &from) != rows[i].in)
			fail_msg("%s in \"%s\"", rows[i].address, rows[i].list);
	}
}

static void list_names_what_is_no_network(void **state)
{
	struct str bad;

	(void)state;
	assert_false(networks_parse(STR("192.0.2.0/24, 10.0.0.1/8 ::1"), &bad));
	assert_true(str_equal(bad, STR("10.0.0.1/8")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(network_texts),
		cmocka_unit_test(list_has_what_is_in_one_of_it),
		cmocka_unit_test(list_names_what_is_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
