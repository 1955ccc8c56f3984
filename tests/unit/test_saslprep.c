/*
 * SASLprep: the examples of RFC 4013 section 3, what section 2.3 prohibits, what RFC 3629 calls
 * ill-formed, stored strings and queries; and user names with an address's two halves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "restante/passwords.h"

struct row {
	struct str text;
	const char *prepared; /* NULL: refused */
};

static void expect(const struct row *row, bool stored)
{
	char to[64];
	bool good = saslprep(row->text, stored, to, sizeof to);

	if (good != (row->prepared != NULL) || (good && strcmp(to, row->prepared) != 0))
		fail_msg("\"%.*s\": %s", STR_ARG(row->text), good ? to : "refused");
	/* Nothing is left of what was refused. */
	for (size_t i = 0; i < sizeof to && !good; i++)
		assert_int_equal(to[i], 0);
}

static void text_is_mapped_and_normalised(void **state)
{
	static const struct row rows[] = {
		{ STR_INIT("user"), "user" },
		{ STR_INIT("USER"), "USER" },
		{ STR_INIT("a b~!\"'\\ "), "a b~!\"'\\ " },
		{ STR_INIT("I\xc2\xadX"), "IX" },
		{ STR_INIT("\xc2\xaa"), "a" },
		{ STR_INIT("\xe2\x85\xa8"), "IX" },
		{ STR_INIT("a\xc2\xa0"
			   "b"),
		  "a b" },
		{ STR_INIT("gr\xc3\xbcn"), "gr\xc3\xbcn" },
		{ STR_INIT("gru\xcc\x88n"), "gr\xc3\xbcn" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect(&rows[i], false);
		expect(&rows[i], true);
	}
}

static void prohibited_and_ill_formed_refused(void **state)
{
	static const struct row rows[] = {
		{ STR_INIT(""), NULL },
		{ STR_INIT("\xc2\xad"), NULL }, /* mapped to nothing */
		{ STR_INIT("\x07"), NULL },
		{ STR_INIT("a\tb"), NULL },
		{ STR_INIT("a\0b"), NULL },
		{ STR_INIT("a\x7f"), NULL },
		{ STR_INIT("\xd8\xa7\x31"), NULL },     /* section 2.4 */
		{ STR_INIT("a\xc2\x85"), NULL },        /* C1 control */
		{ STR_INIT("a\xee\x80\x80"), NULL },    /* private use */
		{ STR_INIT("a\xef\xbf\xbd"), NULL },    /* replacement character */
		{ STR_INIT("a\xe2\x80\xae"), NULL },    /* right-to-left override */
		{ STR_INIT("a\xef\xbf\xbe"), NULL },    /* not a character */
		{ STR_INIT("gr\xfc\xdf"), NULL },       /* ISO 8859-1 */
		{ STR_INIT("a\xc3"), NULL },            /* cut off */
		{ STR_INIT("\xc0\xaf"), NULL },         /* overlong */
		{ STR_INIT("\xed\xa0\x80"), NULL },     /* surrogate */
		{ STR_INIT("\xf4\x90\x80\x80"), NULL }, /* beyond U+10FFFF */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect(&rows[i], false);
		expect(&rows[i], true);
	}
}

/* RFC 3454 section 7: U+0221 is unassigned in Unicode 3.2. */
static void unassigned_is_for_queries_only(void **state)
{
	static const struct row query = { STR_INIT("a\xc8\xa1"), "a\xc8\xa1" };
	static const struct row stored = { STR_INIT("a\xc8\xa1"), NULL };

	(void)state;
	expect(&query, false);
	expect(&stored, true);
}

static void longer_than_its_room_refused(void **state)
{
	/* U+FDFA becomes 18 characters. */
	static const char swells[] = "\xef\xb7\xba";
	char to[40];

	(void)state;
	assert_true(saslprep(STR("1234"), false, to, 5));
	assert_false(saslprep(STR("1234"), false, to, 4));
	assert_true(saslprep(STR(swells), false, to, 40));
	assert_false(saslprep(STR(swells), false, to, 30));
}

static void halves_of_an_address_are_prepared_alone(void **state)
{
	static const struct row rows[] = {
		{ STR_INIT("ann"), "ann" },
		{ STR_INIT("Ann@Example.org"), "Ann@Example.org" },
		{ STR_INIT("ju\xcc\x88rgen@example.org"), "j\xc3\xbcrgen@example.org" },
		{ STR_INIT("\xd7\x90\xd7\x91@example.org"), "\xd7\x90\xd7\x91@example.org" },
		{ STR_INIT("ann\xef\xbc\xa0"
			   "example.org"),
		  "ann@example.org" },
		{ STR_INIT("\"a@b\"@example.org"), "\"a@b\"@example.org" },
		{ STR_INIT("\xd7\x90z@example.org"), NULL },
		{ STR_INIT("@example.org"), NULL },
		{ STR_INIT("ann@"), NULL },
		{ STR_INIT("ann@exa\tmple.org"), NULL },
		{ STR_INIT("an\xfc@example.org"), NULL },
		{ STR_INIT(""), NULL },
	};
	char to[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool good = saslprep_user(rows[i].text, to, sizeof to);

		assert_int_equal(good, rows[i].prepared != NULL);
		assert_string_equal(to, good ? rows[i].prepared : "");
	}
	assert_true(saslprep_user(STR("ann@b"), to, 6));
	for (size_t cap = 1; cap < 6; cap++)
		assert_false(saslprep_user(STR("ann@b"), to, cap));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_mapped_and_normalised),
		cmocka_unit_test(prohibited_and_ill_formed_refused),
		cmocka_unit_test(unassigned_is_for_queries_only),
		cmocka_unit_test(longer_than_its_room_refused),
		cmocka_unit_test(halves_of_an_address_are_prepared_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
