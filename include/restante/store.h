/*
 * The store: maildrops and deliveries. The seam between protocol drivers and whatever keeps the
 * mail. No type of a database stands here, and nothing here assumes that the lock is in memory.
 *
 * Reading is synchronous and bounded: one slice per call, no read transaction outlives a call.
 * Every write is a job: it is handed over, and its `done` is called later from a thread of the
 * store, exactly once, after the outcome is durable (or known to be none). `done` must not block
 * and must not call back into the store except to submit another job.
 *
 * Ownership: what x_open made, x_close frees; close accepts NULL and sets NULL. A struct handed to
 * a submit function belongs to the store until its `done` was called.
 */
#ifndef RESTANTE_STORE_H
#define RESTANTE_STORE_H

#include <stdint.h>

#include "restante/compiler.h"
#include "restante/fault.h"
#include "restante/limits.h"
#include "restante/str.h"

enum store_status {
	STORE_OK,
	STORE_NOT_FOUND,   /* no such message, maildrop or row */
	STORE_IN_USE,      /* another session, or another process, holds it */
	STORE_LOST,        /* the session's claim on the maildrop was taken away */
	STORE_GONE,        /* the message was purged while it was being read */
	STORE_OVER_QUOTA,  /* the maildrop is full; may pass when mail is fetched */
	STORE_TOO_LARGE,   /* the message alone exceeds the quota; will not pass */
	STORE_FULL,        /* the disk is full */
	STORE_UNAVAILABLE, /* try again later: I/O error, memory, shard out of service */
	STORE_FOREIGN,     /* the files are not this store's: lost, foreign, newer or damaged */
	STORE_STATUS_COUNT
};
/* "over quota" and the like: for logs and the tool. Never NULL. */
const char *store_status_text(enum store_status status);

/* --- the store as a whole ---------------------------------------------------------------- */

struct store;

/* One event for the log: `text` is "event key=value ..." ready to print. */
typedef void store_log(void *context, int priority /* syslog(3) level */, const char *text);

struct store_options {
	const char *dir;   /* absolute; holds mail-00.db ... and `lock` */
	bool exclusive;    /* take the store's lock and start the writers; false = read only */
	uint64_t min_free; /* octets of disk below which store_has_room says no */
	store_log *log;    /* may be NULL */
	void *log_context;
};

/* Which store: in accounts.db and in every mail database from the day they are made. */
struct store_identity {
	char id[33]; /* 32 lower-case hexadecimal digits, NUL */
	unsigned shards;
};

/* Makes a new store of `shards` databases in an existing, empty directory. */
MUST_USE enum store_status store_create(const char *dir, unsigned shards, struct fault *fault);
/* What its first database says; the store itself is not opened. */
MUST_USE enum store_status store_identify(const char *dir, struct store_identity *identity,
					  struct fault *fault);
/*
 * Opens a store. STORE_IN_USE when another process owns it (exclusive only), STORE_FOREIGN when
 * a file is missing, belongs to another store or is of a newer schema; migrates an older one
 * (exclusive only). Staged rests of interrupted deliveries are removed before it returns, and a
 * file out of a backup gets new UIDL epochs (exclusive only).
 */
MUST_USE enum store_status store_open(const struct store_options *options, struct store **store,
				      struct fault *fault);
/* Works off every queued job, stops the writers, closes. */
void store_close(struct store **store);
unsigned store_shards(const struct store *store);
const struct store_identity *store_identity(const struct store *store);
/* False when the disk has less than min_free left: deliveries are then refused at RCPT. */
bool store_has_room(struct store *store);

/*
 * Which maildrop: the shard and the account's random key, both from accounts.db. A key that no
 * job has written to yet is an empty maildrop.
 */
struct maildrop_key {
	unsigned shard;
	char id[33]; /* 32 lower-case hexadecimal digits, NUL */
};

/* One thread's read access to all shards. Not to be shared between threads. */
struct store_reader;
MUST_USE enum store_status store_reader_open(struct store *store, struct store_reader **reader,
					     struct fault *fault);
void store_reader_close(struct store_reader **reader);
/*
 * Until store_reader_rest, a maildrop is looked at in one read transaction, and its change number
 * is read once: for a row of calls without a pause. Nobody waits for anything between the two, as
 * what is held open keeps the log from being used anew.
 */
void store_reader_hold(struct store_reader *reader);
void store_reader_rest(struct store_reader *reader);

struct maildrop_usage {
	uint64_t messages; /* not deleted */
	uint64_t octets;
	int64_t last_login; /* seconds since 1970, 0 = never */
};
/* Counters for quota checks and the tool: O(1). */
MUST_USE enum store_status maildrop_usage(struct store_reader *reader,
					  const struct maildrop_key *key,
					  struct maildrop_usage *usage, struct fault *fault);

/* --- the exclusive lock (RFC 1939 section 4), with liveness ------------------------------- */
/*
 * HELD -> UPDATING or HELD -> LOST, once, atomically. Only the holder's QUIT moves to UPDATING,
 * and then nobody but the store releases it, after the outcome. Everything else (takeover, kick,
 * deadline, drain) acts by HELD -> LOST; the holder's later update is refused.
 */
struct maildrop_lock;

struct lock_holder {
	uint64_t session; /* never reused within a process */
	int64_t since;    /* seconds since 1970 */
	char peer[64];    /* address text */
};

/*
 * Takes the lock: STORE_OK and *lock, or STORE_IN_USE and the present holder in *holder_out, or
 * STORE_UNAVAILABLE. Never blocks.
 */
MUST_USE enum store_status maildrop_lock(struct store *store, const struct maildrop_key *key,
					 const struct lock_holder *holder,
					 struct maildrop_lock **lock,
					 struct lock_holder *holder_out);
/*
 * Takes the lock away from session `session`: true when it held it (HELD -> LOST), false when it
 * does not hold it any more or is UPDATING. The maildrop is free at once.
 */
MUST_USE bool maildrop_lock_revoke(struct store *store, const struct maildrop_key *key,
				   uint64_t session);
/* True once the lock was revoked. For the holder: any thread. */
bool maildrop_lock_lost(const struct maildrop_lock *lock);
/* The holder gives up without UPDATE (or has LOST): frees *lock, sets NULL. */
void maildrop_unlock(struct store *store, struct maildrop_lock **lock);
/*
 * Called (from any thread, no store lock held) after a maildrop became free, so that waiting
 * logins can try again. Set once, before the first lock.
 */
typedef void maildrop_released(void *context, const struct maildrop_key *key);
void store_on_release(struct store *store, maildrop_released *call, void *context);

/* --- a session's view of one maildrop ----------------------------------------------------- */
/*
 * A snapshot: message numbers 1..n are fixed when it is opened (O(1): counters only). Deliveries
 * are invisible, DELE never renumbers, deletions by others do not show. Deletion marks live here
 * and nowhere else until maildrop_update.
 */
struct maildrop;

enum message_flag {
	MESSAGE_NEEDS_STUFFING = 1, /* some line begins with "." */
	MESSAGE_SMTPUTF8 = 2,       /* delivered as SMTPUTF8 (RFC 6531) */
	MESSAGE_HAS_NUL = 4,
	MESSAGE_HAS_8BIT = 8
};

struct message {
	uint64_t msgno;         /* the client's number, from 1 */
	uint64_t uid;           /* row within the maildrop, never reused */
	uint64_t octets;        /* exactly what RETR sends, CRLF counted, stuffing not */
	uint64_t header_octets; /* up to and including the empty line that ends the header */
	uint64_t body;          /* the store's own */
	uint32_t prefix_octets; /* the store's own */
	uint32_t longest_line;  /* octets without CRLF */
	unsigned flags;         /* enum message_flag */
	int64_t received;       /* seconds since 1970 */
	char uidl[POP3_UIDL_MAX + 1];
};

MUST_USE enum store_status maildrop_open(struct store_reader *reader,
					 const struct maildrop_key *key,
					 struct maildrop **maildrop, struct fault *fault);
void maildrop_close(struct maildrop **maildrop);

/* Messages and octets of the session's view, marked ones left out. */
void maildrop_totals(const struct maildrop *maildrop, uint64_t *messages, uint64_t *octets);
/* Highest message number, marked ones counted. */
uint64_t maildrop_last(const struct maildrop *maildrop);

/* The facts of message `msgno`; STORE_NOT_FOUND when there is none or it is marked. */
MUST_USE enum store_status maildrop_message(struct store_reader *reader,
					    struct maildrop *maildrop, uint64_t msgno,
					    struct message *message, struct fault *fault);
/* What LIST and UIDL say of a message. */
struct listed {
	uint64_t msgno, uid, octets; /* as of struct message */
	char uidl[POP3_UIDL_MAX + 1];
};
/*
 * Up to `cap` unmarked messages from number *from on, ascending, into rows[0..*count). *from moves
 * past the last one looked at; *count == 0 means that there are no more.
 */
MUST_USE enum store_status maildrop_list(struct store_reader *reader, struct maildrop *maildrop,
					 uint64_t *from, struct listed *rows, size_t cap,
					 size_t *count, struct fault *fault);
/*
 * Up to `cap` octets of a message from `offset` on. *n == 0 only at its end. STORE_GONE when the
 * message no longer names this body: the session must end without the final dot.
 */
MUST_USE enum store_status message_read(struct store_reader *reader,
					const struct maildrop *maildrop,
					const struct message *message, uint64_t offset,
					char *to, size_t cap, size_t *n, struct fault *fault);

/* DELE: STORE_OK, or STORE_UNAVAILABLE for want of memory. `message` was found just before. */
MUST_USE enum store_status maildrop_mark(struct maildrop *maildrop,
					 const struct message *message);
/* RSET. */
void maildrop_unmark_all(struct maildrop *maildrop);
uint64_t maildrop_marked(const struct maildrop *maildrop);

/* --- jobs ---------------------------------------------------------------------------------- */

/*
 * Embedded first in the jobs below; private to the store but for `done` and `context`, which the
 * submitter sets. `status` and `fault` are valid from `done` on.
 */
struct store_job {
	void (*done)(struct store_job *job);
	void *context;
	enum store_status status;
	struct fault fault;
	/* the store's own */
	struct store_job *next;
	enum store_status (*run)(struct store_job *job, void *writer);
	bool (*happened)(struct store_job *job, void *writer); /* after an unknown outcome */
	void (*settle)(struct store_job *job, void *writer);   /* just before done */
	size_t weight;
};

/* Who deletes: becomes one `session` row, so that an operator can tell and undo. */
struct session_record {
	uint64_t session;
	int64_t started; /* seconds since 1970 */
	char peer[64];
	uint64_t retrieved; /* messages sent whole */
};

/*
 * QUIT in TRANSACTION: flags every marked message in one transaction, then releases the lock,
 * then calls done. STORE_LOST (nothing deleted) when the lock was revoked before. Without marks
 * nothing is written and done is called before the function returns. Sets *lock to NULL at once;
 * the maildrop must stay open until done.
 */
struct maildrop_update {
	struct store_job job;
	struct maildrop *maildrop;
	struct maildrop_lock *lock; /* the store's own from submit on */
	struct session_record by;
	uint64_t deleted; /* out */
};
void maildrop_update_submit(struct store *store, struct maildrop_update *update,
			    struct maildrop_lock **lock);

/* Remembers a successful login; coalesced, never waited for. */
void maildrop_note_login(struct store *store, const struct maildrop_key *key, int64_t when);

/* --- deliveries ---------------------------------------------------------------------------- */
/*
 * delivery_begin, delivery_append*, delivery_finish (or delivery_abort at any point before).
 * Memory: at most one chunk (STORE_CHUNK_OCTETS) of the message whatever its size. When a chunk
 * is full, append says DELIVERY_FLUSH and has taken only part of the octets: submit
 * delivery_flush, and go on after its done.
 * A bare LF becomes CRLF; a missing final CRLF and a missing end of the header are added; all
 * else is kept octet for octet, NUL included. All that LIST, TOP and RETR need is computed here.
 */
struct delivery;

struct delivery_target {
	struct maildrop_key key;
	const char *prefix; /* trace lines for this one, each with CRLF; <= STORE_PREFIX_MAX */
	uint64_t quota_octets;   /* 0 = none */
	uint64_t quota_messages; /* 0 = none */
	/* out, valid in finish's done: */
	enum store_status status; /* STORE_OK, _OVER_QUOTA, _TOO_LARGE, _FULL, _UNAVAILABLE */
	bool duplicate;           /* the same delivery was here already: not stored again */
	uint64_t uid;
	uint64_t octets; /* prefix and body as stored */
};

enum delivery_taken { DELIVERY_TAKEN, DELIVERY_FLUSH, DELIVERY_NO_MEMORY };

/*
 * `targets` (count >= 1, no maildrop twice) must outlive the delivery. `flags`: MESSAGE_SMTPUTF8.
 */
MUST_USE enum store_status delivery_begin(struct store *store, struct delivery_target *targets,
					  size_t count, unsigned flags,
					  struct delivery **delivery);
/* Takes octets off the front of *octets. */
MUST_USE enum delivery_taken delivery_append(struct delivery *delivery, struct str *octets);
/* Octets taken so far (canonical form). */
uint64_t delivery_octets(const struct delivery *delivery);
bool delivery_has_nul(const struct delivery *delivery);
/* Memory the delivery holds now, octets. */
size_t delivery_memory(const struct delivery *delivery);
/* Writes the full chunk to every shard concerned. done(context, STORE_OK or why not). */
typedef void delivery_done(void *context, enum store_status status, const struct fault *fault);
void delivery_flush(struct delivery *delivery, delivery_done *done, void *context);
/*
 * Makes the message visible in every target, shard by shard; `done` once after the last shard has
 * committed or failed; each target has its own status. `digest` (32 octets) recognises a
 * repetition for DUPLICATE_SECONDS; NULL = never. Afterwards only delivery_close.
 */
void delivery_finish(struct delivery *delivery, const unsigned char *digest,
		     delivery_done *done, void *context);
/* Frees it; before finish: staged chunks are removed in the background. Never while a job runs. */
void delivery_close(struct delivery **delivery);

#endif
