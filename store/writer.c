/*
 * The writer: one thread per shard, the only one that writes its database. It takes everything
 * that is queued (up to STORE_BATCH_JOBS and BATCH_OCTETS), commits it as one batch, then tells
 * every job. Low jobs (purge) run alone, when nothing else waits or after LOW_PATIENCE batches.
 *
 * The log is checkpointed here after the jobs were told, so that nobody waits for it.
 *
 * When the outcome of a commit is unknown the shard leaves service: the connection is closed and
 * opened again, a small commit settles what the log holds, and the jobs are looked up for the
 * log. As long as that fails, whatever is submitted is answered STORE_UNAVAILABLE.
 */
#include <assert.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/login.h"
#include "store/schema.h"
#include "store/store_private.h"

/* Batches that may go before a waiting low job. */
#define LOW_PATIENCE 8
/* Between attempts to open a shard again. */
#define REOPEN_MILLISECONDS 1000

static void queue_add(struct job_queue *queue, struct store_job *job)
{
	job->next = NULL;
	*queue->tail = job;
	queue->tail = &job->next;
	queue->count++;
}

static struct store_job *queue_take(struct job_queue *queue)
{
	struct store_job *job = queue->head;

	queue->head = job->next;
	if (queue->head == NULL)
		queue->tail = &queue->head;
	queue->count--;
	job->next = NULL;
	return job;
}

static void submit(struct shard *shard, struct job_queue *queue, struct store_job *job)
{
	job->status = STORE_UNAVAILABLE;
	job->fault.text[0] = '\0';
	atomic_fetch_add(&shard->queued, 1);
	pthread_mutex_lock(&shard->mutex);
	assert(!shard->stopping || pthread_equal(pthread_self(), shard->thread));
	queue_add(queue, job);
	pthread_cond_signal(&shard->wake);
	pthread_mutex_unlock(&shard->mutex);
}

void writer_submit(struct shard *shard, struct store_job *job)
{
	submit(shard, &shard->normal, job);
}

void writer_submit_low(struct shard *shard, struct store_job *job)
{
	submit(shard, &shard->low, job);
}

/* --- telling --------------------------------------------------------------------------------- */

static void tell(struct shard *shard, struct store_job *jobs)
{
	struct store_job *next;

	for (struct store_job *job = jobs; job != NULL; job = next) {
		/* From done on the job is its owner's. */
		next = job->next;
		job->next = NULL;
		atomic_fetch_sub(&shard->queued, 1);
		if (job->settle != NULL)
			job->settle(job, shard);
		job->done(job);
	}
}

static void refuse(struct shard *shard, struct store_job *jobs)
{
	for (struct store_job *job = jobs; job != NULL; job = job->next) {
		job->status = STORE_UNAVAILABLE;
		fault_set(&job->fault, "shard %u is out of service", shard->number);
	}
	tell(shard, jobs);
}

/* --- the connection -------------------------------------------------------------------------- */

static int count_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	struct shard *shard = context;

	(void)db;
	(void)name;
	if (pages < shard->wal_pages)
		shard->checkpoint_at = CHECKPOINT_PAGES; /* begun anew */
	shard->wal_pages = pages;
	return SQLITE_OK;
}

enum store_status writer_open(struct shard *shard, struct fault *fault)
{
	enum store_status status =
		shard_open_file(shard->path, true, WRITER_CACHE_KIB, &shard->db, fault);

	if (status != STORE_OK)
		return status;
	status = statements_prepare(shard->db, writer_sql, W_STMT_COUNT, shard->stmt, fault);
	if (status != STORE_OK) {
		writer_close(shard);
		return status;
	}
	shard->wal_pages = 0;
	shard->checkpoint_at = CHECKPOINT_PAGES;
	(void)sqlite3_wal_hook(shard->db, count_wal_pages, shard);
	atomic_store(&shard->in_service, true);
	return STORE_OK;
}

void writer_close(struct shard *shard)
{
	atomic_store(&shard->in_service, false);
	statements_finalize(shard->stmt, W_STMT_COUNT);
	shard_close_file(&shard->db);
}

/*
 * The log begins anew at a commit that finds all of it written back and no reader in it. While
 * workers read without pause that is rare, hence the restart; and a reader that never ends (a
 * shell) must not cost a checkpoint at every commit, hence the distance between attempts.
 */
static void checkpoint(struct shard *shard)
{
	struct fault fault;
	int code;

	if (shard->wal_pages < shard->checkpoint_at)
		return;
	shard->checkpoint_at = shard->wal_pages + CHECKPOINT_PAGES;
	code = database_checkpoint(shard->db, shard->wal_pages >= RESTART_PAGES);
	/* Busy: a reader is in the way. */
	if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
		return;
	(void)store_fault(shard->db, code, "checkpoint", &fault);
	store_say(shard->store, LOG_ERR, fault.text, "checkpoint-failed shard=%u",
		  shard->number);
}

/* --- out of service and back ----------------------------------------------------------------- */

/* A commit of our own: after it the log holds nothing that is neither done nor undone. */
static bool settle_log(struct shard *shard, struct fault *fault)
{
	static const char sql[] = "BEGIN IMMEDIATE;"
				  "UPDATE meta SET value = value + 1 WHERE key = 'reopened';"
				  "COMMIT";

	return store_fault(shard->db, sqlite3_exec(shard->db, sql, NULL, NULL, NULL),
			   "first commit after an error", fault) == STORE_OK;
}

static bool reopen(struct shard *shard, struct fault *fault)
{
	writer_close(shard);
	if (writer_open(shard, fault) != STORE_OK)
		return false;
	if (settle_log(shard, fault))
		return true;
	writer_close(shard);
	return false;
}

/* What became of the jobs, for the log alone: their senders hear no claim. */
static void look_up(struct shard *shard, struct store_job *jobs)
{
	unsigned unknown = 0;
	unsigned happened = 0;

	for (struct store_job *job = jobs; job != NULL; job = job->next) {
		if (job->status == STORE_OK)
			continue;
		unknown++;
		if (job->happened != NULL && job->happened(job, shard))
			happened++;
	}
	store_say(shard->store, LOG_WARNING, NULL,
		  "commit-looked-up shard=%u jobs=%u happened=%u", shard->number, unknown,
		  happened);
}

static struct store_job *take_all(struct shard *shard)
{
	struct store_job *jobs;

	pthread_mutex_lock(&shard->mutex);
	*shard->normal.tail = shard->low.head;
	jobs = shard->normal.head;
	shard->normal = (struct job_queue){ NULL, &shard->normal.head, 0 };
	shard->low = (struct job_queue){ NULL, &shard->low.head, 0 };
	pthread_mutex_unlock(&shard->mutex);
	return jobs;
}

static struct timespec after(int64_t milliseconds)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(milliseconds / 1000);
	at.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* True when the writer is to end. Jobs that keep coming do not put the next attempt off. */
static bool wait_out_of_service(struct shard *shard)
{
	int64_t due = clock_monotonic_ms() + REOPEN_MILLISECONDS;
	struct timespec until = after(REOPEN_MILLISECONDS);
	bool stopping = false;

	while (!stopping && clock_monotonic_ms() < due) {
		refuse(shard, take_all(shard));
		pthread_mutex_lock(&shard->mutex);
		if (shard->normal.head == NULL && shard->low.head == NULL && !shard->stopping)
			(void)pthread_cond_timedwait(&shard->wake, &shard->mutex, &until);
		stopping = shard->stopping && shard->normal.head == NULL &&
			   shard->low.head == NULL;
		pthread_mutex_unlock(&shard->mutex);
	}
	return stopping;
}

/* Why: the first job that was not told otherwise. */
static const char *reason(const struct store_job *jobs)
{
	while (jobs->status == STORE_OK && jobs->next != NULL)
		jobs = jobs->next;
	return jobs->fault.text;
}

/* Returns in service again, or true when the writer is to end before. */
static bool leave_service(struct shard *shard, struct store_job *jobs)
{
	struct fault fault = { "" };
	bool back;

	atomic_store(&shard->in_service, false);
	store_say(shard->store, LOG_ERR, reason(jobs), "shard-out-of-service shard=%u",
		  shard->number);
	back = reopen(shard, &fault);
	if (back)
		look_up(shard, jobs);
	tell(shard, jobs);
	if (!back)
		store_say(shard->store, LOG_ERR, fault.text, "shard-reopen-failed shard=%u",
			  shard->number);
	while (!back) {
		if (wait_out_of_service(shard))
			return true;
		back = reopen(shard, &fault);
	}
	store_say(shard->store, LOG_WARNING, NULL, "shard-in-service shard=%u", shard->number);
	return false;
}

/* --- the thread ------------------------------------------------------------------------------ */

static uint64_t job_weight(const struct store_job *job)
{
	return job->weight > 0 ? job->weight : JOB_WEIGHT;
}

/* Mutex held. What goes into the next transaction, in order of arrival; NULL: nothing. */
static struct store_job *take_batch(struct shard *shard)
{
	struct job_queue batch = { NULL, &batch.head, 0 };
	uint64_t weight = 0;

	if (shard->low.head != NULL &&
	    (shard->normal.head == NULL || shard->low_waits >= LOW_PATIENCE)) {
		shard->low_waits = 0;
		return queue_take(&shard->low);
	}
	while (shard->normal.head != NULL && batch.count < STORE_BATCH_JOBS) {
		uint64_t next = job_weight(shard->normal.head);

		/* So one that weighs as much as a batch may goes alone. */
		if (batch.count > 0 && weight + next > BATCH_OCTETS)
			break;
		weight += next;
		queue_add(&batch, queue_take(&shard->normal));
	}
	if (shard->low.head != NULL)
		shard->low_waits++;
	return batch.head;
}

/*
 * Waits for work: jobs, or logins that are due. False when there is none and the writer is to
 * end.
 */
static bool next_work(struct shard *shard, struct store_job **jobs, struct login **logins)
{
	bool more = true;

	*jobs = NULL;
	*logins = NULL;
	pthread_mutex_lock(&shard->mutex);
	while (*jobs == NULL && *logins == NULL && more) {
		int64_t left;

		*jobs = take_batch(shard);
		left = logins_left(shard, clock_monotonic_ms());
		if (shard->logins != NULL && (left <= 0 || shard->stopping)) {
			*logins = logins_take(shard);
		} else if (*jobs == NULL && shard->stopping) {
			more = false;
		} else if (*jobs == NULL && shard->logins != NULL) {
			struct timespec until = after(left);

			(void)pthread_cond_timedwait(&shard->wake, &shard->mutex, &until);
		} else if (*jobs == NULL) {
			(void)pthread_cond_wait(&shard->wake, &shard->mutex);
		}
	}
	pthread_mutex_unlock(&shard->mutex);
	return more;
}

static void login_done(struct store_job *job)
{
	(void)job;
}

/* The logins ride as one more job of the batch. */
static struct store_job *with_logins(struct shard *shard, struct store_job *jobs,
				     struct login_job *login, struct login *logins)
{
	*login = (struct login_job){ .job = { .run = login_job_run, .done = login_done },
				     .logins = logins };
	if (logins == NULL)
		return jobs;
	atomic_fetch_add(&shard->queued, 1);
	login->job.next = jobs;
	return &login->job;
}

/*
 * While it waits, the writer reads: it holds the lock of the log's newest state, and readers of this
 * process that take the same one make no system call for it. Each commit lets go of it first, or the
 * log could not begin anew.
 */
static void stand(struct shard *shard)
{
	struct fault ignored;

	(void)!statement_row(shard->stmt[W_STAND], &ignored);
}

static void *writer_thread(void *context)
{
	struct shard *shard = context;
	struct login_job login;
	struct store_job *jobs;
	struct login *logins;
	bool ending = false;

	stand(shard);
	while (!ending && next_work(shard, &jobs, &logins)) {
		statement_reset(shard->stmt[W_STAND]);
		jobs = with_logins(shard, jobs, &login, logins);
		if (batch_run(shard, jobs)) {
			tell(shard, jobs);
			checkpoint(shard);
		} else {
			ending = leave_service(shard, jobs);
		}
		logins_free(&logins);
		if (!ending)
			stand(shard);
	}
	if (!ending)
		statement_reset(shard->stmt[W_STAND]);
	return NULL;
}

enum store_status writer_start(struct shard *shard, struct fault *fault)
{
	sigset_t all;
	sigset_t before;
	int code;

	/* What opening did is not counted. */
	atomic_store(&shard->commits, 0);
	atomic_store(&shard->jobs, 0);
	/* Signals are the program's main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&shard->thread, NULL, writer_thread, shard);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code != 0) {
		fault_set(fault, "starting a writer thread: %s", strerror(code));
		return STORE_UNAVAILABLE;
	}
	shard->started = true;
	return STORE_OK;
}

void writer_stop(struct shard *shard)
{
	if (!shard->started)
		return;
	pthread_mutex_lock(&shard->mutex);
	shard->stopping = true;
	pthread_cond_signal(&shard->wake);
	pthread_mutex_unlock(&shard->mutex);
	pthread_join(shard->thread, NULL);
	shard->started = false;
}

/* --- waiting for a job ----------------------------------------------------------------------- */

struct waiting {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
};

static void wake_waiting(struct store_job *job)
{
	struct waiting *waiting = job->context;

	pthread_mutex_lock(&waiting->mutex);
	waiting->done = true;
	pthread_cond_signal(&waiting->cond);
	pthread_mutex_unlock(&waiting->mutex);
}

enum store_status writer_call(struct shard *shard, struct store_job *job)
{
	struct waiting waiting = { .mutex = PTHREAD_MUTEX_INITIALIZER,
				   .cond = PTHREAD_COND_INITIALIZER };

	if (atomic_load(&shard->store->hurried)) {
		fault_set(&job->fault, "the store is being closed");
		return job->status = STORE_UNAVAILABLE;
	}
	job->done = wake_waiting;
	job->context = &waiting;
	submit(shard, &shard->low, job);
	pthread_mutex_lock(&waiting.mutex);
	while (!waiting.done)
		pthread_cond_wait(&waiting.cond, &waiting.mutex);
	pthread_mutex_unlock(&waiting.mutex);
	pthread_cond_destroy(&waiting.cond);
	pthread_mutex_destroy(&waiting.mutex);
	return job->status;
}

enum store_status writer_run_alone(struct shard *shard, struct store_job *job)
{
	job->next = NULL;
	if (!batch_run(shard, job) && job->status == STORE_OK)
		job->status = STORE_UNAVAILABLE;
	return job->status;
}
