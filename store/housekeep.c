/*
 * One round of housekeeping on one shard. Looks with a reader of its own, asks the caller how long
 * things are kept, and hands small low jobs to the writer, so that deliveries and sessions go
 * first. A job that fails ends the round; the next one goes on.
 */
#include <limits.h>
#include <syslog.h>

#include "base/log.h"
#include "store/clock_guard.h"
#include "store/collect.h"
#include "store/maildrop_private.h"
#include "store/purge.h"

/* Rows looked at in one read transaction. */
#define SLICE 256
/* Between looks at every maildrop and session row. */
#define SLOW_PASS_SECONDS 3600
/* A session row is kept so long, and longer while its messages can be brought back. */
#define SESSION_SECONDS (INT64_C(90) * 86400)
#define WINDOW_GONE (-1)
#define WINDOW_UNKNOWN (-2)
/* Free pages that are left for new mail: 16 MiB. */
#define FREE_PAGES_KEPT ((16 << 20) / SHARD_PAGE_OCTETS)
/* Steps of 64 pages in one round: 64 MiB. */
#define VACUUM_STEPS ((1 << 20) / SHARD_PAGE_OCTETS)

struct round {
	struct shard *shard;
	sqlite3 *db; /* the reader's */
	int64_t now;
	undelete_window *window;
	void *context;
	uint64_t purged;
	struct fault *fault;
};

struct kept_mailbox {
	uint64_t id;
	struct maildrop_key key;
	int64_t orphan_since; /* 0 = not */
	int64_t oldest;       /* deletion; INT64_MAX = none */
};

/* --- looking ---------------------------------------------------------------------------------- */

/* Maildrops that have deleted messages: a seek for each, whatever the number of messages. */
static const char deleted_sql[] =
	"WITH RECURSIVE some(mailbox) AS ("
	" SELECT min(mailbox) FROM message INDEXED BY message_deleted"
	"  WHERE deleted_at IS NOT NULL AND mailbox > ?1"
	" UNION ALL"
	" SELECT (SELECT min(mailbox) FROM message INDEXED BY message_deleted"
	"  WHERE deleted_at IS NOT NULL AND mailbox > some.mailbox)"
	"  FROM some WHERE some.mailbox IS NOT NULL LIMIT ?2)"
	" SELECT m.id, m.key, coalesce(m.orphan_since, 0),"
	"  (SELECT min(deleted_at) FROM message INDEXED BY message_deleted"
	"   WHERE mailbox = m.id AND deleted_at IS NOT NULL)"
	" FROM some JOIN mailbox m ON m.id = some.mailbox ORDER BY m.id";
static const char every_sql[] = "SELECT id, key, coalesce(orphan_since, 0), 0 FROM mailbox"
				" WHERE id > ?1 ORDER BY id LIMIT ?2";
static const char old_sessions_sql[] =
	"SELECT s.mailbox, s.change FROM session s"
	" WHERE (s.mailbox, s.change) > (?1, ?2) AND s.ended < ?3"
	" AND NOT EXISTS (SELECT 1 FROM message m INDEXED BY message_deleted"
	"  WHERE m.mailbox = s.mailbox AND m.deleted_at IS NOT NULL AND m.deleted_at = s.ended"
	"  AND m.deleted_change = s.change)"
	" ORDER BY s.mailbox, s.change LIMIT ?4";

static enum store_status fetch(struct round *round, sqlite3_stmt *stmt, uint64_t after,
			       struct kept_mailbox *rows, size_t *count)
{
	enum store_status status = STORE_OK;

	*count = 0;
	bind_u64(stmt, 1, after);
	bind_u64(stmt, 2, SLICE);
	while (*count < SLICE && (status = statement_row(stmt, round->fault)) == STORE_OK) {
		struct kept_mailbox *row = &rows[(*count)++];
		const unsigned char *key = sqlite3_column_text(stmt, 1);

		*row = (struct kept_mailbox){ .id = column_u64(stmt, 0),
					      .key.shard = round->shard->number,
					      .orphan_since = sqlite3_column_int64(stmt, 2),
					      .oldest = sqlite3_column_int64(stmt, 3) };
		if (key != NULL)
			memcpy(row->key.id, key, sizeof row->key.id - 1);
	}
	statement_reset(stmt);
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}

/* Calls `visit` for every row of `sql`. */
static enum store_status
each_mailbox(struct round *round, const char *sql,
	     enum store_status (*visit)(struct round *round, const struct kept_mailbox *row))
{
	struct kept_mailbox rows[SLICE];
	sqlite3_stmt *stmt = NULL;
	uint64_t after = 0;
	size_t count = SLICE;
	enum store_status status = statements_prepare(round->db, &sql, 1, &stmt, round->fault);

	while (status == STORE_OK && count == SLICE) {
		status = fetch(round, stmt, after, rows, &count);
		for (size_t i = 0; i < count && status == STORE_OK; i++) {
			after = rows[i].id;
			status = visit(round, &rows[i]);
		}
	}
	statements_finalize(&stmt, 1);
	return status;
}

/* --- purging ---------------------------------------------------------------------------------- */

static enum store_status purge(struct round *round, const struct kept_mailbox *row,
			       enum purge_what what, int64_t cutoff)
{
	struct purge_job purge_job = {
		.job.run = purge_job_run, .key = row->key, .what = what, .cutoff = cutoff
	};
	uint64_t count;
	enum store_status status = purge_all(round->shard, &purge_job, &count, round->fault);

	round->purged += count;
	/* A session is open: another time. */
	return status == STORE_IN_USE ? STORE_OK : status;
}

static enum store_status purge_expired(struct round *round, const struct kept_mailbox *row)
{
	int64_t window = round->window(round->context, row->key.id);

	/* The deleted mail of an account that is gone stays as long as its maildrop. */
	if (window < 0 || row->oldest > round->now - window)
		return STORE_OK;
	return purge(round, row, PURGE_EXPIRED, round->now - window);
}

/* --- maildrops without an account ----------------------------------------------------------- */

struct orphan_job {
	struct store_job job;
	const char *key;
	int64_t since; /* 0 = not an orphan */
};

static enum store_status orphan_run(struct store_job *job, void *writer)
{
	struct orphan_job *orphan = (struct orphan_job *)job;
	sqlite3_stmt *stmt = ((struct shard *)writer)->stmt[W_MAILBOX_ORPHAN];

	bind_text(stmt, 1, orphan->key);
	if (orphan->since != 0)
		bind_i64(stmt, 2, orphan->since);
	return statement_run(stmt, &job->fault);
}

static enum store_status set_orphan(struct round *round, const struct kept_mailbox *row,
				    int64_t since)
{
	struct orphan_job orphan = { .job.run = orphan_run,
				     .key = row->key.id,
				     .since = since };
	enum store_status status = writer_call(round->shard, &orphan.job);

	if (status != STORE_OK)
		*round->fault = orphan.job.fault;
	else if (since != 0)
		store_say(round->shard->store, LOG_NOTICE, NULL,
			  "maildrop-orphaned shard=%u key=%s removed-after-seconds=%d",
			  round->shard->number, row->key.id, UNDELETE_SECONDS_DEFAULT);
	return status;
}

static enum store_status look_for_account(struct round *round, const struct kept_mailbox *row)
{
	int64_t window = round->window(round->context, row->key.id);

	if (window == WINDOW_UNKNOWN)
		return STORE_OK;
	if (window != WINDOW_GONE)
		return row->orphan_since == 0 ? STORE_OK : set_orphan(round, row, 0);
	if (row->orphan_since == 0)
		return set_orphan(round, row, round->now);
	if (row->orphan_since > round->now - UNDELETE_SECONDS_DEFAULT)
		return STORE_OK;
	store_say(round->shard->store, LOG_NOTICE, NULL, "maildrop-removed shard=%u key=%s",
		  round->shard->number, row->key.id);
	return purge(round, row, PURGE_MAILDROP, 0);
}

/* --- old rows --------------------------------------------------------------------------------- */

struct sessions_job {
	struct store_job job;
	size_t count;
	uint64_t mailbox[SLICE];
	uint64_t change[SLICE];
};

static enum store_status sessions_run(struct store_job *job, void *writer)
{
	struct sessions_job *sessions = (struct sessions_job *)job;
	sqlite3_stmt *stmt = ((struct shard *)writer)->stmt[W_SESSION_EXPIRE];
	enum store_status status = STORE_OK;

	for (size_t i = 0; i < sessions->count && status == STORE_OK; i++) {
		bind_u64(stmt, 1, sessions->mailbox[i]);
		bind_u64(stmt, 2, sessions->change[i]);
		status = statement_run(stmt, &job->fault);
	}
	return status;
}

static enum store_status expire_sessions(struct round *round)
{
	struct sessions_job sessions = { .job.run = sessions_run, .count = SLICE };
	const char *sql = old_sessions_sql;
	sqlite3_stmt *stmt = NULL;
	uint64_t mailbox = 0;
	uint64_t change = 0;
	enum store_status status = statements_prepare(round->db, &sql, 1, &stmt, round->fault);

	while (status == STORE_OK && sessions.count == SLICE) {
		sessions.count = 0;
		bind_u64(stmt, 1, mailbox);
		bind_u64(stmt, 2, change);
		bind_i64(stmt, 3, round->now - SESSION_SECONDS);
		bind_u64(stmt, 4, SLICE);
		while ((status = statement_row(stmt, round->fault)) == STORE_OK) {
			mailbox = sessions.mailbox[sessions.count] = column_u64(stmt, 0);
			change = sessions.change[sessions.count++] = column_u64(stmt, 1);
		}
		statement_reset(stmt);
		if (status != STORE_NOT_FOUND)
			break;
		status = STORE_OK;
		if (sessions.count > 0)
			status = writer_call(round->shard, &sessions.job);
	}
	statements_finalize(&stmt, 1);
	return status;
}

struct step_job {
	struct store_job job;
	int64_t value; /* in: what the step needs */
	bool more;     /* out */
};

/* Steps of one kind until there is no more to do. */
static enum store_status repeat(struct round *round, struct step_job *step, unsigned most)
{
	enum store_status status = STORE_OK;

	step->more = true;
	for (unsigned i = 0; i < most && status == STORE_OK && step->more; i++)
		status = writer_call(round->shard, &step->job);
	if (status != STORE_OK)
		*round->fault = step->job.fault;
	return status;
}

static enum store_status recent_run(struct store_job *job, void *writer)
{
	struct step_job *step = (struct step_job *)job;
	struct shard *shard = writer;
	sqlite3_stmt *stmt = shard->stmt[W_RECENT_EXPIRE];
	enum store_status status;

	bind_i64(stmt, 1, step->value);
	bind_u64(stmt, 2, SLICE);
	status = statement_run(stmt, &job->fault);
	step->more = sqlite3_changes(shard->db) == SLICE;
	return status;
}

/* --- space ------------------------------------------------------------------------------------ */

static enum store_status vacuum_run(struct store_job *job, void *writer)
{
	struct step_job *step = (struct step_job *)job;
	struct shard *shard = writer;
	sqlite3_stmt *count = shard->stmt[W_FREE_PAGES];
	sqlite3_stmt *stmt = shard->stmt[W_VACUUM];
	enum store_status status = statement_row(count, &job->fault);

	step->more = status == STORE_OK && column_u64(count, 0) > FREE_PAGES_KEPT;
	statement_reset(count);
	if (!step->more)
		return status;
	/* It gives one page back at every step. */
	do {
		status = statement_row(stmt, &job->fault);
	} while (status == STORE_OK);
	statement_reset(stmt);
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}

static enum store_status collect_all(struct round *round)
{
	struct collect_job collect = { .job.run = collect_job_run, .found = true };
	enum store_status status = STORE_OK;

	while (status == STORE_OK && collect.found)
		status = writer_call(round->shard, &collect.job);
	if (status != STORE_OK)
		*round->fault = collect.job.fault;
	return status;
}

/* --- the round -------------------------------------------------------------------------------- */

static enum store_status remove_old(struct round *round)
{
	struct step_job recent = { .job.run = recent_run,
				   .value = (round->now - DUPLICATE_SECONDS) / 86400 };
	enum store_status status = each_mailbox(round, deleted_sql, purge_expired);

	if (status == STORE_OK)
		status = repeat(round, &recent, UINT_MAX);
	/* One in the future: the clock was set back. */
	if (status != STORE_OK || (round->now >= round->shard->slow_pass &&
				   round->now - round->shard->slow_pass < SLOW_PASS_SECONDS))
		return status;
	status = each_mailbox(round, every_sql, look_for_account);
	if (status == STORE_OK)
		status = expire_sessions(round);
	if (status == STORE_OK)
		round->shard->slow_pass = round->now;
	return status;
}

static enum store_status run_round(struct round *round)
{
	struct step_job vacuum = { .job.run = vacuum_run };
	enum store_status status = STORE_OK;

	if (clock_trusted(round->shard, round->now))
		status = remove_old(round);
	if (status == STORE_OK)
		status = collect_all(round);
	return status == STORE_OK ? repeat(round, &vacuum, VACUUM_STEPS) : status;
}

enum store_status store_housekeep(struct store *store, unsigned shard, int64_t now,
				  undelete_window *window, void *context, uint64_t *purged,
				  struct fault *fault)
{
	struct round round = {
		.now = now, .window = window, .context = context, .fault = fault
	};
	struct store_reader *reader = NULL;
	struct reader_shard *shard_reader;
	enum store_status status;

	*purged = 0;
	fault->text[0] = '\0';
	if (!store->exclusive || shard >= store->shard_count) {
		fault_set(fault, "shard %u is not this process's to keep", shard);
		return STORE_UNAVAILABLE;
	}
	round.shard = &store->shards[shard];
	status = store_reader_open(store, &reader, fault);
	if (status == STORE_OK)
		status = reader_shard(reader, shard, &shard_reader, fault);
	if (status == STORE_OK) {
		round.db = shard_reader->db;
		status = run_round(&round);
	}
	store_reader_close(&reader);
	*purged = round.purged;
	/* The next round goes on where this one was cut short. */
	return atomic_load(&store->hurried) ? STORE_OK : status;
}
