/*
 * A message that is with the writers when its connection ends: what is logged and counted as
 * delivered is what they have answered, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/log.h"
#include "lmtp_connection.h"
#include "server.h"

static struct server server;

static int setup(void **state)
{
	static const struct lmtp_action mail = { .sender = STR_INIT("s@example.org"),
						 .client = STR_INIT("mta.example.org") };
	struct account ann = { .address = "ann@example.org" };
	struct lmtp_connection *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->base.server = &server;
	c->base.peer.family = AF_UNIX;
	c->transaction = transaction_open(&mail);
	assert_non_null(c->transaction);
	assert_int_equal(transaction_add(c->transaction, str_of(ann.address), &ann, 1),
			 LMTP_ACCEPTED);
	atomic_store(&server.delivered, 0);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct lmtp_connection *c = *state;

	transaction_close(&c->transaction);
	free(c);
	return 0;
}

static void settle_with_the_outcome_counts_it(void **state)
{
	struct lmtp_connection *c = *state;

	assert_int_equal(lmtp_finish(c), RUN_PARK);
	c->written = true;
	lmtp_settle(c);
	assert_int_equal(atomic_load(&server.delivered), 1);
}

/* The end was never handed over; that an earlier part was written says nothing of it. */
static void settle_without_the_outcome_claims_nothing(void **state)
{
	struct lmtp_connection *c = *state;

	c->written = true;
	assert_int_equal(lmtp_finish(c), RUN_PARK);
	lmtp_settle(c);
	assert_int_equal(atomic_load(&server.delivered), 0);
	assert_int_equal(c->messages, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(settle_with_the_outcome_counts_it),
		CASE(settle_without_the_outcome_claims_nothing),
	};

	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
