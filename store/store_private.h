/*
 * What the files of the store share: the store, its shards and their writers. Who may touch what:
 * fields under "writer" belong to the shard's writer thread, fields under "mutex" to whoever
 * holds it, the rest is fixed while the store is open.
 */
#ifndef RESTANTE_STORE_PRIVATE_H
#define RESTANTE_STORE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

#include "restante/store.h"
#include "store/schema.h"
#include "store/statement.h"

/* A job that was not told otherwise counts so many octets of a batch. */
#define JOB_WEIGHT 1024
/* A batch ends when its jobs weigh so much: how long one transaction may last (4 MiB). */
#define BATCH_OCTETS (UINT64_C(4) << 20)
/* Pages in the log after which the writer checkpoints: 4 MiB. */
#define CHECKPOINT_PAGES ((4 << 20) / SHARD_PAGE_OCTETS)
/* ... and beyond which it sees to it that the log begins anew: 16 MiB. */
#define RESTART_PAGES (4 * CHECKPOINT_PAGES)
#define WRITER_CACHE_KIB 8192
#define READER_CACHE_KIB 512
/* Listings in memory: four million messages' (32 MiB). */
#define LISTINGS_OCTETS ((size_t)32 << 20)
/* Logins are remembered together, after this long at the latest. */
#define LOGIN_MILLISECONDS 10000

/* The writer's kept statements; texts in writer_sql.c. */
enum writer_stmt {
	W_BEGIN,
	W_COMMIT,
	W_ROLLBACK,
	W_SAVEPOINT,
	W_RELEASE,
	W_UNDO,
	W_MAILBOX_FIND,
	W_MAILBOX_ADD,
	W_MAILBOX_GREW,
	W_MAILBOX_SHRANK,
	W_MAILBOX_LOGIN,
	W_MAILBOX_ORPHAN,
	W_MAILBOX_REMOVE,
	W_MESSAGE_ADD,
	W_MESSAGE_FLAG,
	W_RUN_FLAG,
	W_MESSAGE_REMOVE,
	W_MESSAGE_COPY,
	W_MESSAGE_BROUGHT_BACK,
	W_SCAN_LIVE,
	W_SCAN_SNAPSHOT,
	W_SCAN_PURGE,
	W_SCAN_DELETED,
	W_SCAN_ALL,
	W_BODY_ADD,
	W_BODY_GET,
	W_BODY_SET,
	W_BODY_REF,
	W_BODY_REMOVE,
	W_BODY_UNREFERENCED,
	W_CHUNK_ADD,
	W_CHUNK_REMOVE,
	W_RECENT_FIND,
	W_RECENT_ADD,
	W_RECENT_EXPIRE,
	W_SESSION_ADD,
	W_SESSION_EXPIRE,
	W_SESSION_REMOVE,
	W_META_SET,
	W_STAND,
	W_FREE_PAGES,
	W_VACUUM,
	W_STMT_COUNT
};
extern const char *const writer_sql[W_STMT_COUNT];

struct job_queue {
	struct store_job *head;
	struct store_job **tail;
	uint64_t count;
};

struct login;         /* login.c */
struct delivery_part; /* delivery_private.h */
struct lock_table;    /* lock.c */
struct listings;      /* listing.c */

struct shard {
	struct store *store;
	unsigned number;
	char *path;

	/* writer */
	sqlite3 *db;
	sqlite3_stmt *stmt[W_STMT_COUNT];
	int wal_pages;      /* in the log after the last commit */
	int checkpoint_at;  /* so many of them are the next time to checkpoint */
	unsigned low_waits; /* batches that went before a waiting low job */

	/* mutex */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct job_queue normal;
	struct job_queue low; /* purge and the like: alone, and after the others */
	bool stopping;
	struct login *logins; /* to be remembered */
	size_t login_count;
	int64_t login_due;
	struct delivery_part *staging; /* deliveries with chunks here, not yet visible */

	/* housekeeping: its one caller */
	int64_t clock_stamp;  /* wall clock, as in meta */
	int64_t clock_uptime; /* monotonic seconds when that was read or written */
	int64_t clock_looked; /* monotonic seconds of the last look at it */
	int64_t clock_hold; /* seconds that purging still has to wait, as in meta; 0 = no hold */
	int64_t clock_said; /* monotonic seconds when that was last logged */
	int64_t slow_pass;  /* wall clock of the last look at every maildrop */

	pthread_t thread;
	bool started;
	atomic_bool in_service;
	_Atomic uint64_t commits;
	_Atomic uint64_t jobs;
	_Atomic uint64_t queued;
};

struct store {
	char *dir;
	struct store_identity identity;
	bool exclusive;
	uint64_t min_free;
	store_log *log;
	void *log_context;
	int lock_fd;
	atomic_bool hurried;
	struct lock_table *locks;
	struct listings *listings;
	unsigned shard_count;
	struct shard *shards;
};

/*
 * Prints one event to the store's log: "event key=value ...", and `why`, which may quote others, as
 * the key msg, escaped; NULL = none.
 */
void store_say(struct store *store, int priority, const char *why, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* --- writer.c: called by any thread but where it says so ---------------------------------- */

/* Opens the connection and its statements. */
MUST_USE enum store_status writer_open(struct shard *shard, struct fault *fault);
void writer_close(struct shard *shard);
MUST_USE enum store_status writer_start(struct shard *shard, struct fault *fault);
/* Works off what is queued, then ends the thread. */
void writer_stop(struct shard *shard);
/* Hands over a job: `run` and `done` are set. */
void writer_submit(struct shard *shard, struct store_job *job);
/* ... one that gives way to the others and runs in a transaction of its own. */
void writer_submit_low(struct shard *shard, struct store_job *job);
/* Hands over a low job and waits for it; refused when the store was told to hurry. */
enum store_status writer_call(struct shard *shard, struct store_job *job);
/* Before the writer was started: runs a job on this thread in its own transaction. */
enum store_status writer_run_alone(struct shard *shard, struct store_job *job);

/* --- batch.c: writer thread only ------------------------------------------------------------ */

/* Runs the jobs of one batch, sets each one's status; returns false when the outcome is unknown. */
MUST_USE bool batch_run(struct shard *shard, struct store_job *jobs);

/* --- mailbox.c: writer thread only ----------------------------------------------------------- */

struct mailbox_row {
	uint64_t id;
	uint64_t epoch;
	uint64_t uidnext;
	uint64_t change;
	uint64_t messages;
	uint64_t octets;
};
/* STORE_NOT_FOUND when there is none. */
MUST_USE enum store_status mailbox_find(struct shard *shard, const char *key,
					struct mailbox_row *row, struct fault *fault);
/* Makes it when there is none. */
MUST_USE enum store_status mailbox_need(struct shard *shard, const char *key,
					struct mailbox_row *row, struct fault *fault);

/* --- lock.c ----------------------------------------------------------------------------------- */

MUST_USE struct lock_table *locks_new(void);
void locks_free(struct lock_table **locks);
/* A session holds or is updating this maildrop. */
bool lock_present(struct store *store, const struct maildrop_key *key);
/* HELD -> UPDATING; false when it was LOST. */
MUST_USE bool lock_begin_update(struct store *store, struct maildrop_lock *lock);
/* UPDATING -> gone. */
void lock_end_update(struct store *store, struct maildrop_lock **lock);

/* --- collect.c: writer thread only ---------------------------------------------------------------- */

/*
 * Takes away one reference; removes the body with the last one when it is small, and adds its
 * chunks to *removed.
 */
MUST_USE enum store_status body_release(struct shard *shard, uint64_t body, uint64_t *removed,
					struct fault *fault);
/*
 * Removes up to a few chunks of a body without references, and the body with the last of them:
 * *gone then.
 */
MUST_USE enum store_status body_remove_some(struct shard *shard, uint64_t body, bool *gone,
					    struct fault *fault);
/* The next body without references that no delivery is staging; STORE_NOT_FOUND: none. */
MUST_USE enum store_status body_unreferenced(struct shard *shard, uint64_t after,
					     uint64_t *body, struct fault *fault);

#endif
