/*
 * LMTP (RFC 2033, with 1870, 2034, 2920, 3030, 6152, 6531 over 5321) as a pure machine: octets in,
 * replies and at most one action out. Same life as the POP3 machine:
 *
 *	lmtp_start(&s, &policy, &out);             greeting
 *	for (;;) {
 *		action = lmtp_step(&s, &in, &out);
 *		... perform it, then exactly one lmtp_report_*() where the action asks for it
 *	}
 *
 * `out` has LMTP_STEP_ROOM octets free at every step and report: the driver flushes it before, and
 * before it waits. Slices in an action are borrowed until the report or the next step.
 *
 * A step works off at most one command, so that a driver can count commands: LMTP_NEED_INPUT with
 * octets still in `in` means "call again", only with `in` empty does it mean "wait".
 *
 * A transaction is held by the driver from a good lmtp_report_mail to lmtp_report_finish, or to
 * the one LMTP_ABORT that every other end of it brings: RSET, LHLO, QUIT, 421 (too many errors,
 * draining), BDAT LAST without recipients, and a message that fails while it is received (too
 * large, NUL refused, a BDAT refused, BEGIN by BDAT or APPEND not accepted). In the last case
 * LMTP_ABORT comes at once, the rest of the message is read and dropped, and the replies follow at
 * its end: nothing of a message is held any more when the client hears that it failed. DATA whose
 * BEGIN is not accepted leaves the transaction open. LMTP_CLOSE never comes with a transaction held.
 */
#ifndef RESTANTE_LMTP_H
#define RESTANTE_LMTP_H

#include <stdint.h>

#include "base/buf.h"
#include "restante/limits.h"
#include "restante/str.h"

/* One reply for each of LMTP_RECIPIENTS_MAX recipients fits. */
#define LMTP_STEP_ROOM (LMTP_RECIPIENTS_MAX * 96 + 1024)

struct lmtp_policy {
	const char *hostname;    /* greeting and LHLO */
	uint64_t message_octets; /* announced SIZE; 0 = no limit */
	bool reject_nul;         /* nul = reject: 554 5.6.0 instead of storing NUL */
	unsigned errors;
	bool starttls; /* TLS can be had by STARTTLS */
	bool xclient;  /* this client may say on whose behalf it comes */
};

enum lmtp_xclient_attribute {
	LMTP_XCLIENT_NAME, /* a host name: no address */
	LMTP_XCLIENT_ADDR, /* "192.0.2.1" or "IPV6:2001:db8::1": any text, yet */
	LMTP_XCLIENT_PORT,
	LMTP_XCLIENT_PROTO, /* SMTP, ESMTP or LMTP */
	LMTP_XCLIENT_HELO,  /* fit for a Received line */
	LMTP_XCLIENT_LOGIN,
	LMTP_XCLIENT_DESTADDR,
	LMTP_XCLIENT_DESTPORT,
	LMTP_XCLIENT_COUNT
};

/* What one XCLIENT says. No control characters; "" = it is said that nobody knows. */
struct lmtp_xclient {
	bool given[LMTP_XCLIENT_COUNT];
	struct str value[LMTP_XCLIENT_COUNT];
};

enum lmtp_action_kind {
	LMTP_NEED_INPUT, /* `in` empty: nothing to do until there are more octets; else step again */
	LMTP_MAIL,   /* new transaction: sender, size, smtputf8, body8bit -> lmtp_report_mail */
	LMTP_RCPT,   /* resolve `address` -> lmtp_report_rcpt */
	LMTP_BEGIN,  /* DATA or the first BDAT: open the delivery -> lmtp_report_begin */
	LMTP_APPEND, /* octets of the message -> lmtp_report_append */
	LMTP_FINISH, /* commit -> lmtp_report_finish with one status a recipient */
	LMTP_ABORT,  /* forget the transaction and its delivery, see above; no report */
	LMTP_START_TLS, /* STARTTLS -> lmtp_report_tls, then the handshake before anything is read */
	LMTP_XCLIENT, /* `xclient` -> lmtp_report_xclient */
	LMTP_CLOSE    /* flush, close; no report */
};

/* What an action came to; one reply line each, in a table (RFC 3463 codes). */
enum lmtp_status {
	LMTP_ACCEPTED,   /* 250 2.1.0, 2.1.5, 2.0.0 */
	LMTP_NO_USER,    /* 550 5.1.1 */
	LMTP_DISABLED,   /* 450 4.2.1 mailbox disabled */
	LMTP_QUOTA,      /* 452 4.2.2 full for now */
	LMTP_QUOTA_HARD, /* 552 5.2.2 */
	LMTP_TOO_LARGE,  /* 552 5.3.4 over the fixed maximum */
	LMTP_NO_ROOM,    /* 452 4.3.1 disk below min_free */
	LMTP_TROUBLE,    /* 451 4.3.0 */
	LMTP_LOOP,       /* 451 4.4.6 alias loop */
	/* 421 4.3.2, then close; after a message 451 4.3.2 for each recipient comes first. */
	LMTP_SHUTTING_DOWN,
	LMTP_NUL_REFUSED, /* 554 5.6.0 */
	LMTP_INCOMPLETE,  /* 554 5.5.0 one of its chunks was refused */
	LMTP_STATUS_COUNT
};

struct lmtp_action {
	enum lmtp_action_kind kind;
	/* MAIL: reverse-path without brackets and source route, quoted as it came, "" for the null
	   one. No control characters: fit for Return-Path as it is. */
	struct str sender;
	struct str address;      /* RCPT: local@domain unquoted, or "postmaster" */
	struct str octets;       /* APPEND: transparency removed; a bare LF is still bare */
	uint64_t size;           /* MAIL: SIZE=, 0 = not given */
	bool smtputf8;           /* MAIL */
	bool body8bit;           /* MAIL: BODY=8BITMIME */
	bool chunking;           /* BEGIN: by BDAT */
	struct str client;       /* MAIL: the LHLO argument, for Received */
	enum lmtp_status failed; /* ABORT: of a message; LMTP_ACCEPTED = it did not fail */
	struct lmtp_xclient xclient;
};

enum lmtp_state {
	LMTP_FRESH,    /* LHLO is to come */
	LMTP_READY,    /* no transaction */
	LMTP_IN_MAIL,  /* a transaction, between commands (also between two BDAT) */
	LMTP_IN_DATA,  /* DATA's text */
	LMTP_IN_CHUNK, /* BDAT's octets */
	LMTP_ENDED
};

/* How a BDAT is answered when its octets are all read. */
enum lmtp_chunk_end {
	LMTP_CHUNK_STATUS,
	LMTP_CHUNK_SEQUENCE,
	LMTP_CHUNK_SYNTAX,
	LMTP_CHUNK_SILENT
};

struct lmtp_session {
	enum lmtp_state state;
	enum lmtp_state after_chunk;
	enum lmtp_action_kind owed; /* waiting for its report; LMTP_NEED_INPUT = none */
	struct lmtp_policy policy;
	unsigned errors;     /* in a row */
	unsigned recipients; /* accepted */
	bool skipping;       /* an over-long line, to its end */
	bool draining;
	bool held;   /* the driver holds the transaction */
	bool forget; /* LMTP_ABORT is the next action */
	bool smtputf8;
	bool begun;     /* BEGIN was accepted: the driver holds a delivery */
	bool bdat_seen; /* in this transaction */
	bool bdat_last;
	enum lmtp_chunk_end chunk_end;
	enum lmtp_status failed; /* why the message is thrown away; LMTP_ACCEPTED = it is not */
	enum lmtp_status doom;   /* what the octet behind the piece being appended will bring */
	unsigned dot;            /* DATA: how much of CRLF.CRLF has been seen */
	uint64_t message_octets;
	uint64_t chunk_left;
	size_t line_n;
	size_t client_n;
	char line[LMTP_LINE_MAX];
	char address[LMTP_LOCAL_PART_MAX + 1 + LMTP_DOMAIN_MAX + 1];
	char client[LMTP_DOMAIN_MAX + 1];
};

void lmtp_start(struct lmtp_session *session, const struct lmtp_policy *policy,
		struct buf *out);
struct lmtp_action lmtp_step(struct lmtp_session *session, struct str *in, struct buf *out);
/*
 * The server is draining: at the next boundary (before a command, never between the final dot and
 * its replies) the next step answers 421 4.3.2 and closes.
 */
void lmtp_drain(struct lmtp_session *session);

void lmtp_report_mail(struct lmtp_session *session, enum lmtp_status status, struct buf *out);
void lmtp_report_rcpt(struct lmtp_session *session, enum lmtp_status status, struct buf *out);
void lmtp_report_begin(struct lmtp_session *session, enum lmtp_status status, struct buf *out);
/* Not accepted: the rest of the message is read and dropped, every recipient hears `status`. */
void lmtp_report_append(struct lmtp_session *session, enum lmtp_status status, struct buf *out);
/*
 * One status per accepted recipient, in order of RCPT; those behind the nth hear LMTP_TROUBLE. The
 * transaction is over.
 */
void lmtp_report_finish(struct lmtp_session *session, const enum lmtp_status *status, size_t n,
			struct buf *out);
/* The reply that a status means, when it is not LMTP_ACCEPTED: for the log. */
struct str lmtp_status_text(enum lmtp_status status);
/*
 * "220" is said, and the session is as new (RFC 3207 section 4.2). Octets that came behind STARTTLS
 * must never be stepped: the driver closes instead of reporting.
 */
void lmtp_report_tls(struct lmtp_session *session, struct buf *out);
/*
 * Good, and the session is as new: a greeting is said. Else an address is none: 501, and nothing
 * has changed.
 */
void lmtp_report_xclient(struct lmtp_session *session, bool good, struct buf *out);
/* True between commands outside a message. */
bool lmtp_at_rest(const struct lmtp_session *session);

#endif
