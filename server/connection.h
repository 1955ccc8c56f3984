/*
 * One connection, whatever its protocol.
 *
 * It is always in exactly one of three hands: the poller's (armed), a worker's (taken out of the
 * poller), or a job's (parked with a hasher, a writer or a timer). Whoever has it is its only
 * owner and passes it on as its very last touch. Others - sweeper, takeover, kick, drain - may
 * only use what is atomic here, and only under the table's mutex (table.h). One place closes the
 * descriptor and frees the memory: connection_close, called by a worker.
 */
#ifndef RESTANTE_CONNECTION_H
#define RESTANTE_CONNECTION_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "net/peer.h"
#include "net/poller.h"
#include "net/stream.h"
#include "net/tls.h"
#include "restante/store.h"

struct connection;
struct proxied;
struct server;
struct worker;

/* Why a connection ends; the word stands in the session's log line. */
enum ending {
	ENDING_NOT,
	ENDING_QUIT,     /* the protocol's own end */
	ENDING_ERRORS,   /* too many errors or refused logins in a row */
	ENDING_HANGUP,   /* the peer went away */
	ENDING_DEADLINE, /* too long before login, or inactive */
	ENDING_TAKEOVER, /* another login took the idle maildrop */
	ENDING_KICK,
	ENDING_DRAIN,
	ENDING_EVICTED, /* before login, for a newcomer */
	ENDING_BANNED,  /* an operator has banned its network */
	ENDING_BROKEN,  /* trouble of ours: memory, a message gone */
	ENDING_PROXY,   /* no PROXY header where it must be */
	ENDING_TLS,     /* no handshake, or octets in clear where it should have come */
	ENDING_COUNT
};

/* What a protocol's run came to. */
enum run_status {
	RUN_NEED_INPUT, /* everything is consumed and answered */
	RUN_NEED_ROOM,  /* `out` must be flushed before it can go on */
	RUN_TURN_OVER,  /* enough for one turn: others first */
	RUN_PARK,       /* call protocol->park when input and output are saved */
	RUN_CLOSE       /* flush, then close */
};

/* Octets kept between turns: on the heap, and only while there are any. */
struct held {
	char *p;
	uint32_t n;
	uint32_t done; /* of these, already used up */
};

/* For the list of sessions. */
struct session_row {
	char user[ADDRESS_MAX + 1];
	const char *state;
	uint64_t messages, octets;
};

/* One row per protocol. All but `start` are called by the worker that owns the connection. */
struct protocol {
	const char *name;
	size_t size;      /* of the protocol's connection struct, a struct connection first */
	size_t read_size; /* octets to read at once */
	/* Builds the session and writes the greeting; by the acceptor. */
	void (*start)(struct connection *connection, struct buf *out);
	/* Feeds `in` to the machine and performs actions until one of enum run_status. */
	enum run_status (*run)(struct worker *worker, struct connection *connection,
			       struct str *in, struct buf *out);
	/* Hands the connection to the job that run prepared: the worker's last touch. */
	void (*park)(struct worker *worker, struct connection *connection);
	/* True between commands: may be ended at once when the server drains. */
	bool (*at_rest)(const struct connection *connection);
	/* How long it may be inactive now; 0 = its deadline stands as it is. */
	int64_t (*inactivity_seconds)(const struct connection *connection);
	/* Draining, an idle session runs once more to say goodbye (LMTP: 421), or just ends. */
	bool says_goodbye;
	bool logs_in; /* and before it does its input may hold passwords */
	/* A late end that must not be: false while the maildrop is in UPDATE. Any thread. */
	bool (*revoke)(struct connection *connection);
	/* Frees what the session holds and writes its log line. */
	void (*finish)(struct connection *connection, enum ending why);
	/* For the list of sessions; under the table's mutex. */
	void (*describe)(const struct connection *connection, struct session_row *row);
	const char *refusal; /* greeting when there are too many connections */
	const char *alpn;    /* registered with IANA; NULL = none */
};

struct connection {
	struct polled polled; /* first: the poller hands this out */
	uint32_t slot;        /* in the table */
	const struct protocol *protocol;
	struct server *server;
	uint64_t session; /* never reused */
	int64_t started;  /* wall clock, seconds */
	struct peer peer;
	struct tls *tls;         /* NULL = in clear */
	bool tls_offered;        /* STLS or STARTTLS may be said */
	bool awaits_proxy;       /* a PROXY header comes before anything else: prelude.h */
	bool tls_first;          /* ... and then TLS */
	bool handshaking;        /* TLS comes before anything else: prelude.h */
	bool greeted;            /* the protocol has started */
	bool secure;             /* nobody on the way can read it */
	bool clear_password;     /* this peer may send one */
	bool exempt;             /* of a network that is never limited */
	int64_t deadline_after;  /* in the prelude: the deadline that comes back */
	bool health_check;       /* a proxy's own: worth a line only when it does something */
	struct proxied *proxied; /* what a proxy has told (proxied.h); NULL = nothing */
	bool peer_finished;      /* it has shut down its sending side */
	bool closing;            /* flush what is held, then close */
	struct held in, out;
	uint64_t octets_in, octets_out;
	enum ending why; /* set by the owner at RUN_CLOSE */

	/* For other threads, under the table's mutex. */
	atomic_int ending;           /* enum ending, set once */
	atomic_bool resting;         /* armed and between commands */
	atomic_bool marked;          /* holds deletion marks */
	atomic_bool logged_in;       /* user and key of the session are set for good */
	atomic_bool login_under_way; /* with a hasher, or good and waiting for its maildrop */
	_Atomic int64_t deadline;    /* monotonic ms */
	size_t unsent; /* the sweeper's own: in the kernel's queue when it last looked */
	_Atomic int64_t active; /* monotonic ms of the last octet either way */

	/* The table's own (table.h). */
	bool counted; /* with its source, whatever `peer` says now */
	struct source source;
	struct connection *older, *newer; /* before login */
	bool before_login;                /* stands in that list */
	bool leaving;                     /* evicted */

	/* The timers' own (timers.h). */
	bool timed;
	int64_t timer_due;
	size_t timer_at;
	const struct maildrop_key *waiting_for;
};

static inline struct stream connection_stream(const struct connection *connection)
{
	return (struct stream){ connection->polled.fd, connection->tls };
}

/*
 * Marks the connection as ending and shuts its socket down, which wakes its owner-to-be. False
 * when it is ending already, or in UPDATE and must be left alone. Under the table's mutex.
 */
bool connection_end(struct connection *connection, enum ending why);
/* The one place: log line, maildrop, table, descriptor, memory. By the owning worker. */
void connection_close(struct connection *connection);
const char *ending_word(enum ending why);
/* For the session's line in the log: the proxy, if any; version and cipher of TLS, if any. */
void connection_log_way(const struct connection *connection, struct log_line *line);
/* What a proxy has told beside the address. It comes from outside, and so last in the line. */
void connection_log_told(const struct connection *connection, struct log_line *line);
/* How important a session is in which nobody logged in and nothing was delivered. */
enum log_level connection_idle_level(const struct connection *connection);

/* Keeps a copy of `octets` in *held (which is empty); false when out of memory. */
MUST_USE bool held_keep(struct held *held, struct str octets);
struct str held_rest(const struct held *held);
void held_free(struct held *held);

#endif
