/* ESMTP parameters: a table of what stands behind a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lmtp/lmtp_private.h"

static void mail_parameters_each_row_has_its_verdict(void **state)
{
	static const struct {
		const char *text;
		enum lmtp_parameters_status status;
		uint64_t size;
		bool body8bit, smtputf8;
	} rows[] = {
		{ "", LMTP_PARAMETERS_OK, 0, false, false },
		{ " SIZE=0", LMTP_PARAMETERS_OK, 0, false, false },
		{ " size=12 body=8BITMIME smtputf8", LMTP_PARAMETERS_OK, 12, true, true },
		{ " BODY=7BIT", LMTP_PARAMETERS_OK, 0, false, false },
		{ " SIZE=18446744073709551615", LMTP_PARAMETERS_OK, UINT64_MAX, false, false },
		{ " SIZE=18446744073709551616", LMTP_PARAMETERS_OK, UINT64_MAX, false, false },
		{ " BODY=BINARYMIME", LMTP_PARAMETERS_UNKNOWN, 0, false, false },
		{ " AUTH=<>", LMTP_PARAMETERS_UNKNOWN, 0, false, false },
		{ " FOO SIZE=3", LMTP_PARAMETERS_UNKNOWN, 3, false, false },
		{ " X=\xC3\xA9", LMTP_PARAMETERS_UNKNOWN, 0, false, false },
		{ " X=a=b", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " FOO SIZE=3 SIZE=3", LMTP_PARAMETERS_SYNTAX, 3, false, false },
		{ " SIZE=000000000000000000000", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " SMTPUTF8=", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " SMTPUTF8=x", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " BODY=", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " BODY=BINARYMIME BODY=7BIT", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ "SIZE=1", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " ", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ "  SIZE=1", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " F\xC3\xA9", LMTP_PARAMETERS_SYNTAX, 0, false, false },
		{ " A_B", LMTP_PARAMETERS_SYNTAX, 0, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lmtp_parameters parameters;

		assert_int_equal(lmtp_mail_parameters(str_of(rows[i].text), &parameters),
				 rows[i].status);
		assert_int_equal(parameters.size, rows[i].size);
		assert_int_equal(parameters.body8bit, rows[i].body8bit);
		assert_int_equal(parameters.smtputf8, rows[i].smtputf8);
	}
}

static void rcpt_parameters_none_is_known(void **state)
{
	(void)state;
	assert_int_equal(lmtp_rcpt_parameters(STR("")), LMTP_PARAMETERS_OK);
	assert_int_equal(lmtp_rcpt_parameters(STR(" NOTIFY=NEVER")), LMTP_PARAMETERS_UNKNOWN);
	assert_int_equal(lmtp_rcpt_parameters(STR(" SIZE=1")), LMTP_PARAMETERS_UNKNOWN);
	assert_int_equal(lmtp_rcpt_parameters(STR(" A B=")), LMTP_PARAMETERS_SYNTAX);
	assert_int_equal(lmtp_rcpt_parameters(STR("x")), LMTP_PARAMETERS_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_parameters_each_row_has_its_verdict),
		cmocka_unit_test(rcpt_parameters_none_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
