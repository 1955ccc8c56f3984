/* The codec of the control socket: whatever a word holds, it comes out as it went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "restante/control.h"

static void join_splits_into_the_same_words(void **state)
{
	const char *const words[] = { "",     "plain", "two words",   "tab\tlf\nnul%00",
				      "100%", "\x7f",  "caf\xc3\xa9", "\xff\x01" };
	char line[256];
	char *out[CONTROL_WORDS_MAX];
	size_t n;

	(void)state;
	assert_true(words_join(words, ARRAY_SIZE(words), line, sizeof line, &n));
	assert_int_equal(n, strlen(line));
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_int_equal(words_split(line, out, CONTROL_WORDS_MAX), ARRAY_SIZE(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_string_equal(out[i], words[i]);
}

static void join_escapes_what_would_be_syntax(void **state)
{
	const char *const words[] = { "a b", "%" };
	char line[64];
	size_t n;

	(void)state;
	assert_true(words_join(words, 2, line, sizeof line, &n));
	assert_string_equal(line, "a%20b\t%25\n");
}

static void split_malformed_is_refused(void **state)
{
	static const char *const bad[] = { "a%",   "a%2",      "a%zz", "a%00b",     "a b",
					   "a\rb", "one\ntwo", "\x7f", "a\tb\tc\td" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[64];
		char *words[3];

		(void)snprintf(line, sizeof line, "%s", bad[i]);
		if (words_split(line, words, 3) != -1)
			fail_msg("accepted: \"%s\"", bad[i]);
	}
}

static void split_counts_empty_words(void **state)
{
	char line[] = "\t\tx\t\n";
	char *words[4];

	(void)state;
	assert_int_equal(words_split(line, words, 4), 4);
	assert_string_equal(words[0], "");
	assert_string_equal(words[2], "x");
	assert_string_equal(words[3], "");
}

static void join_without_room_says_no(void **state)
{
	const char *const words[] = { "abc", "d\te" };
	char line[16];
	size_t n = 77;

	(void)state;
	/* "abc\td%09e\n" and the NUL are 11 octets. */
	for (size_t cap = 0; cap < 11; cap++)
		assert_false(words_join(words, 2, line, cap, &n));
	assert_int_equal(n, 77);
	assert_true(words_join(words, 2, line, sizeof line, &n));
	assert_string_equal(line, "abc\td%09e\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(join_splits_into_the_same_words),
		cmocka_unit_test(join_escapes_what_would_be_syntax),
		cmocka_unit_test(split_malformed_is_refused),
		cmocka_unit_test(split_counts_empty_words),
		cmocka_unit_test(join_without_room_says_no),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
