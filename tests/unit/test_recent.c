/* The bounded table: what is looked at stays, what is not goes out, and it never grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recent.h"

struct value {
	uint64_t number;
};

static struct recent_key key_of(uint64_t number)
{
	struct recent_key key = { { 0 } };

	memcpy(key.octets, &number, sizeof number);
	return key;
}

static struct value *find(struct recent *recent, uint64_t number)
{
	struct recent_key key = key_of(number);

	return recent_find(recent, &key);
}

static struct value *make(struct recent *recent, uint64_t number)
{
	struct recent_key key = key_of(number);

	return recent_make(recent, &key);
}

static void entry_is_found_and_new_ones_are_zero(void **state)
{
	struct recent recent;

	(void)state;
	assert_true(recent_open(&recent, 3, sizeof(struct value)));
	assert_null(find(&recent, 1));
	assert_int_equal(make(&recent, 1)->number, 0);
	make(&recent, 1)->number = 11;
	assert_int_equal(make(&recent, 1)->number, 11);
	assert_int_equal(find(&recent, 1)->number, 11);
	assert_null(find(&recent, 2));
	recent_close(&recent);
}

static void full_table_forgets_what_was_looked_at_longest_ago(void **state)
{
	struct recent recent;

	(void)state;
	assert_true(recent_open(&recent, 3, sizeof(struct value)));
	for (uint64_t i = 1; i <= 3; i++)
		make(&recent, i)->number = i;
	assert_non_null(find(&recent, 1));
	assert_int_equal(make(&recent, 4)->number, 0);
	assert_null(find(&recent, 2));
	assert_int_equal(find(&recent, 1)->number, 1);
	assert_int_equal(find(&recent, 3)->number, 3);
	/* A table of one, the smallest there is. */
	recent_close(&recent);
	assert_true(recent_open(&recent, 1, sizeof(struct value)));
	make(&recent, 1)->number = 1;
	assert_int_equal(make(&recent, 2)->number, 0);
	assert_null(find(&recent, 1));
	recent_close(&recent);
}

/* Against a plain model: the last `cap` keys looked at are there, with their values. */
static void many_keys_keep_it_to_its_bound(void **state)
{
	enum { CAP = 64, KEYS = 200, STEPS = 20000 };
	uint64_t looked_at[KEYS] = { 0 };
	struct recent recent;
	uint64_t random = 1;

	(void)state;
	assert_true(recent_open(&recent, CAP, sizeof(struct value)));
	for (uint64_t step = 1; step <= STEPS; step++) {
		uint64_t key, newer = 0;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
		key = (random >> 33) % KEYS;
		for (int i = 0; i < KEYS; i++)
			newer += looked_at[i] > looked_at[key];
		if (looked_at[key] != 0 && newer < CAP)
			assert_int_equal(find(&recent, key)->number, key + 1);
		else
			assert_null(find(&recent, key));
		make(&recent, key)->number = key + 1;
		looked_at[key] = step;
	}
	assert_int_equal(recent.n, CAP);
	recent_close(&recent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_is_found_and_new_ones_are_zero),
		cmocka_unit_test(full_table_forgets_what_was_looked_at_longest_ago),
		cmocka_unit_test(many_keys_keep_it_to_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
