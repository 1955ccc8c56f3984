/* Group commit: isolation of failures, order, and jobs that give way. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_private.h"
#include "store_fixture.h"

/* A job that writes one meta row and then does what the case wants. */
enum behaviour { WORK, REFUSE, BAD_SQL, BREAK_TRANSACTION };

struct act {
	struct store_job job;
	enum behaviour behaviour;
	unsigned number;
	unsigned runs;
	unsigned done_at; /* place in the order of dones */
};

static atomic_uint dones;

static enum store_status act_run(struct store_job *job, void *writer)
{
	struct act *act = (struct act *)job;
	struct shard *shard = writer;
	char sql[128];

	act->runs++;
	(void)snprintf(sql, sizeof sql, "INSERT INTO meta VALUES('job%u', 1)", act->number);
	if (sqlite3_exec(shard->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return STORE_UNAVAILABLE;
	switch (act->behaviour) {
	case WORK:
		return STORE_OK;
	case REFUSE:
		return STORE_NOT_FOUND;
	case BAD_SQL:
		return store_fault(shard->db,
				   sqlite3_exec(shard->db, "INSERT INTO nowhere VALUES(1)",
						NULL, NULL, NULL),
				   "test", &job->fault);
	case BREAK_TRANSACTION:
		/* As SQLite does itself when the disk is full or a page cannot be read. */
		sqlite3_exec(shard->db, "ROLLBACK", NULL, NULL, NULL);
		return STORE_FULL;
	}
	return STORE_UNAVAILABLE;
}

static void act_done(struct store_job *job)
{
	((struct act *)job)->done_at = atomic_fetch_add(&dones, 1);
}

struct gate {
	struct store_job job;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool open;
	bool reached;
};

static enum store_status gate_run(struct store_job *job, void *writer)
{
	(void)job;
	(void)writer;
	return STORE_OK;
}

static void gate_done(struct store_job *job)
{
	struct gate *gate = job->context;

	pthread_mutex_lock(&gate->mutex);
	gate->reached = true;
	pthread_cond_signal(&gate->cond);
	while (!gate->open)
		pthread_cond_wait(&gate->cond, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

/* Holds the writer, so that all that is submitted meanwhile becomes one batch. */
static void gate_close(struct gate *gate, struct shard *shard)
{
	*gate = (struct gate){ .job = { .run = gate_run, .done = gate_done, .context = gate },
			       .mutex = PTHREAD_MUTEX_INITIALIZER,
			       .cond = PTHREAD_COND_INITIALIZER };
	writer_submit(shard, &gate->job);
	pthread_mutex_lock(&gate->mutex);
	while (!gate->reached)
		pthread_cond_wait(&gate->cond, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->open = true;
	pthread_cond_signal(&gate->cond);
	pthread_mutex_unlock(&gate->mutex);
}

static void batch_failing_job_fails_alone(void **state)
{
	static const struct {
		enum behaviour behaviour[5];
		enum store_status status[5];
	} cases[] = {
		{ { WORK, WORK, WORK, WORK, WORK }, { STORE_OK } },
		{ { WORK, REFUSE, WORK, BAD_SQL, WORK },
		  { STORE_OK, STORE_NOT_FOUND, STORE_OK, STORE_UNAVAILABLE, STORE_OK } },
		{ { WORK, WORK, BREAK_TRANSACTION, WORK, WORK },
		  { STORE_OK, STORE_OK, STORE_FULL, STORE_OK, STORE_OK } },
		{ { BREAK_TRANSACTION, REFUSE, WORK, BREAK_TRANSACTION, WORK },
		  { STORE_FULL, STORE_NOT_FOUND, STORE_OK, STORE_FULL, STORE_OK } },
	};
	struct fixture *f = *state;
	struct shard *shard = &f->store->shards[1];

	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		struct act acts[5];
		struct gate gate;

		atomic_store(&dones, 0);
		(void)fixture_sql(f, 1, "DELETE FROM meta WHERE key LIKE 'job%'");
		gate_close(&gate, shard);
		for (unsigned i = 0; i < 5; i++) {
			acts[i] = (struct act){ .job = { .run = act_run, .done = act_done },
						.behaviour = cases[c].behaviour[i],
						.number = i };
			writer_submit(shard, &acts[i].job);
		}
		gate_open(&gate);
		fixture_close(f);
		for (unsigned i = 0; i < 5; i++) {
			char sql[128];

			assert_int_equal(acts[i].job.status, cases[c].status[i]);
			assert_int_equal(acts[i].done_at, i);
			(void)snprintf(sql, sizeof sql,
				       "SELECT count(*) FROM meta WHERE key = 'job%u'", i);
			assert_int_equal(fixture_sql(f, 1, sql),
					 cases[c].status[i] == STORE_OK ? 1 : 0);
		}
		fixture_open(f);
		shard = &f->store->shards[1];
	}
}

static void batch_is_one_commit(void **state)
{
	struct fixture *f = *state;
	struct shard *shard = &f->store->shards[1];
	struct act acts[20];
	struct gate gate;
	struct gate after;
	uint64_t before;

	gate_close(&gate, shard);
	before = atomic_load(&shard->commits);
	for (unsigned i = 0; i < 20; i++) {
		acts[i] = (struct act){ .job = { .run = act_run, .done = act_done },
					.number = i };
		writer_submit(shard, &acts[i].job);
	}
	gate_open(&gate);
	gate_close(&after, shard);
	/* The twenty, and the second gate perhaps with them. */
	assert_true(atomic_load(&shard->commits) - before <= 2);
	assert_int_equal(acts[19].runs, 1);
	gate_open(&after);
	fixture_close(f);
	fixture_open(f);
}

static void low_job_runs_after_the_others(void **state)
{
	struct fixture *f = *state;
	struct shard *shard = &f->store->shards[1];
	struct act low = { .job = { .run = act_run, .done = act_done }, .number = 100 };
	struct act acts[3];
	struct gate gate;

	atomic_store(&dones, 0);
	gate_close(&gate, shard);
	writer_submit_low(shard, &low.job);
	for (unsigned i = 0; i < 3; i++) {
		acts[i] = (struct act){ .job = { .run = act_run, .done = act_done },
					.number = i };
		writer_submit(shard, &acts[i].job);
	}
	gate_open(&gate);
	fixture_close(f);
	assert_int_equal(low.done_at, 3);
	assert_int_equal(low.job.status, STORE_OK);
	fixture_open(f);
}

/* Somebody else's checkpoint, which would have the log begin anew, finds a reader in it. */
static bool log_is_held(const struct fixture *f, unsigned shard)
{
	return fixture_sql(f, shard, "PRAGMA wal_checkpoint(RESTART)") == 1;
}

/* Readers share its lock of the newest state of the log. */
static void writer_that_waits_stands_in_the_log(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3; i++) {
		(void)fixture_deliver(f, 1, "A: b\r\n\r\nx\r\n");
		/* It tells first, and then stands. */
		for (unsigned tries = 0; tries < 10000 && !log_is_held(f, 1); tries++)
			usleep(1000);
		assert_true(log_is_held(f, 1));
	}
}

/* ... and yet it begins anew. */
static void log_does_not_grow_for_ever(void **state)
{
	enum { OCTETS = 1 << 20, MESSAGES = 48 };
	struct fixture *f = *state;
	char *text = test_malloc(OCTETS + 1);
	struct stat log;

	memset(text, 'x', OCTETS);
	for (size_t i = 80; i < OCTETS; i += 80)
		memcpy(text + i, "\r\n", 2);
	memcpy(text, "A: b\r\n\r\n", 8);
	text[OCTETS] = '\0';
	for (unsigned i = 0; i < MESSAGES; i++)
		(void)fixture_deliver(f, 1, text);
	assert_int_equal(stat(fixture_path(f, "mail-01.db-wal"), &log), 0);
	assert_in_range(log.st_size, 1, 20 << 20);
	test_free(text);
}

/* Deliveries from several threads into the same few maildrops. */
struct deliverer {
	struct fixture *f;
	unsigned number;
	unsigned ok;
};

static void *deliver_many(void *context)
{
	struct deliverer *deliverer = context;

	for (unsigned i = 0; i < 50; i++) {
		struct delivery_target target = { .key = fixture_key((deliverer->number + i) %
								     4) };

		target = fixture_deliver_as(deliverer->f, target, STR("A: b\r\n\r\nx\r\n"), 0,
					    NULL);
		if (target.status == STORE_OK)
			deliverer->ok++;
	}
	return NULL;
}

static void deliveries_from_many_threads_are_all_there_once(void **state)
{
	struct fixture *f = *state;
	struct deliverer deliverers[8];
	pthread_t threads[8];

	for (unsigned i = 0; i < 8; i++) {
		deliverers[i] = (struct deliverer){ f, i, 0 };
		assert_int_equal(
			pthread_create(&threads[i], NULL, deliver_many, &deliverers[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(deliverers[i].ok, 50);
	}
	assert_int_equal(fixture_sql(f, 0, "SELECT count(*) FROM message") +
				 fixture_sql(f, 1, "SELECT count(*) FROM message"),
			 400);
	fixture_expect_clean(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(batch_failing_job_fails_alone),
		STORE_CASE(batch_is_one_commit),
		STORE_CASE(low_job_runs_after_the_others),
		STORE_CASE(writer_that_waits_stands_in_the_log),
		STORE_CASE(log_does_not_grow_for_ever),
		STORE_CASE(deliveries_from_many_threads_are_all_there_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
