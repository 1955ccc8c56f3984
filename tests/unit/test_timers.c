/* Timers arm what is due, in order, and logins whose maildrop was released. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_connection.h"
#include "timers.h"

#define CONNECTIONS 64

struct fixture {
	struct poller poller;
	struct timers timers;
	struct fake_connection *fakes[CONNECTIONS];
};

static int set_up(void **state)
{
	static struct fixture fixture;

	if (!poller_open(&fixture.poller) ||
	    !timers_open(&fixture.timers, CONNECTIONS, &fixture.poller))
		return -1;
	for (int i = 0; i < CONNECTIONS; i++) {
		fixture.fakes[i] = fake_connection();
		/* In the set but not ready: nobody sends to it. */
		if (!poller_add(&fixture.poller, &fixture.fakes[i]->base.polled, POLL_INPUT))
			return -1;
	}
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < CONNECTIONS; i++)
		fake_free(f->fakes[i]);
	timers_close(&f->timers);
	poller_close(&f->poller);
	return 0;
}

static void run_at_each_time_arms_what_is_due(void **state)
{
	struct fixture *f = *state;

	/* 37 is prime to 64: every due time from 0 to 63, in a scrambled order. */
	for (int i = 0; i < CONNECTIONS; i++)
		timers_park(&f->timers, &f->fakes[i]->base, (i * 37) % CONNECTIONS, NULL);
	for (int now = 0; now < CONNECTIONS; now++) {
		int next = timers_run(&f->timers, now);
		const struct connection *due = (struct connection *)poller_take(&f->poller);

		assert_int_equal(due->timer_due, now);
		assert_int_equal(next, now + 1 < CONNECTIONS ? 1 : -1);
	}
}

static void released_maildrop_arms_its_waiters_only(void **state)
{
	struct fixture *f = *state;
	const struct maildrop_key ours = { .shard = 1, .id = "0123" };
	const struct maildrop_key same_id_elsewhere = { .shard = 2, .id = "0123" };

	timers_park(&f->timers, &f->fakes[0]->base, 50, &ours);
	timers_park(&f->timers, &f->fakes[1]->base, 10, &same_id_elsewhere);
	timers_park(&f->timers, &f->fakes[2]->base, 40, NULL);
	timers_park(&f->timers, &f->fakes[3]->base, 30, &ours);
	timers_released(&f->timers, &ours);
	assert_int_equal(f->timers.n, 2);
	assert_int_equal(timers_run(&f->timers, 0), 10);
	timers_released(&f->timers, &same_id_elsewhere);
	assert_int_equal(timers_run(&f->timers, 0), 40);
	assert_int_equal(timers_run(&f->timers, 40), -1);
	for (int i = 0; i < 4; i++)
		assert_non_null(poller_take(&f->poller));
}

static void hurried_connection_is_armed_at_once_and_once_only(void **state)
{
	struct fixture *f = *state;

	timers_park(&f->timers, &f->fakes[0]->base, 10, NULL);
	timers_park(&f->timers, &f->fakes[1]->base, 20, NULL);
	timers_hurry(&f->timers, &f->fakes[1]->base);
	assert_ptr_equal(poller_take(&f->poller), &f->fakes[1]->base.polled);
	/* No longer, and never, parked here. */
	timers_hurry(&f->timers, &f->fakes[1]->base);
	timers_hurry(&f->timers, &f->fakes[2]->base);
	assert_int_equal(f->timers.n, 1);
	assert_int_equal(timers_run(&f->timers, 20), -1);
	assert_ptr_equal(poller_take(&f->poller), &f->fakes[0]->base.polled);
}

static void connection_that_is_ending_is_not_parked(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->fakes[0]->base.ending, ENDING_KICK);
	timers_park(&f->timers, &f->fakes[0]->base, 300000, NULL);
	assert_ptr_equal(poller_take(&f->poller), &f->fakes[0]->base.polled);
	assert_int_equal(f->timers.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(run_at_each_time_arms_what_is_due, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			hurried_connection_is_armed_at_once_and_once_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(connection_that_is_ending_is_not_parked, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(released_maildrop_arms_its_waiters_only, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
