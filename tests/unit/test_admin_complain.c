/* What the tool says to people: nothing in it that a terminal would obey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "complain.h"

static const char *sentence(size_t cap, const char *format, ...) PRINTF_LIKE(2, 3);

static const char *sentence(size_t cap, const char *format, ...)
{
	static char text[SENTENCE_MAX];
	va_list args;

	va_start(args, format);
	format_sentence(text, cap, format, args);
	va_end(args);
	return text;
}

static void sentence_shows_what_is_not_printable(void **state)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{ "ann@example.org", "ann@example.org" },
		{ "j\xc3\xb6rg \xe2\x82\xac", "j\xc3\xb6rg \xe2\x82\xac" },
		{ "a\\x00b\"", "a\\x00b\"" },
		{ "\x1b[2J\x07", "\\x1b[2J\\x07" },
		{ "a\nrestante: b\r", "a\\x0arestante: b\\x0d" },
		{ "\x7f\xc2\x9b", "\\x7f\\xc2\\x9b" },
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },
		{ "\x80\xc0\xaf\xe2\x82", "\\x80\\xc0\\xaf\\xe2\\x82" },
		{ "%n%s", "%n%s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(sentence(SENTENCE_MAX, "%s", cases[i].name),
				    cases[i].shown);
}

static void sentence_too_long_is_cut_between_characters(void **state)
{
	(void)state;
	assert_string_equal(sentence(8, "12345\x1b"), "12345");
	assert_string_equal(sentence(8, "123456\xc3\xb6"), "123456");
	assert_string_equal(sentence(8, "1234567"), "1234567");
	assert_string_equal(sentence(1, "x"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentence_shows_what_is_not_printable),
		cmocka_unit_test(sentence_too_long_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
