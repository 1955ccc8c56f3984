/*
 * What an operator does to a maildrop: looks at it, brings messages back, deletes, purges. Calls
 * of one thread that may wait; the work in the database is in purge.c.
 */
#include <stdio.h>

#include "base/log.h"
#include "store/maildrop_private.h"
#include "store/purge.h"

/* Rows fetched in one read transaction; the visitor may be slow, so it is called outside. */
#define VISIT_SLICE 128

static const char visit_live_sql[] =
	"SELECT " MESSAGE_COLUMNS ", 0, 0, '' FROM message INDEXED BY message_live"
	" WHERE mailbox = (SELECT id FROM mailbox WHERE key = ?1) AND uid > ?2"
	" AND deleted_at IS NULL ORDER BY uid LIMIT ?3";
/* deleted_at 0 is the old row of a message that was brought back. */
static const char visit_deleted_sql[] =
	"SELECT " MESSAGE_COLUMNS ", deleted_at, deleted_session,"
	" (SELECT peer FROM session s WHERE s.mailbox = m.mailbox AND s.change = "
	"m.deleted_change)"
	" FROM message m NOT INDEXED"
	" WHERE mailbox = (SELECT id FROM mailbox WHERE key = ?1) AND uid > ?2"
	" AND deleted_at > 0 ORDER BY uid LIMIT ?3";

static void info_from_row(sqlite3_stmt *stmt, struct message_info *info)
{
	const unsigned char *peer = sqlite3_column_text(stmt, MESSAGE_COLUMN_COUNT + 2);

	message_from_row(stmt, &info->message);
	info->message.msgno = 0;
	info->deleted_at = sqlite3_column_int64(stmt, MESSAGE_COLUMN_COUNT);
	info->deleted_session = column_u64(stmt, MESSAGE_COLUMN_COUNT + 1);
	(void)snprintf(info->deleted_peer, sizeof info->deleted_peer, "%s",
		       peer != NULL ? (const char *)peer : "");
}

static enum store_status fetch(sqlite3_stmt *stmt, const char *key_id, uint64_t after,
			       struct message_info *rows, size_t *count, struct fault *fault)
{
	enum store_status status;

	*count = 0;
	bind_text(stmt, 1, key_id);
	bind_u64(stmt, 2, after);
	bind_u64(stmt, 3, VISIT_SLICE);
	while ((status = statement_row(stmt, fault)) == STORE_OK)
		info_from_row(stmt, &rows[(*count)++]);
	statement_reset(stmt);
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}

enum store_status maildrop_visit(struct store_reader *reader, const struct maildrop_key *key,
				 bool deleted, message_visit *visit, void *context,
				 struct fault *fault)
{
	const char *sql = deleted ? visit_deleted_sql : visit_live_sql;
	struct message_info rows[VISIT_SLICE];
	struct reader_shard *shard;
	sqlite3_stmt *stmt = NULL;
	uint64_t msgno = 0;
	uint64_t after = 0;
	bool go_on = true;
	size_t count;
	enum store_status status = reader_shard(reader, key->shard, &shard, fault);

	if (status == STORE_OK)
		status = statements_prepare(shard->db, &sql, 1, &stmt, fault);
	while (status == STORE_OK && go_on) {
		status = fetch(stmt, key->id, after, rows, &count, fault);
		for (size_t i = 0; i < count && status == STORE_OK && go_on; i++) {
			rows[i].message.msgno = deleted ? 0 : ++msgno;
			after = rows[i].message.uid;
			go_on = visit(context, &rows[i]);
		}
		if (status == STORE_OK && count < VISIT_SLICE)
			go_on = false;
	}
	statements_finalize(&stmt, 1);
	return status;
}

static enum store_status run_steps(struct store *store, const struct maildrop_key *key,
				   struct purge_job *purge, uint64_t *count,
				   struct fault *fault)
{
	*count = 0;
	fault->text[0] = '\0';
	purge->key = *key;
	if (key->shard >= store->shard_count) {
		fault_set(fault, "an account names shard %u, and this store has %u", key->shard,
			  store->shard_count);
		return STORE_FOREIGN;
	}
	if (!store->exclusive) {
		fault_set(fault, "the store was opened for reading only");
		return STORE_UNAVAILABLE;
	}
	return purge_all(&store->shards[key->shard], purge, count, fault);
}

enum store_status maildrop_undelete(struct store *store, const struct maildrop_key *key,
				    const struct deleted_selection *which, uint64_t *restored,
				    struct fault *fault)
{
	struct purge_job purge = {
		.job.run = undelete_job_run, .what = PURGE_SELECTED, .which = *which, .from = 1
	};

	return run_steps(store, key, &purge, restored, fault);
}

enum store_status maildrop_delete(struct store *store, const struct maildrop_key *key,
				  uint64_t uid, uint64_t *deleted, struct fault *fault)
{
	struct purge_job purge = { .job.run = delete_job_run, .which.uid = uid };

	return run_steps(store, key, &purge, deleted, fault);
}

enum store_status maildrop_purge(struct store *store, const struct maildrop_key *key,
				 const struct deleted_selection *which, uint64_t *purged,
				 struct fault *fault)
{
	struct purge_job purge = { .job.run = purge_job_run,
				   .what = PURGE_SELECTED,
				   .which = *which };
	enum store_status status = run_steps(store, key, &purge, purged, fault);

	if (status == STORE_IN_USE)
		fault_set(fault, "a session is open on this maildrop");
	return status;
}
