/*
 * Mail transactions: MAIL, RCPT, DATA and BDAT, the message itself, and what the driver reports
 * about them. lmtp.h says when the driver holds a transaction and when it hears LMTP_ABORT.
 *
 * A command's check (arguments, sequence) has no effect; its effect follows in the report.
 */
#include "lmtp/lmtp_private.h"

#include "base/number.h"

/* --- beginning and end -------------------------------------------------------------------- */

/* The driver, if it holds the transaction, is told next to forget it. */
static void release(struct lmtp_session *session)
{
	session->forget = session->forget || session->held;
	session->held = false;
}

/* Back to where MAIL may come. */
static void finish(struct lmtp_session *session)
{
	if (session->state != LMTP_FRESH && session->state != LMTP_ENDED)
		session->state = LMTP_READY;
	session->recipients = 0;
	session->smtputf8 = false;
	session->begun = false;
	session->bdat_seen = false;
	session->failed = LMTP_ACCEPTED;
	session->message_octets = 0;
}

void lmtp_transaction_drop(struct lmtp_session *session)
{
	release(session);
	finish(session);
}

void lmtp_end(struct lmtp_session *session)
{
	release(session);
	session->state = LMTP_ENDED;
}

/* The message cannot be taken: forget it at once, read and drop the rest, tell at its end. */
static void fail(struct lmtp_session *session, enum lmtp_status status)
{
	session->failed = status;
	session->draining = session->draining || status == LMTP_SHUTTING_DOWN;
	release(session);
}

static bool ask(struct lmtp_session *session, enum lmtp_action_kind kind,
		struct lmtp_action *action)
{
	session->owed = kind;
	action->kind = kind;
	return false;
}

/* A report that nobody asked for is ignored. */
static bool settle(struct lmtp_session *session, enum lmtp_action_kind kind)
{
	if (session->owed != kind)
		return false;
	session->owed = LMTP_NEED_INPUT;
	return true;
}

/* --- MAIL and RCPT ------------------------------------------------------------------------- */

/* Takes "FROM:" or "TO:". RFC 5321 section 3.3: no space on either side of the colon. */
static bool take_keyword(struct str *argument, struct str keyword)
{
	struct str front = { argument->p, keyword.n };

	if (argument->n < keyword.n || !str_equal_nocase(front, keyword))
		return false;
	*argument = str_from(*argument, keyword.n);
	return true;
}

static bool refuse(struct lmtp_session *session, enum lmtp_reply reply, struct buf *out)
{
	lmtp_refuse(session, reply, out);
	return true;
}

/* What is wrong with MAIL's argument; LMTP_REPLY_SENDER = nothing. */
static enum lmtp_reply check_mail(struct str argument, struct lmtp_path *path,
				  struct lmtp_parameters *parameters)
{
	if (!take_keyword(&argument, STR("FROM:")))
		return LMTP_REPLY_ARGUMENTS;
	switch (lmtp_path_take(&argument, LMTP_REVERSE_PATH, path)) {
	case LMTP_PATH_OK:
		break;
	case LMTP_PATH_SYNTAX:
		return LMTP_REPLY_SENDER_SYNTAX;
	case LMTP_PATH_TOO_LONG:
		return LMTP_REPLY_SENDER_TOO_LONG;
	}
	switch (lmtp_mail_parameters(argument, parameters)) {
	case LMTP_PARAMETERS_OK:
		break;
	case LMTP_PARAMETERS_SYNTAX:
		return LMTP_REPLY_ARGUMENTS;
	case LMTP_PARAMETERS_UNKNOWN:
		return LMTP_REPLY_PARAMETER;
	}
	/* RFC 6531 section 3.5 */
	return path->non_ascii && !parameters->smtputf8 ? LMTP_REPLY_SENDER_NOT_ASCII
							: LMTP_REPLY_SENDER;
}

bool lmtp_mail(struct lmtp_session *session, struct str argument, struct buf *out,
	       struct lmtp_action *action)
{
	struct lmtp_parameters parameters;
	struct lmtp_path path;
	enum lmtp_reply fault = check_mail(argument, &path, &parameters);

	if (fault != LMTP_REPLY_SENDER)
		return refuse(session, fault, out);
	if (session->policy.message_octets > 0 &&
	    parameters.size > session->policy.message_octets) {
		lmtp_answer_status(session, LMTP_TOO_LARGE, LMTP_REPLY_SENDER, out);
		return true;
	}
	session->smtputf8 = parameters.smtputf8;
	action->sender = path.mailbox;
	action->size = parameters.size;
	action->smtputf8 = parameters.smtputf8;
	action->body8bit = parameters.body8bit;
	action->client = (struct str){ session->client, session->client_n };
	return ask(session, LMTP_MAIL, action);
}

void lmtp_report_mail(struct lmtp_session *session, enum lmtp_status status, struct buf *out)
{
	if (!settle(session, LMTP_MAIL))
		return;
	if (status == LMTP_ACCEPTED) {
		session->state = LMTP_IN_MAIL;
		session->held = true;
	}
	lmtp_answer_status(session, status, LMTP_REPLY_SENDER, out);
}

/* What is wrong with RCPT's argument; LMTP_REPLY_RECIPIENT = nothing. */
static enum lmtp_reply check_rcpt(const struct lmtp_session *session, struct str argument,
				  struct lmtp_path *path)
{
	if (!take_keyword(&argument, STR("TO:")))
		return LMTP_REPLY_ARGUMENTS;
	switch (lmtp_path_take(&argument, LMTP_FORWARD_PATH, path)) {
	case LMTP_PATH_OK:
		break;
	case LMTP_PATH_SYNTAX:
		return LMTP_REPLY_RECIPIENT_SYNTAX;
	case LMTP_PATH_TOO_LONG:
		return LMTP_REPLY_RECIPIENT_TOO_LONG;
	}
	switch (lmtp_rcpt_parameters(argument)) {
	case LMTP_PARAMETERS_OK:
		break;
	case LMTP_PARAMETERS_SYNTAX:
		return LMTP_REPLY_ARGUMENTS;
	case LMTP_PARAMETERS_UNKNOWN:
		return LMTP_REPLY_PARAMETER;
	}
	if (path->non_ascii && !session->smtputf8)
		return LMTP_REPLY_RECIPIENT_NOT_ASCII;
	return path->literal ? LMTP_REPLY_RECIPIENT_LITERAL : LMTP_REPLY_RECIPIENT;
}

bool lmtp_rcpt(struct lmtp_session *session, struct str argument, struct buf *out,
	       struct lmtp_action *action)
{
	struct buf address = buf_over(session->address, sizeof session->address);
	struct lmtp_path path;
	enum lmtp_reply fault;

	if (session->bdat_seen)
		return refuse(session, LMTP_REPLY_SEQUENCE, out);
	fault = check_rcpt(session, argument, &path);
	if (fault != LMTP_REPLY_RECIPIENT)
		return refuse(session, fault, out);
	if (!lmtp_path_unquote(&path, &address))
		return refuse(session, LMTP_REPLY_RECIPIENT_TOO_LONG, out);
	if (*session->address == '@') {
		/* "" is a local-part by grammar; "@domain" would look like a catch-all's. */
		lmtp_answer_status(session, LMTP_NO_USER, LMTP_REPLY_RECIPIENT, out);
		return true;
	}
	if (session->recipients == LMTP_RECIPIENTS_MAX) {
		lmtp_answer(session, LMTP_REPLY_TOO_MANY_RECIPIENTS, out);
		return true;
	}
	action->address = buf_str(&address);
	return ask(session, LMTP_RCPT, action);
}

void lmtp_report_rcpt(struct lmtp_session *session, enum lmtp_status status, struct buf *out)
{
	if (!settle(session, LMTP_RCPT))
		return;
	if (status == LMTP_ACCEPTED)
		session->recipients++;
	lmtp_answer_status(session, status, LMTP_REPLY_RECIPIENT, out);
}

/* --- DATA ---------------------------------------------------------------------------------- */

bool lmtp_data(struct lmtp_session *session, struct str argument, struct buf *out,
	       struct lmtp_action *action)
{
	(void)argument; /* the verb table allows none */
	/* RFC 3030 section 2: DATA and BDAT cannot be used in the same transaction. */
	if (session->bdat_seen)
		return refuse(session, LMTP_REPLY_SEQUENCE, out);
	/* RFC 2033 section 4.2: this MUST be 503 */
	if (session->recipients == 0)
		return refuse(session, LMTP_REPLY_NO_RECIPIENTS, out);
	action->chunking = false;
	return ask(session, LMTP_BEGIN, action);
}

/* --- BDAT ---------------------------------------------------------------------------------- */

/*
 * chunk-size [ SP "LAST" ]. False: no size, so nobody knows where the next command begins.
 * *good: what follows the size is right too.
 */
static bool parse_bdat(struct str argument, uint64_t *size, bool *last, bool *good)
{
	const char *space = argument.n > 0 ? memchr(argument.p, ' ', argument.n) : NULL;
	struct str digits = argument, marker = { NULL, 0 };

	if (space != NULL) {
		digits.n = (size_t)(space - argument.p);
		marker = str_from(argument, digits.n + 1);
	}
	*last = str_equal_nocase(marker, STR("LAST"));
	*good = space == NULL || *last;
	return number_parse(digits, UINT64_MAX, size);
}

/*
 * How the chunk will be answered. RFC 2033 section 4.3: without a successful RCPT, BDAT LAST
 * "returns zero replies", and BDAT without LAST "exactly one", which then is 503 as for DATA.
 */
static enum lmtp_chunk_end chunk_end(const struct lmtp_session *session, bool good)
{
	if (session->state != LMTP_IN_MAIL)
		return LMTP_CHUNK_SEQUENCE;
	if (!good)
		return LMTP_CHUNK_SYNTAX;
	if (session->recipients > 0)
		return LMTP_CHUNK_STATUS;
	return session->bdat_last ? LMTP_CHUNK_SILENT : LMTP_CHUNK_SEQUENCE;
}

/*
 * Section 2 of RFC 3030: whatever is wrong, the chunk's octets are accepted and discarded before
 * the reply. A size that cannot be read leaves only hanging up: the octets that follow would be
 * read as commands, and they may be a stranger's.
 */
bool lmtp_bdat(struct lmtp_session *session, struct str argument, struct buf *out,
	       struct lmtp_action *action)
{
	uint64_t size, total, most = session->policy.message_octets;
	bool last, good;

	if (!parse_bdat(argument, &size, &last, &good)) {
		lmtp_refuse(session, LMTP_REPLY_BDAT_SIZE, out);
		lmtp_end(session);
		return true;
	}
	session->bdat_last = last;
	session->chunk_end = chunk_end(session, good);
	session->chunk_left = size;
	session->after_chunk = session->state;
	session->state = LMTP_IN_CHUNK;
	if (session->after_chunk != LMTP_IN_MAIL || session->chunk_end == LMTP_CHUNK_SILENT)
		return true;
	session->bdat_seen = true;
	if (session->failed != LMTP_ACCEPTED)
		return true;
	/* "accept and discard additional BDAT chunks": a part is no message. */
	if (session->chunk_end != LMTP_CHUNK_STATUS) {
		fail(session, LMTP_INCOMPLETE);
		return true;
	}
	if (!number_add(session->message_octets, size, &total) || (most > 0 && total > most)) {
		fail(session, LMTP_TOO_LARGE);
		return true;
	}
	if (session->begun)
		return true;
	action->chunking = true;
	return ask(session, LMTP_BEGIN, action);
}

/* --- the message --------------------------------------------------------------------------- */

void lmtp_report_begin(struct lmtp_session *session, enum lmtp_status status, struct buf *out)
{
	if (!settle(session, LMTP_BEGIN))
		return;
	session->begun = status == LMTP_ACCEPTED;
	if (session->state == LMTP_IN_CHUNK) {
		if (status != LMTP_ACCEPTED)
			fail(session, status);
		return;
	}
	if (session->begun) {
		session->state = LMTP_IN_DATA;
		session->dot = LMTP_DATA_START;
	}
	lmtp_answer_status(session, status, LMTP_REPLY_SEND_DATA, out);
}

/*
 * How many of the octets may be had; *doom is what the next one brings. Looked at octet by octet,
 * in effect: what the client hears must not depend on how its input was cut.
 */
static size_t acceptable(const struct lmtp_session *session, struct str octets,
			 enum lmtp_status *doom)
{
	uint64_t most = session->policy.message_octets;
	uint64_t room = most > 0 ? most - session->message_octets : UINT64_MAX;
	const char *nul = session->policy.reject_nul ? memchr(octets.p, '\0', octets.n) : NULL;
	size_t n = nul == NULL ? octets.n : (size_t)(nul - octets.p);

	if (octets.n > room && n >= room) {
		*doom = LMTP_TOO_LARGE;
		return (size_t)room;
	}
	*doom = nul == NULL ? LMTP_ACCEPTED : LMTP_NUL_REFUSED;
	return n;
}

/* A piece of the message: the driver's, if the message is still wanted. */
static bool take_octets(struct lmtp_session *session, struct str octets,
			struct lmtp_action *action)
{
	if (session->failed != LMTP_ACCEPTED)
		return true;
	octets.n = acceptable(session, octets, &session->doom);
	if (octets.n == 0) {
		fail(session, session->doom);
		return true;
	}
	session->message_octets += octets.n;
	action->octets = octets;
	return ask(session, LMTP_APPEND, action);
}

void lmtp_report_append(struct lmtp_session *session, enum lmtp_status status, struct buf *out)
{
	(void)out; /* nothing may be said before the message's end */
	if (!settle(session, LMTP_APPEND))
		return;
	if (status == LMTP_ACCEPTED)
		status = session->doom;
	if (status != LMTP_ACCEPTED)
		fail(session, status);
}

/* The message is whole: commit it, or say of a failed one, for each recipient, why. */
static bool end_of_message(struct lmtp_session *session, struct buf *out,
			   struct lmtp_action *action)
{
	if (session->failed == LMTP_ACCEPTED)
		return ask(session, LMTP_FINISH, action);
	for (unsigned i = 0; i < session->recipients; i++)
		lmtp_answer_recipient(session, session->failed, out);
	finish(session);
	return true;
}

void lmtp_report_finish(struct lmtp_session *session, const enum lmtp_status *status, size_t n,
			struct buf *out)
{
	if (!settle(session, LMTP_FINISH))
		return;
	session->held = false;
	for (size_t i = 0; i < session->recipients; i++) {
		enum lmtp_status now = i < n ? status[i] : LMTP_TROUBLE;

		session->draining = session->draining || now == LMTP_SHUTTING_DOWN;
		lmtp_answer_recipient(session, now, out);
	}
	finish(session);
}

bool lmtp_take_data(struct lmtp_session *session, struct str *in, struct buf *out,
		    struct lmtp_action *action)
{
	struct str octets;

	switch (lmtp_data_decode(&session->dot, in, &octets)) {
	case LMTP_DATA_NONE:
		return false;
	case LMTP_DATA_OCTETS:
		return take_octets(session, octets, action);
	case LMTP_DATA_END:
		break;
	}
	return end_of_message(session, out, action);
}

/* The last octet of a chunk is in. */
static bool end_of_chunk(struct lmtp_session *session, struct buf *out,
			 struct lmtp_action *action)
{
	session->state = session->after_chunk;
	switch (session->chunk_end) {
	case LMTP_CHUNK_SEQUENCE:
		return refuse(session, LMTP_REPLY_SEQUENCE, out);
	case LMTP_CHUNK_SYNTAX:
		return refuse(session, LMTP_REPLY_ARGUMENTS, out);
	case LMTP_CHUNK_SILENT:
		lmtp_transaction_drop(session);
		return true;
	case LMTP_CHUNK_STATUS:
		break;
	}
	if (session->bdat_last)
		return end_of_message(session, out, action);
	lmtp_answer_status(session, session->failed, LMTP_REPLY_CHUNK, out);
	return true;
}

bool lmtp_take_chunk(struct lmtp_session *session, struct str *in, struct buf *out,
		     struct lmtp_action *action)
{
	struct str octets = *in;

	if (session->chunk_left == 0)
		return end_of_chunk(session, out, action);
	if (in->n == 0)
		return false;
	if (octets.n > session->chunk_left)
		octets.n = (size_t)session->chunk_left;
	*in = str_from(*in, octets.n);
	session->chunk_left -= octets.n;
	return session->chunk_end == LMTP_CHUNK_STATUS ? take_octets(session, octets, action)
						       : true;
}
