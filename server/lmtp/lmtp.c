/*
 * The LMTP machine: cuts commands off the input, looks them up in the table of verbs, and hands
 * the input inside a message to the transaction. The life of a session is in lmtp.h.
 */
#include "lmtp/lmtp_private.h"

#include "base/line.h"

/* --- verbs outside transactions ------------------------------------------------------------ */

static bool lhlo(struct lmtp_session *session, struct str argument, struct buf *out,
		 struct lmtp_action *action)
{
	const char *space = argument.n > 0 ? memchr(argument.p, ' ', argument.n) : NULL;

	(void)action;
	/* RFC 5321 section 4.1.1.1: be prepared for words behind the name. */
	if (space != NULL)
		argument.n = (size_t)(space - argument.p);
	if (!lmtp_client_name_valid(argument)) {
		lmtp_refuse(session, LMTP_REPLY_LHLO_SYNTAX, out);
		return true;
	}
	memcpy(session->client, argument.p, argument.n);
	session->client_n = argument.n;
	/* Section 4.1.4: "exactly as if a RSET command had been issued". */
	lmtp_transaction_drop(session);
	session->state = LMTP_READY;
	lmtp_answer_lhlo(session, out);
	return true;
}

/* RFC 2033 section 4.1: never a positive reply; "The 500 reply code is recommended". */
static bool not_lmtp(struct lmtp_session *session, struct str argument, struct buf *out,
		     struct lmtp_action *action)
{
	(void)argument, (void)action;
	lmtp_refuse(session, LMTP_REPLY_LHLO_ONLY, out);
	return true;
}

static bool rset(struct lmtp_session *session, struct str argument, struct buf *out,
		 struct lmtp_action *action)
{
	(void)argument, (void)action;
	lmtp_transaction_drop(session);
	lmtp_answer(session, LMTP_REPLY_RESET, out);
	return true;
}

static bool noop(struct lmtp_session *session, struct str argument, struct buf *out,
		 struct lmtp_action *action)
{
	(void)argument, (void)action;
	lmtp_answer(session, LMTP_REPLY_NOOP, out);
	return true;
}

static bool vrfy(struct lmtp_session *session, struct str argument, struct buf *out,
		 struct lmtp_action *action)
{
	(void)argument, (void)action;
	lmtp_answer(session, LMTP_REPLY_VRFY, out);
	return true;
}

static bool help(struct lmtp_session *session, struct str argument, struct buf *out,
		 struct lmtp_action *action)
{
	(void)argument, (void)action;
	lmtp_answer(session, LMTP_REPLY_HELP, out);
	return true;
}

/* RFC 5321 section 4.2.4: recognized, but not served. */
static bool expn(struct lmtp_session *session, struct str argument, struct buf *out,
		 struct lmtp_action *action)
{
	(void)argument, (void)action;
	lmtp_refuse(session, LMTP_REPLY_NOT_IMPLEMENTED, out);
	return true;
}

/* RFC 3207 section 4: no parameters, and only where it was announced. */
static bool starttls(struct lmtp_session *session, struct str argument, struct buf *out,
		     struct lmtp_action *action)
{
	(void)argument;
	if (!session->policy.starttls) {
		lmtp_refuse(session, LMTP_REPLY_NOT_IMPLEMENTED, out);
		return true;
	}
	session->errors = 0;
	session->owed = action->kind = LMTP_START_TLS;
	return false;
}

static bool quit(struct lmtp_session *session, struct str argument, struct buf *out,
		 struct lmtp_action *action)
{
	(void)argument, (void)action;
	lmtp_say_goodbye(session, out);
	lmtp_end(session);
	return true;
}

/* --- the table ----------------------------------------------------------------------------- */

#define IN(state) (1U << (state))
#define ANYWHERE (IN(LMTP_FRESH) | IN(LMTP_READY) | IN(LMTP_IN_MAIL))

enum arguments { NO_ARGUMENT, MAY_HAVE_ARGUMENT, MUST_HAVE_ARGUMENT };

struct verb {
	struct str name;
	unsigned states;
	enum arguments arguments;
	lmtp_command *command;
};

static const struct verb verbs[] = {
	{ STR_INIT("LHLO"), ANYWHERE, MAY_HAVE_ARGUMENT, lhlo },
	{ STR_INIT("MAIL"), IN(LMTP_READY), MAY_HAVE_ARGUMENT, lmtp_mail },
	{ STR_INIT("RCPT"), IN(LMTP_IN_MAIL), MAY_HAVE_ARGUMENT, lmtp_rcpt },
	{ STR_INIT("DATA"), IN(LMTP_IN_MAIL), NO_ARGUMENT, lmtp_data },
	{ STR_INIT("BDAT"), ANYWHERE, MAY_HAVE_ARGUMENT, lmtp_bdat },
	{ STR_INIT("RSET"), ANYWHERE, NO_ARGUMENT, rset },
	{ STR_INIT("NOOP"), ANYWHERE, MAY_HAVE_ARGUMENT, noop },
	{ STR_INIT("STARTTLS"), IN(LMTP_FRESH) | IN(LMTP_READY), NO_ARGUMENT, starttls },
	{ STR_INIT("XCLIENT"), ANYWHERE, MAY_HAVE_ARGUMENT, lmtp_xclient },
	{ STR_INIT("QUIT"), ANYWHERE, NO_ARGUMENT, quit },
	{ STR_INIT("VRFY"), ANYWHERE, MUST_HAVE_ARGUMENT, vrfy },
	{ STR_INIT("EXPN"), ANYWHERE, MAY_HAVE_ARGUMENT, expn },
	{ STR_INIT("HELP"), ANYWHERE, MAY_HAVE_ARGUMENT, help },
	{ STR_INIT("HELO"), ANYWHERE, MAY_HAVE_ARGUMENT, not_lmtp },
	{ STR_INIT("EHLO"), ANYWHERE, MAY_HAVE_ARGUMENT, not_lmtp },
};

static const struct verb *find_verb(struct str name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (str_equal_nocase(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

/* RFC 5321 section 4.1.1: white space before the CRLF should be tolerated. */
static struct str without_trailing_space(struct str line)
{
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	return line;
}

static bool has_control_character(struct str line)
{
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7F)
			return true;
	return false;
}

/* A bare LF or CR is here as part of the line: it never makes two commands of one. */
static bool command(struct lmtp_session *session, struct str line, struct buf *out,
		    struct lmtp_action *action)
{
	const struct verb *verb;
	const char *space;
	struct str name = line = without_trailing_space(line), argument = { NULL, 0 };
	enum lmtp_reply fault;

	space = line.n > 0 ? memchr(line.p, ' ', line.n) : NULL;
	if (space != NULL) {
		name.n = (size_t)(space - line.p);
		argument = str_from(line, name.n + 1);
	}
	verb = find_verb(name);
	if (has_control_character(line))
		fault = LMTP_REPLY_CONTROL_CHARACTER;
	else if (verb == NULL)
		fault = LMTP_REPLY_NOT_RECOGNIZED;
	else if ((verb->states & IN(session->state)) == 0)
		fault = LMTP_REPLY_SEQUENCE;
	else if ((verb->arguments == NO_ARGUMENT && argument.n > 0) ||
		 (verb->arguments == MUST_HAVE_ARGUMENT && argument.n == 0))
		fault = LMTP_REPLY_ARGUMENTS;
	else
		return verb->command(session, argument, out, action);
	lmtp_refuse(session, fault, out);
	return true;
}

static bool take_line(struct lmtp_session *session, struct str *in, struct buf *out,
		      struct lmtp_action *action)
{
	struct line_keep keep = { session->line, sizeof session->line, &session->line_n,
				  &session->skipping };
	struct str line;

	switch (line_cut(keep, LINE_CRLF_ONLY, in, &line)) {
	case LINE_NONE:
		return false;
	case LINE_TOO_LONG:
		lmtp_refuse(session, LMTP_REPLY_LINE_TOO_LONG, out);
		return true;
	case LINE_WHOLE:
		break;
	}
	return command(session, line, out, action);
}

/* --- the machine --------------------------------------------------------------------------- */

void lmtp_start(struct lmtp_session *session, const struct lmtp_policy *policy, struct buf *out)
{
	*session = (struct lmtp_session){ .state = LMTP_FRESH, .policy = *policy };
	lmtp_greet(session, out);
}

void lmtp_report_tls(struct lmtp_session *session, struct buf *out)
{
	struct lmtp_policy policy = session->policy;

	lmtp_answer(session, LMTP_REPLY_START_TLS, out);
	policy.starttls = false;
	*session = (struct lmtp_session){ .state = LMTP_FRESH, .policy = policy };
}

void lmtp_drain(struct lmtp_session *session)
{
	session->draining = true;
}

static bool between_commands(const struct lmtp_session *session)
{
	return session->owed == LMTP_NEED_INPUT && (IN(session->state) & ANYWHERE) != 0;
}

/* Works off what comes next. False: *action is for the driver. */
static bool advance(struct lmtp_session *session, struct str *in, struct buf *out,
		    struct lmtp_action *action)
{
	switch (session->state) {
	case LMTP_FRESH:
	case LMTP_READY:
	case LMTP_IN_MAIL:
		return take_line(session, in, out, action);
	case LMTP_IN_DATA:
		return lmtp_take_data(session, in, out, action);
	case LMTP_IN_CHUNK:
		return lmtp_take_chunk(session, in, out, action);
	case LMTP_ENDED:
		break;
	}
	action->kind = LMTP_CLOSE;
	return false;
}

struct lmtp_action lmtp_step(struct lmtp_session *session, struct str *in, struct buf *out)
{
	struct lmtp_action action = { .kind = LMTP_NEED_INPUT };
	size_t before = out->n;

	if (session->owed != LMTP_NEED_INPUT)
		return action;
	for (;;) {
		if (session->forget) {
			session->forget = false;
			action.kind = LMTP_ABORT;
			action.failed = session->failed;
			return action;
		}
		if (session->draining && between_commands(session)) {
			lmtp_shut_down(session, out);
			continue;
		}
		/* One command a step, but what the driver need not wait for is not left. */
		if (session->state != LMTP_ENDED && out->n > before)
			return action;
		if (!advance(session, in, out, &action))
			return action;
	}
}

bool lmtp_at_rest(const struct lmtp_session *session)
{
	return between_commands(session) && !session->bdat_seen && !session->forget &&
	       session->line_n == 0 && !session->skipping;
}
