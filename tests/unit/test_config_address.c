/* Listener addresses, networks that may use clear passwords, and paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>

#include "config_address.h"
#include "config_private.h"

#define LISTENER "listener \"p\" { protocol = pop3 address = \"127.0.0.1:0\" }\n"

/* What config_read makes of a file with this text, without a file. */
static struct config *read_good(const char *text)
{
	struct config *config = calloc(1, sizeof *config);
	char *copy = strdup(text);
	struct fault fault;

	assert_non_null(config);
	assert_non_null(copy);
	assert_true(config_set_defaults(config));
	if (!config_parse("conf", copy, strlen(copy), config, &fault))
		fail_msg("%s", fault.text);
	free(copy);
	return config;
}

static void addresses_are_numeric_and_whole(void **state)
{
	static const struct {
		const char *text;
		int family; /* AF_UNSPEC = refused */
		int port;
	} rows[] = {
		{ "127.0.0.1:1110", AF_INET, 1110 },
		{ "0.0.0.0:0", AF_INET, 0 },
		{ "*:110", AF_INET, 110 },
		{ "[::1]:110", AF_INET6, 110 },
		{ "[::]:65535", AF_INET6, 65535 },
		{ "unix:/run/x", AF_UNIX, 0 },
		{ "127.0.0.1", AF_UNSPEC, 0 },
		{ "127.0.0.1:", AF_UNSPEC, 0 },
		{ "127.0.0.1:65536", AF_UNSPEC, 0 },
		{ "127.0.0.1:+1", AF_UNSPEC, 0 },
		{ "::1:110", AF_UNSPEC, 0 },
		{ "[::1:110", AF_UNSPEC, 0 },
		{ "[127.0.0.1]:1", AF_UNSPEC, 0 },
		{ ":110", AF_UNSPEC, 0 },
		{ "", AF_UNSPEC, 0 },
		{ "[]:1", AF_UNSPEC, 0 },
		{ "unix:", AF_UNSPEC, 0 },
		{ "localhost:1", AF_UNSPEC, 0 },
		{ "[*]:1", AF_UNSPEC, 0 },
		{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1", AF_UNSPEC, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_address address;
		const char *why;
		bool good = address_parse(rows[i].text, &address, &why);

		if (good != (rows[i].family != AF_UNSPEC))
			fail_msg("\"%s\"", rows[i].text);
		if (!good)
			continue;
		assert_int_equal(address.u.base.sa_family, rows[i].family);
		assert_int_equal(address.any, rows[i].text[0] == '*');
		if (rows[i].family == AF_INET)
			assert_int_equal(ntohs(address.u.v4.sin_port), rows[i].port);
		if (rows[i].family == AF_INET6)
			assert_int_equal(ntohs(address.u.v6.sin6_port), rows[i].port);
	}
}

static bool allowed(const struct config *config, const char *text)
{
	struct sockaddr_storage peer = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer;

	if (text[0] == '/') {
		peer.ss_family = AF_UNIX;
	} else if (strchr(text, ':') != NULL) {
		peer.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	} else {
		peer.ss_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
	}
	return config_clear_password_allowed(config, (struct sockaddr *)&peer);
}

static void clear_password_only_from_loopback_and_listed_networks(void **state)
{
	static const struct {
		const char *peer;
		bool allowed;
	} rows[] = {
		{ "127.0.0.1", true },
		{ "127.255.0.9", true },
		{ "::1", true },
		{ "/unix", true },
		{ "::ffff:127.0.0.1", true },
		{ "::2", false },
		{ "192.0.2.128", true },
		{ "192.0.2.191", true },
		{ "192.0.2.192", false },
		{ "192.0.2.127", false },
		{ "::ffff:192.0.2.130", true },
		{ "2001:db8:ffff::1", true },
		{ "2001:db9::1", false },
		{ "128.0.0.1", false },
		{ "::ffff:8.8.8.8", false },
	};
	struct config *config = read_good("clear_password_networks = {\"192.0.2.128/26\", "
					  "\"2001:db8::/32\"}\n" LISTENER);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (allowed(config, rows[i].peer) != rows[i].allowed)
			fail_msg("%s", rows[i].peer);
	}
	config_free(&config);
	config = read_good("clear_password_networks = {\"0.0.0.0/0\"}\n" LISTENER);
	assert_true(allowed(config, "8.8.8.8"));
	assert_false(allowed(config, "2001:db8::1"));
	config_free(&config);
}

static void paths_lie_below_their_directories(void **state)
{
	char path[64];
	struct config *config = read_good("data_dir = /d\nrun_dir = /r\n" LISTENER);

	(void)state;
	assert_true(config_path(config, CONFIG_ACCOUNTS_DB, path, sizeof path));
	assert_string_equal(path, "/d/accounts.db");
	assert_true(config_path(config, CONFIG_SECRET_KEY, path, sizeof path));
	assert_string_equal(path, "/d/secret.key");
	assert_true(config_path(config, CONFIG_MAIL_DIR, path, sizeof path));
	assert_string_equal(path, "/d/mail");
	assert_true(config_path(config, CONFIG_CONTROL_SOCKET, path, sizeof path));
	assert_string_equal(path, "/r/control");
	assert_false(config_path(config, CONFIG_MAIL_DIR, path, 7));
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_numeric_and_whole),
		cmocka_unit_test(clear_password_only_from_loopback_and_listed_networks),
		cmocka_unit_test(paths_lie_below_their_directories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
