/*
 * Properties of the POP3 machine that no single dialogue shows: the split of the input never
 * changes the output, the output is whole lines of a lawful shape, secrets are gone, words stay
 * what clients look for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pop3_fake.h"

#define ROUNDS 400
#define INPUT_MAX 8192
#define SENT_MAX (1024 * 1024)

static uint64_t dice = 2463534242;

static size_t roll(size_t sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (size_t)(dice % sides);
}

struct text {
	char p[SENT_MAX];
	size_t n;
};

static struct pop3_fake fake;
static struct text whole, cut;

static void collect(void *context, struct str octets)
{
	struct text *text = context;

	assert_true(octets.n <= sizeof text->p - text->n);
	if (octets.n > 0)
		memcpy(text->p + text->n, octets.p, octets.n);
	text->n += octets.n;
}

static const struct pop3_policy lenient = { .apop = true,
					    .clear_password = true,
					    .implementation = "restante",
					    .errors_before_login = 1000,
					    .errors_after_login = 1000,
					    .login_attempts = 1000 };

static void start(struct text *sent, size_t out_cap)
{
	sent->n = 0;
	fake = (struct pop3_fake){ .user = STR("mrose"),
				   .password = STR("tanstaaf"),
				   .slice = 7,
				   .rows = 2,
				   .out_cap = out_cap,
				   .send = collect,
				   .context = sent };
	pop3_fake_add(&fake, STR("Subject: a\r\n\r\n.\r\nfour\r\n..\r\n"));
	pop3_fake_add(&fake, STR("Subject: b\r\n"));
	pop3_fake_add(&fake, STR(""));
	pop3_fake_add(&fake, STR(".x: c\r\n\r\n1\r\n2\r\n3\r\n"));
	fake.messages[3].needs_utf8 = true;
	pop3_fake_start(&fake, &lenient, STR("<1.2@example.org>"));
}

/* --- the split of the input ---------------------------------------------------------------- */

static const struct str phrases[] = {
	STR_INIT("USER mrose\r\n"),
	STR_INIT("PASS tanstaaf\r\n"),
	STR_INIT("USER mrose\r\nPASS tanstaaf\n"),
	STR_INIT("STAT\r\n"),
	STR_INIT("LIST\n"),
	STR_INIT("list 2\r\n"),
	STR_INIT("UIDL\r\n"),
	STR_INIT("UIDL 4 \r\n"),
	STR_INIT("RETR 1\r\n"),
	STR_INIT("RETR 2\r\n"),
	STR_INIT("RETR 3\r\n"),
	STR_INIT("RETR 4\n"),
	STR_INIT("TOP 1 2\r\n"),
	STR_INIT("TOP 2 0\r\n"),
	STR_INIT("TOP 4 99999999\r\n"),
	STR_INIT("DELE 3\r\n"),
	STR_INIT("DELE 1\r\n"),
	STR_INIT("RSET\r\n"),
	STR_INIT("NOOP\r\n"),
	STR_INIT("CAPA\r\n"),
	STR_INIT("AUTH \r\n"),
	STR_INIT("UTF8\r\n"),
	STR_INIT("LANG\r\n"),
	STR_INIT("LANG en-us\n"),
	STR_INIT("PASS  a b \r\n"),
	STR_INIT("\r\n"),
	STR_INIT("\0\r\n"),
	STR_INIT("LIST 4294967297\r\n"),
	STR_INIT("APOP mrose 0123456789abcdef0123456789abcdef\r\n"),
};

static struct str random_input(char *memory)
{
	struct buf in = buf_over(memory, INPUT_MAX);
	size_t count = 1 + roll(40);

	/* Half of the sessions begin with a login. */
	if (roll(2) == 0)
		assert_true(buf_add(&in, phrases[2]));
	for (size_t i = 0; i < count; i++) {
		if (roll(12) == 0) {
			for (size_t n = roll(1200); n > 0; n--)
				(void)buf_add_char(&in, "QUIT x\r\0\x80 "[roll(10)]);
			(void)buf_add(&in, STR("\r\n"));
		} else {
			(void)buf_add(&in, phrases[roll(ARRAY_SIZE(phrases))]);
		}
	}
	if (roll(3) == 0)
		(void)buf_add(&in, STR("QUIT\r\nNOOP\r\n"));
	return buf_str(&in);
}

/* Each piece is copied, so that a sanitizer sees a look beyond it. */
static void feed_in_pieces(struct str in, size_t piece_max)
{
	while (in.n > 0 && !fake.closed) {
		size_t n = 1 + roll(piece_max);
		char *copy = malloc(n);
		struct str piece = { copy, n < in.n ? n : in.n };

		assert_non_null(copy);
		memcpy(copy, in.p, piece.n);
		in = str_from(in, piece.n);
		pop3_fake_run(&fake, &piece);
		assert_true(piece.n == 0 || fake.closed);
		free(copy);
	}
}

static void assert_lawful_lines(const struct text *text)
{
	for (size_t i = 0; i < text->n; i++) {
		if (text->p[i] == '\n')
			assert_true(i > 0 && text->p[i - 1] == '\r');
	}
	assert_true(text->n >= 2 && memcmp(text->p + text->n - 2, "\r\n", 2) == 0);
}

static void split_of_input_never_changes_output(void **state)
{
	static char memory[INPUT_MAX];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct str in = random_input(memory), rest = in;

		start(&whole, FAKE_OUT_MAX);
		pop3_fake_run(&fake, &rest);
		assert_true(fake.sound);
		pop3_fake_free(&fake);
		assert_lawful_lines(&whole);

		start(&cut, POP3_STEP_ROOM + roll(500));
		feed_in_pieces(in, round % 2 == 0 ? 3 : 400);
		assert_true(fake.sound);
		pop3_fake_free(&fake);
		assert_int_equal(cut.n, whole.n);
		assert_memory_equal(cut.p, whole.p, whole.n);
	}
}

/* --- steps --------------------------------------------------------------------------------- */

static char out_memory[2 * POP3_STEP_ROOM], line_memory[POP3_LINE_MAX];

static void session_start(struct pop3_session *session, const struct pop3_policy *policy,
			  struct buf *out)
{
	*out = buf_over(out_memory, sizeof out_memory);
	pop3_start(session, policy, STR("<1.2@example.org>"), out);
	pop3_lend_line(session, line_memory);
	out->n = 0;
}

static void step_takes_one_command_at_most(void **state)
{
	struct pop3_session session;
	struct buf out;
	struct str in = STR("USER a\r\nUSER b\r\nUSER c\r\n");

	(void)state;
	session_start(&session, &lenient, &out);
	for (size_t left = 3; left-- > 0;) {
		assert_int_equal(pop3_step(&session, &in, &out).kind, POP3_NEED_INPUT);
		assert_int_equal(in.n, left * 8);
	}
}

static void at_rest_between_commands_only(void **state)
{
	struct pop3_session session;
	struct buf out;
	struct str in = STR("USER u\r\nPASS p\r\nUIDL\r\nUI");
	char too_long[600];
	struct str noise = { too_long, sizeof too_long };

	(void)state;
	memset(too_long, 'x', sizeof too_long);
	session_start(&session, &lenient, &out);
	assert_true(pop3_at_rest(&session));
	(void)pop3_step(&session, &in, &out);
	assert_true(pop3_at_rest(&session));
	assert_int_equal(pop3_step(&session, &in, &out).kind, POP3_LOGIN);
	assert_false(pop3_at_rest(&session));
	pop3_report_login(&session, POP3_DONE, 0, 0, NULL, &out);
	assert_true(pop3_at_rest(&session));
	assert_int_equal(pop3_step(&session, &in, &out).kind, POP3_ROWS);
	assert_false(pop3_at_rest(&session));
	pop3_report_rows(&session, POP3_DONE, NULL, 0, 1, &out);
	assert_true(pop3_at_rest(&session));
	(void)pop3_step(&session, &in, &out);
	assert_false(pop3_at_rest(&session));
	(void)pop3_step(&session, &noise, &out);
	assert_false(pop3_at_rest(&session));
}

/* --- secrets ------------------------------------------------------------------------------- */

static bool holds(const void *memory, size_t n, struct str secret)
{
	return memmem(memory, n, secret.p, secret.n) != NULL;
}

static bool session_holds(const struct pop3_session *session, struct str secret)
{
	return holds(session, sizeof *session, secret) ||
	       holds(line_memory, sizeof line_memory, secret);
}

/* However a line with a password in it ends, it is not kept. */
static void secret_is_wiped_whatever_comes_of_it(void **state)
{
	static const struct {
		struct str in;
		enum pop3_status status; /* where it comes to a login */
	} cases[] = {
		{ STR_INIT("USER u\r\nPASS tanstaaf\r\n"), POP3_DONE },
		{ STR_INIT("USER u\r\nPASS tanstaaf\r\n"), POP3_REFUSED },
		{ STR_INIT("USER u\r\nPASS tanstaaf\r\n"), POP3_IN_USE },
		{ STR_INIT("USER u\r\nPASS tanstaaf\r\n"), POP3_TEMPORARY },
		{ STR_INIT("PASS tanstaaf\r\n"), POP3_DONE },
		{ STR_INIT("PAS tanstaaf\r\n"), POP3_DONE },
		{ STR_INIT("PASS tanstaaf\0\r\n"), POP3_DONE },
		{ STR_INIT("AUTH PLAIN tanstaaf\r\n"), POP3_DONE },
		{ STR_INIT("APOP u tanstaaf\r\n"), POP3_DONE },
		{ STR_INIT("QUIT tanstaaf\r\n"), POP3_DONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pop3_session session;
		struct buf out;
		struct str in = cases[i].in;

		session_start(&session, &lenient, &out);
		while (in.n > 0) {
			struct pop3_action action = pop3_step(&session, &in, &out);

			if (action.kind != POP3_LOGIN)
				continue;
			assert_true(session_holds(&session, STR("tanstaaf")));
			pop3_report_login(&session, cases[i].status, 0, 0, NULL, &out);
		}
		assert_false(session_holds(&session, STR("tanstaaf")));
		assert_false(holds(out_memory, sizeof out_memory, STR("tanstaaf")));
	}
}

static void secret_of_a_line_too_long_is_wiped(void **state)
{
	struct pop3_session session;
	struct buf out;
	struct str start_of_line = STR("PASS tanstaaf");
	char noise[POP3_LINE_MAX];
	struct str rest = { noise, sizeof noise };

	(void)state;
	memset(noise, 'x', sizeof noise);
	session_start(&session, &lenient, &out);
	(void)pop3_step(&session, &start_of_line, &out);
	assert_true(session_holds(&session, STR("tanstaaf")));
	(void)pop3_step(&session, &rest, &out);
	assert_false(session_holds(&session, STR("tanstaaf")));
}

static void wipe_leaves_no_secret(void **state)
{
	struct pop3_session session;
	struct buf out;
	struct str in = STR("USER mrose\r\nPASS tanst");

	(void)state;
	session_start(&session, &lenient, &out);
	(void)pop3_step(&session, &in, &out);
	(void)pop3_step(&session, &in, &out);
	assert_true(session_holds(&session, STR("tanst")));
	pop3_wipe(&session);
	assert_false(session_holds(&session, STR("tanst")));
	assert_false(session_holds(&session, STR("mrose")));
	assert_false(session_holds(&session, STR("1.2@example.org")));
}

/* --- lists --------------------------------------------------------------------------------- */

/* As many rows as were asked for fit, at their longest. */
static void rows_of_full_length_fit_what_was_asked_for(void **state)
{
	static const struct str commands[] = { STR_INIT("LIST\r\n"), STR_INIT("UIDL\r\n") };
	static struct pop3_message rows[POP3_STEP_ROOM];
	char uidl[POP3_UIDL_MAX];

	(void)state;
	memset(uidl, '~', sizeof uidl);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		rows[i] = (struct pop3_message){ .msgno = UINT64_MAX,
						 .octets = UINT64_MAX,
						 .uidl = { uidl, sizeof uidl } };
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct pop3_session session;
		struct pop3_action action;
		struct buf out;
		struct str in = STR("USER u\r\nPASS p\r\n"), list = commands[i];

		session_start(&session, &lenient, &out);
		(void)pop3_step(&session, &in, &out);
		(void)pop3_step(&session, &in, &out);
		pop3_report_login(&session, POP3_DONE, 0, 0, NULL, &out);
		if (pop3_step(&session, &list, &out).kind == POP3_TOTALS)
			pop3_report_totals(&session, POP3_DONE, 0, 0, &out);
		else
			pop3_report_rows(&session, POP3_DONE, rows, 1, 2, &out);
		out = buf_over(out_memory, POP3_STEP_ROOM);
		action = pop3_step(&session, &list, &out);
		assert_int_equal(action.kind, POP3_ROWS);
		assert_in_range(action.max, 20, 100);
		pop3_report_rows(&session, POP3_DONE, rows, action.max, 9, &out);
		assert_int_equal(session.state, POP3_TRANSACTION);
		/* ... and too many end the connection. */
		pop3_report_rows(&session, POP3_DONE, rows, action.max, 9, &out);
		assert_int_equal(session.state, POP3_ENDED);
	}
}

/* --- words --------------------------------------------------------------------------------- */

/* What a login with this status is told. */
static struct str login_reply(enum pop3_status status, const struct pop3_in_use *holder,
			      struct buf *out)
{
	struct pop3_session session;
	struct str in = STR("USER u\r\nPASS p\r\n");

	session_start(&session, &lenient, out);
	(void)pop3_step(&session, &in, out);
	(void)pop3_step(&session, &in, out);
	out->n = 0;
	pop3_report_login(&session, status, UINT64_MAX, UINT64_MAX, holder, out);
	return buf_str(out);
}

static bool says(struct str line, const char *word)
{
	return memmem(line.p, line.n, word, strlen(word)) != NULL;
}

/* fetchmail: "lock" or "wait" in an -ERR means busy, every other -ERR a wrong password. */
static void login_words_for_fetchmail(void **state)
{
	static const struct {
		enum pop3_status status;
		const char *code;
		bool busy;
	} cases[] = {
		{ POP3_REFUSED, "-ERR [AUTH] ", false },
		{ POP3_IN_USE, "-ERR [IN-USE] ", true },
		{ POP3_TOO_SOON, "-ERR [LOGIN-DELAY] ", true },
		{ POP3_TEMPORARY, "-ERR [SYS/TEMP] ", true },
		{ POP3_NO_MESSAGE, "-ERR [SYS/TEMP] ", true },
		{ POP3_BROKEN, "-ERR [SYS/TEMP] ", true },
		{ POP3_PERMANENT, "-ERR [SYS/PERM] ", false },
		{ POP3_DONE, "+OK maildrop has ", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf out;
		struct str line = login_reply(cases[i].status, NULL, &out);

		assert_true(line.n > strlen(cases[i].code));
		assert_memory_equal(line.p, cases[i].code, strlen(cases[i].code));
		assert_int_equal(says(line, "lock") || says(line, "wait"), cases[i].busy);
		assert_false(says(line, "block"));
	}
}

/* RFC 2449 section 4: 512 octets, whatever the holder is called. */
static void login_in_use_reply_stays_short(void **state)
{
	char name[POP3_STEP_ROOM];
	struct pop3_in_use holder = { { name, sizeof name }, { name, sizeof name } };
	struct buf out;

	(void)state;
	memset(name, 'n', sizeof name);
	assert_in_range(login_reply(POP3_IN_USE, &holder, &out).n, 1, POP3_REPLY_MAX);
	assert_in_range(login_reply(POP3_DONE, NULL, &out).n, 1, POP3_REPLY_MAX);
}

static struct str capa(const char *implementation, struct buf *out)
{
	struct pop3_policy policy = lenient;
	struct pop3_session session;
	struct str in = STR("CAPA\r\n");

	policy.implementation = implementation;
	session_start(&session, &policy, out);
	/* No more than a step may count on. */
	*out = buf_over(out_memory, POP3_STEP_ROOM);
	assert_int_equal(pop3_step(&session, &in, out).kind, POP3_NEED_INPUT);
	return buf_str(out);
}

/* RFC 2449 section 5: a capability line has at most 512 octets with its CRLF. */
static void capa_implementation_too_long_is_left_out(void **state)
{
	static const size_t tag = sizeof "IMPLEMENTATION \r\n" - 1;
	char name[600];
	struct buf out;

	(void)state;
	memset(name, 'n', sizeof name);
	name[POP3_REPLY_MAX - tag] = '\0';
	assert_true(says(capa(name, &out), "IMPLEMENTATION nnn"));
	name[POP3_REPLY_MAX - tag] = 'n';
	name[POP3_REPLY_MAX - tag + 1] = '\0';
	assert_false(says(capa(name, &out), "IMPLEMENTATION"));
	assert_true(says(buf_str(&out), "\r\n.\r\n"));
}

static void challenge_too_long_is_no_challenge(void **state)
{
	char challenge[POP3_CHALLENGE_MAX + 1];
	struct pop3_session session;
	struct buf out = buf_over(out_memory, sizeof out_memory);

	(void)state;
	memset(challenge, 'c', sizeof challenge);
	pop3_start(&session, &lenient, (struct str){ challenge, POP3_CHALLENGE_MAX }, &out);
	assert_int_equal(session.challenge_n, POP3_CHALLENGE_MAX);
	out.n = 0;
	pop3_start(&session, &lenient, (struct str){ challenge, sizeof challenge }, &out);
	assert_true(str_equal(buf_str(&out), STR("+OK POP3 server ready\r\n")));
}

/* A session is the memory of an idle connection: 3 KiB at most, all of it together. */
static void session_is_small(void **state)
{
	(void)state;
	assert_in_range(sizeof(struct pop3_session), 1, 1100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_of_input_never_changes_output),
		cmocka_unit_test(step_takes_one_command_at_most),
		cmocka_unit_test(at_rest_between_commands_only),
		cmocka_unit_test(secret_is_wiped_whatever_comes_of_it),
		cmocka_unit_test(secret_of_a_line_too_long_is_wiped),
		cmocka_unit_test(wipe_leaves_no_secret),
		cmocka_unit_test(rows_of_full_length_fit_what_was_asked_for),
		cmocka_unit_test(login_words_for_fetchmail),
		cmocka_unit_test(login_in_use_reply_stays_short),
		cmocka_unit_test(capa_implementation_too_long_is_left_out),
		cmocka_unit_test(challenge_too_long_is_no_challenge),
		cmocka_unit_test(session_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
