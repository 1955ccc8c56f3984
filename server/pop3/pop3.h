/*
 * POP3 (RFC 1939, 2449, 3206, 5034, 6856) as a pure machine: octets in, replies and at most one
 * action out.
 * No socket, file, clock, thread or allocation. A driver performs the action and reports once.
 *
 *	pop3_start(&s, &policy, &out);              greeting
 *	for (;;) {
 *		action = pop3_step(&s, &in, &out);  takes octets off the front of `in`
 *		... perform it, then exactly one pop3_report_*() where the action asks for it
 *	}
 *
 * The driver flushes `out` whenever it has less than POP3_STEP_ROOM octets free and before it
 * waits. pop3_step never needs more than that room; the rows and octets reports take what fits
 * what their action asked for. A session struct is the whole memory of a connection, but for the
 * line that is being read or obeyed: its memory the driver lends (pop3_lend_line), and takes back
 * whenever pop3_take_line gives it. For a line of AUTH, which may be longer than others, the machine
 * asks for more (POP3_MORE_LINE).
 *
 * A step works off at most one command line, so that a driver can count commands: POP3_NEED_INPUT
 * with octets still in `in` means "call again", only with `in` empty does it mean "wait".
 */
#ifndef RESTANTE_POP3_H
#define RESTANTE_POP3_H

#include <stdint.h>

#include "base/buf.h"
#include "restante/limits.h"
#include "restante/str.h"

#define POP3_STEP_ROOM 2048 /* CAPA's whole answer fits */
#define POP3_CHALLENGE_MAX 128

struct pop3_policy {
	bool apop;                  /* APOP is offered; never without clear_password */
	bool clear_password;        /* logins without encryption are taken on this connection */
	bool stls;                  /* TLS can be had by STLS */
	bool secure;                /* TLS is there already */
	const char *implementation; /* CAPA; NULL = not told */
	unsigned errors_before_login;
	unsigned errors_after_login;
	unsigned login_attempts;
	unsigned login_delay_seconds;  /* CAPA; 0 = none */
	const char *const *mechanisms; /* names of SASL's, NULL-terminated; of these ... */
	unsigned offered;              /* ... 1 << index: those that AUTH takes */
	unsigned withheld; /* ... and those that it would take on an encrypted connection */
};

enum pop3_action_kind {
	POP3_NEED_INPUT, /* `in` empty: nothing to do until there are more octets; else step again */
	POP3_LOGIN,      /* user and secret: verify, lock, open -> pop3_report_login */
	POP3_SASL, /* AUTH or a response to a challenge: pop3_report_challenge or ..._login */
	POP3_SASL_OVER, /* the client gave the exchange up, or broke it; no report */
	POP3_MORE_LINE, /* POP3_AUTH_LINE_MAX octets for a long line: pop3_report_line */
	POP3_TOTALS,    /* STAT, RSET's totals: pop3_report_totals (RSET: unmark first) */
	POP3_FIND,      /* facts of message msgno: pop3_report_message */
	POP3_MARK,      /* mark message msgno: pop3_report_message */
	POP3_ROWS,      /* unmarked messages from msgno on, up to max rows: pop3_report_rows */
	POP3_OCTETS,    /* message (as last reported) from offset on, up to max octets:
			    pop3_report_octets */
	POP3_START_TLS, /* STLS: pop3_report_tls, then the handshake before anything is read */
	POP3_UPDATE,    /* QUIT in TRANSACTION: pop3_report_update */
	POP3_CLOSE      /* flush `out`, then close; no report */
};

enum pop3_login_method { POP3_BY_PASS, POP3_BY_APOP };

struct pop3_action {
	enum pop3_action_kind kind;
	enum pop3_login_method method;
	struct str user;   /* borrowed from the session, valid until the report */
	struct str secret; /* password or digest; the machine wipes it at the report */
	struct str challenge;
	unsigned mechanism; /* POP3_SASL: index in the policy's names */
	bool begins;        /* ... AUTH itself, and not a response to a challenge */
	bool has_response;  /* ... the `secret`, decoded; AUTH may come without one */
	uint64_t msgno;
	uint64_t offset;
	size_t max;
	bool reset; /* POP3_TOTALS: remove all marks first */
	bool verbatim; /* POP3_OCTETS: goes out as it is, and may be read behind what is in `out` */
};

/* What an action came to. One reply each, in a table. */
enum pop3_status {
	POP3_DONE,
	POP3_NO_MESSAGE, /* none of that number, or it is marked */
	POP3_REFUSED,    /* -ERR [AUTH]: credentials, or clear password not allowed */
	POP3_IN_USE,     /* -ERR [IN-USE] */
	POP3_TOO_SOON,   /* -ERR [LOGIN-DELAY] */
	POP3_TEMPORARY,  /* -ERR [SYS/TEMP] */
	POP3_PERMANENT,  /* -ERR [SYS/PERM] */
	POP3_BROKEN      /* the message cannot be sent to its end: close without the dot */
};

struct pop3_message {
	uint64_t msgno;
	uint64_t octets;
	uint64_t header_octets; /* up to and including the empty line */
	bool needs_stuffing;    /* false: no line begins with "." */
	bool needs_utf8;        /* not to be sent before UTF8 was said */
	struct str uidl;        /* borrowed for the call */
};

/* Who holds the maildrop: told only after a good password. */
struct pop3_in_use {
	struct str peer;  /* address text */
	struct str since; /* "12:34 UTC" */
};

enum pop3_state { POP3_AUTHORIZATION, POP3_TRANSACTION, POP3_ENDED };
enum pop3_producing { POP3_IDLE, POP3_LISTING, POP3_UIDLING, POP3_SENDING };
/* What the report now owed answers; private to the machine. */
struct pop3_verb;

struct pop3_session {
	enum pop3_state state;
	enum pop3_producing producing;
	const struct pop3_verb *verb; /* waiting for its report */
	struct pop3_policy policy;
	unsigned errors; /* in a row */
	unsigned attempts;
	const struct pop3_verb *exchange; /* AUTH, while its exchange waits for a response */
	unsigned mechanism;
	bool no_more;  /* there was no memory for the long line on its way */
	bool unused;   /* a long line's memory is not yet read into */
	bool utf8;     /* UTF8 was said */
	bool quit;     /* QUIT was said: the end is the client's wish */
	bool skipping; /* an over-long line, to its end */
	bool needs_stuffing;
	bool top;        /* sending for TOP */
	uint32_t last;   /* sending: the last four octets, the newest lowest */
	uint64_t msgno;  /* listing cursor, or the message being sent */
	uint64_t offset; /* sending: next octet */
	uint64_t octets, header_octets;
	uint64_t lines_left; /* TOP: body lines still to send; UINT64_MAX: all */
	char *line;          /* lent; NULL = none */
	size_t line_cap;
	size_t line_n;
	size_t user_n;
	size_t challenge_n;
	char user[POP3_USER_MAX];
	char challenge[POP3_CHALLENGE_MAX];
};

/* `challenge` is "<...@...>" (RFC 822 msg-id, ASCII); ignored where the policy has no APOP. */
void pop3_start(struct pop3_session *session, const struct pop3_policy *policy,
		struct str challenge, struct buf *out);
/* With a line lent. */
struct pop3_action pop3_step(struct pop3_session *session, struct str *in, struct buf *out);
/* `memory` holds POP3_LINE_MAX octets, and is the machine's until it is given back. */
void pop3_lend_line(struct pop3_session *session, char *memory);
/* The memory lent, wiped, when it is needed no more; else NULL. To be asked after each report. */
char *pop3_take_line(struct pop3_session *session);

void pop3_report_login(struct pop3_session *session, enum pop3_status status, uint64_t messages,
		       uint64_t octets, const struct pop3_in_use *holder, struct buf *out);
/* SASL goes on: the challenge, not encoded, at most POP3_CHALLENGE_OCTETS_MAX of it. */
#define POP3_CHALLENGE_OCTETS_MAX 1024
void pop3_report_challenge(struct pop3_session *session, struct str challenge, struct buf *out);
/* `memory` holds POP3_AUTH_LINE_MAX octets, NULL = there is none; in place of what is given back. */
char *pop3_report_line(struct pop3_session *session, char *memory);
void pop3_report_totals(struct pop3_session *session, enum pop3_status status,
			uint64_t messages, uint64_t octets, struct buf *out);
void pop3_report_message(struct pop3_session *session, enum pop3_status status,
			 const struct pop3_message *message, struct buf *out);
/* `next` is the number to go on from; n == 0 ends the list. */
void pop3_report_rows(struct pop3_session *session, enum pop3_status status,
		      const struct pop3_message *rows, size_t n, uint64_t next,
		      struct buf *out);
void pop3_report_octets(struct pop3_session *session, enum pop3_status status,
			struct str octets, struct buf *out);
/* After pop3_report_octets: the last octet of the message has just been sent, by RETR or by TOP. */
bool pop3_message_sent(const struct pop3_session *session);
void pop3_report_update(struct pop3_session *session, enum pop3_status status, struct buf *out);
/*
 * POP3_DONE: "+OK" is said, and the session is as new, its policy that of a secure connection.
 * Octets that came behind STLS must never be stepped: the driver closes instead of reporting.
 */
void pop3_report_tls(struct pop3_session *session, enum pop3_status status, struct buf *out);
/* True between commands: nothing half read, nothing half sent, no report owed. */
bool pop3_at_rest(const struct pop3_session *session);
/* The session's secrets are gone from memory. */
void pop3_wipe(struct pop3_session *session);

#endif
