/* Numbers from outside: digits only, whole token, in range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/number.h"

static void parse_digits_taken(void **state)
{
	static const struct {
		struct str token;
		uint64_t max, value;
	} cases[] = {
		{ STR_INIT("0"), 0, 0 },
		{ STR_INIT("1"), 1, 1 },
		{ STR_INIT("007"), 7, 7 },
		{ STR_INIT("4294967296"), UINT64_MAX, UINT64_C(4294967296) },
		{ STR_INIT("18446744073709551615"), UINT64_MAX, UINT64_MAX },
		{ STR_INIT("00000000000000000000000000000018446744073709551615"), UINT64_MAX,
		  UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 77;

		assert_true(number_parse(cases[i].token, cases[i].max, &value));
		assert_true(value == cases[i].value);
	}
}

static void parse_anything_else_refused(void **state)
{
	static const struct {
		struct str token;
		uint64_t max;
	} cases[] = {
		{ STR_INIT(""), UINT64_MAX },
		{ STR_INIT("+5"), UINT64_MAX },
		{ STR_INIT("-1"), UINT64_MAX },
		{ STR_INIT("05x"), UINT64_MAX },
		{ STR_INIT("1e3"), UINT64_MAX },
		{ STR_INIT("0x10"), UINT64_MAX },
		{ STR_INIT(" 1"), UINT64_MAX },
		{ STR_INIT("1 "), UINT64_MAX },
		{ STR_INIT("1\0"), UINT64_MAX },
		{ STR_INIT("1.0"), UINT64_MAX },
		{ STR_INIT("/"), UINT64_MAX },
		{ STR_INIT(":"), UINT64_MAX },
		{ STR_INIT("\xB2"), UINT64_MAX },
		{ STR_INIT("18446744073709551616"), UINT64_MAX },
		{ STR_INIT("18446744073709551625"), UINT64_MAX },
		{ STR_INIT("184467440737095516150"), UINT64_MAX },
		{ STR_INIT("8"), 7 },
		{ STR_INIT("10"), 9 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 77;

		assert_false(number_parse(cases[i].token, cases[i].max, &value));
		assert_true(value == 77);
	}
}

static void add_sums_and_sees_overflow(void **state)
{
	uint64_t sum = 0;

	(void)state;
	assert_true(number_add(UINT64_MAX - 1, 1, &sum));
	assert_true(sum == UINT64_MAX);
	assert_false(number_add(UINT64_MAX, 1, &sum));
	assert_false(number_add(UINT64_MAX, UINT64_MAX, &sum));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_digits_taken),
		cmocka_unit_test(parse_anything_else_refused),
		cmocka_unit_test(add_sums_and_sees_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
