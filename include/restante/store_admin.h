/*
 * What an operator does to maildrops. Synchronous: each call submits its work to the store's
 * writers and waits, so it is for the tool and for the server's control and housekeeping threads,
 * never for a worker.
 */
#ifndef RESTANTE_STORE_ADMIN_H
#define RESTANTE_STORE_ADMIN_H

#include "restante/store.h"

/* A deleted message that the undelete window still keeps, or a live one. */
struct message_info {
	struct message message;   /* msgno 0 for a deleted one */
	int64_t deleted_at;       /* seconds since 1970; 0 = live */
	uint64_t deleted_session; /* who: the session's number */
	char deleted_peer[64];    /* ... and from where; "" when unknown */
};
typedef bool message_visit(void *context, const struct message_info *info); /* false = stop */
/* Every message in order of uid; `deleted` chooses live or deleted ones. */
MUST_USE enum store_status maildrop_visit(struct store_reader *reader,
					  const struct maildrop_key *key, bool deleted,
					  message_visit *visit, void *context,
					  struct fault *fault);

/* What to bring back or to purge: uid 0 and session 0 = all deleted ones. */
struct deleted_selection {
	uint64_t uid;
	uint64_t session;
};
/* Brings deleted messages back as new rows with new UIDLs. */
MUST_USE enum store_status maildrop_undelete(struct store *store,
					     const struct maildrop_key *key,
					     const struct deleted_selection *which,
					     uint64_t *restored, struct fault *fault);
/* Flags messages deleted as QUIT does (uid 0 = all live ones). */
MUST_USE enum store_status maildrop_delete(struct store *store, const struct maildrop_key *key,
					   uint64_t uid, uint64_t *deleted,
					   struct fault *fault);
/* Removes deleted messages at once, window or not. STORE_IN_USE while a session is open. */
MUST_USE enum store_status maildrop_purge(struct store *store, const struct maildrop_key *key,
					  const struct deleted_selection *which,
					  uint64_t *purged, struct fault *fault);

/*
 * How long a maildrop's deleted messages are kept, seconds; -1 = the account is gone (its maildrop
 * is reaped after UNDELETE_SECONDS_DEFAULT without it), -2 = cannot tell now: leave it alone.
 */
typedef int64_t undelete_window(void *context, const char *key_id);
/*
 * One round of housekeeping on one shard: purges what is past its window in small transactions
 * that give way to deliveries, removes unreferenced bodies, orphaned maildrops and old digests,
 * and gives free pages back. Skips maildrops with a session.
 */
MUST_USE enum store_status store_housekeep(struct store *store, unsigned shard, int64_t now,
					   undelete_window *window, void *context,
					   uint64_t *purged, struct fault *fault);

/*
 * The store is about to be closed: whatever of the above is under way or comes later ends at its
 * next step, with STORE_UNAVAILABLE (a round of housekeeping: STORE_OK). Any thread.
 */
void store_hurry(struct store *store);

struct store_figures {
	uint64_t maildrops, messages, octets, deleted, bodies, file_octets, queued_jobs;
	uint64_t commits, jobs; /* since start: jobs / commits = group size */
	bool in_service;
};
MUST_USE enum store_status store_figures(struct store *store, struct store_reader *reader,
					 unsigned shard, struct store_figures *figures,
					 struct fault *fault);

/*
 * Integrity, counters against rows, references against bodies, chunks against facts, orphans.
 * Calls report once per finding, with a sentence; *findings = how many.
 * `known` tells whether an account has this key (NULL: orphans are not looked for).
 */
typedef void check_report(void *context, const char *sentence);
typedef bool check_known(void *context, const char *key_id);
MUST_USE enum store_status store_check(struct store_reader *reader, check_known *known,
				       check_report *report, void *context, uint64_t *findings,
				       struct fault *fault);

/*
 * Backup and restore: an online copy of every shard into an existing empty directory, by the
 * database's own backup interface; beside a running server or not. Works without opening the
 * store. store_open starts a new UIDL epoch for the new mail of every copied file.
 */
MUST_USE enum store_status store_copy(const char *dir, const char *to, struct fault *fault);

#endif
