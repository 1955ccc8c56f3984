/*
 * A whole LMTP session: any octets, in any pieces, against a driver that holds the machine to the
 * contract of lmtp.h.
 *
 * Input: a line of settings (policy, then the lengths of pieces), a line of answers of the driver
 * (a letter for each action but APPEND, going round), and then what the client sends.
 *
 * What must hold: the same octets come out, and the same is asked of the driver, whatever the
 * pieces; replies are whole lines of known form; each accepted recipient has one reply, in order;
 * a message is what a naive reading of the client's octets between DATA and the first CRLF.CRLF
 * says, and BDAT's octets are the client's own, so that no message ever comes out as two.
 */
#include <inttypes.h>

#include "fuzz.h"
#include "lmtp/lmtp.h"

#define OUT_MAX (4 * LMTP_STEP_ROOM)

struct run {
	struct lmtp_session session;
	struct str answers;
	size_t answer_at;
	struct str sent;        /* all that the client sends */
	size_t taken;           /* ... and what the machine has had of it */
	struct fuzz_text out;   /* replies */
	struct fuzz_text asked; /* of the driver: a line each */
	struct fuzz_text message;
	enum lmtp_status status[LMTP_RECIPIENTS_MAX]; /* that FINISH reports */
	uint64_t append_limit; /* octets of a message that the driver takes */
	size_t recipients;
	size_t data_at;    /* where the text behind DATA begins */
	size_t appended;   /* where the last octets that were appended end */
	const char *piece; /* what is being fed */
	size_t piece_at;   /* ... and where that begins */
	bool held, begun, chunking, closed;
	struct buf buf;
	char memory[OUT_MAX];
};

static void flush(struct run *run)
{
	fuzz_add(&run->out, buf_str(&run->buf));
	run->buf.n = 0;
}

static enum lmtp_status status_of(unsigned char letter)
{
	switch (letter) {
	case 'n':
		return LMTP_NO_USER;
	case 'd':
		return LMTP_DISABLED;
	case 'q':
		return LMTP_QUOTA;
	case 'h':
		return LMTP_QUOTA_HARD;
	case 'l':
		return LMTP_TOO_LARGE;
	case 'r':
		return LMTP_NO_ROOM;
	case 't':
		return LMTP_TROUBLE;
	case 'o':
		return LMTP_LOOP;
	case 's':
		return LMTP_SHUTTING_DOWN;
	}
	return LMTP_ACCEPTED;
}

static enum lmtp_status answer(struct run *run)
{
	unsigned char letter =
		run->answers.n == 0 ? 0 : fuzz_setting(run->answers, run->answer_at++);

	if (letter == 'D')
		lmtp_drain(&run->session);
	return status_of(letter);
}

static void on_mail(struct run *run, const struct lmtp_action *action)
{
	enum lmtp_status status = answer(run);

	FUZZ_CHECK(!run->held && action->client.n > 0);
	for (size_t i = 0; i < action->sender.n; i++)
		FUZZ_CHECK((unsigned char)action->sender.p[i] >= ' ' &&
			   action->sender.p[i] != 0x7F);
	fuzz_print(&run->asked, "mail <");
	fuzz_add(&run->asked, action->sender);
	fuzz_print(&run->asked, "> %" PRIu64 " %d %d by ", action->size, action->smtputf8,
		   action->body8bit);
	fuzz_add(&run->asked, action->client);
	run->held = status == LMTP_ACCEPTED;
	run->begun = false;
	run->recipients = 0;
	run->message.n = 0;
	lmtp_report_mail(&run->session, status, &run->buf);
}

static void on_rcpt(struct run *run, const struct lmtp_action *action)
{
	enum lmtp_status status = answer(run);

	FUZZ_CHECK(run->held && !run->begun && action->address.n > 0);
	fuzz_print(&run->asked, "rcpt ");
	fuzz_add(&run->asked, action->address);
	run->recipients += status == LMTP_ACCEPTED;
	FUZZ_CHECK(run->recipients <= LMTP_RECIPIENTS_MAX);
	lmtp_report_rcpt(&run->session, status, &run->buf);
}

static void on_begin(struct run *run, const struct lmtp_action *action)
{
	enum lmtp_status status = answer(run);

	FUZZ_CHECK(run->held && !run->begun && run->recipients > 0);
	fuzz_print(&run->asked, "begin %d", action->chunking);
	run->begun = status == LMTP_ACCEPTED;
	run->chunking = action->chunking;
	run->data_at = run->taken;
	lmtp_report_begin(&run->session, status, &run->buf);
}

/*
 * BDAT has no transparency: the octets point into what was fed, where they stand and behind those
 * before.
 */
static void on_append(struct run *run, const struct lmtp_action *action)
{
	size_t n = action->octets.n, at;
	bool fits;

	FUZZ_CHECK(run->held && run->begun && n > 0);
	if (run->chunking) {
		FUZZ_CHECK(action->octets.p >= run->piece);
		at = run->piece_at + (size_t)(action->octets.p - run->piece);
		FUZZ_CHECK(at >= run->appended && at + n <= run->taken);
		FUZZ_CHECK(memcmp(run->sent.p + at, action->octets.p, n) == 0);
		run->appended = at + n;
	}
	fuzz_add(&run->message, action->octets);
	fits = run->message.n <= run->append_limit;
	lmtp_report_append(&run->session, fits ? LMTP_ACCEPTED : LMTP_TROUBLE, &run->buf);
}

/* RFC 5321 section 4.5.2, read an octet at a time; *end is behind the final dot's line. */
static void naive_data(struct str sent, size_t from, struct fuzz_text *message, size_t *end)
{
	bool line = true;

	message->n = 0;
	for (size_t i = from; i < sent.n; i++) {
		struct str rest = str_from(sent, i);

		if (line && rest.n >= 3 && memcmp(rest.p, ".\r\n", 3) == 0) {
			*end = i + 3;
			return;
		}
		if (!line || rest.p[0] != '.')
			fuzz_add(message, (struct str){ rest.p, 1 });
		line = rest.p[0] == '\n' && i > from && sent.p[i - 1] == '\r';
	}
	*end = SIZE_MAX; /* no dot: cannot be the end */
}

static void on_finish(struct run *run)
{
	static struct fuzz_text expected;
	size_t end = 0;

	FUZZ_CHECK(run->held && run->begun);
	if (!run->chunking) {
		naive_data(run->sent, run->data_at, &expected, &end);
		FUZZ_CHECK(end == run->taken);
		FUZZ_CHECK(str_equal(fuzz_str(&expected), fuzz_str(&run->message)));
	}
	fuzz_print(&run->asked, "deliver ");
	fuzz_add(&run->asked, fuzz_str(&run->message));
	for (size_t i = 0; i < run->recipients; i++)
		run->status[i] = answer(run);
	flush(run);
	lmtp_report_finish(&run->session, run->status, run->recipients, &run->buf);
	run->held = run->begun = false;
}

/* The first digit that a status has in a reply. */
static char reply_class(enum lmtp_status status)
{
	bool hard =
		status == LMTP_NO_USER || status == LMTP_QUOTA_HARD || status == LMTP_TOO_LARGE;

	return status == LMTP_ACCEPTED ? '2' : hard ? '5' : '4';
}

/* RFC 2033 section 4.2: one reply for each accepted recipient, in the order of RCPT. */
static void check_finish_replies(const struct run *run)
{
	struct str out = buf_str(&run->buf);
	size_t shut_down = 0;

	for (size_t i = 0; i < run->recipients; i++) {
		struct str line = fuzz_line(&out);

		FUZZ_CHECK(line.n > 4 && line.p[0] == reply_class(run->status[i]));
		FUZZ_CHECK(line.p[3] == ' ');
		shut_down += run->status[i] == LMTP_SHUTTING_DOWN;
	}
	FUZZ_CHECK(out.n == 0 || (shut_down > 0 && memcmp(out.p, "421 ", 4) == 0));
}

/* The driver's half: an address that begins with "0" is none. */
static void on_xclient(struct run *run, const struct lmtp_xclient *told)
{
	struct str address = told->value[LMTP_XCLIENT_ADDR];

	FUZZ_CHECK(!run->held);
	fuzz_print(&run->asked, "xclient");
	for (size_t i = 0; i < LMTP_XCLIENT_COUNT; i++) {
		FUZZ_CHECK(told->given[i] || told->value[i].n == 0);
		FUZZ_CHECK(told->value[i].n <= ADDRESS_MAX);
		for (size_t at = 0; at < told->value[i].n; at++) {
			unsigned char octet = (unsigned char)told->value[i].p[at];

			FUZZ_CHECK(octet >= ' ' && octet != 0x7F);
			FUZZ_CHECK(octet < 0x80 || i == LMTP_XCLIENT_LOGIN ||
				   i == LMTP_XCLIENT_ADDR || i == LMTP_XCLIENT_DESTADDR);
		}
		fuzz_print(&run->asked, told->given[i] ? " =" : " -");
		fuzz_add(&run->asked, told->value[i]);
	}
	lmtp_report_xclient(&run->session, address.n == 0 || address.p[0] != '0', &run->buf);
}

/* False when the machine waits or has closed. */
static bool perform(struct run *run, const struct lmtp_action *action, bool more)
{
	switch (action->kind) {
	case LMTP_NEED_INPUT:
		return more;
	case LMTP_MAIL:
		on_mail(run, action);
		break;
	case LMTP_RCPT:
		on_rcpt(run, action);
		break;
	case LMTP_BEGIN:
		on_begin(run, action);
		break;
	case LMTP_APPEND:
		on_append(run, action);
		return true;
	case LMTP_FINISH:
		on_finish(run);
		check_finish_replies(run);
		break;
	case LMTP_ABORT:
		FUZZ_CHECK(run->held);
		fuzz_print(&run->asked, "abort");
		run->held = run->begun = false;
		break;
	case LMTP_START_TLS:
		FUZZ_CHECK(!run->held);
		fuzz_print(&run->asked, "tls");
		lmtp_report_tls(&run->session, &run->buf);
		break;
	case LMTP_XCLIENT:
		on_xclient(run, &action->xclient);
		break;
	case LMTP_CLOSE:
		FUZZ_CHECK(!run->held);
		run->closed = true;
		return false;
	}
	fuzz_print(&run->asked, "\n");
	return true;
}

static void feed_piece(struct run *run, struct str *in)
{
	bool more = true;

	while (more) {
		size_t before = in->n;
		struct lmtp_action action = lmtp_step(&run->session, in, &run->buf);

		FUZZ_CHECK(action.kind != LMTP_NEED_INPUT || in->n == 0 || in->n < before ||
			   run->buf.n > 0);
		run->taken += before - in->n;
		flush(run);
		more = perform(run, &action, in->n > 0);
		flush(run);
	}
}

static void converse(struct run *run, struct str settings, struct str sent, bool pieces)
{
	unsigned char flags = fuzz_setting(settings, 0), limit = fuzz_setting(settings, 1);
	struct lmtp_policy policy = {
		.hostname = "mail.example.org",
		.message_octets = (flags & 1) != 0 ? limit : 0,
		.reject_nul = (flags & 2) != 0,
		.errors = (flags & 4) != 0 ? 5 : 1000,
		.starttls = (flags & 16) != 0,
		.xclient = (flags & 32) != 0,
	};
	struct str rest = sent;

	run->sent = sent;
	run->append_limit = (flags & 8) != 0 ? limit : UINT64_MAX;
	run->buf = buf_over(run->memory, pieces ? LMTP_STEP_ROOM : OUT_MAX);
	lmtp_start(&run->session, &policy, &run->buf);
	flush(run);
	for (size_t i = 2; rest.n > 0 && !run->closed; i++) {
		struct str piece = pieces ? fuzz_piece(settings, i, rest) : rest;
		char *copy = fuzz_copy(piece);
		struct str in = { copy, piece.n };

		run->piece = copy;
		run->piece_at = sent.n - rest.n;
		feed_piece(run, &in);
		FUZZ_CHECK(run->closed || in.n == 0);
		rest = str_from(rest, piece.n - in.n);
		free(copy);
	}
}

/* Three digits, SP or "-", then printable text and not a word of the client's. */
static void check_replies(struct str out)
{
	FUZZ_CHECK(fuzz_whole_lines(out));
	while (out.n > 0) {
		struct str line = fuzz_line(&out);

		FUZZ_CHECK(line.n > 4 && line.p[0] >= '2' && line.p[0] <= '5');
		FUZZ_CHECK(line.p[3] == ' ' || (line.p[3] == '-' && out.n > 0));
		for (size_t i = 0; i + 1 < line.n; i++)
			FUZZ_CHECK(line.p[i] >= ' ' && line.p[i] <= '~');
	}
}

static void reset(struct run *run, struct str answers)
{
	struct run fresh = { .answers = answers };

	memcpy(&fresh.out, &run->out, sizeof run->out);
	memcpy(&fresh.asked, &run->asked, sizeof run->asked);
	memcpy(&fresh.message, &run->message, sizeof run->message);
	fresh.out.n = fresh.asked.n = fresh.message.n = 0;
	memcpy(run, &fresh, offsetof(struct run, memory));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces;
	struct str in = fuzz_input(data, size);
	struct str settings = fuzz_line(&in);
	struct str answers = fuzz_line(&in);

	reset(&whole, answers);
	reset(&pieces, answers);
	converse(&whole, settings, in, false);
	converse(&pieces, settings, in, true);
	FUZZ_CHECK(str_equal(fuzz_str(&whole.asked), fuzz_str(&pieces.asked)));
	FUZZ_CHECK(str_equal(fuzz_str(&whole.out), fuzz_str(&pieces.out)));
	FUZZ_CHECK(whole.taken == pieces.taken && whole.closed == pieces.closed);
	check_replies(fuzz_str(&whole.out));
	return 0;
}
