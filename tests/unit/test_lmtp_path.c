/* Paths: what is taken, what it means without quoting, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lmtp/lmtp_private.h"

static void unquote(const struct lmtp_path *path, char *to, size_t cap)
{
	char memory[LMTP_LOCAL_PART_MAX + 1 + LMTP_DOMAIN_MAX];
	struct buf address = buf_over(memory, sizeof memory);

	assert_true(lmtp_path_unquote(path, &address));
	assert_true(address.n < cap);
	memcpy(to, memory, address.n);
	to[address.n] = '\0';
}

static void forward_path_good_is_unquoted(void **state)
{
	static const struct {
		const char *text, *address, *rest;
	} rows[] = {
		{ "<u@example.org>", "u@example.org", "" },
		{ "<u@example.org> X=1", "u@example.org", " X=1" },
		{ "<U.V+d@Example.ORG>", "U.V+d@Example.ORG", "" },
		{ "<!#$%&'*+-/=?^_`{|}~@x>", "!#$%&'*+-/=?^_`{|}~@x", "" },
		{ "<\"u\"@x>", "u@x", "" },
		{ "<\"\\u\\v\"@x>", "uv@x", "" },
		{ "<\"a b\"@x>", "a b@x", "" },
		{ "<\"a\\\"b\"@x>", "a\"b@x", "" },
		{ "<\"a\\\\b\"@x>", "a\\b@x", "" },
		{ "<\">\"@x>", ">@x", "" },
		{ "<\"@\"@x>", "@@x", "" },
		{ "<\"\"@x>", "@x", "" },
		{ "<Postmaster>", "postmaster", "" },
		{ "<POSTMASTER>x", "postmaster", "x" },
		{ "<@a.example:u@x>", "u@x", "" },
		{ "<@a,@b.c:u@x>", "u@x", "" },
		{ "<u@1.2.3>", "u@1.2.3", "" },
		{ "<u@a--b>", "u@a--b", "" },
		{ "<u@[192.0.2.1]>", "u@[192.0.2.1]", "" },
		{ "<\xC2\xA0@x>", "\xC2\xA0@x", "" },
		{ "<\xF4\x8F\xBF\xBF@x>", "\xF4\x8F\xBF\xBF@x", "" },
		{ "<\"\xE2\x82\xAC \"@\xC3\xA9.x>", "\xE2\x82\xAC @\xC3\xA9.x", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct str text = str_of(rows[i].text);
		struct lmtp_path path;
		char address[512];

		assert_int_equal(lmtp_path_take(&text, LMTP_FORWARD_PATH, &path), LMTP_PATH_OK);
		assert_true(str_equal(text, str_of(rows[i].rest)));
		unquote(&path, address, sizeof address);
		assert_string_equal(address, rows[i].address);
		assert_int_equal(path.literal, strchr(rows[i].text, '[') != NULL);
		assert_int_equal(path.non_ascii,
				 strpbrk(rows[i].text, "\xC2\xC3\xE2\xF4") != NULL);
	}
}

#define BAD(text) STR_INIT(text)

static const struct str bad_everywhere[] = {
	BAD(""),
	BAD("<"),
	BAD("u@x"),
	BAD("<u@x"),
	BAD("<u"),
	BAD("<u>"),
	BAD("<@x>"),
	BAD("<u@>"),
	BAD("<u@@x>"),
	BAD("<u@x.>"),
	BAD("<u@.x>"),
	BAD("<u@x..y>"),
	BAD("< u@x>"),
	BAD("<u @x>"),
	BAD("<u@ x>"),
	BAD("<u@x >"),
	BAD(" <u@x>"),
	BAD("<u@x y>"),
	BAD("<a(b)@x>"),
	BAD("<a,b@x>"),
	BAD("<a:b@x>"),
	BAD("<a\\b@x>"),
	BAD("<\"a@x>"),
	BAD("<\"a\"b@x>"),
	BAD("<b\"a\"@x>"),
	BAD("<\"a\"\"b\"@x>"),
	BAD("<\"\\"),
	BAD("<\""),
	BAD("<\"\\\"@x>"),
	BAD("<\"a\\\xC3\xA9\"@x>"), /* quoted-pair is ASCII */
	BAD("<@a:@b:u@x>"),
	BAD("<@a u@x>"),
	BAD("<@:u@x>"),
	BAD("<@a,:u@x>"),
	BAD("<@[192.0.2.1]:u@x>"),
	BAD("<u@[>"),
	BAD("<u@[]>"),
	BAD("<u@[a>"),
	BAD("<u@[a b]>"),
	BAD("<u@[a]b>"),
	BAD("<u@x/y>"),
	/* control characters, and those of UTF-8 */
	BAD("<u\0@x>"),
	BAD("<u\t@x>"),
	BAD("<\"u\0\"@x>"),
	BAD("<\"u\t\"@x>"),
	BAD("<\"u\r\n\"@x>"),
	BAD("<\"\\\0\"@x>"),
	BAD("<u\x7F@x>"),
	BAD("<\"u\x7F\"@x>"),
	BAD("<u@x\0>"),
	BAD("<u\xC2\x80@x>"),
	BAD("<u\xC2\x9F@x>"),
	BAD("<\"\xC2\x85\"@x>"),
	/* not well-formed UTF-8 */
	BAD("<\x80@x>"),
	BAD("<\xC3@x>"),
	BAD("<\xC0\xAE@x>"),
	BAD("<\xC1\xBF@x>"),
	BAD("<\xE0\x9F\xBF@x>"),
	BAD("<\xE2\x82@x>"),
	BAD("<\xED\xA0\x80@x>"),
	BAD("<\xF0\x8F\xBF\xBF@x>"),
	BAD("<\xF4\x90\x80\x80@x>"),
	BAD("<\xF5\x80\x80\x80@x>"),
	BAD("<\xFF@x>"),
	BAD("<u@\xC3>"),
	BAD("<u@x\xE2\x82>"),
	BAD("<\"\xC3\"@x>"),
	BAD("<u@x\xC3"),
};

/* Copies into memory of exactly that size, so that a sanitizer sees every octet read too far. */
static enum lmtp_path_status take_exactly(struct str text, enum lmtp_path_kind kind)
{
	char *copy = malloc(text.n + 1); /* not cmocka's, which puts guards around it */
	struct str exact = { copy + 1, text.n };
	struct lmtp_path path;
	enum lmtp_path_status status;

	assert_non_null(copy);
	memcpy(copy + 1, text.p, text.n);
	status = lmtp_path_take(&exact, kind, &path);
	free(copy);
	return status;
}

static void path_bad_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_everywhere); i++) {
		if (take_exactly(bad_everywhere[i], LMTP_FORWARD_PATH) != LMTP_PATH_SYNTAX)
			fail_msg("forward row %zu", i);
		if (take_exactly(bad_everywhere[i], LMTP_REVERSE_PATH) != LMTP_PATH_SYNTAX)
			fail_msg("reverse row %zu", i);
	}
}

/* What a sender may be and a recipient may not, and the other way round. */
static void path_kinds_differ_where_they_must(void **state)
{
	static const struct {
		const char *text;
		enum lmtp_path_status reverse, forward;
	} rows[] = {
		{ "<>", LMTP_PATH_OK, LMTP_PATH_SYNTAX },
		{ "<postmaster>", LMTP_PATH_SYNTAX, LMTP_PATH_OK },
		{ "<\"postmaster\">", LMTP_PATH_SYNTAX, LMTP_PATH_SYNTAX },
		{ "<.u@x>", LMTP_PATH_OK, LMTP_PATH_SYNTAX },
		{ "<u.@x>", LMTP_PATH_OK, LMTP_PATH_SYNTAX },
		{ "<u..v@x>", LMTP_PATH_OK, LMTP_PATH_SYNTAX },
		{ "<u@a_b>", LMTP_PATH_OK, LMTP_PATH_SYNTAX },
		{ "<u@-a>", LMTP_PATH_OK, LMTP_PATH_SYNTAX },
		{ "<u@a-.b>", LMTP_PATH_OK, LMTP_PATH_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct str text = str_of(rows[i].text);

		assert_int_equal(take_exactly(text, LMTP_REVERSE_PATH), rows[i].reverse);
		assert_int_equal(take_exactly(text, LMTP_FORWARD_PATH), rows[i].forward);
	}
}

static void reverse_path_keeps_its_quotes_and_drops_its_route(void **state)
{
	struct str text = STR("<@a,@b:\"x \\\" y\"@z> SIZE=1");
	struct lmtp_path path;

	(void)state;
	assert_int_equal(lmtp_path_take(&text, LMTP_REVERSE_PATH, &path), LMTP_PATH_OK);
	assert_true(str_equal(path.mailbox, STR("\"x \\\" y\"@z")));
	assert_true(str_equal(text, STR(" SIZE=1")));
	text = STR("<>");
	assert_int_equal(lmtp_path_take(&text, LMTP_REVERSE_PATH, &path), LMTP_PATH_OK);
	assert_int_equal(path.mailbox.n, 0);
}

static struct str path_of(char *memory, const char *open, size_t local, size_t domain)
{
	char *p = memory;

	p = (char *)memcpy(p, open, strlen(open)) + strlen(open);
	p = (char *)memset(p, 'a', local) + local;
	*p++ = *open == '<' && open[1] == '"' ? '"' : '@';
	if (p[-1] == '"')
		*p++ = '@';
	p = (char *)memset(p, 'd', domain) + domain;
	*p++ = '>';
	return (struct str){ memory, (size_t)(p - memory) };
}

static void path_limits_are_exact(void **state)
{
	char memory[1024], address_memory[LMTP_LOCAL_PART_MAX + 1 + LMTP_DOMAIN_MAX + 1];
	struct buf address = buf_over(address_memory, sizeof address_memory);
	struct lmtp_path path;
	struct str text;

	(void)state;
	assert_int_equal(take_exactly(path_of(memory, "<", 64, 189), LMTP_FORWARD_PATH),
			 LMTP_PATH_OK);
	assert_int_equal(take_exactly(path_of(memory, "<", 64, 190), LMTP_FORWARD_PATH),
			 LMTP_PATH_TOO_LONG);
	assert_int_equal(take_exactly(path_of(memory, "<", 150, 104), LMTP_REVERSE_PATH),
			 LMTP_PATH_TOO_LONG);
	assert_int_equal(take_exactly(path_of(memory, "<", 1, 900), LMTP_REVERSE_PATH),
			 LMTP_PATH_TOO_LONG);
	text = path_of(memory, "<", 65, 10);
	assert_int_equal(lmtp_path_take(&text, LMTP_FORWARD_PATH, &path), LMTP_PATH_OK);
	assert_false(lmtp_path_unquote(&path, &address));
	/* Quotes are not counted: all quoted forms are equivalent. */
	address.n = 0;
	text = path_of(memory, "<\"", 64, 10);
	assert_int_equal(lmtp_path_take(&text, LMTP_FORWARD_PATH, &path), LMTP_PATH_OK);
	assert_true(lmtp_path_unquote(&path, &address));
	assert_int_equal(address.n, 64 + 1 + 10);
}

static void client_name_is_a_domain_or_a_literal(void **state)
{
	static const char *const good[] = { "localhost",   "mta.example.org", "my_host",
					    "[192.0.2.1]", "[IPv6:::1]",      "192.0.2.1" };
	static const char *const bad[] = { "",   "a..b", ".a",  "a.",         "a b", "a/b",
					   "[a", "[a]b", "<a>", "\xC3\xA9.x", "a@b" };
	char longest[LMTP_DOMAIN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(lmtp_client_name_valid(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(lmtp_client_name_valid(str_of(bad[i])));
	memset(longest, 'a', sizeof longest);
	assert_true(lmtp_client_name_valid((struct str){ longest, LMTP_DOMAIN_MAX }));
	assert_false(lmtp_client_name_valid((struct str){ longest, sizeof longest }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_path_good_is_unquoted),
		cmocka_unit_test(path_bad_is_refused),
		cmocka_unit_test(path_kinds_differ_where_they_must),
		cmocka_unit_test(reverse_path_keeps_its_quotes_and_drops_its_route),
		cmocka_unit_test(path_limits_are_exact),
		cmocka_unit_test(client_name_is_a_domain_or_a_literal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
