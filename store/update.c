/*
 * QUIT in TRANSACTION: every marked message is flagged in one transaction, with one row that says
 * who did it; RFC 1939 section 6. The lock goes HELD -> UPDATING before the job is handed over
 * and is released here after the outcome, by nobody else.
 *
 * Marks are message numbers; the writer finds their uids as the session found them (maildrop.c),
 * block by block. A message that somebody else deleted meanwhile is left as it is.
 */

#include "base/clock.h"
#include "base/log.h"
#include "store/deletion.h"
#include "store/slice.h"

/* Rows looked at before they are written to: one may not change what one is scanning. */
#define BLOCK 512

struct update_work {
	struct shard *shard;
	const struct maildrop *maildrop;
	bool unchanged; /* nobody else deleted since the snapshot */
	struct fault *fault;
};

struct marked_row {
	uint64_t uid;
	uint64_t octets;
};

/* Collects the marked and live ones among the next rows; *place moves past them. */
static enum store_status scan(const struct update_work *work, struct place *place,
			      struct marked_row marked[static BLOCK], size_t *count)
{
	const struct maildrop *maildrop = work->maildrop;
	sqlite3_stmt *stmt = work->shard->stmt[work->unchanged ? W_SCAN_LIVE : W_SCAN_SNAPSHOT];
	uint64_t first = place->msgno;
	enum store_status status = STORE_OK;

	*count = 0;
	bind_u64(stmt, 1, maildrop->mailbox);
	bind_u64(stmt, 2, place->uid);
	bind_u64(stmt, 3, maildrop->uidnext);
	bind_u64(stmt, 4, BLOCK);
	if (!work->unchanged)
		bind_u64(stmt, 5, maildrop->change);
	while (place->msgno <= maildrop->messages &&
	       (status = statement_row(stmt, work->fault)) == STORE_OK) {
		struct marked_row row = { column_u64(stmt, 0), column_u64(stmt, 1) };
		bool deleted = sqlite3_column_int(stmt, 2) != 0;

		if (!deleted && marks_has(maildrop, place->msgno))
			marked[(*count)++] = row;
		*place = (struct place){ place->msgno + 1, row.uid + 1 };
	}
	statement_reset(stmt);
	if (status != STORE_NOT_FOUND)
		return status;
	if (place->msgno > first)
		return STORE_OK;
	fault_set(work->fault,
		  "maildrop %s: message number %llu is not there: "
		  "run \"restante check\"",
		  maildrop->key.id, (unsigned long long)first);
	return STORE_UNAVAILABLE;
}

static enum store_status flag_marked(const struct update_work *work, struct deletion *deletion)
{
	const struct maildrop *maildrop = work->maildrop;
	uint64_t msgno = marks_next(maildrop, 1, true);
	struct place place = { 1, 0 };
	enum store_status status = STORE_OK;
	struct marked_row marked[BLOCK];
	size_t count;

	while (msgno <= maildrop->messages && status == STORE_OK) {
		struct place near = maildrop_place(maildrop, msgno);

		/* Unmarked stretches are jumped over by way of the anchors. */
		if (near.msgno > place.msgno)
			place = near;
		status = scan(work, &place, marked, &count);
		for (size_t i = 0; i < count && status == STORE_OK; i++)
			status = deletion_add(deletion, marked[i].uid, marked[i].octets);
		msgno = place.msgno > maildrop->messages
				? maildrop->messages + 1
				: marks_next(maildrop, place.msgno, true);
	}
	return status;
}

static enum store_status update_run(struct store_job *job, void *writer)
{
	struct maildrop_update *update = (struct maildrop_update *)job;
	struct update_work work = { writer, update->maildrop, false, &job->fault };
	struct deletion deletion = { .shard = writer,
				     .session = update->by.session,
				     .now = clock_wall_seconds(),
				     .fault = &job->fault };
	struct mailbox_row mailbox;
	enum store_status status =
		mailbox_find(work.shard, update->maildrop->key.id, &mailbox, &job->fault);

	update->deleted = 0;
	if (status == STORE_NOT_FOUND) {
		fault_set(&job->fault, "maildrop %s is gone", update->maildrop->key.id);
		status = STORE_UNAVAILABLE;
	}
	if (status != STORE_OK)
		return status;
	work.unchanged = mailbox.change == update->maildrop->change;
	deletion.mailbox = mailbox.id;
	deletion.change = mailbox.change + 1;
	status = flag_marked(&work, &deletion);
	if (status == STORE_OK)
		status = deletion_end(&deletion, &update->by);
	update->deleted = deletion.messages;
	return status;
}

/* For the log: is none of the first marked messages live any more, though a deletion came? */
static bool update_happened(struct store_job *job, void *writer)
{
	struct maildrop_update *update = (struct maildrop_update *)job;
	const struct maildrop *maildrop = update->maildrop;
	struct fault fault;
	struct update_work work = { writer, maildrop, false, &fault };
	struct place place = maildrop_place(maildrop, marks_next(maildrop, 1, true));
	struct marked_row marked[BLOCK];
	struct mailbox_row mailbox;
	size_t count = 0;

	return mailbox_find(work.shard, maildrop->key.id, &mailbox, &fault) == STORE_OK &&
	       mailbox.change != maildrop->change &&
	       scan(&work, &place, marked, &count) == STORE_OK && count == 0;
}

static void update_settle(struct store_job *job, void *writer)
{
	struct maildrop_update *update = (struct maildrop_update *)job;
	struct shard *shard = writer;

	if (job->status != STORE_OK)
		update->deleted = 0;
	lock_end_update(shard->store, &update->lock);
}

void maildrop_update_submit(struct store *store, struct maildrop_update *update,
			    struct maildrop_lock **lock)
{
	struct store_job *job = &update->job;

	update->lock = *lock;
	*lock = NULL;
	update->deleted = 0;
	job->fault.text[0] = '\0';
	if (!lock_begin_update(store, update->lock)) {
		maildrop_unlock(store, &update->lock);
		job->status = STORE_LOST;
		job->done(job);
		return;
	}
	if (maildrop_marked(update->maildrop) == 0) {
		lock_end_update(store, &update->lock);
		job->status = STORE_OK;
		job->done(job);
		return;
	}
	job->run = update_run;
	job->happened = update_happened;
	job->settle = update_settle;
	/* At worst each row is on a page of its own. */
	job->weight = maildrop_marked(update->maildrop) * SHARD_PAGE_OCTETS;
	writer_submit(&store->shards[update->maildrop->key.shard], job);
}
