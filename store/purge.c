/* Purging and bringing back: see purge.h. Writer thread, but for purge_all. */
#include "store/purge.h"

#include "base/clock.h"
#include "store/deletion.h"

/* Chunks removed in one transaction: 8 MiB, however large the messages are. */
#define CHUNKS_PER_STEP 32

struct found_row {
	uint64_t uid;
	uint64_t body;
	uint64_t octets;
	int64_t deleted_at;
};

struct found {
	struct found_row rows[STORE_PURGE_MESSAGES];
	size_t count;
};

/* The rows of a bound scan; they are written to only after the scan. */
static enum store_status collect(sqlite3_stmt *stmt, struct found *found, struct fault *fault)
{
	enum store_status status = STORE_OK;

	found->count = 0;
	while (found->count < STORE_PURGE_MESSAGES &&
	       (status = statement_row(stmt, fault)) == STORE_OK)
		found->rows[found->count++] =
			(struct found_row){ column_u64(stmt, 0), column_u64(stmt, 1),
					    column_u64(stmt, 2),
					    sqlite3_column_int64(stmt, 3) };
	statement_reset(stmt);
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}

static enum store_status scan(struct shard *shard, struct purge_job *purge, uint64_t mailbox,
			      struct found *found)
{
	static const enum writer_stmt scans[] = {
		[PURGE_EXPIRED] = W_SCAN_PURGE,
		[PURGE_SELECTED] = W_SCAN_DELETED,
		[PURGE_MAILDROP] = W_SCAN_ALL,
	};
	sqlite3_stmt *stmt = shard->stmt[scans[purge->what]];

	bind_u64(stmt, 1, mailbox);
	bind_i64(stmt, 2, purge->what == PURGE_EXPIRED ? purge->cutoff : purge->from);
	bind_u64(stmt, 3, STORE_PURGE_MESSAGES);
	if (purge->what == PURGE_SELECTED) {
		bind_u64(stmt, 4, purge->which.uid);
		bind_u64(stmt, 5, purge->which.session);
	}
	return collect(stmt, found, &purge->job.fault);
}

/* The rest of a maildrop without messages: its sessions, then its row. */
static enum store_status remove_mailbox(struct shard *shard, struct purge_job *purge,
					uint64_t mailbox)
{
	sqlite3_stmt *stmt = shard->stmt[W_SESSION_REMOVE];
	enum store_status status;

	bind_u64(stmt, 1, mailbox);
	bind_u64(stmt, 2, STORE_PURGE_MESSAGES);
	status = statement_run(stmt, &purge->job.fault);
	if (status != STORE_OK || sqlite3_changes(shard->db) > 0) {
		purge->more = status == STORE_OK;
		return status;
	}
	bind_u64(shard->stmt[W_MAILBOX_REMOVE], 1, mailbox);
	return statement_run(shard->stmt[W_MAILBOX_REMOVE], &purge->job.fault);
}

static enum store_status remove_found(struct shard *shard, struct purge_job *purge,
				      uint64_t mailbox, const struct found *found)
{
	sqlite3_stmt *stmt = shard->stmt[W_MESSAGE_REMOVE];
	enum store_status status = STORE_OK;
	uint64_t chunks = 0;

	while (purge->count < found->count && status == STORE_OK && chunks < CHUNKS_PER_STEP) {
		const struct found_row *row = &found->rows[purge->count];

		bind_u64(stmt, 1, mailbox);
		bind_u64(stmt, 2, row->uid);
		status = statement_run(stmt, &purge->job.fault);
		if (status == STORE_OK)
			status = body_release(shard, row->body, &chunks, &purge->job.fault);
		purge->count++;
		purge->reached =
			purge->what == PURGE_MAILDROP ? (int64_t)row->uid : row->deleted_at;
	}
	purge->more = found->count == STORE_PURGE_MESSAGES || purge->count < found->count;
	return status;
}

enum store_status purge_job_run(struct store_job *job, void *writer)
{
	struct purge_job *purge = (struct purge_job *)job;
	struct shard *shard = writer;
	struct mailbox_row mailbox;
	struct found found;
	enum store_status status;

	purge->count = 0;
	purge->more = false;
	purge->reached = purge->from;
	if (lock_present(shard->store, &purge->key))
		return STORE_IN_USE;
	status = mailbox_find(shard, purge->key.id, &mailbox, &job->fault);
	if (status != STORE_OK)
		return status == STORE_NOT_FOUND ? STORE_OK : status;
	status = scan(shard, purge, mailbox.id, &found);
	if (status == STORE_OK && found.count == 0 && purge->what == PURGE_MAILDROP)
		return remove_mailbox(shard, purge, mailbox.id);
	if (status == STORE_OK)
		status = remove_found(shard, purge, mailbox.id, &found);
	if (purge->what == PURGE_MAILDROP)
		purge->more = true;
	return status;
}

/* --- undelete ---------------------------------------------------------------------------------- */

/*
 * A new row with a new uid, hence a new UIDL: clients that saw the old one would skip it. The old
 * row stays, because a session may still show it, and goes with the next purge.
 */
static enum store_status bring_back(struct shard *shard, struct mailbox_row *mailbox,
				    const struct found_row *row, struct fault *fault)
{
	sqlite3_stmt *copy = shard->stmt[W_MESSAGE_COPY];
	sqlite3_stmt *old = shard->stmt[W_MESSAGE_BROUGHT_BACK];
	sqlite3_stmt *grew = shard->stmt[W_MAILBOX_GREW];
	sqlite3_stmt *ref = shard->stmt[W_BODY_REF];
	enum store_status status;

	bind_u64(copy, 1, mailbox->id);
	bind_u64(copy, 2, row->uid);
	bind_u64(copy, 3, mailbox->uidnext++);
	bind_u64(copy, 4, mailbox->epoch);
	status = statement_run(copy, fault);
	bind_u64(old, 1, mailbox->id);
	bind_u64(old, 2, row->uid);
	if (status == STORE_OK)
		status = statement_run(old, fault);
	bind_u64(grew, 1, mailbox->id);
	bind_u64(grew, 2, row->octets);
	if (status == STORE_OK)
		status = statement_run(grew, fault);
	bind_u64(ref, 1, row->body);
	bind_i64(ref, 2, 1);
	return status == STORE_OK ? statement_run(ref, fault) : status;
}

enum store_status undelete_job_run(struct store_job *job, void *writer)
{
	struct purge_job *purge = (struct purge_job *)job;
	struct shard *shard = writer;
	struct mailbox_row mailbox;
	struct found found;
	enum store_status status = mailbox_find(shard, purge->key.id, &mailbox, &job->fault);

	purge->count = 0;
	purge->more = false;
	purge->reached = purge->from;
	if (status != STORE_OK)
		return status == STORE_NOT_FOUND ? STORE_OK : status;
	status = scan(shard, purge, mailbox.id, &found);
	for (; purge->count < found.count && status == STORE_OK; purge->count++)
		status = bring_back(shard, &mailbox, &found.rows[purge->count], &job->fault);
	if (found.count > 0)
		purge->reached = found.rows[found.count - 1].deleted_at;
	purge->more = found.count == STORE_PURGE_MESSAGES;
	return status;
}

/* --- delete ------------------------------------------------------------------------------------ */

static enum store_status scan_live(struct shard *shard, const struct purge_job *purge,
				   const struct mailbox_row *mailbox, struct found *found,
				   struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_SCAN_LIVE];
	enum store_status status = STORE_OK;
	uint64_t uid = purge->which.uid;

	found->count = 0;
	bind_u64(stmt, 1, mailbox->id);
	bind_u64(stmt, 2, uid);
	bind_u64(stmt, 3, uid > 0 ? uid + 1 : mailbox->uidnext);
	bind_u64(stmt, 4, STORE_PURGE_MESSAGES);
	while ((status = statement_row(stmt, fault)) == STORE_OK)
		found->rows[found->count++] =
			(struct found_row){ .uid = column_u64(stmt, 0),
					    .octets = column_u64(stmt, 1) };
	statement_reset(stmt);
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}

enum store_status delete_job_run(struct store_job *job, void *writer)
{
	static const struct session_record tool = { .peer = "restante" };
	struct purge_job *purge = (struct purge_job *)job;
	struct deletion deletion = { .shard = writer,
				     .now = clock_wall_seconds(),
				     .fault = &job->fault };
	struct mailbox_row mailbox;
	struct found found;
	enum store_status status = mailbox_find(writer, purge->key.id, &mailbox, &job->fault);

	purge->count = 0;
	purge->more = false;
	purge->reached = purge->from;
	if (status != STORE_OK)
		return status == STORE_NOT_FOUND ? STORE_OK : status;
	deletion.mailbox = mailbox.id;
	deletion.change = mailbox.change + 1;
	status = scan_live(writer, purge, &mailbox, &found, &job->fault);
	for (size_t i = 0; i < found.count && status == STORE_OK; i++)
		status = deletion_add(&deletion, found.rows[i].uid, found.rows[i].octets);
	if (status == STORE_OK)
		status = deletion_end(&deletion, &tool);
	purge->count = found.count;
	purge->more = found.count == STORE_PURGE_MESSAGES;
	return status;
}

enum store_status purge_all(struct shard *shard, struct purge_job *purge, uint64_t *count,
			    struct fault *fault)
{
	enum store_status status;

	*count = 0;
	do {
		status = writer_call(shard, &purge->job);
		if (status == STORE_OK) {
			*count += purge->count;
			purge->from = purge->reached;
		}
	} while (status == STORE_OK && purge->more);
	if (status != STORE_OK)
		*fault = purge->job.fault;
	return status;
}
