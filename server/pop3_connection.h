/*
 * The state of one POP3 connection, shared by the driver's files: pop3_driver.c (actions),
 * pop3_login.c (from credentials to an open maildrop), pop3_limit.c (who must wait), pop3_finish.c (end and log lines).
 */
#ifndef RESTANTE_POP3_CONNECTION_H
#define RESTANTE_POP3_CONNECTION_H

#include "base/log.h"
#include "connection.h"
#include "hasher.h"
#include "pop3/pop3.h"

/* Where a login stands, between its parts. */
enum login_phase {
	LOGIN_NONE,
	LOGIN_DELAYED,    /* waits until its credentials are looked at */
	LOGIN_VERIFYING,  /* with a hasher */
	LOGIN_DECIDED,    /* the verdict is there, before a hasher was needed */
	LOGIN_CHALLENGED, /* a hasher's challenge is there to be sent */
	LOGIN_VERIFIED,   /* the verdict is there */
	LOGIN_FAILING,    /* waits for its time to be refused */
	LOGIN_WAITING     /* good password, waits for the maildrop */
};

#define DELETED_UIDS_TEXT 384

/* "1-3,7": the uids a session deleted, for its log line. Cut with "..." when it grows long. */
struct uid_runs {
	uint64_t first, last; /* the run not yet written; last 0 = none */
	size_t n;
	bool cut;
	char text[DELETED_UIDS_TEXT];
};

/* From a good password on. */
struct pop3_mailbox {
	struct maildrop_key key;
	struct maildrop_lock *lock;
	struct maildrop *maildrop;
	struct maildrop_update *update;    /* in UPDATE */
	atomic_bool updated;               /* its outcome is there */
	struct message message;            /* the one last found */
	_Atomic uint64_t messages, octets; /* at login; the list of sessions reads them */
	uint64_t retrieved, retrieved_octets, deleted;
	const char *method;       /* how it logged in */
	struct uid_runs *marked;  /* made at the first DELE */
	const char *app_password; /* ... which it logged in with, "" = the mailbox's own */
	char address[];           /* and behind its NUL the text of app_password */
};

struct pop3_connection {
	struct connection base;
	enum login_phase phase;
	int64_t command_at;    /* monotonic ms: when the login command came */
	int64_t delayed_until; /* ... and before that nobody looks at it */
	int64_t wait_until;    /* ... and how long it waits for the maildrop */
	struct login_job *login;
	struct sasl_exchange *sasl; /* while AUTH's exchange goes on */
	struct pop3_mailbox *mailbox;
	bool limited;    /* the login was turned away, its credentials were not looked at */
	bool repeated;   /* the refused credentials had been refused before */
	bool offer_anew; /* after STLS: what AUTH offers may have changed */
	bool broken;     /* a message or list could not be sent to its end */
	struct pop3_session machine;
};

static inline struct pop3_connection *pop3_of(struct connection *connection)
{
	return (struct pop3_connection *)connection;
}

/* USER and PASS, or APOP. */
enum run_status pop3_login_begin(struct worker *worker, struct pop3_connection *c,
				 const struct pop3_action *action, struct buf *out);
/* A login from this peer, not yet filled in; NULL: out of memory. Ends with the login. */
struct login_job *pop3_login_job(struct pop3_connection *c);
/* Its user is known: it is accepted at once, waits, is turned away, or goes on to the hashers. */
enum run_status pop3_login_go(struct worker *worker, struct pop3_connection *c,
			      struct buf *out);
/* Begins a log line about a login that came to nothing; the reason and the user are to follow. */
void pop3_log_failure_begin(const struct pop3_connection *c, struct log_line *line,
			    enum log_level level, const char *event, const char *method);
/* After a park: RUN_NEED_INPUT when the login is answered, RUN_PARK when it waits on. */
enum run_status pop3_login_continue(struct worker *worker, struct pop3_connection *c,
				    struct buf *out);
void pop3_login_park(struct pop3_connection *c);
/* The connection ends: a refusal that nobody waited for is logged and counted all the same. */
void pop3_login_settle(struct pop3_connection *c);

/*
 * How long a login waits before its credentials are looked at, in milliseconds; LIMITER_LATER: it
 * is turned away for now.
 */
int64_t pop3_limit_ask(const struct pop3_connection *c, struct str user);
/* `secret` is empty where it is another one each time. False: it counts no more. Any thread. */
bool pop3_limit_failed(const struct pop3_connection *c, struct str user, struct str secret);
void pop3_limit_succeeded(const struct pop3_connection *c, struct str user);
/* LOGIN-DELAY (RFC 2449 section 6.5): after a good password, and at `+OK`. */
bool pop3_login_too_soon(const struct pop3_connection *c);
void pop3_note_login(const struct pop3_connection *c);

/* What AUTH offers on this connection as it is now. */
void pop3_sasl_offer(const struct pop3_connection *c, struct pop3_policy *policy);
/* AUTH, or a response. */
enum run_status pop3_sasl_step(struct worker *worker, struct pop3_connection *c,
			       const struct pop3_action *action, struct buf *out);
/* Back from a hasher with a challenge. */
enum run_status pop3_sasl_continue(struct worker *worker, struct pop3_connection *c,
				   struct buf *out);
/* The client cancelled, or sent what is no response. */
void pop3_sasl_over(struct pop3_connection *c);

/* Before each step: memory for a line, the worker's or new. False: there is none. */
MUST_USE bool pop3_line_lend(struct worker *worker, struct pop3_connection *c);
/* POP3_MORE_LINE. */
void pop3_line_lend_more(struct worker *worker, struct pop3_connection *c);
/* After each report; and by nobody's worker (NULL) at the end. */
void pop3_line_take_back(struct worker *worker, struct pop3_connection *c);

/* The maildrop is given up without UPDATE, or after it. */
void pop3_mailbox_release(struct pop3_connection *c);
/* An error line about the session's maildrop. */
void pop3_log_trouble(const struct pop3_connection *c, const char *event,
		      const struct fault *fault);
/* The outcome of QUIT's update: counts what it deleted, logs why it failed. */
void pop3_account_for_update(struct pop3_connection *c);
/* Frees what the session holds and writes its line. */
void pop3_finish(struct connection *connection, enum ending why);
void uid_runs_add(struct uid_runs *runs, uint64_t uid);

#endif
