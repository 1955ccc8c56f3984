/*
 * The words of the POP3 machine, one table for each report, and the few lines that hold numbers.
 *
 * Words that clients look at: fetchmail takes an -ERR to a login with "lock" or "wait" in it for a
 * busy maildrop and every other one for a wrong password, so the first say so and the last never
 * do. No text begins with "[" unless it is a response code (RFC 2449 section 8), and the greeting
 * has no "<" but the timestamp's (RFC 2449 section 3). A client's octets are never repeated.
 */
#include <assert.h>

#include "pop3/pop3_private.h"

/* RFC 3206 section 4: [AUTH] only for credentials; [SYS/...] for what is no fault of theirs. */
const struct str pop3_login_replies[POP3_STATUS_COUNT] = {
	[POP3_DONE] = STR_INIT("+OK maildrop has "),
	[POP3_NO_MESSAGE] =
		STR_INIT("-ERR [SYS/TEMP] no maildrop now, please wait and try again"),
	[POP3_REFUSED] = STR_INIT("-ERR [AUTH] user name or password is wrong"),
	[POP3_IN_USE] = STR_INIT("-ERR [IN-USE] maildrop is locked"),
	/* RFC 2449 section 8.1.1. */
	[POP3_TOO_SOON] = STR_INIT("-ERR [LOGIN-DELAY] too soon after the last login, please "
				   "wait and try again"),
	[POP3_TEMPORARY] = STR_INIT("-ERR [SYS/TEMP] no login now, please wait and try again"),
	[POP3_PERMANENT] =
		STR_INIT("-ERR [SYS/PERM] maildrop cannot be opened, tell the postmaster"),
	[POP3_BROKEN] = STR_INIT("-ERR [SYS/TEMP] no login now, please wait and try again"),
};

const struct str pop3_tls_replies[POP3_STATUS_COUNT] = {
	[POP3_DONE] = STR_INIT("+OK begin TLS negotiation"),
	[POP3_NO_MESSAGE] = STR_INIT("-ERR [SYS/TEMP] no TLS now"),
	[POP3_REFUSED] = STR_INIT("-ERR no TLS here"),
	[POP3_IN_USE] = STR_INIT("-ERR [SYS/TEMP] no TLS now"),
	[POP3_TEMPORARY] = STR_INIT("-ERR [SYS/TEMP] no TLS now"),
	[POP3_PERMANENT] = STR_INIT("-ERR [SYS/PERM] no TLS"),
	[POP3_BROKEN] = STR_INIT("-ERR [SYS/TEMP] no TLS now"),
};

/* A command in TRANSACTION that came to nothing. */
const struct str pop3_failure_replies[POP3_STATUS_COUNT] = {
	[POP3_DONE] = STR_INIT("+OK done"),
	[POP3_NO_MESSAGE] = STR_INIT("-ERR no such message, or it is marked as deleted"),
	[POP3_REFUSED] = STR_INIT("-ERR not allowed"),
	[POP3_IN_USE] = STR_INIT("-ERR [IN-USE] maildrop is locked, please wait and try again"),
	[POP3_TOO_SOON] =
		STR_INIT("-ERR [SYS/TEMP] not possible now, please wait and try again"),
	[POP3_TEMPORARY] =
		STR_INIT("-ERR [SYS/TEMP] not possible now, please wait and try again"),
	[POP3_PERMANENT] = STR_INIT("-ERR [SYS/PERM] message is damaged, tell the postmaster"),
	[POP3_BROKEN] = STR_INIT("-ERR [SYS/TEMP] not possible now, please wait and try again"),
};

/*
 * RFC 1939 section 6: "-ERR some deleted messages not removed". Whether a commit that failed has
 * happened after all may be unknown, and then we do not claim that it has not.
 */
const struct str pop3_update_replies[POP3_STATUS_COUNT] = {
	[POP3_DONE] = STR_INIT("+OK POP3 server signing off"),
	[POP3_NO_MESSAGE] =
		STR_INIT("-ERR [SYS/TEMP] some deleted messages perhaps not removed"),
	[POP3_REFUSED] = STR_INIT("-ERR [SYS/TEMP] some deleted messages perhaps not removed"),
	[POP3_IN_USE] = STR_INIT("-ERR [SYS/TEMP] some deleted messages perhaps not removed"),
	[POP3_TOO_SOON] = STR_INIT("-ERR [SYS/TEMP] some deleted messages perhaps not removed"),
	[POP3_TEMPORARY] =
		STR_INIT("-ERR [SYS/TEMP] some deleted messages perhaps not removed"),
	[POP3_PERMANENT] = STR_INIT("-ERR [SYS/PERM] some deleted messages not removed"),
	[POP3_BROKEN] = STR_INIT("-ERR [SYS/TEMP] some deleted messages perhaps not removed"),
};

static void add(struct buf *out, struct str text)
{
	bool fits = buf_add(out, text);

	/* A driver gives POP3_STEP_ROOM, and no single reply comes near it. */
	assert(fits);
	(void)fits;
}

static void add_number(struct buf *out, uint64_t number)
{
	bool fits = buf_add_u64(out, number);

	assert(fits);
	(void)fits;
}

void pop3_reply(struct buf *out, struct str text)
{
	add(out, text);
	add(out, STR("\r\n"));
}

void pop3_reply_number(struct buf *out, struct str before, uint64_t number, struct str after)
{
	add(out, before);
	add_number(out, number);
	pop3_reply(out, after);
}

void pop3_reply_totals(struct buf *out, struct str before, uint64_t messages, uint64_t octets)
{
	add(out, before);
	add_number(out, messages);
	pop3_reply_number(out, STR(" messages ("), octets, STR(" octets)"));
}

void pop3_reply_greeting(struct buf *out, struct str challenge)
{
	add(out, STR("+OK POP3 server ready"));
	if (challenge.n > 0) {
		add(out, STR(" "));
		add(out, challenge);
	}
	add(out, STR("\r\n"));
}

/* The holder's words are ours, but their length is not this room's to promise. */
static struct str at_most(struct str text, size_t n)
{
	return (struct str){ text.p, text.n < n ? text.n : n };
}

void pop3_reply_in_use(struct buf *out, const struct pop3_in_use *holder)
{
	add(out, pop3_login_replies[POP3_IN_USE]);
	if (holder != NULL && holder->peer.n > 0) {
		add(out, STR(" by "));
		add(out, at_most(holder->peer, 64));
	}
	if (holder != NULL && holder->since.n > 0) {
		add(out, STR(" since "));
		add(out, at_most(holder->since, 64));
	}
	pop3_reply(out, STR(", please wait and try again"));
}

bool pop3_add_scan(struct buf *out, struct str before, const struct pop3_message *message)
{
	return buf_add(out, before) && buf_add_u64(out, message->msgno) &&
	       buf_add_char(out, ' ') && buf_add_u64(out, message->octets) &&
	       buf_add(out, STR("\r\n"));
}

bool pop3_add_uidl(struct buf *out, struct str before, const struct pop3_message *message)
{
	return buf_add(out, before) && buf_add_u64(out, message->msgno) &&
	       buf_add_char(out, ' ') && buf_add(out, message->uidl) &&
	       buf_add(out, STR("\r\n"));
}
