/* admin/assign.c: COLUMN=VALUE, sizes and times. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sysexits.h>

#include "assign.h"

struct number_row {
	const char *text;
	bool good;
	uint64_t value;
};

static void octets_suffix_is_multiplied_or_refused(void **state)
{
	static const struct number_row rows[] = {
		{ "0", true, 0 },
		{ "1", true, 1 },
		{ "1K", true, 1024 },
		{ "1k", true, 1024 },
		{ "500M", true, UINT64_C(524288000) },
		{ "2G", true, UINT64_C(2147483648) },
		{ "3T", true, UINT64_C(3298534883328) },
		{ "9223372036854775807", true, INT64_MAX },
		{ "9223372036854775808", false, 0 },
		{ "8388608T", false, 0 },
		{ "8388607T", true, UINT64_C(8388607) << 40 },
		{ "", false, 0 },
		{ "K", false, 0 },
		{ "1.5G", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 K", false, 0 },
		{ "1KB", false, 0 },
		{ "1x", false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 0;
		print_message("\"%s\"\n", rows[i].text);
		assert_int_equal(octets_parse(rows[i].text, &value), rows[i].good);
		if (rows[i].good)
			assert_int_equal(value, rows[i].value);
	}
}

static void seconds_suffix_is_multiplied_or_refused(void **state)
{
	static const struct number_row rows[] = {
		{ "0", true, 0 },       { "90", true, 90 },     { "90s", true, 90 },
		{ "5m", true, 300 },    { "12h", true, 43200 }, { "7d", true, 604800 },
		{ "7D", true, 604800 }, { "7w", false, 0 },     { "d", false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 0;
		print_message("\"%s\"\n", rows[i].text);
		assert_int_equal(seconds_parse(rows[i].text, &value), rows[i].good);
		if (rows[i].good)
			assert_int_equal(value, rows[i].value);
	}
}

static void assignment_is_translated_by_its_column(void **state)
{
	static const struct {
		const char *arg;
		int code;
		const char *name;
		const char *value;
	} rows[] = {
		{ "quota_octets=1G", EX_OK, "quota_octets", "1073741824" },
		{ "quota_octets=", EX_OK, "quota_octets", NULL },
		{ "quota_octets=lots", EX_USAGE, NULL, NULL },
		{ "quota_messages=12", EX_OK, "quota_messages", "12" },
		{ "quota_messages=", EX_OK, "quota_messages", NULL },
		{ "quota_messages=many", EX_USAGE, NULL, NULL },
		{ "quota_messages=1K", EX_USAGE, NULL, NULL },
		{ "quota_messages=-1", EX_USAGE, NULL, NULL },
		{ "undelete_seconds=2d", EX_OK, "undelete_seconds", "172800" },
		{ "active=no", EX_OK, "active", "0" },
		{ "active=1", EX_OK, "active", "1" },
		{ "active=maybe", EX_USAGE, NULL, NULL },
		{ "active=2", EX_USAGE, NULL, NULL },
		{ "active=", EX_USAGE, NULL, NULL },
		{ "pop3_enabled=ON", EX_OK, "pop3_enabled", "1" },
		{ "name=on", EX_OK, "name", "on" },
		{ "name=", EX_OK, "name", "" },
		{ "name=a=b", EX_OK, "name", "a=b" },
		{ "expires_at=2030-12-31", EX_OK, "expires_at", "2030-12-31" },
		{ "expires_at=", EX_OK, "expires_at", NULL },
		{ "address=x@example.org", EX_USAGE, NULL, NULL },
		{ "quota_octet=1", EX_USAGE, NULL, NULL },
		{ "id=1", EX_USAGE, NULL, NULL },
		{ "shard=1", EX_USAGE, NULL, NULL },
		{ "store_key=x", EX_USAGE, NULL, NULL },
		{ "created=x", EX_USAGE, NULL, NULL },
		{ "modified=x", EX_USAGE, NULL, NULL },
		{ "password_scheme=x", EX_USAGE, NULL, NULL },
		{ "apop_secret_form=x", EX_USAGE, NULL, NULL },
		{ "password=x", EX_USAGE, NULL, NULL },
		{ "=1", EX_USAGE, NULL, NULL },
		{ "active", EX_USAGE, NULL, NULL },
		{ "", EX_USAGE, NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct assignments to;
		char arg[64];
		char *args[] = { arg };
		snprintf(arg, sizeof arg, "%s", rows[i].arg);
		print_message("%s\n", arg);
		assert_int_equal(assign_parse(TABLE_MAILBOX, "address", args, 1, &to),
				 rows[i].code);
		if (rows[i].code != EX_OK)
			continue;
		assert_int_equal(to.count, 1);
		assert_string_equal(to.field[0].name, rows[i].name);
		if (rows[i].value == NULL)
			assert_null(to.field[0].value);
		else
			assert_string_equal(to.field[0].value, rows[i].value);
	}
}

static void assignment_of_one_column_twice_is_refused(void **state)
{
	struct assignments to;
	char first[] = "active=1";
	char second[] = "active=0";
	char *args[] = { first, second };
	(void)state;
	assert_int_equal(assign_parse(TABLE_MAILBOX, "address", args, 2, &to), EX_USAGE);
}

static void column_type_follows_from_its_name(void **state)
{
	(void)state;
	assert_true(column_is_number("quota_octets"));
	assert_true(column_is_number("max_mailboxes"));
	assert_false(column_is_number("address"));
	assert_true(column_is_switch("active"));
	assert_true(column_is_switch("apop_enabled"));
	assert_false(column_is_switch("created"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_suffix_is_multiplied_or_refused),
		cmocka_unit_test(seconds_suffix_is_multiplied_or_refused),
		cmocka_unit_test(assignment_is_translated_by_its_column),
		cmocka_unit_test(assignment_of_one_column_twice_is_refused),
		cmocka_unit_test(column_type_follows_from_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
