/*
 * A whole POP3 session: any octets, in any pieces, against the fake maildrop of the dialogues.
 *
 * Input: a line of settings (policy, then the lengths of pieces), a line of answers of the fake
 * world, a line that is a message ("|" for CRLF), and then what the client sends.
 *
 * What must hold: the same octets come out whatever the pieces, the output buffer, and the number
 * of octets or rows in a report; every command has one reply, and it is of a known form; RETR sends
 * as many octets as it announced, and they are a message's; nothing of a message that came as SMTPUTF8
 * is sent before UTF8 was said; UPDATE is never asked for without QUIT.
 */
#include <stdio.h>

#include "fuzz.h"
#include "pop3_fake.h"

struct run {
	struct str answers;
	size_t answer_at;
	struct fuzz_text out;
	size_t taken;
	unsigned updates;
	size_t removed;
	bool closed;
};

static struct pop3_fake fake;
/* As the client reads it: UTF8 has been answered +OK. */
static bool utf8;
static const char *const mechanisms[] = { "PLAIN", "CRAM-MD5", "LOGIN", NULL };

static void send_out(void *context, struct str octets)
{
	struct run *run = context;

	fuzz_add(&run->out, octets);
}

/* Rows and octets come in other numbers in the other run: no answers for them. */
static const char *answer(void *context, const char *action)
{
	struct run *run = context;
	bool login = strcmp(action, "login") == 0;

	if (strcmp(action, "rows") == 0 || strcmp(action, "octets") == 0)
		return NULL;
	switch (run->answers.n == 0 ? 0 : fuzz_setting(run->answers, run->answer_at++)) {
	case 't':
		return "temporary";
	case 'p':
		return "permanent";
	case 'i':
		return login ? "in-use 192.0.2.1 12:34 UTC" : NULL;
	case 's':
		return login ? "too-soon" : NULL;
	case 'd':
		return login ? "done" : NULL;
	}
	return NULL;
}

/* The message of the input, in canonical form; "+" would look like a reply. */
static void add_message(struct str line)
{
	struct fuzz_text text = { 0 };

	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i] == '+' || line.p[i] == '\r' ? '=' : line.p[i];

		fuzz_add(&text, c == '|' ? STR("\r\n") : (struct str){ &c, 1 });
	}
	if (line.n == 0 || line.p[line.n - 1] != '|')
		fuzz_add(&text, STR("\r\n"));
	pop3_fake_add(&fake, fuzz_str(&text));
	free(text.p);
}

static void set_up(struct run *run, struct str settings, struct str message, bool pieces)
{
	unsigned char more = fuzz_setting(settings, 1);
	bool needs_utf8 = (fuzz_setting(settings, 0) & 128) != 0;

	memset(&fake, 0, offsetof(struct pop3_fake, memory));
	fake.user = STR("u");
	fake.password = STR("p");
	fake.digest = STR("00000000000000000000000000000000");
	fake.sasl_hears[0] = STR("\0u\0p");
	fake.sasl_hears[1] = STR("");
	fake.sasl_says[0] = STR("that was right");
	fake.sasl_count = (more & 64) != 0 ? 2 : 1;
	fake.no_lines = (more & 128) != 0;
	fake.slice = pieces ? 1 + more % 16 : FAKE_OUT_MAX;
	fake.rows = pieces ? 1 + more % 3 : FAKE_MESSAGES_MAX;
	fake.out_cap = pieces ? POP3_STEP_ROOM : FAKE_OUT_MAX;
	fake.send = send_out;
	fake.answer = answer;
	fake.context = run;
	pop3_fake_add(&fake, STR("Subject: a\r\n\r\n.\r\n..\r\n.dot\r\n"));
	pop3_fake_add(&fake, STR("\r\n"));
	pop3_fake_add(&fake, STR("no end of a header\r\n"));
	add_message(message);
	/* The others are in ASCII. */
	fake.messages[fake.count - 1].needs_utf8 = needs_utf8;
}

static void feed(struct run *run, struct str settings, struct str octets, bool pieces)
{
	struct str rest = octets;

	for (size_t i = 2; rest.n > 0 && !fake.closed; i++) {
		struct str piece = pieces ? fuzz_piece(settings, i, rest) : rest;
		char *copy = fuzz_copy(piece);
		struct str in = { copy, piece.n };

		pop3_fake_run(&fake, &in);
		FUZZ_CHECK(fake.closed || in.n == 0);
		rest = str_from(rest, piece.n - in.n);
		free(copy);
	}
	run->taken = octets.n - rest.n;
	run->closed = fake.closed;
	run->updates = fake.updates;
	run->removed = fake.removed;
	FUZZ_CHECK(fake.sound);
}

static void converse(struct run *run, struct str settings, struct str message,
		     struct str octets, bool pieces)
{
	unsigned char flags = fuzz_setting(settings, 0);
	struct pop3_policy policy = {
		.apop = (flags & 1) != 0,
		.clear_password = (flags & 2) == 0,
		.stls = (flags & 16) != 0,
		.implementation = (flags & 4) == 0 ? NULL : "restante",
		.errors_before_login = (flags & 8) == 0 ? 1000 : POP3_ERRORS_BEFORE_LOGIN,
		.errors_after_login = (flags & 8) == 0 ? 1000 : POP3_ERRORS_AFTER_LOGIN,
		.login_attempts = POP3_LOGIN_ATTEMPTS,
		.login_delay_seconds = (flags & 32) == 0 ? 0 : UINT32_MAX,
		.mechanisms = mechanisms,
		.offered = (fuzz_setting(settings, 1) & 32) != 0 ? 0 : 3,
		.withheld = (fuzz_setting(settings, 1) & 16) != 0 ? 4 : 0,
	};

	set_up(run, settings, message, pieces);
	pop3_fake_start(&fake, &policy, STR("<1.2@example.org>"));
	feed(run, settings, octets, pieces);
}

/* Takes a line off the output, CRLF and all. */
static struct str take_line(struct str *out)
{
	const char *end = out->n == 0 ? NULL : memchr(out->p, '\n', out->n);
	struct str line = { out->p, 0 };

	FUZZ_CHECK(end != NULL);
	line.n = (size_t)(end - out->p) + 1;
	*out = str_from(*out, line.n);
	return line;
}

static bool begins(struct str line, const char *with)
{
	size_t n = strlen(with);

	return line.n >= n && memcmp(line.p, with, n) == 0;
}

/* The rest of a multi-line reply, without the stuffing, to its final dot. */
static void take_lines(struct str *out, struct fuzz_text *text)
{
	text->n = 0;
	for (;;) {
		struct str line = take_line(out);

		if (str_equal(line, STR(".\r\n")))
			return;
		FUZZ_CHECK(line.p[0] != '.' || line.p[1] == '.');
		fuzz_add(text, str_from(line, line.p[0] == '.'));
	}
}

static void check_retrieved(unsigned long long announced, struct str octets)
{
	bool known = false;

	FUZZ_CHECK(announced == octets.n);
	for (size_t i = 0; i < fake.count && !known; i++)
		known = (utf8 || !fake.messages[i].needs_utf8) &&
			str_equal(octets,
				  (struct str){ fake.messages[i].octets, fake.messages[i].n });
	FUZZ_CHECK(known);
}

/* A top may be of the message that is to be held back: then no octet of it is beyond ASCII. */
static void check_top(struct str octets)
{
	FUZZ_CHECK(utf8 || !fake.messages[fake.count - 1].needs_utf8 || str_is_ascii(octets));
}

/* As a client reads it: how many replies there are. */
static size_t read_replies(struct str out)
{
	static struct fuzz_text text;
	size_t replies = 0;

	utf8 = false;
	for (; out.n > 0; replies++) {
		struct str line = take_line(&out);
		unsigned long long octets;
		char word[8] = "", first[64] = "";

		FUZZ_CHECK(begins(line, "+ ") || line.n <= POP3_REPLY_MAX);
		/* RFC 1957: some clients need the blank. */
		FUZZ_CHECK(begins(line, "+OK ") || begins(line, "-ERR ") || begins(line, "+ "));
		memcpy(first, line.p, line.n < sizeof first ? line.n : sizeof first - 1);
		if (sscanf(first, "+OK %llu %7[a-z]\r", &octets, word) == 2 &&
		    strcmp(word, "octets") == 0) {
			take_lines(&out, &text);
			check_retrieved(octets, fuzz_str(&text));
		} else if ((strcmp(word, "message") == 0 && strchr(first, '(') != NULL) ||
			   begins(line, "+OK unique-id listing") ||
			   begins(line, "+OK top of") || begins(line, "+OK mechanisms") ||
			   begins(line, "+OK capability list") ||
			   begins(line, "+OK languages")) {
			take_lines(&out, &text);
			check_top(fuzz_str(&text));
		}
		utf8 = utf8 || begins(line, "+OK UTF-8");
	}
	return replies;
}

/* Lines that the session has taken, one over-long one being one. */
static size_t count_lines(struct str taken, struct str *last)
{
	size_t lines = 0;

	*last = STR("");
	while (taken.n > 0 && memchr(taken.p, '\n', taken.n) != NULL) {
		*last = fuzz_line(&taken);
		lines++;
	}
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces;
	struct str in = fuzz_input(data, size), last;
	struct str settings = fuzz_line(&in);
	struct str answers = fuzz_line(&in);
	struct str message = fuzz_line(&in);
	size_t commands;

	whole = (struct run){ .answers = answers, .out = whole.out };
	pieces = (struct run){ .answers = answers, .out = pieces.out };
	whole.out.n = pieces.out.n = 0;
	converse(&pieces, settings, message, in, true);
	pop3_fake_free(&fake);
	converse(&whole, settings, message, in, false);

	FUZZ_CHECK(str_equal(fuzz_str(&whole.out), fuzz_str(&pieces.out)));
	FUZZ_CHECK(whole.taken == pieces.taken && whole.closed == pieces.closed);
	FUZZ_CHECK(whole.updates == pieces.updates && whole.removed == pieces.removed);
	FUZZ_CHECK(fuzz_whole_lines(fuzz_str(&whole.out)));
	commands = count_lines((struct str){ in.p, whole.taken }, &last);
	FUZZ_CHECK(read_replies(fuzz_str(&whole.out)) == 1 + commands);
	FUZZ_CHECK(whole.updates <= 1 && whole.removed <= fake.count);
	if (whole.updates > 0)
		FUZZ_CHECK(whole.closed && last.n >= 4 && strncasecmp(last.p, "QUIT", 4) == 0);
	pop3_fake_free(&fake);
	return 0;
}
