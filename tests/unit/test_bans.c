/* Banned networks: which peers they hold, until when, and how many there may be. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bans.h"

static struct network network(const char *text)
{
	struct network made;
	struct reason reason;

	assert_true(network_parse_masked(text, &made, &reason));
	return made;
}

static struct peer peer_of(const char *text)
{
	struct peer peer = { .family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET };

	if (text[0] == '\0')
		return (struct peer){ .family = AF_UNIX };
	assert_int_equal(inet_pton(peer.family, text, peer.address), 1);
	return peer;
}

static bool banned(struct bans *bans, const char *text, int64_t now)
{
	struct peer peer = peer_of(text);

	return bans_hold(bans, &peer, now);
}

static void add(struct bans *bans, const char *text, int64_t until, int64_t now)
{
	struct network made = network(text);

	assert_true(bans_add(bans, &made, until, now));
}

static void ban_holds_its_network_and_nothing_beside(void **state)
{
	static const struct {
		const char *network, *peer;
		bool held;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "192.0.2.0/25", "192.0.2.127", true },
		{ "192.0.2.0/25", "192.0.2.128", false },
		{ "192.0.2.77/25", "192.0.2.3",
		  true }, /* bits behind the prefix do not count */
		{ "0.0.0.0/0", "203.0.113.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::1/64", "2001:db8::ffff:1", true },
		{ "2001:db8::1/64", "2001:db8:0:1::1", false },
		{ "2001:db8::1", "2001:db8::2", false },
		{ "::/0", "192.0.2.1", false },
		{ "::/0", "", false },
		{ "0.0.0.0/0", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bans bans;

		assert_true(bans_open(&bans, 2));
		add(&bans, rows[i].network, 100, 0);
		if (banned(&bans, rows[i].peer, 50) != rows[i].held)
			fail_msg("%s and %s", rows[i].network, rows[i].peer);
		bans_close(&bans);
	}
}

static void ban_ends_with_its_time_and_is_renewed_by_another(void **state)
{
	struct bans bans;

	(void)state;
	assert_true(bans_open(&bans, 2));
	add(&bans, "192.0.2.0/24", 100, 0);
	assert_true(banned(&bans, "192.0.2.1", 99));
	assert_false(banned(&bans, "192.0.2.1", 100));
	add(&bans, "192.0.2.0/24", 300, 50);
	assert_true(banned(&bans, "192.0.2.1", 299));
	/* Another one of the same network takes its place, also with an earlier end. */
	add(&bans, "192.0.2.9/24", 60, 50);
	assert_false(banned(&bans, "192.0.2.1", 60));
	bans_close(&bans);
}

static void too_many_bans_are_refused_until_some_are_over(void **state)
{
	struct network third = network("192.0.2.3");
	struct ban *copy;
	struct bans bans;
	size_t n;

	(void)state;
	assert_true(bans_open(&bans, 2));
	add(&bans, "192.0.2.1", 100, 0);
	add(&bans, "192.0.2.2", 200, 0);
	assert_false(bans_add(&bans, &third, 300, 99));
	add(&bans, "192.0.2.2", 250, 99);
	assert_true(bans_add(&bans, &third, 300, 100));
	copy = bans_copy(&bans, 100, &n);
	assert_int_equal(n, 2);
	free(copy);
	assert_null(bans_copy(&bans, 300, &n));
	assert_int_equal(n, 0);
	bans_close(&bans);
}

static void clearing_counts_what_was_there(void **state)
{
	struct network first = network("192.0.2.1");
	struct bans bans;

	(void)state;
	assert_true(bans_open(&bans, 8));
	add(&bans, "192.0.2.1", 100, 0);
	add(&bans, "192.0.2.2", 100, 0);
	add(&bans, "2001:db8::/32", 100, 0);
	assert_int_equal(bans_clear(&bans, &first, 10), 1);
	assert_int_equal(bans_clear(&bans, &first, 10), 0);
	assert_false(banned(&bans, "192.0.2.1", 10));
	assert_true(banned(&bans, "192.0.2.2", 10));
	assert_int_equal(bans_clear(&bans, NULL, 10), 2);
	add(&bans, "192.0.2.2", 100, 0);
	assert_int_equal(bans_clear(&bans, NULL, 100), 0);
	bans_close(&bans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ban_holds_its_network_and_nothing_beside),
		cmocka_unit_test(ban_ends_with_its_time_and_is_renewed_by_another),
		cmocka_unit_test(too_many_bans_are_refused_until_some_are_over),
		cmocka_unit_test(clearing_counts_what_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
