/*
 * AUTH (RFC 5034): which mechanisms there are, base64 off and on, cancelling. What a mechanism says
 * is opaque here: each message is one POP3_SASL action, answered by a challenge or the login's end.
 *
 * An exchange that the client cancels or breaks is a refused login like any other, or it would be
 * a way around login_attempts.
 */
#include "base/encoding.h"
#include "pop3/pop3_private.h"

#define CHALLENGE_TEXT_MAX ((POP3_CHALLENGE_OCTETS_MAX + 2) / 3 * 4 + 1)

/* Outlook and old clients ask this way, with a blank behind it or not. */
static struct pop3_action list_mechanisms(const struct pop3_session *session, struct buf *out)
{
	const struct pop3_policy *policy = &session->policy;

	pop3_reply(out, STR("+OK mechanisms follow"));
	for (unsigned i = 0; policy->offered >> i != 0; i++)
		if ((policy->offered >> i & 1) != 0)
			pop3_reply(out, str_of(policy->mechanisms[i]));
	pop3_reply(out, STR("."));
	return (struct pop3_action){ .kind = POP3_NEED_INPUT };
}

/* The bit of a mechanism in `set`, 0 = none of that name. */
static unsigned find_mechanism(const struct pop3_policy *policy, unsigned set, struct str name,
			       unsigned *index)
{
	for (*index = 0; set >> *index != 0; ++*index)
		if ((set >> *index & 1) != 0 &&
		    str_equal_nocase(str_of(policy->mechanisms[*index]), name))
			return 1U << *index;
	return 0;
}

static struct pop3_action pause_or_close(const struct pop3_session *session)
{
	return (struct pop3_action){ .kind = session->state == POP3_ENDED ? POP3_CLOSE
									  : POP3_NEED_INPUT };
}

/* Decodes where the text stands, which is in the session's line. */
static bool decode(struct pop3_session *session, struct str *text)
{
	char *octets = session->line + (text->p - session->line);

	return base64_decode_strict(*text, (unsigned char *)octets, text->n, &text->n);
}

static struct pop3_action ask(struct pop3_session *session, bool begins, bool has_response,
			      struct str response)
{
	return (struct pop3_action){ .kind = POP3_SASL,
				     .mechanism = session->mechanism,
				     .begins = begins,
				     .has_response = has_response,
				     .secret = response };
}

struct pop3_action pop3_proceed_auth(struct pop3_session *session,
				     const struct pop3_command *command, struct buf *out)
{
	const struct pop3_policy *policy = &session->policy;
	struct str response = command->arguments > 1 ? command->argument[1] : STR("");

	if ((policy->offered | policy->withheld) == 0) {
		pop3_reply(out, STR("-ERR command not supported"));
		return pause_or_close(session);
	}
	/* "After a successful AUTH command completes, a server MUST reject any further". */
	if (session->state == POP3_TRANSACTION) {
		pop3_reply(out, STR("-ERR logged in already"));
		return pause_or_close(session);
	}
	if (command->arguments == 0)
		return list_mechanisms(session, out);
	if (find_mechanism(policy, policy->withheld, command->argument[0],
			   &session->mechanism) != 0) {
		pop3_refuse_clear(session, out);
		return pause_or_close(session);
	}
	if (find_mechanism(policy, policy->offered, command->argument[0],
			   &session->mechanism) == 0) {
		pop3_reply(out, STR("-ERR mechanism not supported"));
		return pause_or_close(session);
	}
	/* "=" is a response that is there, and empty. */
	if (str_equal(response, STR("=")))
		response.n = 0;
	else if (!decode(session, &response)) {
		pop3_refuse(session, STR("-ERR initial response is not base64"), out);
		return pause_or_close(session);
	}
	return ask(session, true, command->arguments > 1, response);
}

struct pop3_action pop3_respond(struct pop3_session *session, struct str line, struct buf *out)
{
	const struct pop3_verb *verb = session->exchange;

	session->exchange = NULL;
	if (str_equal(line, STR("*"))) {
		pop3_refuse(session, STR("-ERR authentication cancelled"), out);
		return (struct pop3_action){ .kind = POP3_SASL_OVER };
	}
	if (!decode(session, &line)) {
		pop3_refuse(session, STR("-ERR response is not base64"), out);
		return (struct pop3_action){ .kind = POP3_SASL_OVER };
	}
	session->verb = verb;
	return ask(session, false, true, line);
}

void pop3_add_challenge(struct buf *out, struct str challenge)
{
	char text[CHALLENGE_TEXT_MAX];

	/* An empty one is "a line with only a '+', followed by a single space". */
	if (!base64_encode((const unsigned char *)challenge.p, challenge.n, text, sizeof text))
		text[0] = '\0';
	(void)buf_add(out, STR("+ "));
	pop3_reply(out, str_of(text));
}

/* --- lines longer than others ----------------------------------------------------------------- */

static bool begins_auth(const struct pop3_session *session, struct str in)
{
	char head[5];

	for (size_t i = 0; i < sizeof head; i++) {
		if (i >= session->line_n + in.n)
			return false;
		head[i] = i < session->line_n ? session->line[i] : in.p[i - session->line_n];
	}
	return str_equal_nocase((struct str){ head, sizeof head }, STR("AUTH "));
}

bool pop3_wants_more_line(const struct pop3_session *session, struct str in)
{
	const char *lf = in.n == 0 ? NULL : memchr(in.p, '\n', in.n);
	size_t part = lf == NULL ? in.n : (size_t)(lf - in.p) + 1;

	return session->line_cap == POP3_LINE_MAX && !session->no_more && !session->skipping &&
	       session->state == POP3_AUTHORIZATION && session->policy.offered != 0 &&
	       session->line_n + part > POP3_LINE_MAX &&
	       (session->exchange != NULL || begins_auth(session, in));
}
