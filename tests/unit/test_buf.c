/* The fixed buffer: what fits is added, what does not changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void add_what_fits_exactly_taken(void **state)
{
	char memory[8] = { 0 };
	struct buf b = buf_over(memory, 5);

	(void)state;
	assert_true(buf_add(&b, STR("abc")));
	assert_true(buf_add(&b, STR("de")));
	assert_int_equal(buf_room(&b), 0);
	assert_true(str_equal(buf_str(&b), STR("abcde")));
	assert_int_equal(memory[5], 0);
}

static void add_too_much_changes_nothing(void **state)
{
	char memory[8] = { 0 };
	struct buf b = buf_over(memory, 5);

	(void)state;
	assert_true(buf_add(&b, STR("abc")));
	assert_false(buf_add(&b, STR("def")));
	assert_true(str_equal(buf_str(&b), STR("abc")));
	assert_int_equal(memory[3], 0);
	assert_true(buf_add_char(&b, 'd'));
	assert_true(buf_add_char(&b, 'e'));
	assert_false(buf_add_char(&b, 'f'));
	assert_true(str_equal(buf_str(&b), STR("abcde")));
}

static void add_nothing_fits_always(void **state)
{
	struct buf b = buf_over(NULL, 0);

	(void)state;
	assert_true(buf_add(&b, (struct str){ NULL, 0 }));
	assert_false(buf_add_char(&b, 'a'));
	assert_int_equal(b.n, 0);
}

static void add_u64_writes_decimal(void **state)
{
	static const struct {
		uint64_t number;
		struct str text;
	} cases[] = {
		{ 0, STR_INIT("0") },
		{ 9, STR_INIT("9") },
		{ 10, STR_INIT("10") },
		{ 1000000, STR_INIT("1000000") },
		{ UINT64_C(4294967296), STR_INIT("4294967296") },
		{ UINT64_MAX, STR_INIT("18446744073709551615") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char memory[20];
		struct buf b = buf_over(memory, sizeof memory);
		struct buf narrow = buf_over(memory, cases[i].text.n - 1);

		assert_false(buf_add_u64(&narrow, cases[i].number));
		assert_int_equal(narrow.n, 0);
		assert_true(buf_add_u64(&b, cases[i].number));
		assert_true(str_equal(buf_str(&b), cases[i].text));
	}
}

static void drop_front_keeps_the_rest(void **state)
{
	static const struct {
		size_t n;
		struct str rest;
	} cases[] = {
		{ 0, STR_INIT("abcde") }, { 1, STR_INIT("bcde") }, { 4, STR_INIT("e") },
		{ 5, STR_INIT("") },      { 9, STR_INIT("") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char memory[5];
		struct buf b = buf_over(memory, sizeof memory);

		assert_true(buf_add(&b, STR("abcde")));
		buf_drop(&b, cases[i].n);
		assert_true(str_equal(buf_str(&b), cases[i].rest));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_what_fits_exactly_taken),
		cmocka_unit_test(add_too_much_changes_nothing),
		cmocka_unit_test(add_nothing_fits_always),
		cmocka_unit_test(add_u64_writes_decimal),
		cmocka_unit_test(drop_front_keeps_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
