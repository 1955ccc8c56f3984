/* Bodies without references: see collect.h. */
#include "store/collect.h"

#include <stdlib.h>
#include <syslog.h>

#include "store/delivery_private.h"

/* Removed in one transaction: 4 MiB. */
#define CHUNKS_PER_STEP 16

/* Writer thread: the body ids of deliveries under way are written there alone. */
static bool staged(struct shard *shard, uint64_t body)
{
	bool found = false;

	pthread_mutex_lock(&shard->mutex);
	for (struct delivery_part *part = shard->staging; part != NULL && !found;
	     part = part->staging_next)
		found = part->body == body;
	pthread_mutex_unlock(&shard->mutex);
	return found;
}

enum store_status body_unreferenced(struct shard *shard, uint64_t after, uint64_t *body,
				    struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_BODY_UNREFERENCED];
	enum store_status status;

	do {
		bind_u64(stmt, 1, after);
		status = statement_row(stmt, fault);
		if (status == STORE_OK)
			after = column_u64(stmt, 0);
		statement_reset(stmt);
	} while (status == STORE_OK && staged(shard, after));
	*body = after;
	return status;
}

/* STORE_NOT_FOUND: no such body. */
static enum store_status get_body(struct shard *shard, uint64_t body, uint64_t *refs,
				  uint64_t *chunks, struct fault *fault)
{
	sqlite3_stmt *get = shard->stmt[W_BODY_GET];
	enum store_status status;

	bind_u64(get, 1, body);
	status = statement_row(get, fault);
	if (status == STORE_OK) {
		*refs = column_u64(get, 0);
		*chunks = column_u64(get, 1);
	}
	statement_reset(get);
	return status;
}

static enum store_status remove_chunks(struct shard *shard, uint64_t body, bool *gone,
				       struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_CHUNK_REMOVE];
	enum store_status status;

	bind_u64(stmt, 1, body);
	bind_u64(stmt, 2, CHUNKS_PER_STEP);
	status = statement_run(stmt, fault);
	if (status != STORE_OK || sqlite3_changes(shard->db) == CHUNKS_PER_STEP)
		return status;
	*gone = true;
	bind_u64(shard->stmt[W_BODY_REMOVE], 1, body);
	return statement_run(shard->stmt[W_BODY_REMOVE], fault);
}

enum store_status body_remove_some(struct shard *shard, uint64_t body, bool *gone,
				   struct fault *fault)
{
	uint64_t refs = 0;
	uint64_t chunks = 0;
	enum store_status status = get_body(shard, body, &refs, &chunks, fault);

	*gone = false;
	if (status == STORE_OK && refs == 0)
		return remove_chunks(shard, body, gone, fault);
	/*
	 * Gone already; or a delivery whose outcome nobody could tell did happen, and its
	 * message names the body.
	 */
	*gone = status == STORE_OK || status == STORE_NOT_FOUND;
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}

enum store_status body_release(struct shard *shard, uint64_t body, uint64_t *removed,
			       struct fault *fault)
{
	uint64_t refs = 0;
	uint64_t chunks = 0;
	enum store_status status;
	bool gone = false;

	bind_u64(shard->stmt[W_BODY_REF], 1, body);
	bind_i64(shard->stmt[W_BODY_REF], 2, -1);
	status = statement_run(shard->stmt[W_BODY_REF], fault);
	if (status == STORE_OK)
		status = get_body(shard, body, &refs, &chunks, fault);
	/* A large one waits for the collector, in steps. No row: store_check tells. */
	if (status != STORE_OK || refs > 0 || chunks >= CHUNKS_PER_STEP)
		return status == STORE_NOT_FOUND ? STORE_OK : status;
	*removed += chunks;
	return remove_chunks(shard, body, &gone, fault);
}

enum store_status collect_job_run(struct store_job *job, void *writer)
{
	struct collect_job *collect = (struct collect_job *)job;
	struct shard *shard = writer;
	uint64_t body = collect->body;
	enum store_status status = STORE_OK;

	collect->found = false;
	collect->gone = false;
	if (body == 0)
		status = body_unreferenced(shard, collect->after, &body, &job->fault);
	if (status == STORE_NOT_FOUND)
		return STORE_OK;
	if (status == STORE_OK) {
		collect->found = true;
		status = body_remove_some(shard, body, &collect->gone, &job->fault);
	}
	return status;
}

enum store_status collect_rests(struct shard *shard, struct fault *fault)
{
	struct collect_job collect = { .job = { .run = collect_job_run }, .found = true };
	enum store_status status = STORE_OK;
	unsigned bodies = 0;

	while (status == STORE_OK && collect.found) {
		status = writer_run_alone(shard, &collect.job);
		if (collect.gone)
			bodies++;
	}
	if (status != STORE_OK)
		*fault = collect.job.fault;
	if (bodies > 0)
		store_say(shard->store, LOG_NOTICE, NULL, "rests-removed shard=%u bodies=%u",
			  shard->number, bodies);
	return status;
}

static void background_done(struct store_job *job)
{
	struct collect_job *collect = (struct collect_job *)job;

	if (job->status == STORE_OK && !collect->gone)
		writer_submit_low(job->context, job);
	else
		free(collect);
}

void collect_in_background(struct shard *shard, uint64_t body)
{
	struct collect_job *collect = calloc(1, sizeof *collect);

	/* Without memory the housekeeper finds it. */
	if (collect == NULL)
		return;
	collect->job.run = collect_job_run;
	collect->job.done = background_done;
	collect->job.context = shard;
	collect->body = body;
	writer_submit_low(shard, &collect->job);
}
