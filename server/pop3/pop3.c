/*
 * The POP3 machine's frame: cuts command lines, finds the verb's row, runs its halves, keeps count
 * of errors, and turns the driver's reports into replies. See pop3.h for its life.
 *
 *	step:    line -> command -> check -> proceed -> reply, or an action
 *	report:  the row that asked writes the answer; a failure's words are in a table
 *	step:    while a list or a message is being produced, the next ROWS or OCTETS action
 *
 * A command line may hold a password (a mistyped one too), so a line is wiped as soon as it is
 * done with; that of a login at its report.
 */
#include "pop3/pop3.h"

#include <assert.h>

#include "base/line.h"
#include "pop3/pop3_private.h"

/* "18446744073709551615 18446744073709551615" CRLF, "18446744073709551615 uidl" CRLF, "." CRLF */
#define SCAN_LISTING_MAX (20 + 1 + 20 + 2)
#define UIDL_LISTING_MAX (20 + 1 + POP3_UIDL_MAX + 2)
#define LISTING_END 3

void pop3_start(struct pop3_session *session, const struct pop3_policy *policy,
		struct str challenge, struct buf *out)
{
	*session = (struct pop3_session){ .state = POP3_AUTHORIZATION, .policy = *policy };
	/*
	 * No timestamp where no login is taken: it would have clients send a digest, from which a
	 * listener may guess the secret, for nothing.
	 */
	if (policy->apop && policy->clear_password && challenge.n > 0 &&
	    challenge.n <= sizeof session->challenge) {
		memcpy(session->challenge, challenge.p, challenge.n);
		session->challenge_n = challenge.n;
	}
	pop3_reply_greeting(out, (struct str){ session->challenge, session->challenge_n });
}

void pop3_end(struct pop3_session *session)
{
	session->state = POP3_ENDED;
	session->producing = POP3_IDLE;
}

static void wipe_line(struct pop3_session *session)
{
	if (session->line != NULL)
		explicit_bzero(session->line, session->line_cap);
}

static struct pop3_action pause_or_close(const struct pop3_session *session)
{
	return (struct pop3_action){ .kind = session->state == POP3_ENDED ? POP3_CLOSE
									  : POP3_NEED_INPUT };
}

/* --- commands ------------------------------------------------------------------------------ */

/* An ill-formed, unknown or misplaced command; too many in a row end the connection. */
static struct pop3_action complain(struct pop3_session *session, struct str text,
				   struct buf *out)
{
	unsigned limit = session->state == POP3_AUTHORIZATION
				 ? session->policy.errors_before_login
				 : session->policy.errors_after_login;

	/* RFC 1939 section 7: PASS comes after a successful USER; an error lies between. */
	session->user_n = 0;
	if (session->errors++ < limit) {
		pop3_reply(out, text);
	} else {
		pop3_reply(out, STR("-ERR too many errors"));
		pop3_end(session);
	}
	return pause_or_close(session);
}

/*
 * Takes the arguments apart: runs of SP between them count as one, blanks at the end of a line as
 * nothing (old clients send them). One more than fits is counted, so that it is noticed.
 */
static void cut_arguments(struct str rest, struct pop3_command *command)
{
	while (rest.n > 0) {
		const char *blank = memchr(rest.p, ' ', rest.n);
		size_t n = blank == NULL ? rest.n : (size_t)(blank - rest.p);

		if (n > 0 && command->arguments < POP3_ARGUMENTS_MAX)
			command->argument[command->arguments] = (struct str){ rest.p, n };
		command->arguments += n > 0;
		rest = str_from(rest, n + 1);
	}
}

static struct str without_blanks_at_end(struct str line)
{
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	return line;
}

static void parse(struct str line, struct pop3_command *command)
{
	const char *blank = line.n == 0 ? NULL : memchr(line.p, ' ', line.n);
	struct str name = { line.p, blank == NULL ? line.n : (size_t)(blank - line.p) };

	/* Whatever it was meant to be: NUL would end a password early for crypt(3). */
	if (line.n > 0 && memchr(line.p, '\0', line.n) != NULL)
		return;
	command->verb = pop3_verb_find(without_blanks_at_end(name));
	if (command->verb == NULL || blank == NULL)
		return;
	if (command->verb->verbatim) {
		command->argument[command->arguments++] = str_from(line, name.n + 1);
		return;
	}
	cut_arguments(str_from(without_blanks_at_end(line), name.n + 1), command);
}

/* What is wrong with a command before it does anything; NULL = nothing. */
static const struct str *check(const struct pop3_session *session, struct pop3_command *command)
{
	static const struct str unknown = STR_INIT("-ERR unknown command");
	static const struct str misplaced = STR_INIT("-ERR command not valid in this state");
	static const struct str arguments = STR_INIT("-ERR wrong number of arguments");
	const struct pop3_verb *verb = command->verb;

	if (verb == NULL)
		return &unknown;
	if ((verb->states & 1U << session->state) == 0)
		return &misplaced;
	if (command->arguments < verb->least || command->arguments > verb->most)
		return &arguments;
	return verb->check == NULL ? NULL : verb->check(session, command);
}

static bool owes_report(enum pop3_action_kind kind)
{
	return kind != POP3_NEED_INPUT && kind != POP3_SASL_OVER && kind != POP3_CLOSE;
}

static struct pop3_action obey(struct pop3_session *session, struct str line, struct buf *out)
{
	struct pop3_command command = { 0 };
	const struct str *complaint;
	struct pop3_action action;

	parse(line, &command);
	complaint = check(session, &command);
	if (complaint != NULL)
		return complain(session, *complaint, out);
	session->errors = 0;
	action = command.verb->proceed(session, &command, out);
	if (owes_report(action.kind))
		session->verb = command.verb;
	return action;
}

/* A line that is too long cannot be a response either: the exchange is over with it. */
static struct pop3_action reject_line(struct pop3_session *session, struct buf *out)
{
	static const struct str too_long = STR_INIT("-ERR line too long");

	if (session->exchange == NULL)
		return complain(session, too_long, out);
	session->exchange = NULL;
	pop3_refuse(session, too_long, out);
	return (struct pop3_action){ .kind = POP3_SASL_OVER };
}

/* At most one line off `in`. */
static struct pop3_action read_line(struct pop3_session *session, struct str *in,
				    struct buf *out)
{
	struct line_keep keep = { session->line, session->line_cap, &session->line_n,
				  &session->skipping };
	struct pop3_action action = { .kind = POP3_NEED_INPUT };
	struct str line;

	session->unused = false;
	switch (line_cut(keep, LINE_LF_OR_CRLF, in, &line)) {
	case LINE_NONE:
		if (session->skipping)
			wipe_line(session);
		return action;
	case LINE_WHOLE:
		action = session->exchange != NULL ? pop3_respond(session, line, out)
						   : obey(session, line, out);
		break;
	case LINE_TOO_LONG:
		action = reject_line(session, out);
		break;
	}
	session->no_more = false;
	if (action.kind != POP3_LOGIN && action.kind != POP3_SASL)
		wipe_line(session);
	return action;
}

static struct pop3_action read_command(struct pop3_session *session, struct str *in,
				       struct buf *out)
{
	if (pop3_wants_more_line(session, *in))
		return (struct pop3_action){ .kind = POP3_MORE_LINE };
	return read_line(session, in, out);
}

static struct pop3_action produce(const struct pop3_session *session, const struct buf *out)
{
	size_t row = session->producing == POP3_LISTING ? SCAN_LISTING_MAX : UIDL_LISTING_MAX;

	if (session->producing == POP3_SENDING)
		return pop3_send_next(session, buf_room(out));
	return (struct pop3_action){ .kind = POP3_ROWS,
				     .msgno = session->msgno,
				     .max = (buf_room(out) - LISTING_END) / row };
}

struct pop3_action pop3_step(struct pop3_session *session, struct str *in, struct buf *out)
{
	struct pop3_action action = { .kind = POP3_CLOSE };

	assert(session->verb == NULL && buf_room(out) >= POP3_STEP_ROOM &&
	       session->line != NULL);
	if (session->state == POP3_ENDED)
		return action;
	if (session->producing == POP3_IDLE)
		action = read_command(session, in, out);
	return session->producing == POP3_IDLE ? action : produce(session, out);
}

/* --- reports ------------------------------------------------------------------------------- */

static const struct pop3_verb *take_verb(struct pop3_session *session)
{
	const struct pop3_verb *verb = session->verb;

	assert(verb != NULL);
	session->verb = NULL;
	return verb;
}

/* Refused credentials: the user is to be named anew, and only so many times. */
void pop3_refuse(struct pop3_session *session, struct str text, struct buf *out)
{
	session->user_n = 0;
	pop3_reply(out, text);
	if (++session->attempts >= session->policy.login_attempts)
		pop3_end(session);
}

void pop3_refuse_clear(struct pop3_session *session, struct buf *out)
{
	pop3_refuse(session,
		    STR("-ERR [AUTH] no password is taken on an unencrypted connection"), out);
}

/* RFC 2595 section 4; section 6 warns of whatever was learnt in clear. */
void pop3_report_tls(struct pop3_session *session, enum pop3_status status, struct buf *out)
{
	(void)take_verb(session);
	pop3_reply(out, pop3_tls_replies[status]);
	if (status != POP3_DONE)
		return;
	session->policy.stls = false;
	session->policy.secure = true;
	session->policy.clear_password = true;
	session->policy.offered |= session->policy.withheld;
	session->policy.withheld = 0;
	session->errors = 0;
	session->attempts = 0;
	explicit_bzero(session->user, sizeof session->user);
	session->user_n = 0;
}

void pop3_report_login(struct pop3_session *session, enum pop3_status status, uint64_t messages,
		       uint64_t octets, const struct pop3_in_use *holder, struct buf *out)
{
	(void)take_verb(session);
	wipe_line(session);
	if (status == POP3_REFUSED) {
		pop3_refuse(session, pop3_login_replies[status], out);
		return;
	}
	session->user_n = 0;
	if (status == POP3_IN_USE) {
		pop3_reply_in_use(out, holder);
		return;
	}
	if (status != POP3_DONE) {
		pop3_reply(out, pop3_login_replies[status]);
		return;
	}
	session->state = POP3_TRANSACTION;
	pop3_reply_totals(out, pop3_login_replies[status], messages, octets);
}

void pop3_report_challenge(struct pop3_session *session, struct str challenge, struct buf *out)
{
	session->exchange = take_verb(session);
	wipe_line(session);
	pop3_add_challenge(out, challenge);
}

void pop3_lend_line(struct pop3_session *session, char *memory)
{
	assert(session->line == NULL);
	session->line = memory;
	session->line_cap = POP3_LINE_MAX;
}

char *pop3_take_line(struct pop3_session *session)
{
	char *memory = session->line;

	/* A line half read is kept; one that is skipped to its end is not. */
	if (memory == NULL || session->unused || session->verb != NULL ||
	    (session->line_n > 0 && !session->skipping))
		return NULL;
	wipe_line(session);
	session->line = NULL;
	return memory;
}

char *pop3_report_line(struct pop3_session *session, char *memory)
{
	char *before = session->line;

	session->no_more = memory == NULL;
	if (memory == NULL)
		return NULL;
	memcpy(memory, before, session->line_n);
	wipe_line(session);
	session->line = memory;
	session->line_cap = POP3_AUTH_LINE_MAX;
	session->unused = true;
	return before;
}

void pop3_report_totals(struct pop3_session *session, enum pop3_status status,
			uint64_t messages, uint64_t octets, struct buf *out)
{
	const struct pop3_verb *verb = take_verb(session);

	if (status == POP3_DONE)
		verb->totals(session, messages, octets, out);
	else
		pop3_reply(out, pop3_failure_replies[status]);
}

void pop3_report_message(struct pop3_session *session, enum pop3_status status,
			 const struct pop3_message *message, struct buf *out)
{
	const struct pop3_verb *verb = take_verb(session);

	if (status == POP3_DONE)
		verb->message(session, message, out);
	else
		pop3_reply(out, pop3_failure_replies[status]);
}

/*
 * A list that cannot be gone on with must not look complete: the connection ends without the
 * final dot.
 */
void pop3_report_rows(struct pop3_session *session, enum pop3_status status,
		      const struct pop3_message *rows, size_t n, uint64_t next, struct buf *out)
{
	bool scan = session->producing == POP3_LISTING;
	bool sent = status == POP3_DONE;

	assert(scan || session->producing == POP3_UIDLING);
	for (size_t i = 0; i < n && sent; i++)
		sent = scan ? pop3_add_scan(out, STR(""), &rows[i])
			    : pop3_add_uidl(out, STR(""), &rows[i]);
	session->msgno = next;
	if (sent && n == 0) {
		sent = buf_add(out, STR(".\r\n"));
		session->producing = POP3_IDLE;
	}
	if (!sent)
		pop3_end(session);
}

void pop3_report_octets(struct pop3_session *session, enum pop3_status status,
			struct str octets, struct buf *out)
{
	assert(session->producing == POP3_SENDING);
	if (status == POP3_DONE)
		pop3_send_octets(session, octets, out);
	else
		pop3_end(session);
}

bool pop3_message_sent(const struct pop3_session *session)
{
	return session->state == POP3_TRANSACTION && session->producing == POP3_IDLE &&
	       session->offset == session->octets;
}

/* RFC 1939 section 6: the reply is the outcome, and the connection ends in any case. */
void pop3_report_update(struct pop3_session *session, enum pop3_status status, struct buf *out)
{
	(void)take_verb(session);
	pop3_reply(out, pop3_update_replies[status]);
	pop3_end(session);
}

bool pop3_at_rest(const struct pop3_session *session)
{
	return session->verb == NULL && session->producing == POP3_IDLE &&
	       session->line_n == 0 && !session->skipping;
}

void pop3_wipe(struct pop3_session *session)
{
	wipe_line(session);
	explicit_bzero(session->user, sizeof session->user);
	explicit_bzero(session->challenge, sizeof session->challenge);
	session->verb = NULL;
	session->unused = false;
	session->line_n = 0;
	session->user_n = 0;
	session->challenge_n = 0;
}
