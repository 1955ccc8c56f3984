/*
 * An LMTP transaction's recipients and targets, and when a delivery may be recognised again. The
 * store's delivery is replaced by one that takes everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "transaction.h"

struct delivery {
	int unused;
};

static struct delivery the_delivery;

enum store_status delivery_begin(struct store *store, struct delivery_target *targets,
				 size_t count, unsigned flags, struct delivery **delivery)
{
	(void)store, (void)targets, (void)count, (void)flags;
	*delivery = &the_delivery;
	return STORE_OK;
}

enum delivery_taken delivery_append(struct delivery *delivery, struct str *octets)
{
	(void)delivery;
	*octets = str_from(*octets, octets->n);
	return DELIVERY_TAKEN;
}

void delivery_close(struct delivery **delivery)
{
	*delivery = NULL;
}

static struct transaction *opened(const char *sender)
{
	struct lmtp_action mail = { .sender = str_of(sender),
				    .client = STR("mta.example.org") };
	struct transaction *t = transaction_open(&mail);

	assert_non_null(t);
	return t;
}

static struct account account_of(const char *address, const char *id)
{
	struct account account = { 0 };

	snprintf(account.address, sizeof account.address, "%s", address);
	snprintf(account.key.id, sizeof account.key.id, "%s", id);
	return account;
}

static void add_same_maildrop_twice_makes_one_target(void **state)
{
	struct transaction *t = opened("s@example.org");
	struct account ann = account_of("ann@example.org", "a");
	struct account both[2] = { account_of("bob@example.org", "b"), ann };
	enum lmtp_status status[LMTP_RECIPIENTS_MAX];

	(void)state;
	assert_int_equal(transaction_add(t, STR("r@example.org"), &ann, 1), LMTP_ACCEPTED);
	assert_int_equal(transaction_add(t, STR("r@example.org"), both, 2), LMTP_ACCEPTED);
	assert_int_equal(transaction_add(t, STR("r@example.org"), &ann, 1), LMTP_ACCEPTED);
	assert_int_equal(t->target_count, 2);
	assert_string_equal(
		t->targets[0].prefix,
		"Return-Path: <s@example.org>\r\nDelivered-To: ann@example.org\r\n");
	t->targets[1].status = STORE_OVER_QUOTA; /* bob's */
	transaction_outcome(t, LMTP_QUOTA, status);
	assert_int_equal(status[0], LMTP_ACCEPTED);
	/* Some of an alias's maildrops have it: the MTA comes again. */
	assert_int_equal(status[1], LMTP_TROUBLE);
	assert_int_equal(status[2], LMTP_ACCEPTED);
	transaction_close(&t);
	assert_null(t);
}

static void delivered_to_is_ascii_but_for_smtputf8(void **state)
{
	static const struct {
		bool smtputf8;
		struct str recipient;
		const char *address, *delivered_to;
	} rows[] = {
		{ false, STR_INIT("alias@example.org"), "j\xc3\xbcrgen@example.org",
		  "alias@example.org" },
		{ true, STR_INIT("alias@example.org"), "j\xc3\xbcrgen@example.org",
		  "j\xc3\xbcrgen@example.org" },
		{ false, STR_INIT("alias@example.org"), "ann@example.org", "ann@example.org" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lmtp_action mail = { .sender = STR("s@example.org"),
					    .client = STR("mta.example.org"),
					    .smtputf8 = rows[i].smtputf8 };
		struct transaction *t = transaction_open(&mail);
		struct account account = account_of(rows[i].address, "a");
		char expected[STORE_PREFIX_MAX];

		assert_non_null(t);
		assert_int_equal(transaction_add(t, rows[i].recipient, &account, 1),
				 LMTP_ACCEPTED);
		snprintf(expected, sizeof expected,
			 "Return-Path: <s@example.org>\r\nDelivered-To: %s\r\n",
			 rows[i].delivered_to);
		assert_string_equal(t->targets[0].prefix, expected);
		transaction_close(&t);
	}
}

static void outcome_of_single_target_is_its_own(void **state)
{
	static const struct {
		enum store_status from;
		enum lmtp_status over_quota;
		enum lmtp_status to;
	} rows[] = {
		{ STORE_OK, LMTP_QUOTA, LMTP_ACCEPTED },
		{ STORE_OVER_QUOTA, LMTP_QUOTA, LMTP_QUOTA },
		{ STORE_OVER_QUOTA, LMTP_QUOTA_HARD, LMTP_QUOTA_HARD },
		{ STORE_TOO_LARGE, LMTP_QUOTA, LMTP_QUOTA_HARD },
		{ STORE_FULL, LMTP_QUOTA_HARD, LMTP_NO_ROOM },
		{ STORE_UNAVAILABLE, LMTP_QUOTA_HARD, LMTP_TROUBLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct transaction *t = opened("");
		struct account ann = account_of("ann@example.org", "a");
		enum lmtp_status status[LMTP_RECIPIENTS_MAX];

		assert_int_equal(transaction_add(t, STR("r@example.org"), &ann, 1),
				 LMTP_ACCEPTED);
		t->targets[0].status = rows[i].from;
		transaction_outcome(t, rows[i].over_quota, status);
		assert_int_equal(status[0], rows[i].to);
		transaction_close(&t);
	}
}

static void add_past_the_target_limit_takes_nothing(void **state)
{
	static struct account accounts[ALIAS_TARGETS_MAX];
	struct transaction *t = opened("");
	size_t recipients = LMTP_TARGETS_MAX / ALIAS_TARGETS_MAX;

	(void)state;
	for (size_t r = 0; r <= recipients; r++) {
		enum lmtp_status expected = r < recipients ? LMTP_ACCEPTED : LMTP_TROUBLE;

		for (size_t i = 0; i < ALIAS_TARGETS_MAX; i++) {
			char id[33];

			/* The last one shares its first half with the one before. */
			snprintf(id, sizeof id, "%zu",
				 r * ALIAS_TARGETS_MAX + i - (r == recipients ? 50 : 0));
			accounts[i] = account_of("a@example.org", id);
		}
		assert_int_equal(transaction_add(t, STR("r@example.org"), accounts,
						 ALIAS_TARGETS_MAX),
				 expected);
	}
	assert_int_equal(t->recipients, recipients);
	assert_int_equal(t->target_count, LMTP_TARGETS_MAX);
	assert_int_equal(t->link_count, LMTP_TARGETS_MAX);
	transaction_close(&t);
}

/* Feeds `text` in pieces and returns the digest's first octet + 1, 0 = none. */
static int digest_of(const char *sender, const char *text, size_t piece)
{
	struct transaction *t = opened(sender);
	struct account ann = account_of("ann@example.org", "a");
	struct str rest = str_of(text);
	const unsigned char *digest;
	int result;

	assert_int_equal(transaction_add(t, STR("r@example.org"), &ann, 1), LMTP_ACCEPTED);
	assert_int_equal(transaction_begin(t, NULL, STR("Received: ours\r\n")), LMTP_ACCEPTED);
	while (rest.n > 0) {
		struct str part = { rest.p, rest.n < piece ? rest.n : piece };

		rest = str_from(rest, part.n);
		assert_int_equal(transaction_append(t, &part), DELIVERY_TAKEN);
	}
	digest = transaction_digest(t);
	result = digest == NULL ? 0 : digest[0] + 1;
	transaction_close(&t);
	return result;
}

static void digest_only_behind_a_trace_field(void **state)
{
	const char *traced = "received: from x\r\n\r\nbody\r\n";

	(void)state;
	assert_int_not_equal(digest_of("s@x", traced, 100), 0);
	assert_int_equal(digest_of("s@x", traced, 1), digest_of("s@x", traced, 100));
	assert_int_not_equal(digest_of("other@x", traced, 100), digest_of("s@x", traced, 100));
	assert_int_equal(digest_of("s@x", "Subject: x\r\nReceived: y\r\n\r\n", 100), 0);
	assert_int_equal(digest_of("s@x", "Receiv", 100), 0);
	assert_int_equal(digest_of("s@x", "", 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_same_maildrop_twice_makes_one_target),
		cmocka_unit_test(delivered_to_is_ascii_but_for_smtputf8),
		cmocka_unit_test(outcome_of_single_target_is_its_own),
		cmocka_unit_test(add_past_the_target_limit_takes_nothing),
		cmocka_unit_test(digest_only_behind_a_trace_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
