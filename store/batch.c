/*
 * Group commit: the jobs of a batch in one transaction, a savepoint each; a job that is alone needs
 * none. A savepoint costs a copy of every page that the job changes.
 *
 * A job that fails is undone alone. But some errors (a full disk, an I/O error, no memory) make
 * SQLite roll the whole transaction back, so after any error autocommit is looked at: if the
 * transaction is gone, the job that met the error keeps its status and every other one runs again
 * in a transaction of its own, so that no job pays for another. Hence `run` may be called more
 * than once and must set all its results anew.
 *
 * COMMIT failing is a different matter. SQLITE_FULL comes from a write before the commit's own
 * frame was whole: nothing happened. After any other error the frame may be on the disk: the
 * outcome is unknown until the next commit overwrites it or a recovery finds it, no claim is made,
 * and the caller takes the shard out of service.
 */
#include "store/store_private.h"

enum outcome {
	SETTLED, /* committed, or not even begun: every job has its status */
	UNDONE,  /* rolled back */
	UNKNOWN
};

static enum store_status simple(struct shard *shard, enum writer_stmt which,
				struct fault *fault)
{
	return statement_run(shard->stmt[which], fault);
}

/* Nothing of the transaction may be left open, whatever state it is in. */
static void abandon(struct shard *shard)
{
	struct fault ignored;

	if (!sqlite3_get_autocommit(shard->db))
		(void)!simple(shard, W_ROLLBACK, &ignored);
}

static bool transaction_open(const struct shard *shard)
{
	return !sqlite3_get_autocommit(shard->db);
}

/* Runs the only job of a transaction. False when that cannot be committed. */
static bool run_only(struct shard *shard, struct store_job *job)
{
	job->fault.text[0] = '\0';
	job->status = job->run(job, shard);
	if (job->status == STORE_OK && !transaction_open(shard))
		job->status = STORE_UNAVAILABLE;
	return job->status == STORE_OK;
}

/* Runs one job in its savepoint. False when the whole transaction cannot go on. */
static bool run_one(struct shard *shard, struct store_job *job)
{
	struct fault ignored;

	job->fault.text[0] = '\0';
	job->status = simple(shard, W_SAVEPOINT, &job->fault);
	if (job->status != STORE_OK)
		return false;
	job->status = job->run(job, shard);
	if (!transaction_open(shard)) {
		if (job->status == STORE_OK)
			job->status = STORE_UNAVAILABLE;
		return false;
	}
	if (job->status == STORE_OK) {
		job->status = simple(shard, W_RELEASE, &job->fault);
		return job->status == STORE_OK;
	}
	return simple(shard, W_UNDO, &ignored) == STORE_OK &&
	       simple(shard, W_RELEASE, &ignored) == STORE_OK;
}

static void fail_all(struct store_job *jobs, enum store_status status,
		     const struct fault *fault)
{
	for (struct store_job *job = jobs; job != NULL; job = job->next) {
		job->status = status;
		job->fault = *fault;
	}
}

/* *culprit: the job that broke the transaction, NULL when it was the commit. */
static enum outcome run_together(struct shard *shard, struct store_job *jobs,
				 struct store_job **culprit)
{
	struct fault fault = { "" };
	enum store_status status = simple(shard, W_BEGIN, &fault);
	uint64_t count = 0;
	bool no_space;

	*culprit = NULL;
	if (status != STORE_OK) {
		fail_all(jobs, status, &fault);
		abandon(shard);
		return SETTLED;
	}
	for (struct store_job *job = jobs; job != NULL; job = job->next) {
		if (!(jobs->next == NULL ? run_only(shard, job) : run_one(shard, job))) {
			abandon(shard);
			*culprit = job;
			return UNDONE;
		}
		count++;
	}
	status = simple(shard, W_COMMIT, &fault);
	if (status == STORE_OK) {
		atomic_fetch_add(&shard->commits, 1);
		atomic_fetch_add(&shard->jobs, count);
		return SETTLED;
	}
	/* The code, not the status: that one trusts errno, which COMMIT leaves from before. */
	no_space = (sqlite3_errcode(shard->db) & 0xff) == SQLITE_FULL;
	abandon(shard);
	fail_all(jobs, status, &fault);
	return no_space ? UNDONE : UNKNOWN;
}

/* Every job but the culprit in a transaction of its own, until an outcome is unknown. */
static bool run_apart(struct shard *shard, struct store_job *jobs,
		      const struct store_job *culprit)
{
	static const struct fault not_run = { "not tried: the shard left service before" };
	struct store_job *again;
	struct store_job *next;

	for (struct store_job *job = jobs; job != NULL; job = next) {
		bool known;

		next = job->next;
		if (job == culprit)
			continue;
		job->next = NULL;
		known = run_together(shard, job, &again) != UNKNOWN;
		job->next = next;
		if (known)
			continue;
		for (job = next; job != NULL; job = job->next) {
			if (job == culprit)
				continue;
			job->status = STORE_UNAVAILABLE;
			job->fault = not_run;
		}
		return false;
	}
	return true;
}

bool batch_run(struct shard *shard, struct store_job *jobs)
{
	struct store_job *culprit;

	switch (run_together(shard, jobs, &culprit)) {
	case SETTLED:
		return true;
	case UNKNOWN:
		return false;
	case UNDONE:
		break;
	}
	return jobs->next == NULL || run_apart(shard, jobs, culprit);
}
