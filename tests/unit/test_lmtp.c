/*
 * The LMTP machine as a whole: however the input is cut, the replies and what the driver is asked
 * stay the same, and the contract of lmtp.h holds whatever the input. Clauses are in
 * tests/dialogue/lmtp.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lmtp/lmtp.h"

#define TEXT_MAX 65536
#define CANARY "zqz" /* in every argument; never in a reply */

struct text {
	char p[TEXT_MAX];
	size_t n;
};

/* A driver that answers by what it is asked only, and writes down what that was. */
struct world {
	struct lmtp_session session;
	bool held, begun, closed;
	size_t recipients, message_from;
	uint32_t sum; /* of the message's octets so far: what FINISH answers */
	struct text out, events;
};

static uint32_t seed = 7;

static uint32_t next_random(uint32_t below)
{
	seed = seed * 1664525U + 1013904223U;
	return (seed >> 8) % below;
}

static void add(struct text *text, const char *p, size_t n)
{
	assert_true(n <= sizeof text->p - text->n);
	if (n > 0)
		memcpy(text->p + text->n, p, n);
	text->n += n;
}

static void note(struct world *world, const char *what, struct str octets)
{
	add(&world->events, what, strlen(what));
	add(&world->events, octets.p, octets.n);
	add(&world->events, "\n", 1);
}

static enum lmtp_status status_for(struct str octets)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < octets.n; i++)
		sum = sum * 31 + (unsigned char)octets.p[i];
	return sum % 3 != 0 ? LMTP_ACCEPTED : (enum lmtp_status)(sum % LMTP_SHUTTING_DOWN);
}

static void append(struct world *world, struct str octets, struct buf *out)
{
	assert_true(world->held && world->begun && octets.n > 0);
	add(&world->events, octets.p, octets.n);
	for (size_t i = 0; i < octets.n; i++)
		world->sum = world->sum * 31 + (unsigned char)octets.p[i];
	/* By the octet, so that the answer is the same wherever a slice ends. */
	lmtp_report_append(
		&world->session,
		memchr(octets.p, '!', octets.n) != NULL ? LMTP_TROUBLE : LMTP_ACCEPTED, out);
}

static void finish(struct world *world, struct buf *out)
{
	enum lmtp_status status[LMTP_RECIPIENTS_MAX];

	assert_true(world->held && world->begun);
	assert_true(world->recipients > 0 && world->recipients <= LMTP_RECIPIENTS_MAX);
	for (size_t i = 0; i < world->recipients; i++)
		status[i] = (enum lmtp_status)((world->sum + i) % LMTP_SHUTTING_DOWN);
	note(world, "|finish", STR(""));
	lmtp_report_finish(&world->session, status, world->recipients, out);
	world->held = world->begun = false;
}

static void begin(struct world *world, const struct lmtp_action *action, struct buf *out)
{
	enum lmtp_status status = world->recipients % 5 == 4 ? LMTP_NO_ROOM : LMTP_ACCEPTED;

	assert_true(world->held && !world->begun && world->recipients > 0);
	note(world, action->chunking ? "begin bdat" : "begin data", STR(""));
	world->begun = status == LMTP_ACCEPTED;
	world->message_from = world->events.n;
	world->sum = 0;
	lmtp_report_begin(&world->session, status, out);
}

static void forget(struct world *world)
{
	assert_true(world->held);
	if (world->begun) /* how much had been appended depends on the slices */
		world->events.n = world->message_from;
	note(world, "abort", STR(""));
	world->held = world->begun = false;
}

/* False: the machine waits, or has closed. */
static bool perform(struct world *world, const struct lmtp_action *action, struct str in,
		    struct buf *out)
{
	enum lmtp_status status;

	switch (action->kind) {
	case LMTP_NEED_INPUT:
		return in.n > 0;
	case LMTP_MAIL:
		assert_false(world->held);
		note(world, action->smtputf8 ? "mail8 " : "mail ", action->sender);
		status = status_for(action->sender);
		world->held = status == LMTP_ACCEPTED;
		world->begun = false;
		world->recipients = 0;
		lmtp_report_mail(&world->session, status, out);
		return true;
	case LMTP_RCPT:
		assert_true(world->held && !world->begun);
		note(world, "rcpt ", action->address);
		status = status_for(action->address);
		world->recipients += status == LMTP_ACCEPTED;
		lmtp_report_rcpt(&world->session, status, out);
		return true;
	case LMTP_BEGIN:
		begin(world, action, out);
		return true;
	case LMTP_APPEND:
		append(world, action->octets, out);
		return true;
	case LMTP_FINISH:
		finish(world, out);
		return true;
	case LMTP_ABORT:
		forget(world);
		return true;
	case LMTP_START_TLS:
		lmtp_report_tls(&world->session, out);
		return true;
	case LMTP_XCLIENT:
		note(world, "xclient ", action->xclient.value[LMTP_XCLIENT_ADDR]);
		lmtp_report_xclient(&world->session, true, out);
		return true;
	case LMTP_CLOSE:
		assert_false(world->held);
		world->closed = true;
		return false;
	}
	return false;
}

/* What was written in one step or report: whole lines, each a reply's. */
static void flush(struct world *world, struct buf *out)
{
	struct str rest = buf_str(out);

	while (rest.n > 0) {
		const char *end = memmem(rest.p, rest.n, "\r\n", 2);

		assert_non_null(end);
		assert_true(end - rest.p >= 4 && strchr("2345", rest.p[0]) != NULL);
		assert_true(rest.p[3] == ' ' || rest.p[3] == '-');
		rest = str_from(rest, (size_t)(end - rest.p) + 2);
	}
	add(&world->out, out->p, out->n);
	out->n = 0;
}

static void feed(struct world *world, struct str in)
{
	static char memory[LMTP_STEP_ROOM];
	struct buf out = buf_over(memory, sizeof memory);
	bool more = true;

	for (unsigned steps = 0; more; steps++) {
		struct lmtp_action action = lmtp_step(&world->session, &in, &out);

		assert_true(steps < 1000000);
		flush(world, &out);
		more = perform(world, &action, in, &out);
		flush(world, &out);
	}
	assert_true(in.n == 0 || world->closed);
}

static void start(struct world *world, const struct lmtp_policy *policy)
{
	static char memory[LMTP_STEP_ROOM];
	struct buf out = buf_over(memory, sizeof memory);

	memset(world, 0, sizeof *world);
	lmtp_start(&world->session, policy, &out);
	flush(world, &out);
}

static const struct lmtp_policy plain = { .hostname = "mail.example.org", .errors = 20 };

static const struct str fragments[] = {
	STR_INIT("LHLO " CANARY "\r\n"),
	STR_INIT("MAIL FROM:<" CANARY "@a>\r\n"),
	STR_INIT("MAIL FROM:<> SIZE=100 SMTPUTF8\r\n"),
	STR_INIT("RCPT TO:<" CANARY "1@a>\r\n"),
	STR_INIT("RCPT TO:<" CANARY "2@a>\r\n"),
	STR_INIT("RCPT TO:<\"" CANARY "\\3\"@a>\r\n"),
	STR_INIT("DATA\r\n"),
	STR_INIT("Subject: " CANARY "\r\n\r\n"),
	STR_INIT("\r\n.\r\n"),
	STR_INIT(".\r\n"),
	STR_INIT("..\r\n"),
	STR_INIT("\n.\n"),
	STR_INIT("\r"),
	STR_INIT("\n"),
	STR_INIT("!"),
	STR_INIT("\0"),
	STR_INIT("BDAT 7\r\n" CANARY "\r\n.\r"),
	STR_INIT("BDAT 3 LAST\r\n" CANARY),
	STR_INIT("BDAT 0 LAST\r\n"),
	STR_INIT("BDAT 40\r\n"),
	STR_INIT("BDAT x\r\n"),
	STR_INIT("RSET\r\n"),
	STR_INIT("NOOP " CANARY "\r\n"),
	STR_INIT("XCLIENT ADDR=" CANARY "\r\n"),
	STR_INIT(CANARY " " CANARY "\r\n"),
	STR_INIT("QUIT\r\n"),
};

/* A conversation that is likely to get somewhere, and unlikely to be right. */
static size_t make_input(char *to, size_t cap)
{
	size_t n = 0, count = 5 + next_random(60);

	for (size_t i = 0; i < count; i++) {
		size_t pick = i < 4 ? i + (i > 1) : next_random(ARRAY_SIZE(fragments));
		struct str now = fragments[next_random(8) == 0 ? next_random(20) : pick];

		if (now.n > cap - n)
			break;
		memcpy(to + n, now.p, now.n);
		n += now.n;
	}
	return n;
}

static void feed_cut(struct world *world, struct str in, size_t most)
{
	while (in.n > 0 && !world->closed) {
		size_t n = most == 1 ? 1 : 1 + next_random((uint32_t)most);
		struct str piece = { in.p, n < in.n ? n : in.n };
		char *alone = malloc(piece.n); /* slices die with their piece */

		assert_non_null(alone);
		memcpy(alone, piece.p, piece.n);
		feed(world, (struct str){ alone, piece.n });
		free(alone);
		in = str_from(in, piece.n);
	}
}

static void assert_same(const struct world *a, const struct world *b)
{
	assert_int_equal(a->out.n, b->out.n);
	assert_memory_equal(a->out.p, b->out.p, a->out.n);
	assert_int_equal(a->events.n, b->events.n);
	assert_memory_equal(a->events.p, b->events.p, a->events.n);
	assert_int_equal(a->closed, b->closed);
}

static void session_split_of_input_changes_nothing(void **state)
{
	static struct world whole, cut;
	static char input[TEXT_MAX];
	static const size_t cuts[] = { 1, 3, 30 };
	size_t delivered = 0, aborted = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct lmtp_policy policy = plain;
		struct str in = { input, make_input(input, sizeof input) };

		policy.message_octets = round % 3 == 0 ? 60 : 0;
		policy.reject_nul = round % 2 == 0;
		policy.xclient = round % 5 == 0;
		start(&whole, &policy);
		feed(&whole, in);
		for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
			start(&cut, &policy);
			feed_cut(&cut, in, cuts[i]);
			assert_same(&whole, &cut);
		}
		assert_null(memmem(whole.out.p, whole.out.n, CANARY, strlen(CANARY)));
		delivered += memmem(whole.events.p, whole.events.n, "|finish", 7) != NULL;
		aborted += memmem(whole.events.p, whole.events.n, "abort", 5) != NULL;
	}
	/* The inputs are worth something: many get to the end of a message, many do not. */
	assert_true(delivered > 500 && aborted > 500);
}

static void session_random_octets_break_no_contract(void **state)
{
	static struct world world;
	char input[512];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		start(&world, &plain);
		for (int burst = 0; burst < 4 && !world.closed; burst++) {
			for (size_t i = 0; i < sizeof input; i++)
				input[i] = (char)next_random(256);
			memcpy(input + 100, "\r\nLHLO x\r\nMAIL FROM:<>\r\n", 23);
			feed(&world, (struct str){ input, sizeof input });
		}
	}
}

/* LMTP_STEP_ROOM stands on this: 96 octets for each recipient's reply. */
static void status_reply_has_code_and_fits(void **state)
{
	static struct world world;
	char memory[LMTP_STEP_ROOM];

	(void)state;
	for (int i = 0; i < LMTP_STATUS_COUNT; i++) {
		enum lmtp_status status[LMTP_RECIPIENTS_MAX];
		struct buf out = buf_over(memory, sizeof memory);
		struct str in = STR("LHLO x\r\nMAIL FROM:<>\r\n");

		start(&world, &plain);
		feed(&world, in);
		for (size_t n = 0; n < LMTP_RECIPIENTS_MAX; n++) {
			struct str rcpt = STR("RCPT TO:<a@b>\r\n");

			assert_int_equal(lmtp_step(&world.session, &rcpt, &out).kind,
					 LMTP_RCPT);
			out.n = 0;
			lmtp_report_rcpt(&world.session, LMTP_ACCEPTED, &out);
			status[n] = (enum lmtp_status)i;
		}
		in = STR("DATA\r\n.\r\n");
		assert_int_equal(lmtp_step(&world.session, &in, &out).kind, LMTP_BEGIN);
		lmtp_report_begin(&world.session, LMTP_ACCEPTED, &out);
		assert_int_equal(lmtp_step(&world.session, &in, &out).kind, LMTP_FINISH);
		out.n = 0;
		lmtp_report_finish(&world.session, status, LMTP_RECIPIENTS_MAX, &out);
		assert_true(out.n > 0 && out.n <= LMTP_RECIPIENTS_MAX * 96);
		assert_int_equal(out.n % LMTP_RECIPIENTS_MAX, 0);
		/* RFC 2034 section 4: the code's class is the reply's. */
		assert_int_equal(out.p[0], out.p[4]);
		assert_true(out.p[5] == '.' && out.p[7] == '.' && out.p[9] == ' ');
	}
}

static void report_finish_missing_statuses_are_trouble(void **state)
{
	static struct world world;
	static const enum lmtp_status accepted = LMTP_ACCEPTED;
	char memory[LMTP_STEP_ROOM];
	struct buf out = buf_over(memory, sizeof memory);
	struct str in = STR("LHLO x\r\nMAIL FROM:<>\r\n");

	(void)state;
	start(&world, &plain);
	feed(&world, in);
	in = STR("RCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lmtp_step(&world.session, &in, &out).kind, LMTP_RCPT);
		lmtp_report_rcpt(&world.session, LMTP_ACCEPTED, &out);
	}
	assert_int_equal(lmtp_step(&world.session, &in, &out).kind, LMTP_BEGIN);
	lmtp_report_begin(&world.session, LMTP_ACCEPTED, &out);
	assert_int_equal(lmtp_step(&world.session, &in, &out).kind, LMTP_FINISH);
	out.n = 0;
	lmtp_report_finish(&world.session, &accepted, 1, &out);
	assert_true(str_equal(buf_str(&out), STR("250 2.0.0 delivered\r\n"
						 "451 4.3.0 local error in processing\r\n")));
	/* And a report that nobody asked for says nothing. */
	out.n = 0;
	lmtp_report_finish(&world.session, &accepted, 1, &out);
	lmtp_report_mail(&world.session, LMTP_ACCEPTED, &out);
	lmtp_report_rcpt(&world.session, LMTP_ACCEPTED, &out);
	lmtp_report_begin(&world.session, LMTP_ACCEPTED, &out);
	lmtp_report_append(&world.session, LMTP_TROUBLE, &out);
	assert_int_equal(out.n, 0);
}

static void drain_idle_session_is_told_and_closed(void **state)
{
	static const struct {
		const char *input, *event;
	} rows[] = {
		{ "", "" },
		{ "LHLO x\r\n", "" },
		{ "LHLO x\r\nMAI", "" },
		{ "LHLO x\r\nMAIL FROM:<>\r\n", "mail \nabort\n" },
	};
	static struct world world;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t before;

		start(&world, &plain);
		feed(&world, str_of(rows[i].input));
		before = world.out.n;
		lmtp_drain(&world.session);
		feed(&world, STR(""));
		assert_true(world.closed);
		assert_true(
			str_equal((struct str){ world.out.p + before, world.out.n - before },
				  STR("421 4.3.2 mail.example.org shutting down, "
				      "closing connection\r\n")));
		assert_true(str_equal((struct str){ world.events.p, world.events.n },
				      str_of(rows[i].event)));
	}
}

static void at_rest_only_between_commands_outside_a_message(void **state)
{
	static const struct {
		const char *input;
		bool at_rest;
	} rows[] = {
		{ "", true },
		{ "LHLO x\r\n", true },
		{ "LHLO x\r\nNO", false },
		{ "LHLO x\r\nMAIL FROM:<>\r\n", true },
		{ "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<aa@b>\r\n", true },
		{ "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<aa@b>\r\nDATA\r\n", false },
		{ "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<aa@b>\r\nDATA\r\n.\r\n", true },
		{ "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<aa@b>\r\nBDAT 1\r\n", false },
		{ "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<aa@b>\r\nBDAT 1\r\nx", false },
		{ "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<aa@b>\r\nBDAT 0 LAST\r\n", true },
		{ "QUIT\r\n", false },
	};
	static struct world world;

	(void)state;
	assert_int_equal(status_for(STR("aa@b")), LMTP_ACCEPTED);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(&world, &plain);
		feed(&world, str_of(rows[i].input));
		assert_int_equal(lmtp_at_rest(&world.session), rows[i].at_rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_split_of_input_changes_nothing),
		cmocka_unit_test(session_random_octets_break_no_contract),
		cmocka_unit_test(status_reply_has_code_and_fits),
		cmocka_unit_test(report_finish_missing_statuses_are_trouble),
		cmocka_unit_test(drain_idle_session_is_told_and_closed),
		cmocka_unit_test(at_rest_only_between_commands_outside_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
