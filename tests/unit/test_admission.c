/* Places for messages: as many as there are, then in order of arrival, and nobody forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admission.h"
#include "fake_connection.h"

#define WAITERS 3

static void place_when_all_taken_waits_in_order(void **state)
{
	struct poller poller;
	struct admission admission;
	struct fake_connection *fakes[WAITERS];
	struct admission_waiter waiters[WAITERS] = { 0 };

	(void)state;
	assert_true(poller_open(&poller));
	assert_true(admission_open(&admission, 1, &poller));
	assert_true(admission_try(&admission));
	for (int i = 0; i < WAITERS; i++) {
		fakes[i] = fake_connection();
		waiters[i].polled = &fakes[i]->base.polled;
		assert_true(poller_add(&poller, waiters[i].polled, POLL_INPUT));
		assert_false(admission_try(&admission));
		admission_park(&admission, &waiters[i]);
	}
	for (int i = 0; i < WAITERS; i++) {
		assert_false(waiters[i].granted);
		admission_leave(&admission);
		assert_true(waiters[i].granted);
		assert_ptr_equal(poller_take(&poller), waiters[i].polled);
	}
	admission_leave(&admission);
	assert_true(admission_try(&admission));
	for (int i = 0; i < WAITERS; i++)
		fake_free(fakes[i]);
	admission_close(&admission);
	poller_close(&poller);
}

static void park_when_place_came_free_is_granted_at_once(void **state)
{
	struct poller poller;
	struct admission admission;
	struct fake_connection *fake = fake_connection();
	struct admission_waiter waiter = { .polled = &fake->base.polled };

	(void)state;
	assert_true(poller_open(&poller));
	assert_true(admission_open(&admission, 1, &poller));
	assert_true(poller_add(&poller, waiter.polled, POLL_INPUT));
	assert_true(admission_try(&admission));
	assert_false(admission_try(&admission));
	admission_leave(&admission);
	admission_park(&admission, &waiter);
	assert_true(waiter.granted);
	fake_free(fake);
	admission_close(&admission);
	poller_close(&poller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(place_when_all_taken_waits_in_order),
		cmocka_unit_test(park_when_place_came_free_is_granted_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
