/*
 * The limiter's policy as tables of events: somebody asks, fails or succeeds at a time, and the
 * wait is what it says. The rule throughout: 3 failures cost nothing, 8 s is the longest wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "limiter.h"
#include "restante/limits.h"

#define LATER LIMITER_LATER
#define MINUTE (60 * 1000)

static const struct limiter_rule rule = { .failures = 3, .delay_ms = 8000 };

enum what {
	ASK,     /* `expected` is the wait */
	FAIL,    /* `expected` tells whether it counts */
	SUCCEED, /* nothing is expected */
};

struct event {
	int64_t at;
	enum what what;
	unsigned char host; /* 192.0.2.host; 0 = this machine */
	const char *user;
	const char *secret; /* "" = another one each time */
	int64_t expected;
};

static struct limiter_login login_of(const struct event *event)
{
	struct limiter_login login = { .user = str_of(event->user),
				       .secret = str_of(event->secret),
				       .local = event->host == 0 };

	login.source.family = AF_INET;
	memcpy(login.source.prefix, (unsigned char[]){ 192, 0, 2, event->host }, 4);
	return login;
}

static int64_t happen(struct limiter *limiter, const struct event *event)
{
	struct limiter_login login = login_of(event);
	int64_t now = 1000000 + event->at;

	switch (event->what) {
	case ASK:
		return limiter_ask(limiter, &rule, &login, now);
	case FAIL:
		return limiter_failed(limiter, &rule, &login, now);
	case SUCCEED:
		limiter_succeeded(limiter, &login, now);
		break;
	}
	return 0;
}

static void play(struct limiter *limiter, const struct event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t got = happen(limiter, &events[i]);

		if (got != events[i].expected)
			fail_msg("event %zu: %lld in place of %lld", i, (long long)got,
				 (long long)events[i].expected);
	}
}

static void play_alone(const struct event *events, size_t n)
{
	struct limiter limiter;

	assert_true(limiter_open(&limiter));
	play(&limiter, events, n);
	limiter_close(&limiter);
}

#define PLAY(events) play_alone(events, ARRAY_SIZE(events))

static void source_that_fails_waits_twice_as_long_each_time(void **state)
{
	static const struct event events[] = {
		/* Each time another user: it is the source that counts. */
		{ 0, ASK, 1, "a", "", 0 },
		{ 0, FAIL, 1, "a", "", true },
		{ 0, FAIL, 1, "b", "", true },
		{ 0, ASK, 1, "c", "", 0 },
		{ 0, FAIL, 1, "c", "", true },
		{ 0, ASK, 1, "d", "", 1000 },
		{ 1000, FAIL, 1, "d", "", true },
		{ 1000, ASK, 1, "e", "", 2000 },
		{ 3000, FAIL, 1, "e", "", true },
		{ 3000, ASK, 1, "f", "", 4000 },
		{ 7000, FAIL, 1, "f", "", true },
		{ 7000, ASK, 1, "g", "", 8000 },
		{ 15000, FAIL, 1, "g", "", true },
		{ 15000, ASK, 1, "h", "", 8000 },
		/* Others are not concerned. */
		{ 15000, ASK, 2, "h", "", 0 },
	};

	(void)state;
	PLAY(events);
}

static void source_with_many_connections_gets_no_more_turns(void **state)
{
	static const struct event events[] = {
		{ 0, FAIL, 1, "a", "", true },
		{ 0, FAIL, 1, "b", "", true },
		{ 0, FAIL, 1, "c", "", true },
		{ 0, FAIL, 1, "d", "", true },
		/* Turns are 2 s apart; the one at 10 s is too far away. */
		{ 0, ASK, 1, "e", "", 2000 },
		{ 0, ASK, 1, "f", "", 4000 },
		{ 0, ASK, 1, "g", "", 6000 },
		{ 0, ASK, 1, "h", "", 8000 },
		{ 0, ASK, 1, "i", "", LATER },
		{ 1999, ASK, 1, "i", "", LATER },
		{ 2000, ASK, 1, "i", "", 8000 },
	};

	(void)state;
	PLAY(events);
}

static void failures_are_forgotten_one_by_one(void **state)
{
	static const struct event events[] = {
		{ 0, FAIL, 1, "a", "", true },
		{ 0, FAIL, 1, "b", "", true },
		{ 0, FAIL, 1, "c", "", true },
		{ 0, FAIL, 1, "d", "", true },
		/* Two minutes: two of four are left, and cost nothing. */
		{ 2 * MINUTE, ASK, 1, "e", "", 0 },
		{ 2 * MINUTE, FAIL, 1, "e", "", true },
		{ 2 * MINUTE, ASK, 1, "f", "", 1000 },
		{ 60 * MINUTE, ASK, 1, "f", "", 0 },
		{ 60 * MINUTE, FAIL, 1, "f", "", true },
		{ 60 * MINUTE, ASK, 1, "g", "", 0 },
	};

	(void)state;
	PLAY(events);
}

static void long_attack_is_forgotten_as_soon_as_a_short_one(void **state)
{
	struct event fail = { 0, FAIL, 1, "a", "", true };
	static const struct event after[] = {
		{ 1000 * 8000, ASK, 1, "b", "", 8000 },
		{ 1000 * 8000 + 18 * MINUTE, ASK, 1, "b", "", 0 },
	};
	struct limiter limiter;

	(void)state;
	assert_true(limiter_open(&limiter));
	for (int i = 0; i <= 1000; i++) {
		fail.at = i * 8000;
		play(&limiter, &fail, 1);
	}
	play(&limiter, after, ARRAY_SIZE(after));
	limiter_close(&limiter);
}

static void account_under_attack_makes_strangers_wait_and_turns_nobody_away(void **state)
{
	static const struct event events[] = {
		/* Everybody tries one account, each from another place. */
		{ 0, FAIL, 1, "ann", "", true },
		{ 0, FAIL, 2, "ann", "", true },
		{ 0, FAIL, 3, "ann", "", true },
		{ 0, FAIL, 4, "ANN", "", true }, /* names have no case */
		{ 0, FAIL, 5, "ann", "", true },
		{ 0, FAIL, 6, "ann", "", true },
		{ 0, ASK, 9, "ann", "", 8000 },
		/* Who has failed must take turns there, ... */
		{ 0, ASK, 1, "ann", "", LATER },
		/* ... and who has not is let in, however long the queue is. */
		{ 0, ASK, 10, "ann", "", 8000 },
		{ 0, ASK, 11, "Ann", "", 8000 },
		/* On this machine nobody is a stranger, but the account is the same. */
		{ 0, ASK, 0, "ann", "", 8000 },
		/* Other accounts are not concerned. */
		{ 0, ASK, 1, "bob", "", 0 },
		{ 0, ASK, 10, "bob", "", 0 },
	};

	(void)state;
	PLAY(events);
}

static void user_at_home_is_not_concerned_by_attacks_from_elsewhere(void **state)
{
	static const struct event events[] = {
		{ 0, SUCCEED, 9, "ann", "", 0 },
		{ 0, SUCCEED, 0, "ann", "", 0 },
		{ 0, FAIL, 1, "ann", "", true },
		{ 0, FAIL, 2, "ann", "", true },
		{ 0, FAIL, 3, "ann", "", true },
		{ 0, FAIL, 4, "ann", "", true },
		{ 0, ASK, 5, "ann", "", 2000 },
		{ 0, ASK, 9, "ann", "", 0 },
		{ 0, ASK, 9, "ANN", "", 0 },
		{ 0, ASK, 0, "ann", "", 0 },
		/* Nor by a neighbour behind the same address who attacks others. */
		{ 0, FAIL, 9, "a", "", true },
		{ 0, FAIL, 9, "b", "", true },
		{ 0, FAIL, 9, "c", "", true },
		{ 0, FAIL, 9, "d", "", true },
		{ 0, ASK, 9, "e", "", 2000 },
		{ 0, ASK, 9, "ann", "", 0 },
		/* But whoever fails there with this account too often is at home no more, ... */
		{ 0, FAIL, 9, "ann", "", true },
		{ 0, FAIL, 9, "ann", "", true },
		{ 0, ASK, 9, "ann", "", 0 },
		{ 0, FAIL, 9, "ann", "", true },
		{ 0, ASK, 9, "ann", "", 8000 },
		/* ... until it is forgotten, or the password is right after all. */
		{ MINUTE, ASK, 9, "ann", "", 0 },
		{ MINUTE, FAIL, 9, "ann", "", true },
		{ MINUTE, SUCCEED, 9, "ann", "", 0 },
		{ MINUTE, FAIL, 9, "ann", "", true },
		{ MINUTE, FAIL, 9, "ann", "", true },
		{ MINUTE, ASK, 9, "ann", "", 0 },
	};

	(void)state;
	PLAY(events);
}

static void home_is_left_after_a_month(void **state)
{
	const int64_t month = (int64_t)LIMITER_HOME_SECONDS * 1000;
	const struct event events[] = {
		{ 0, SUCCEED, 9, "ann", "", 0 },
		{ month - 1000, FAIL, 1, "ann", "", true },
		{ month - 1000, FAIL, 2, "ann", "", true },
		{ month - 1000, FAIL, 3, "ann", "", true },
		{ month - 1000, FAIL, 4, "ann", "", true },
		{ month - 1000, ASK, 9, "ann", "", 0 },
		{ month, ASK, 9, "ann", "", 1000 }, /* the turn at 2000, from a second before */
	};

	(void)state;
	PLAY(events);
}

static void newest_homes_are_kept(void **state)
{
	struct event event = { 0, SUCCEED, 0, "ann", "", 0 };
	struct limiter limiter;

	(void)state;
	assert_true(limiter_open(&limiter));
	for (unsigned char i = 1; i <= LIMITER_HOMES + 1; i++) {
		event.at = i * 1000;
		event.host = i;
		play(&limiter, &event, 1);
	}
	for (unsigned char i = 0; i < 3; i++) {
		struct event attack = {
			20000, FAIL, (unsigned char)(100 + i), "ann", "", true
		};

		play(&limiter, &attack, 1);
	}
	for (unsigned char i = 1; i <= LIMITER_HOMES + 1; i++) {
		struct event ask = { 20000, ASK, i, "ann", "", i == 1 ? 1000 : 0 };

		play(&limiter, &ask, 1);
	}
	limiter_close(&limiter);
}

static void neighbours_survive_a_client_that_repeats_a_wrong_password(void **state)
{
	struct event repeat = { 0, FAIL, 1, "ann", "old password", true };
	static const struct event after[] = {
		{ 100000, ASK, 1, "bob", "", 0 },
		{ 100000, ASK, 1, "ann", "", 0 },
		{ 100000, ASK, 2, "ann", "", 0 },
		/* Another password, user or source is another guess. */
		{ 100000, FAIL, 1, "ann", "new password", true },
		{ 100000, FAIL, 1, "bob", "old password", true },
		{ 100000, FAIL, 2, "ann", "old password", true },
		{ 100000, FAIL, 1, "Ann", "old password", false },
	};
	struct limiter limiter;

	(void)state;
	assert_true(limiter_open(&limiter));
	for (int i = 0; i < 100; i++) {
		repeat.at = i * 1000;
		repeat.expected = i == 0;
		play(&limiter, &repeat, 1);
	}
	play(&limiter, after, ARRAY_SIZE(after));
	limiter_close(&limiter);
}

static void several_such_clients_are_told_apart(void **state)
{
	struct limiter limiter;

	(void)state;
	assert_true(limiter_open(&limiter));
	for (int round = 0; round < 3; round++) {
		for (char i = 0; i < LIMITER_REFUSED_KEPT; i++) {
			char user[] = { (char)('a' + i), '\0' };
			struct event event = { 0, FAIL, 0, user, "wrong", round == 0 };

			play(&limiter, &event, 1);
		}
	}
	limiter_close(&limiter);
}

static void this_machine_is_not_limited_by_source(void **state)
{
	static const struct event events[] = {
		{ 0, FAIL, 0, "a", "", true }, { 0, FAIL, 0, "b", "", true },
		{ 0, FAIL, 0, "c", "", true }, { 0, FAIL, 0, "d", "", true },
		{ 0, FAIL, 0, "e", "", true }, { 0, ASK, 0, "f", "", 0 },
	};

	(void)state;
	PLAY(events);
}

static void rule_without_failures_lets_everybody_through(void **state)
{
	const struct limiter_rule off = { .failures = 0, .delay_ms = 8000 };
	const struct limiter_login login = { .user = STR("ann") };
	struct limiter limiter;

	(void)state;
	assert_true(limiter_open(&limiter));
	for (int i = 0; i < 100; i++)
		assert_true(limiter_failed(&limiter, &off, &login, 1000));
	assert_int_equal(limiter_ask(&limiter, &off, &login, 1000), 0);
	/* Switched on by a reload, it knows what has been. */
	assert_int_equal(limiter_ask(&limiter, &rule, &login, 1000), 8000);
	limiter_close(&limiter);
}

/* More sources and names than there is room for: the newest are known, and a home stays. */
static void flood_of_names_and_sources_is_bounded(void **state)
{
	const struct limiter_login ann = { .user = STR("ann"), .source.prefix = { 9 } };
	struct limiter limiter;

	(void)state;
	assert_true(limiter_open(&limiter));
	limiter_succeeded(&limiter, &ann, 1000);
	for (uint32_t i = 0; i < LIMITER_SOURCES + 1000; i++) {
		char user[16];
		int n = snprintf(user, sizeof user, "%u", i);
		struct limiter_login login = { .user = { user, (size_t)n } };

		memcpy(login.source.prefix + 4, &i, sizeof i);
		assert_true(limiter_failed(&limiter, &rule, &login, 1000));
	}
	assert_int_equal(limiter.sources.n, LIMITER_SOURCES);
	assert_int_equal(limiter.accounts.n, LIMITER_ACCOUNTS);
	assert_int_equal(limiter.homes.n, 1);
	for (int i = 0; i < 5; i++) {
		struct limiter_login attack = { .user = STR("ann") };

		attack.source.prefix[0] = (unsigned char)(20 + i);
		assert_true(limiter_failed(&limiter, &rule, &attack, 1000));
	}
	assert_int_equal(limiter_ask(&limiter, &rule, &ann, 1000), 0);
	limiter_close(&limiter);
}

static void names_and_passwords_of_any_length_are_taken(void **state)
{
	char octets[3000];
	struct limiter_login login = { .user = { octets, sizeof octets },
				       .secret = { octets, sizeof octets } };
	struct limiter limiter;

	(void)state;
	memset(octets, 0xff, sizeof octets);
	assert_true(limiter_open(&limiter));
	assert_true(limiter_failed(&limiter, &rule, &login, 1000));
	assert_false(limiter_failed(&limiter, &rule, &login, 1000));
	login.user.n = 0;
	assert_true(limiter_failed(&limiter, &rule, &login, 1000));
	limiter_close(&limiter);
}

static void login_delay_holds_one_maildrop_only(void **state)
{
	const struct maildrop_key ann = { .id = "0123456789abcdef0123456789abcdef" };
	const struct maildrop_key bob = { .id = "0123456789abcdef0123456789abcde0" };
	struct limiter limiter;

	(void)state;
	assert_true(limiter_open(&limiter));
	assert_int_equal(limiter_login_wait(&limiter, &ann, 60000, 1000), 0);
	limiter_note_login(&limiter, &ann, 1000);
	assert_int_equal(limiter_login_wait(&limiter, &ann, 60000, 1000), 60000);
	assert_int_equal(limiter_login_wait(&limiter, &bob, 60000, 1000), 0);
	assert_int_equal(limiter_login_wait(&limiter, &ann, 60000, 60999), 1);
	assert_int_equal(limiter_login_wait(&limiter, &ann, 60000, 61000), 0);
	/* Asking is no login. */
	assert_int_equal(limiter_login_wait(&limiter, &ann, 0, 1000), 0);
	limiter_note_login(&limiter, &ann, 61000);
	assert_int_equal(limiter_login_wait(&limiter, &ann, 60000, 61000), 60000);
	limiter_close(&limiter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_that_fails_waits_twice_as_long_each_time),
		cmocka_unit_test(source_with_many_connections_gets_no_more_turns),
		cmocka_unit_test(failures_are_forgotten_one_by_one),
		cmocka_unit_test(long_attack_is_forgotten_as_soon_as_a_short_one),
		cmocka_unit_test(
			account_under_attack_makes_strangers_wait_and_turns_nobody_away),
		cmocka_unit_test(user_at_home_is_not_concerned_by_attacks_from_elsewhere),
		cmocka_unit_test(home_is_left_after_a_month),
		cmocka_unit_test(newest_homes_are_kept),
		cmocka_unit_test(neighbours_survive_a_client_that_repeats_a_wrong_password),
		cmocka_unit_test(several_such_clients_are_told_apart),
		cmocka_unit_test(this_machine_is_not_limited_by_source),
		cmocka_unit_test(rule_without_failures_lets_everybody_through),
		cmocka_unit_test(flood_of_names_and_sources_is_bounded),
		cmocka_unit_test(names_and_passwords_of_any_length_are_taken),
		cmocka_unit_test(login_delay_holds_one_maildrop_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
