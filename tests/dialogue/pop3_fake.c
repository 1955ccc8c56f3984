/* The POP3 machine's driver for tests: see pop3_fake.h. */
#include "pop3_fake.h"

#include <stdio.h>
#include <stdlib.h>

size_t fake_header_octets(struct str message)
{
	const char *end;

	if (message.n >= 2 && memcmp(message.p, "\r\n", 2) == 0)
		return 2;
	end = message.n == 0 ? NULL : memmem(message.p, message.n, "\r\n\r\n", 4);
	return end == NULL ? message.n : (size_t)(end - message.p) + 4;
}

bool fake_needs_stuffing(struct str message)
{
	return message.n > 0 &&
	       (message.p[0] == '.' || memmem(message.p, message.n, "\n.", 2) != NULL);
}

static void unsound(struct pop3_fake *fake, const char *what)
{
	fprintf(stderr, "the machine broke its contract: %s\n", what);
	fake->sound = false;
}

static void flush(struct pop3_fake *fake)
{
	fake->send(fake->context, buf_str(&fake->out));
	fake->out.n = 0;
}

void pop3_fake_start(struct pop3_fake *fake, const struct pop3_policy *policy,
		     struct str challenge)
{
	fake->sound = true;
	fake->out = buf_over(fake->memory, fake->out_cap);
	pop3_start(&fake->session, policy, challenge, &fake->out);
	flush(fake);
}

void pop3_fake_add(struct pop3_fake *fake, struct str octets)
{
	struct fake_message *message = &fake->messages[fake->count++];

	*message = (struct fake_message){ .octets = malloc(octets.n + 1), .n = octets.n };
	if (message->octets == NULL || fake->count > FAKE_MESSAGES_MAX)
		abort();
	if (octets.n > 0)
		memcpy(message->octets, octets.p, octets.n);
	snprintf(message->uidl, sizeof message->uidl, "uidl-%zu", fake->count);
}

/* Memory of its own for each line, so that sanitizers see a use of what was given back. */
static void put_back(struct pop3_fake *fake, char *memory, size_t cap)
{
	for (size_t i = 0; i < cap; i++)
		if (memory[i] != '\0')
			unsound(fake, "a line is given back with something in it");
	free(memory);
}

static void lend_line(struct pop3_fake *fake)
{
	char *memory;

	if (fake->session.line != NULL)
		return;
	memory = calloc(1, POP3_LINE_MAX);
	if (memory == NULL)
		abort();
	pop3_lend_line(&fake->session, memory);
}

static void take_back_line(struct pop3_fake *fake)
{
	size_t cap = fake->session.line_cap;
	char *memory = pop3_take_line(&fake->session);

	if (memory == NULL)
		return;
	put_back(fake, memory, cap);
	fake->lent = fake->lent && cap != POP3_AUTH_LINE_MAX;
}

void pop3_fake_free(struct pop3_fake *fake)
{
	pop3_wipe(&fake->session);
	take_back_line(fake);
	for (size_t i = 0; i < fake->count; i++)
		free(fake->messages[i].octets);
	fake->count = 0;
}

/* Takes the status off an answer's front; *rest is what follows. */
static enum pop3_status status_of(const char *answer, struct str *rest)
{
	static const char *const names[] = {
		[POP3_DONE] = "done",           [POP3_NO_MESSAGE] = "no-message",
		[POP3_REFUSED] = "refused",     [POP3_IN_USE] = "in-use",
		[POP3_TEMPORARY] = "temporary", [POP3_PERMANENT] = "permanent",
		[POP3_BROKEN] = "broken",       [POP3_TOO_SOON] = "too-soon"
	};
	size_t n = strcspn(answer, " ");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == n && memcmp(names[i], answer, n) == 0) {
			*rest = str_of(answer + n + (answer[n] == ' '));
			return (enum pop3_status)i;
		}
	}
	fprintf(stderr, "no such status: %s\n", answer);
	abort();
}

/* The script's status for this action, or `usual`. */
static enum pop3_status asked(struct pop3_fake *fake, const char *action,
			      enum pop3_status usual, struct str *rest)
{
	const char *answer = fake->answer == NULL ? NULL : fake->answer(fake->context, action);

	*rest = STR("");
	return answer == NULL ? usual : status_of(answer, rest);
}

static struct pop3_message facts(const struct pop3_fake *fake, size_t index)
{
	const struct fake_message *message = &fake->messages[index];
	struct str octets = { message->octets, message->n };

	return (struct pop3_message){ .msgno = index + 1,
				      .octets = message->n,
				      .header_octets = fake_header_octets(octets),
				      .needs_stuffing = fake_needs_stuffing(octets),
				      .needs_utf8 = message->needs_utf8,
				      .uidl = str_of(message->uidl) };
}

static uint64_t totals(const struct pop3_fake *fake, uint64_t *octets)
{
	uint64_t messages = 0;

	*octets = fake->more_octets;
	for (size_t i = 0; i < fake->count; i++) {
		messages += !fake->messages[i].marked;
		*octets += fake->messages[i].marked ? 0 : fake->messages[i].n;
	}
	return messages;
}

static void log_in(struct pop3_fake *fake, const struct pop3_action *action)
{
	bool by_pass = action->method == POP3_BY_PASS;
	bool good = str_equal(action->user, fake->user) &&
		    str_equal(action->secret, by_pass ? fake->password : fake->digest) &&
		    (by_pass || action->challenge.n > 0);
	struct pop3_in_use holder = { STR(""), STR("") };
	uint64_t octets, messages = totals(fake, &octets);
	struct str rest;
	enum pop3_status status = asked(fake, "login", good ? POP3_DONE : POP3_REFUSED, &rest);
	const char *blank = rest.n == 0 ? NULL : memchr(rest.p, ' ', rest.n);

	if (blank != NULL) {
		holder.peer = (struct str){ rest.p, (size_t)(blank - rest.p) };
		holder.since = str_from(rest, holder.peer.n + 1);
	}
	fake->logins++;
	pop3_report_login(&fake->session, status, messages, octets,
			  blank == NULL ? NULL : &holder, &fake->out);
	for (size_t i = 0; i < action->secret.n; i++) {
		if (action->secret.p[i] != '\0')
			unsound(fake, "a secret is still there after the report");
	}
}

static void report_sasl_login(struct pop3_fake *fake, bool good)
{
	uint64_t octets, messages = totals(fake, &octets);
	struct str rest;
	enum pop3_status status = asked(fake, "login", good ? POP3_DONE : POP3_REFUSED, &rest);

	fake->exchanging = false;
	fake->logins++;
	pop3_report_login(&fake->session, status, messages, octets, NULL, &fake->out);
}

static void exchange(struct pop3_fake *fake, const struct pop3_action *action)
{
	if (action->begins == fake->exchanging || (!action->begins && !action->has_response))
		unsound(fake,
			"an exchange begins in the middle, or goes on without a beginning");
	if (action->begins)
		fake->sasl_at = 0;
	fake->exchanging = true;
	if (!action->has_response)
		pop3_report_challenge(&fake->session, fake->sasl_first, &fake->out);
	else if (fake->sasl_at == fake->sasl_count ||
		 !str_equal(action->secret, fake->sasl_hears[fake->sasl_at++]))
		report_sasl_login(fake, false);
	else if (fake->sasl_at == fake->sasl_count)
		report_sasl_login(fake, true);
	else
		pop3_report_challenge(&fake->session, fake->sasl_says[fake->sasl_at - 1],
				      &fake->out);
	for (size_t i = 0; i < action->secret.n; i++) {
		if (action->secret.p[i] != '\0')
			unsound(fake, "a response is still there after the report");
	}
}

static void exchange_over(struct pop3_fake *fake)
{
	if (!fake->exchanging)
		unsound(fake, "an exchange ends that has not begun");
	fake->exchanging = false;
	fake->exchanges_over++;
}

static void lend_more(struct pop3_fake *fake)
{
	char *memory = fake->no_lines ? NULL : calloc(1, POP3_AUTH_LINE_MAX);
	char *before;

	if (fake->lent)
		unsound(fake, "two long lines at a time");
	fake->lent = memory != NULL;
	before = pop3_report_line(&fake->session, memory);
	if (before != NULL)
		put_back(fake, before, POP3_LINE_MAX);
}

static void tell_totals(struct pop3_fake *fake, const struct pop3_action *action)
{
	uint64_t octets, messages;
	struct str rest;
	enum pop3_status status = asked(fake, "totals", POP3_DONE, &rest);

	for (size_t i = 0; i < fake->count && action->reset && status == POP3_DONE; i++)
		fake->messages[i].marked = false;
	messages = totals(fake, &octets);
	pop3_report_totals(&fake->session, status, messages, octets, &fake->out);
}

static void find(struct pop3_fake *fake, const struct pop3_action *action)
{
	bool mark = action->kind == POP3_MARK;
	size_t index = (size_t)action->msgno - 1;
	bool there = action->msgno >= 1 && action->msgno <= fake->count &&
		     !fake->messages[index].marked;
	struct str rest;
	enum pop3_status status =
		asked(fake, mark ? "mark" : "find", there ? POP3_DONE : POP3_NO_MESSAGE, &rest);
	struct pop3_message message = { 0 };

	if (status == POP3_DONE) {
		fake->messages[index].marked |= mark;
		message = facts(fake, index);
	}
	pop3_report_message(&fake->session, status, &message, &fake->out);
}

static void list(struct pop3_fake *fake, const struct pop3_action *action)
{
	struct pop3_message rows[FAKE_MESSAGES_MAX];
	size_t max = action->max < fake->rows ? action->max : fake->rows, n = 0;
	uint64_t next = action->msgno;
	struct str rest;
	enum pop3_status status = asked(fake, "rows", POP3_DONE, &rest);

	if (action->max == 0)
		unsound(fake, "rows are wanted, but none at a time");
	for (; next <= fake->count && n < max; next++) {
		if (!fake->messages[next - 1].marked)
			rows[n++] = facts(fake, (size_t)next - 1);
	}
	pop3_report_rows(&fake->session, status, rows, n, next, &fake->out);
}

static void read_octets(struct pop3_fake *fake, const struct pop3_action *action)
{
	const struct fake_message *message = &fake->messages[action->msgno - 1];
	struct str octets =
		str_from((struct str){ message->octets, message->n }, (size_t)action->offset);
	struct str rest;
	enum pop3_status status = asked(fake, "octets", POP3_DONE, &rest);

	if (action->max == 0 || action->max > octets.n)
		unsound(fake, "octets are wanted that the message has not");
	if (octets.n > action->max)
		octets.n = action->max;
	if (octets.n > fake->slice)
		octets.n = fake->slice;
	/* "A: octets done none": the message is shorter than announced. */
	if (str_equal(rest, STR("none")))
		octets.n = 0;
	pop3_report_octets(&fake->session, status, octets, &fake->out);
}

static void update(struct pop3_fake *fake)
{
	uint64_t left = 0;
	struct str rest;
	enum pop3_status status = asked(fake, "update", POP3_DONE, &rest);

	for (size_t i = 0; i < fake->count; i++)
		left += fake->messages[i].marked;
	fake->updates++;
	if (status == POP3_DONE)
		fake->removed += (size_t)left;
	pop3_report_update(&fake->session, status, &fake->out);
}

/* What follows in the script comes through TLS. */
static void start_tls(struct pop3_fake *fake)
{
	struct str rest;

	pop3_report_tls(&fake->session, asked(fake, "tls", POP3_DONE, &rest), &fake->out);
}

static void perform(struct pop3_fake *fake, const struct pop3_action *action)
{
	switch (action->kind) {
	case POP3_LOGIN:
		log_in(fake, action);
		break;
	case POP3_SASL:
		exchange(fake, action);
		break;
	case POP3_SASL_OVER:
		exchange_over(fake);
		break;
	case POP3_MORE_LINE:
		lend_more(fake);
		break;
	case POP3_TOTALS:
		tell_totals(fake, action);
		break;
	case POP3_FIND:
	case POP3_MARK:
		find(fake, action);
		break;
	case POP3_ROWS:
		list(fake, action);
		break;
	case POP3_OCTETS:
		read_octets(fake, action);
		break;
	case POP3_START_TLS:
		start_tls(fake);
		break;
	case POP3_UPDATE:
		update(fake);
		break;
	case POP3_CLOSE:
		fake->closed = true;
		break;
	case POP3_NEED_INPUT:
		break;
	}
}

void pop3_fake_run(struct pop3_fake *fake, struct str *in)
{
	struct pop3_action action;

	do {
		if (buf_room(&fake->out) < POP3_STEP_ROOM)
			flush(fake);
		lend_line(fake);
		action = pop3_step(&fake->session, in, &fake->out);
		perform(fake, &action);
		take_back_line(fake);
	} while (!fake->closed && (action.kind != POP3_NEED_INPUT || in->n > 0));
	flush(fake);
}
