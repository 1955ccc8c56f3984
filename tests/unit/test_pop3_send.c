/*
 * RETR and TOP of random messages against a naive reference, read in random slices with random
 * room for output: what arrives, unstuffed, is the message to the octet announced; TOP is the
 * header, its empty line and so many lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pop3_fake.h"

#define ROUNDS 3000
#define MESSAGE_MAX 6000
#define SENT_MAX (8 * MESSAGE_MAX)

static uint64_t dice = 88172645463325252;

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

static void text_add(struct text *text, const char *p, size_t n)
{
	assert_true(n <= sizeof text->p - text->n);
	if (n > 0)
		memcpy(text->p + text->n, p, n);
	text->n += n;
}

static void collect(void *context, struct str octets)
{
	text_add(context, octets.p, octets.n);
}

/* Lines of the octets that matter: dots, CR, nothing, some text. */
static void random_message(struct text *message)
{
	size_t lines = roll(roll(4) == 0 ? 300 : 12);

	message->n = 0;
	for (size_t i = 0; i < lines; i++) {
		size_t n = roll(3) == 0 ? 0 : roll(roll(8) == 0 ? 80 : 5);

		for (size_t at = 0; at < n && message->n < MESSAGE_MAX - 4; at++)
			text_add(message, &"...a\r\0"[roll(6)], 1);
		text_add(message, "\r\n", 2);
		if (message->n >= MESSAGE_MAX - 4)
			break;
	}
}

/* The response's octets to a message or a part of one, made the slow way. */
static void stuff(const char *p, size_t n, struct text *to)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '.' && (i == 0 || p[i - 1] == '\n'))
			text_add(to, ".", 1);
		text_add(to, p + i, 1);
	}
}

/* How many octets TOP sends of the message. */
static size_t top_octets(struct str message, uint64_t lines)
{
	size_t at = fake_header_octets(message);

	while (at < message.n && lines > 0)
		lines -= message.p[at++] == '\n';
	return at;
}

static bool has_empty_line(struct str message)
{
	return (message.n >= 2 && memcmp(message.p, "\r\n", 2) == 0) ||
	       (message.n > 0 && memmem(message.p, message.n, "\r\n\r\n", 4) != NULL);
}

static struct pop3_fake fake;
static struct text sent, expected, message;

/* Logs in, sends one command, leaves what comes behind the status line in `sent`. */
static void converse(struct str status_line, const char *command)
{
	static const struct pop3_policy policy = { .clear_password = true,
						   .login_attempts = 1 };
	struct str log_in = STR("USER u\r\nPASS p\r\n"), line = str_of(command);

	fake = (struct pop3_fake){ .user = STR("u"),
				   .password = STR("p"),
				   .slice = 1 + roll(roll(2) == 0 ? 10 : MESSAGE_MAX),
				   .rows = 1,
				   .out_cap = POP3_STEP_ROOM + roll(roll(2) == 0 ? 20 : 9000),
				   .send = collect,
				   .context = &sent };
	pop3_fake_add(&fake, (struct str){ message.p, message.n });
	pop3_fake_start(&fake, &policy, STR(""));
	pop3_fake_run(&fake, &log_in);
	sent.n = 0;
	pop3_fake_run(&fake, &line);
	assert_true(fake.sound && !fake.closed && pop3_at_rest(&fake.session));
	assert_true(sent.n >= status_line.n);
	assert_memory_equal(sent.p, status_line.p, status_line.n);
	memmove(sent.p, sent.p + status_line.n, sent.n - status_line.n);
	sent.n -= status_line.n;
	pop3_fake_free(&fake);
}

static void assert_sent_as_expected(void)
{
	text_add(&expected, ".\r\n", 3);
	assert_int_equal(sent.n, expected.n);
	assert_memory_equal(sent.p, expected.p, expected.n);
}

static void retr_random_messages_sent_exactly(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		char status[64];

		random_message(&message);
		snprintf(status, sizeof status, "+OK %zu octets\r\n", message.n);
		converse(str_of(status), "RETR 1\r\n");
		expected.n = 0;
		stuff(message.p, message.n, &expected);
		assert_sent_as_expected();
	}
}

/* What a client does: removes the dots again and counts. */
static void retr_unstuffed_octets_are_as_announced(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		char status[64];
		size_t octets = 0;

		random_message(&message);
		snprintf(status, sizeof status, "+OK %zu octets\r\n", message.n);
		converse(str_of(status), "RETR 1\r\n");
		for (size_t i = 0; i < sent.n - 3; i++) {
			bool line_start = i == 0 || sent.p[i - 1] == '\n';

			octets += !(line_start && sent.p[i] == '.');
		}
		assert_int_equal(octets, message.n);
	}
}

static void top_random_messages_as_reference(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		static const uint64_t many[] = { 99999999, UINT64_MAX, 4294967296, 6000 };
		uint64_t lines = roll(5) == 0 ? many[roll(4)] : roll(roll(2) == 0 ? 4 : 300);
		struct str whole;
		char command[64];

		random_message(&message);
		whole = (struct str){ message.p, message.n };
		snprintf(command, sizeof command, "TOP 1 %llu\r\n", (unsigned long long)lines);
		converse(STR("+OK top of message follows\r\n"), command);
		expected.n = 0;
		stuff(message.p, top_octets(whole, lines), &expected);
		if (!has_empty_line(whole))
			text_add(&expected, "\r\n", 2);
		assert_sent_as_expected();
	}
}

/* Nothing but lines of one dot: the most that stuffing can add. */
static void retr_dots_only_fits_the_room(void **state)
{
	(void)state;
	for (size_t pad = 0; pad < 3; pad++) {
		char status[64];

		message.n = 0;
		text_add(&message, "\r\n", pad == 0 ? 0 : 2);
		text_add(&message, "x\r\n", pad == 2 ? 3 : 0);
		while (message.n < MESSAGE_MAX)
			text_add(&message, ".\r\n", 3);
		snprintf(status, sizeof status, "+OK %zu octets\r\n", message.n);
		converse(str_of(status), "RETR 1\r\n");
		expected.n = 0;
		stuff(message.p, message.n, &expected);
		assert_sent_as_expected();
	}
}

/* A session that has asked for the facts of its only message by `command`. */
static void session_asks(struct pop3_session *session, struct str command, struct buf *out)
{
	static const struct pop3_policy policy = { .clear_password = true };
	static char line[POP3_LINE_MAX];
	struct str in = STR("USER u\r\nPASS p\r\n");

	pop3_start(session, &policy, STR(""), out);
	pop3_lend_line(session, line);
	assert_int_equal(pop3_step(session, &in, out).kind, POP3_NEED_INPUT);
	assert_int_equal(pop3_step(session, &in, out).kind, POP3_LOGIN);
	pop3_report_login(session, POP3_DONE, 1, 3, NULL, out);
	assert_int_equal(pop3_step(session, &command, out).kind, POP3_FIND);
	out->n = 0;
}

/* Announced as free of dots: copied as it is, whatever it holds. */
static void retr_without_need_is_not_looked_at(void **state)
{
	static const struct pop3_message facts = { .msgno = 1,
						   .octets = 3,
						   .header_octets = 3 };
	struct pop3_session session;
	char memory[POP3_STEP_ROOM * 2];
	struct buf out = buf_over(memory, sizeof memory);
	struct str none = STR("");

	(void)state;
	session_asks(&session, STR("RETR 1\r\n"), &out);
	pop3_report_message(&session, POP3_DONE, &facts, &out);
	assert_int_equal(pop3_step(&session, &none, &out).max, 3);
	pop3_report_octets(&session, POP3_DONE, STR(".\r\n"), &out);
	assert_true(str_equal(buf_str(&out), STR("+OK 3 octets\r\n.\r\n.\r\n")));
}

/* fetchmail's TOP n 99999999 must be as fast as a RETR: as many octets at once. */
static void top_of_all_lines_asks_like_retr(void **state)
{
	static const struct pop3_message facts = { .msgno = 1,
						   .octets = 100000,
						   .header_octets = 700 };
	static const struct {
		struct str command;
		size_t max;
	} cases[] = {
		{ STR_INIT("TOP 1 99999999\r\n"), 4000 }, { STR_INIT("TOP 1 99300\r\n"), 4000 },
		{ STR_INIT("RETR 1\r\n"), 4000 },         { STR_INIT("TOP 1 99299\r\n"), 700 },
		{ STR_INIT("TOP 1 0\r\n"), 700 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pop3_session session;
		char memory[POP3_STEP_ROOM * 2];
		struct buf out = buf_over(memory, sizeof memory);
		struct str none = STR("");
		struct pop3_action action;

		session_asks(&session, cases[i].command, &out);
		pop3_report_message(&session, POP3_DONE, &facts, &out);
		out.n = 0;
		action = pop3_step(&session, &none, &out);
		assert_int_equal(action.kind, POP3_OCTETS);
		assert_true(cases[i].max == 700 ? action.max == 700 : action.max > 4000);
	}
}

/* What is read for TOP and what is sent are two things. */
static void message_sent_when_its_last_octet_is(void **state)
{
	static const struct str stored = STR_INIT("a: b\r\n\r\n1\r\n2\r\n");
	static const struct pop3_message facts = { .msgno = 1,
						   .octets = 14,
						   .header_octets = 8 };
	static const struct {
		struct str command;
		bool sent;
	} cases[] = {
		{ STR_INIT("RETR 1\r\n"), true },   { STR_INIT("TOP 1 0\r\n"), false },
		{ STR_INIT("TOP 1 1\r\n"), false }, { STR_INIT("TOP 1 2\r\n"), true },
		{ STR_INIT("TOP 1 99\r\n"), true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pop3_session session;
		char memory[POP3_STEP_ROOM * 2];
		struct buf out = buf_over(memory, sizeof memory);
		struct str none = STR("");
		struct pop3_action action;

		session_asks(&session, cases[i].command, &out);
		pop3_report_message(&session, POP3_DONE, &facts, &out);
		while ((action = pop3_step(&session, &none, &out)).kind == POP3_OCTETS) {
			assert_false(pop3_message_sent(&session));
			pop3_report_octets(&session, POP3_DONE,
					   (struct str){ stored.p + action.offset, action.max },
					   &out);
		}
		assert_int_equal(pop3_message_sent(&session), cases[i].sent);
	}
}

/* A driver that brings more than the message has ends the connection, and harms nothing. */
static void retr_more_octets_than_there_are_ends(void **state)
{
	struct pop3_message facts = { .msgno = 1, .octets = 3 };
	struct pop3_session session;
	char memory[POP3_STEP_ROOM * 2];
	struct buf out = buf_over(memory, sizeof memory);
	struct str none = STR("");

	(void)state;
	session_asks(&session, STR("RETR 1\r\n"), &out);
	pop3_report_message(&session, POP3_DONE, &facts, &out);
	assert_int_equal(pop3_step(&session, &none, &out).kind, POP3_OCTETS);
	pop3_report_octets(&session, POP3_DONE, STR("xxxx"), &out);
	assert_int_equal(session.state, POP3_ENDED);
}

/* All lines are dots, two for one: what finds no room is asked for again, and none is lost. */
static void retr_of_dots_takes_what_there_is_room_for(void **state)
{
	static char text[9000], stuffed[3 * sizeof text], got[4 * sizeof text];
	struct pop3_message facts = { .msgno = 1,
				      .octets = sizeof text,
				      .needs_stuffing = true };
	struct pop3_session session;
	char memory[POP3_STEP_ROOM * 2];
	struct buf out = buf_over(memory, sizeof memory);
	struct pop3_action action;
	struct str none = STR("");
	size_t n = 0, due = 0;

	(void)state;
	for (size_t i = 0; i < sizeof text; i += 3)
		memcpy(text + i, ".\r\n", 3);
	for (size_t i = 0; i < sizeof text; i += 3, due += 4)
		memcpy(stuffed + due, "..\r\n", 4);
	session_asks(&session, STR("RETR 1\r\n"), &out);
	pop3_report_message(&session, POP3_DONE, &facts, &out);
	out.n = 0;
	while ((action = pop3_step(&session, &none, &out)).kind == POP3_OCTETS) {
		pop3_report_octets(&session, POP3_DONE,
				   (struct str){ text + action.offset, action.max }, &out);
		assert_true(n + out.n <= sizeof got);
		memcpy(got + n, out.p, out.n);
		n += out.n;
		out.n = 0;
	}
	assert_int_equal(n, due + 3);
	assert_memory_equal(got, stuffed, due);
	assert_memory_equal(got + due, ".\r\n", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retr_random_messages_sent_exactly),
		cmocka_unit_test(retr_unstuffed_octets_are_as_announced),
		cmocka_unit_test(top_random_messages_as_reference),
		cmocka_unit_test(retr_dots_only_fits_the_room),
		cmocka_unit_test(retr_without_need_is_not_looked_at),
		cmocka_unit_test(top_of_all_lines_asks_like_retr),
		cmocka_unit_test(message_sent_when_its_last_octet_is),
		cmocka_unit_test(retr_more_octets_than_there_are_ends),
		cmocka_unit_test(retr_of_dots_takes_what_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
