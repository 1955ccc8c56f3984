/* utf8.h: which octets are a character (RFC 3629 sections 3 and 4), and how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "restante/compiler.h"

static void character_is_measured_or_refused(void **state)
{
	static const struct {
		struct str text;
		size_t n;
	} rows[] = {
		{ STR_INIT("\xc2\xa0"), 2 },
		{ STR_INIT("\xdf\xbfz"), 2 },
		{ STR_INIT("\xe0\xa0\x80"), 3 },
		{ STR_INIT("\xed\x9f\xbf"), 3 },
		{ STR_INIT("\xee\x80\x80"), 3 },
		{ STR_INIT("\xef\xbf\xbfzz"), 3 },
		{ STR_INIT("\xf0\x90\x80\x80"), 4 },
		{ STR_INIT("\xf4\x8f\xbf\xbf"), 4 },
		{ STR_INIT(""), 0 },
		{ STR_INIT("a"), 0 },
		{ STR_INIT("\x7f"), 0 },
		{ STR_INIT("\x80"), 0 },
		{ STR_INIT("\xc0\x80"), 0 },
		{ STR_INIT("\xc1\xbf"), 0 },
		{ STR_INIT("\xc2\x9f"), 0 },
		{ STR_INIT("\xc2"), 0 },
		{ STR_INIT("\xc3z"), 0 },
		{ STR_INIT("\xe0\x9f\xbf"), 0 },
		{ STR_INIT("\xe2\x82"), 0 },
		{ STR_INIT("\xe2\x82\x28"), 0 },
		{ STR_INIT("\xed\xa0\x80"), 0 },
		{ STR_INIT("\xf0\x8f\xbf\xbf"), 0 },
		{ STR_INIT("\xf4\x90\x80\x80"), 0 },
		{ STR_INIT("\xf5\x80\x80\x80"), 0 },
		{ STR_INIT("\xff"), 0 },
		{ STR_INIT("\xf0\x90\x80"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(utf8_character(rows[i].text), rows[i].n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(character_is_measured_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
