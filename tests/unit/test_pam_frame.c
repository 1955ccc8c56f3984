/* The frames between server and PAM helper: what goes through, what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "restante/pam_helper.h"

static char long_text[PASSWORD_MAX + 1];

static struct helper_request login_of(struct str user, struct str password)
{
	return (struct helper_request){ HELPER_LOG_IN, user, password, STR("192.0.2.1"),
					STR("restante") };
}

static void request_encoded_decodes_to_the_same(void **state)
{
	const struct helper_request requests[] = {
		login_of(STR("ann"), STR("correct horse")),
		login_of(STR("a"), STR("\x01\xff \r\n")),
		login_of(STR("0_ann.b-c"), (struct str){ long_text, PASSWORD_MAX }),
		{ HELPER_LOOK_UP, STR("ann"), STR(""), STR(""), STR("") },
		{ HELPER_LOOK_UP, STR("ann"), STR(""), STR("2001:db8::1"), STR("") },
	};
	char octets[HELPER_REQUEST_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct helper_request *request = &requests[i];
		struct helper_request read;
		size_t n = helper_request_encode(request, octets);

		assert_true(n > 0 && n <= sizeof octets);
		assert_true(helper_request_decode((struct str){ octets, n }, &read));
		assert_int_equal(read.kind, request->kind);
		assert_true(str_equal(read.user, request->user));
		assert_true(str_equal(read.password, request->password));
		assert_true(str_equal(read.address, request->address));
		assert_true(str_equal(read.service, request->service));
		/* Nothing shorter or longer is one. */
		for (size_t cut = 0; cut < n; cut++)
			assert_false(helper_request_decode((struct str){ octets, cut }, &read));
		if (n < sizeof octets) {
			octets[n] = '\0';
			assert_false(
				helper_request_decode((struct str){ octets, n + 1 }, &read));
		}
	}
}

static void hostile_field_is_not_encoded(void **state)
{
	static const struct str users[] = {
		STR_INIT(""),      STR_INIT("."),          STR_INIT(".."),
		STR_INIT("-ann"),  STR_INIT("../../etc"),  STR_INIT("a/b"),
		STR_INIT("%u"),    STR_INIT("Ann"),        STR_INIT("ann@example.org"),
		STR_INIT("ann+x"), STR_INIT("a b"),        STR_INIT("ann\0"),
		STR_INIT("ann\n"), STR_INIT("\xc3\xa4nn"), STR_INIT("ann:x"),
		STR_INIT("a\\b"),  STR_INIT("root\t"),     STR_INIT("=ann"),
		STR_INIT("*"),     STR_INIT("ann$"),       { long_text, HELPER_USER_MAX + 1 },
	};
	char octets[HELPER_REQUEST_MAX];
	struct helper_request request;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		request = login_of(users[i], STR("x"));
		if (helper_request_encode(&request, octets) != 0)
			fail_msg("user %zu went through", i);
	}
	request = login_of(STR("ann"), STR(""));
	assert_int_equal(helper_request_encode(&request, octets), 0);
	request = login_of(STR("ann"), STR("a\0b"));
	assert_int_equal(helper_request_encode(&request, octets), 0);
	request = login_of(STR("ann"), (struct str){ long_text, PASSWORD_MAX + 1 });
	assert_int_equal(helper_request_encode(&request, octets), 0);
	request = login_of(STR("ann"), STR("x"));
	request.service = STR("../other");
	assert_int_equal(helper_request_encode(&request, octets), 0);
	request.service = STR("restante");
	request.address = STR("192.0.2.1\n");
	assert_int_equal(helper_request_encode(&request, octets), 0);
	request = (struct helper_request){ HELPER_LOOK_UP, STR("ann"), STR("secret"), STR(""),
					   STR("") };
	assert_int_equal(helper_request_encode(&request, octets), 0);
	request = login_of(STR("ann"), STR("x"));
	request.kind = HELPER_KIND_END;
	assert_int_equal(helper_request_encode(&request, octets), 0);
}

static void frame_of_another_version_or_kind_is_refused(void **state)
{
	struct helper_request request = login_of(STR("ann"), STR("x"));
	struct helper_request read;
	char octets[HELPER_REQUEST_MAX];
	size_t n = helper_request_encode(&request, octets);

	(void)state;
	for (int octet = 0; octet < 256; octet++) {
		octets[0] = (char)octet;
		assert_int_equal(helper_request_decode((struct str){ octets, n }, &read),
				 octet == HELPER_VERSION);
	}
	octets[0] = HELPER_VERSION;
	for (int octet = 0; octet < 256; octet++) {
		octets[1] = (char)octet;
		assert_int_equal(helper_request_decode((struct str){ octets, n }, &read),
				 octet == HELPER_LOG_IN || octet == HELPER_PRETEND);
	}
	/* A length that points behind the end. */
	octets[1] = HELPER_LOG_IN;
	octets[2] = (char)0xff;
	assert_false(helper_request_decode((struct str){ octets, n }, &read));
	assert_null(read.password.p);
}

static void reply_goes_through_and_nonsense_does_not(void **state)
{
	char octets[HELPER_REPLY_OCTETS + 1] = { 0 };
	struct helper_reply read;

	(void)state;
	for (int verdict = HELPER_YES; verdict < HELPER_VERDICT_END; verdict++)
		for (int stage = HELPER_AT_LOOK_UP; stage < HELPER_STAGE_END; stage++) {
			struct helper_reply reply = { (enum helper_verdict)verdict,
						      (enum helper_stage)stage, 200 };

			helper_reply_encode(&reply, octets);
			assert_true(helper_reply_decode(
				(struct str){ octets, HELPER_REPLY_OCTETS }, &read));
			assert_int_equal(read.verdict, verdict);
			assert_int_equal(read.stage, stage);
			assert_int_equal(read.code, 200);
		}
	for (size_t n = 0; n <= sizeof octets; n++)
		assert_int_equal(helper_reply_decode((struct str){ octets, n }, &read),
				 n == HELPER_REPLY_OCTETS);
	for (size_t at = 0; at < 3; at++) {
		char kept = octets[at];

		octets[at] = 0;
		assert_false(helper_reply_decode((struct str){ octets, HELPER_REPLY_OCTETS },
						 &read));
		octets[at] = (char)0xff;
		assert_false(helper_reply_decode((struct str){ octets, HELPER_REPLY_OCTETS },
						 &read));
		octets[at] = kept;
	}
}

static int set_up(void **state)
{
	(void)state;
	memset(long_text, 'x', sizeof long_text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_encoded_decodes_to_the_same),
		cmocka_unit_test(hostile_field_is_not_encoded),
		cmocka_unit_test(frame_of_another_version_or_kind_is_refused),
		cmocka_unit_test(reply_goes_through_and_nonsense_does_not),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
