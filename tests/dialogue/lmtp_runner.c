/*
 * Runs dialogue scripts against the LMTP machine. The world behind it is a fake driver which holds
 * the machine to its contract: a transaction begins and ends as lmtp.h says, and nothing is asked
 * of a driver that holds none.
 *
 * Headers: size (0 = no limit), reject_nul, errors, starttls, xclient; and any number of `expect:`, which then are
 * all that the machine asks of its driver, in order:
 *
 *	mail <sender> [size=N] [utf8] [8bit]     rcpt address       begin data|bdat
 *	deliver octets      what was appended, at FINISH; \r \n \\ \xNN
 *	abort
 *	xclient [name=value]...     what was told; a value that is not known is empty
 *
 * Answers: `A: mail|rcpt|begin|append status`, `A: finish status...`; a last word `drain` starts
 * draining there. Statuses are the words in status_names.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dialogue.h"
#include "lmtp/lmtp.h"

static const char *const status_names[] = {
	[LMTP_ACCEPTED] = "accepted",
	[LMTP_NO_USER] = "no-user",
	[LMTP_DISABLED] = "disabled",
	[LMTP_QUOTA] = "quota",
	[LMTP_QUOTA_HARD] = "quota-hard",
	[LMTP_TOO_LARGE] = "too-large",
	[LMTP_NO_ROOM] = "no-room",
	[LMTP_TROUBLE] = "trouble",
	[LMTP_LOOP] = "loop",
	[LMTP_SHUTTING_DOWN] = "shutting-down",
	[LMTP_NUL_REFUSED] = "nul",
	[LMTP_INCOMPLETE] = "incomplete",
};

struct text {
	char *p;
	size_t n, cap;
};

struct world {
	struct lmtp_session session;
	struct text message; /* appended so far */
	struct text events;  /* a line each */
	bool held, begun, broken;
	size_t recipients;
	size_t room;
	char out[4 * LMTP_STEP_ROOM];
};

static void text_add(struct text *text, const char *p, size_t n)
{
	if (text->cap - text->n < n) {
		size_t cap = (text->cap + n) * 2;
		char *more = realloc(text->p, cap);

		if (more == NULL)
			abort();
		text->p = more;
		text->cap = cap;
	}
	if (n > 0)
		memcpy(text->p + text->n, p, n);
	text->n += n;
}

PRINTF_LIKE(2, 3) static void text_print(struct text *text, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	text_add(text, line, strlen(line));
}

static void print_escaped(struct text *text, struct str octets)
{
	for (size_t i = 0; i < octets.n; i++) {
		unsigned char c = (unsigned char)octets.p[i];

		if (c == '\r' || c == '\n' || c == '\\')
			text_print(text, "\\%c", c == '\r' ? 'r' : c == '\n' ? 'n' : '\\');
		else
			text_print(text, c >= ' ' && c <= '~' ? "%c" : "\\x%02x", c);
	}
}

static void must(struct world *world, bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "the machine breaks its contract: %s\n", what);
		world->broken = true;
	}
}

/* Takes a word off *answer; LMTP_ACCEPTED when there is none. */
static enum lmtp_status next_status(struct world *world, const char **answer)
{
	size_t n = *answer == NULL ? 0 : strcspn(*answer, " ");
	struct str word = { *answer, n };

	if (n == 0)
		return LMTP_ACCEPTED;
	*answer += n;
	*answer += strspn(*answer, " ");
	for (int i = 0; i < LMTP_STATUS_COUNT; i++)
		if (str_equal(word, str_of(status_names[i])))
			return (enum lmtp_status)i;
	must(world, false, "the script has an answer that is no status");
	return LMTP_ACCEPTED;
}

static void maybe_drain(struct world *world, const char *answer)
{
	if (answer != NULL && strcmp(answer, "drain") == 0)
		lmtp_drain(&world->session);
}

static void flush(struct world *world, struct dialogue *run, struct buf *out)
{
	must(world, out->n == 0 || out->p[out->n - 1] == '\n', "half a line");
	dialogue_send(run, buf_str(out));
	out->n = 0;
}

static void on_mail(struct world *world, const struct lmtp_action *action,
		    enum lmtp_status status)
{
	must(world, !world->held, "MAIL with a transaction held");
	must(world, action->client.n > 0, "MAIL without a client's name");
	text_print(&world->events, "mail <");
	print_escaped(&world->events, action->sender);
	text_print(&world->events, ">");
	if (action->size > 0)
		text_print(&world->events, " size=%" PRIu64, action->size);
	text_print(&world->events, "%s%s\n", action->smtputf8 ? " utf8" : "",
		   action->body8bit ? " 8bit" : "");
	world->held = status == LMTP_ACCEPTED;
	world->begun = false;
	world->recipients = 0;
	world->message.n = 0;
}

static void on_rcpt(struct world *world, const struct lmtp_action *action,
		    enum lmtp_status status)
{
	must(world, world->held && !world->begun, "RCPT outside a transaction");
	text_print(&world->events, "rcpt ");
	print_escaped(&world->events, action->address);
	text_print(&world->events, "\n");
	world->recipients += status == LMTP_ACCEPTED;
}

static void on_begin(struct world *world, const struct lmtp_action *action,
		     enum lmtp_status status)
{
	must(world, world->held && !world->begun && world->recipients > 0,
	     "BEGIN outside a transaction");
	text_print(&world->events, "begin %s\n", action->chunking ? "bdat" : "data");
	world->begun = status == LMTP_ACCEPTED;
}

static void on_append(struct world *world, const struct lmtp_action *action)
{
	must(world, world->held && world->begun, "APPEND without BEGIN");
	must(world, action->octets.n > 0, "APPEND of nothing");
	text_add(&world->message, action->octets.p, action->octets.n);
}

static void on_finish(struct world *world, const char *answer, struct buf *out)
{
	enum lmtp_status status[LMTP_RECIPIENTS_MAX];

	must(world, world->held && world->begun, "FINISH without BEGIN");
	must(world, world->recipients <= LMTP_RECIPIENTS_MAX, "too many recipients");
	text_print(&world->events, "deliver ");
	print_escaped(&world->events, (struct str){ world->message.p, world->message.n });
	text_print(&world->events, "\n");
	for (size_t i = 0; i < world->recipients; i++)
		status[i] = next_status(world, &answer);
	maybe_drain(world, answer);
	lmtp_report_finish(&world->session, status, world->recipients, out);
	world->held = world->begun = false;
}

static void on_abort(struct world *world)
{
	must(world, world->held, "ABORT of nothing");
	text_print(&world->events, "abort\n");
	world->held = world->begun = false;
}

/* An address that begins with "0" is none. */
static bool on_xclient(struct world *world, const struct lmtp_xclient *told)
{
	static const char *const names[] = {
		[LMTP_XCLIENT_NAME] = "name",         [LMTP_XCLIENT_ADDR] = "addr",
		[LMTP_XCLIENT_PORT] = "port",         [LMTP_XCLIENT_PROTO] = "proto",
		[LMTP_XCLIENT_HELO] = "helo",         [LMTP_XCLIENT_LOGIN] = "login",
		[LMTP_XCLIENT_DESTADDR] = "destaddr", [LMTP_XCLIENT_DESTPORT] = "destport",
	};
	struct str address = told->value[LMTP_XCLIENT_ADDR];

	must(world, !world->held, "XCLIENT with a transaction held");
	text_print(&world->events, "xclient");
	for (size_t i = 0; i < LMTP_XCLIENT_COUNT; i++) {
		if (!told->given[i])
			continue;
		text_print(&world->events, " %s=", names[i]);
		print_escaped(&world->events, told->value[i]);
	}
	text_print(&world->events, "\n");
	return address.n == 0 || address.p[0] != '0';
}

/* Performs an action; false when the machine waits or has closed. */
static bool perform(struct world *world, struct dialogue *run, const struct lmtp_action *action,
		    struct buf *out)
{
	static const char *const names[] = {
		[LMTP_MAIL] = "mail",     [LMTP_RCPT] = "rcpt",     [LMTP_BEGIN] = "begin",
		[LMTP_APPEND] = "append", [LMTP_FINISH] = "finish",
	};
	bool asked = action->kind >= LMTP_MAIL && action->kind <= LMTP_FINISH;
	const char *answer = asked ? dialogue_answer(run, names[action->kind]) : NULL;
	enum lmtp_status status = LMTP_ACCEPTED;

	if (action->kind != LMTP_FINISH) {
		status = next_status(world, &answer);
		maybe_drain(world, answer);
	}
	switch (action->kind) {
	case LMTP_NEED_INPUT:
		return run->in.n > 0;
	case LMTP_MAIL:
		on_mail(world, action, status);
		lmtp_report_mail(&world->session, status, out);
		break;
	case LMTP_RCPT:
		on_rcpt(world, action, status);
		lmtp_report_rcpt(&world->session, status, out);
		break;
	case LMTP_BEGIN:
		on_begin(world, action, status);
		lmtp_report_begin(&world->session, status, out);
		break;
	case LMTP_APPEND:
		on_append(world, action);
		lmtp_report_append(&world->session, status, out);
		break;
	case LMTP_FINISH:
		on_finish(world, answer, out);
		break;
	case LMTP_ABORT:
		on_abort(world);
		break;
	case LMTP_START_TLS: /* what follows in the script comes through TLS */
		lmtp_report_tls(&world->session, out);
		break;
	case LMTP_XCLIENT:
		lmtp_report_xclient(&world->session, on_xclient(world, &action->xclient), out);
		break;
	case LMTP_CLOSE:
		must(world, !world->held, "CLOSE with a transaction held");
		run->closed = true;
		return false;
	}
	return true;
}

static void feed(void *self, struct dialogue *run)
{
	struct world *world = self;
	struct buf out = buf_over(world->out, world->room);
	bool more = true;

	while (more && !world->broken) {
		size_t before = run->in.n;
		struct lmtp_action action = lmtp_step(&world->session, &run->in, &out);

		must(world,
		     action.kind != LMTP_NEED_INPUT || run->in.n == 0 || run->in.n < before ||
			     out.n > 0,
		     "a step without progress");
		flush(world, run, &out);
		more = perform(world, run, &action, &out);
		flush(world, run, &out);
	}
}

static void *open_world(struct dialogue *run)
{
	const struct script *script = run->script;
	struct lmtp_policy policy = {
		.hostname = "mail.example.org",
		.message_octets = script_number(script, "size", 1000000),
		.reject_nul = script_flag(script, "reject_nul", false),
		.errors = (unsigned)script_number(script, "errors", LMTP_ERRORS),
		.starttls = script_flag(script, "starttls", false),
		.xclient = script_flag(script, "xclient", false),
	};
	struct world *world = calloc(1, sizeof *world);
	struct buf out;

	if (world == NULL)
		abort();
	world->room = run->tight ? LMTP_STEP_ROOM : sizeof world->out;
	out = buf_over(world->out, world->room);
	lmtp_start(&world->session, &policy, &out);
	flush(world, run, &out);
	return world;
}

static bool close_world(void *self, struct dialogue *run)
{
	struct world *world = self;
	struct text expected = { 0 };
	const char *line;
	bool good = !world->broken;

	for (size_t i = 0; (line = script_header(run->script, "expect", i)) != NULL; i++)
		text_print(&expected, "%s\n", line);
	if (expected.n > 0 && !str_equal((struct str){ expected.p, expected.n },
					 (struct str){ world->events.p, world->events.n })) {
		fprintf(stderr, "%s: the driver is asked\n%.*sinstead of\n%.*s",
			run->script->path, (int)world->events.n,
			world->events.n > 0 ? world->events.p : "", (int)expected.n,
			expected.p);
		good = false;
	}
	free(expected.p);
	free(world->events.p);
	free(world->message.p);
	free(world);
	return good;
}

int main(int argc, char **argv)
{
	static const struct dialogue_peer peer = { open_world, feed, close_world };

	return dialogue_main(argc, argv, &peer);
}
