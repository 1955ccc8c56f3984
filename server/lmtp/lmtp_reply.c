/*
 * What the LMTP machine says: one line for each thing there is to say, and no octet of a client's
 * in any of them.
 *
 * RFC 2034 section 4: an enhanced code in every 2xx, 4xx and 5xx but the greeting and the reply to
 * LHLO; 3xx have none. Codes by RFC 3463 and the registry of RFC 5248; the choices that are not
 * plain: an unknown verb and an over-long line "could not be interpreted" (X.5.2; X.5.6 is about
 * AUTH), a known one that is not served is "unsupported" (X.5.1), VRFY's 252 is X.5.0, since X.1.5
 * would say that the address is valid, which nobody has looked at.
 */
#include "lmtp/lmtp_private.h"

#include <assert.h>

static const struct str replies[] = {
	[LMTP_REPLY_SENDER] = STR_INIT("250 2.1.0 sender ok"),
	[LMTP_REPLY_RECIPIENT] = STR_INIT("250 2.1.5 recipient ok"),
	[LMTP_REPLY_SEND_DATA] = STR_INIT("354 start mail input; end with <CRLF>.<CRLF>"),
	[LMTP_REPLY_CHUNK] = STR_INIT("250 2.0.0 chunk received"),
	[LMTP_REPLY_DELIVERED] = STR_INIT("250 2.0.0 delivered"),
	[LMTP_REPLY_START_TLS] = STR_INIT("220 2.0.0 ready to start TLS"),
	[LMTP_REPLY_RESET] = STR_INIT("250 2.0.0 reset"),
	[LMTP_REPLY_NOOP] = STR_INIT("250 2.0.0 ok"),
	[LMTP_REPLY_VRFY] = STR_INIT("252 2.5.0 cannot verify; send the message and see"),
	[LMTP_REPLY_HELP] =
		STR_INIT("214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"),
	[LMTP_REPLY_TOO_MANY_RECIPIENTS] = STR_INIT("452 4.5.3 too many recipients"),
	[LMTP_REPLY_NOT_RECOGNIZED] = STR_INIT("500 5.5.2 command not recognized"),
	[LMTP_REPLY_LINE_TOO_LONG] = STR_INIT("500 5.5.2 line too long"),
	[LMTP_REPLY_CONTROL_CHARACTER] = STR_INIT("500 5.5.2 control character in a command"),
	[LMTP_REPLY_LHLO_ONLY] = STR_INIT("500 5.5.1 this is LMTP: say LHLO"),
	[LMTP_REPLY_NOT_IMPLEMENTED] = STR_INIT("502 5.5.1 command not implemented"),
	[LMTP_REPLY_NOT_AUTHORIZED] = STR_INIT("550 5.7.1 not authorized"),
	[LMTP_REPLY_SEQUENCE] = STR_INIT("503 5.5.1 bad sequence of commands"),
	[LMTP_REPLY_NO_RECIPIENTS] = STR_INIT("503 5.5.1 no recipient was accepted"),
	[LMTP_REPLY_ARGUMENTS] = STR_INIT("501 5.5.4 syntax error in the arguments"),
	[LMTP_REPLY_LHLO_SYNTAX] = STR_INIT("501 say LHLO and your host name"),
	[LMTP_REPLY_BDAT_SIZE] =
		STR_INIT("501 5.5.4 chunk of unknown size; closing connection"),
	[LMTP_REPLY_PARAMETER] = STR_INIT("555 5.5.4 parameter not supported"),
	[LMTP_REPLY_SENDER_SYNTAX] = STR_INIT("501 5.1.7 bad syntax of the sender's address"),
	[LMTP_REPLY_SENDER_TOO_LONG] = STR_INIT("501 5.1.7 the sender's address is too long"),
	[LMTP_REPLY_SENDER_NOT_ASCII] =
		STR_INIT("550 5.6.7 a sender that is not ASCII needs SMTPUTF8"),
	[LMTP_REPLY_RECIPIENT_SYNTAX] =
		STR_INIT("501 5.1.3 bad syntax of the recipient's address"),
	[LMTP_REPLY_RECIPIENT_TOO_LONG] =
		STR_INIT("501 5.1.3 the recipient's address is too long"),
	[LMTP_REPLY_RECIPIENT_NOT_ASCII] =
		STR_INIT("553 5.6.7 a recipient that is not ASCII needs SMTPUTF8"),
	[LMTP_REPLY_RECIPIENT_LITERAL] = STR_INIT("550 5.1.2 no mailboxes at address literals"),
};
static_assert(ARRAY_SIZE(replies) == LMTP_REPLY_COUNT, "reply missing");

/* LMTP_ACCEPTED has another text for each command. */
static const struct str status_replies[] = {
	[LMTP_ACCEPTED] = STR_INIT(""),
	[LMTP_NO_USER] = STR_INIT("550 5.1.1 no such user here"),
	[LMTP_DISABLED] = STR_INIT("450 4.2.1 mailbox disabled"),
	[LMTP_QUOTA] = STR_INIT("452 4.2.2 mailbox full"),
	[LMTP_QUOTA_HARD] = STR_INIT("552 5.2.2 mailbox full"),
	[LMTP_TOO_LARGE] = STR_INIT("552 5.3.4 message exceeds fixed maximum message size"),
	[LMTP_NO_ROOM] = STR_INIT("452 4.3.1 insufficient system storage"),
	[LMTP_TROUBLE] = STR_INIT("451 4.3.0 local error in processing"),
	[LMTP_LOOP] = STR_INIT("451 4.4.6 address is an alias of itself"),
	[LMTP_SHUTTING_DOWN] = STR_INIT("451 4.3.2 shutting down, message not taken"),
	[LMTP_NUL_REFUSED] = STR_INIT("554 5.6.0 message holds NUL, which is not taken here"),
	[LMTP_INCOMPLETE] = STR_INIT("554 5.5.0 a chunk of the message was refused"),
};
static_assert(ARRAY_SIZE(status_replies) == LMTP_STATUS_COUNT, "reply missing");

struct str lmtp_status_text(enum lmtp_status status)
{
	return status_replies[status];
}

/*
 * The driver sees to it that there is room. If not, the session ends rather than let a reply be
 * missing in the middle.
 */
static void say(struct lmtp_session *session, struct str text, struct buf *out)
{
	if (text.n + 2 > buf_room(out)) {
		lmtp_end(session);
		return;
	}
	(void)buf_add(out, text);
	(void)buf_add(out, STR("\r\n"));
}

/* "before hostname behind" */
static void say_with_host(struct lmtp_session *session, struct str before, struct str behind,
			  struct buf *out)
{
	struct str host = str_of(session->policy.hostname);

	if (before.n + host.n + behind.n + 2 > buf_room(out)) {
		lmtp_end(session);
		return;
	}
	(void)buf_add(out, before);
	(void)buf_add(out, host);
	say(session, behind, out);
}

void lmtp_answer(struct lmtp_session *session, enum lmtp_reply reply, struct buf *out)
{
	session->errors = 0;
	say(session, replies[reply], out);
}

void lmtp_refuse(struct lmtp_session *session, enum lmtp_reply reply, struct buf *out)
{
	session->errors++;
	if (session->policy.errors == 0 || session->errors < session->policy.errors) {
		say(session, replies[reply], out);
		return;
	}
	say_with_host(session, STR("421 4.7.0 "), STR(" too many errors, closing connection"),
		      out);
	lmtp_end(session);
}

void lmtp_answer_status(struct lmtp_session *session, enum lmtp_status status,
			enum lmtp_reply good, struct buf *out)
{
	if (status == LMTP_ACCEPTED)
		lmtp_answer(session, good, out);
	else if (status == LMTP_SHUTTING_DOWN)
		lmtp_shut_down(session, out);
	else
		lmtp_answer_recipient(session, status, out);
}

void lmtp_answer_recipient(struct lmtp_session *session, enum lmtp_status status,
			   struct buf *out)
{
	session->errors = 0;
	say(session,
	    status == LMTP_ACCEPTED ? replies[LMTP_REPLY_DELIVERED] : status_replies[status],
	    out);
}

void lmtp_greet(struct lmtp_session *session, struct buf *out)
{
	say_with_host(session, STR("220 "), STR(" LMTP restante ready"), out);
}

/*
 * RFC 5321 section 4.1.1.1: all that is not required is listed. RFC 1870 section 3: 0 says that
 * there is no fixed maximum.
 */
void lmtp_answer_lhlo(struct lmtp_session *session, struct buf *out)
{
	session->errors = 0;
	say_with_host(session, STR("250-"), STR(""), out);
	say(session, STR("250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME"), out);
	say(session, STR("250-SMTPUTF8\r\n250-CHUNKING\r\n250-HELP"), out);
	if (session->policy.starttls)
		say(session, STR("250-STARTTLS"), out);
	if (session->policy.xclient)
		say(session,
		    STR("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"), out);
	if (!buf_add(out, STR("250 SIZE ")) ||
	    !buf_add_u64(out, session->policy.message_octets))
		lmtp_end(session);
	else
		say(session, STR(""), out);
}

void lmtp_say_goodbye(struct lmtp_session *session, struct buf *out)
{
	session->errors = 0;
	say_with_host(session, STR("221 2.0.0 "), STR(" closing connection"), out);
}

void lmtp_shut_down(struct lmtp_session *session, struct buf *out)
{
	say_with_host(session, STR("421 4.3.2 "), STR(" shutting down, closing connection"),
		      out);
	lmtp_end(session);
}
