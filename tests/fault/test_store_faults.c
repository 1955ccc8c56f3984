/*
 * The n-th write, sync, truncation, opening, mapping, read or lock fails, n = 1, 2, 3 ... until a
 * run meets none; after each run the store is opened again without faults and compared with what
 * was acknowledged. The same for a power cut, in a child.
 *
 * Usage: test_store_faults [STEP [SEED]]: every STEP-th operation (default 1); SEED chooses what of
 * the unsynced writes is there after a power cut.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_vfs.h"
#include "script.h"
#include "store/store_private.h"

static struct bench bench;
static long step = 1;
static unsigned chance = 1;

static int make(void **state)
{
	(void)state;
	bench_make(&bench, BENCH_LARGE);
	return 0;
}

static int remove_bench(void **state)
{
	(void)state;
	bench_remove(&bench);
	return 0;
}

static void tell(const char *what, long operations, long runs)
{
	print_message("%s: injection_points=%ld runs=%ld\n", what, operations, runs);
}

/* One operation of `stride` is looked at. */
static void run_until_clean(struct fault_plan plan, long stride, const char *what)
{
	bool reached = true;
	long operations = 0;

	for (plan.at = 1; reached; plan.at += stride) {
		bench_reset(&bench);
		fault_vfs_plan(plan);
		script_run(&bench);
		reached = fault_vfs_end(&operations);
		assert_true(bench_verify(&bench, what, plan.at));
	}
	tell(what, operations, (plan.at - 1) / stride);
}

/* There are twenty writes for each of these. */
static long rare(void)
{
	return 1 + step / 20;
}

static void write_fails_once_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_WRITE }, step, "a write fails");
}

static void disk_full_once_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_WRITE, .full = true }, step,
			"a write finds no space");
}

static void disk_full_for_good_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean(
		(struct fault_plan){ .kinds = FAULT_WRITE, .full = true, .forever = true },
		step, "no space from here on");
}

static void sync_fails_once_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_SYNC }, rare(), "a sync fails");
}

static void device_dies_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE,
					     .forever = true },
			step, "writes and syncs fail from here on");
}

static void truncate_open_map_fail_once_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_TRUNCATE | FAULT_OPEN | FAULT_SHM },
			rare(), "a truncation, opening or mapping fails");
}

static void read_fails_once_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_READ }, step, "a read fails");
}

static void read_cut_short_once_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_READ, .cut = true }, step,
			"a read ends before its end");
}

static void reads_failing_for_good_keep_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_READ, .forever = true }, step,
			"reads fail from here on");
}

static void lock_held_by_another_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean((struct fault_plan){ .kinds = FAULT_LOCK }, step,
			"a lock is held by another process");
}

static void cut_power(unsigned torn, long stride, const char *what)
{
	struct fault_plan plan = { .kinds = FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE,
				   .power = true,
				   .torn = torn };
	bool reached = true;
	long operations = 0;

	for (plan.at = 1; reached; plan.at += stride) {
		int status = 0;
		pid_t child;

		bench_reset(&bench);
		child = fork();
		if (child == 0) {
			fault_vfs_plan(plan);
			script_run(&bench);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		reached = WEXITSTATUS(status) == FAULT_POWER_EXIT;
		assert_true(reached || WEXITSTATUS(status) == 0);
		assert_true(bench_verify(&bench, what, plan.at));
		operations = reached ? plan.at : operations;
	}
	tell(what, operations, (plan.at - 1) / stride);
}

static void power_cut_keeps_every_promise(void **state)
{
	(void)state;
	cut_power(0, step, "the power goes, unsynced writes are gone");
}

/* A disk writes in the order and in the pieces that it likes. */
static void power_cut_amid_writes_keeps_every_promise(void **state)
{
	(void)state;
	cut_power(chance, step, "the power goes, some sectors of unsynced writes are there");
}

/* Maildrops of a copied shard that go on giving the UIDLs of the backup. */
static int64_t epochs_kept(const char *to, unsigned shard)
{
	char sql[512];
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int64_t kept_ones;

	(void)snprintf(sql, sizeof sql, "%s/mail-%02u.db", to, shard);
	assert_int_equal(sqlite3_open(sql, &db), SQLITE_OK);
	(void)snprintf(sql, sizeof sql, "ATTACH '%s/mail-%02u.db' AS old", bench.store, shard);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT count(*) FROM main.mailbox m JOIN"
					    " old.mailbox o ON o.id = m.id"
					    " WHERE o.epoch = m.epoch",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	kept_ones = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return kept_ones;
}

static void expect_new_epochs(const char *to)
{
	struct store_options options = { .dir = to, .exclusive = true };
	struct store *store = NULL;
	struct fault fault;

	assert_int_equal(store_open(&options, &store, &fault), STORE_OK);
	store_close(&store);
	for (unsigned i = 0; i < LEDGER_SHARDS; i++)
		assert_int_equal(epochs_kept(to, i), 0);
}

/* A new store is whole or not there; a copy likewise, and what it was made from is untouched. */
static void run_new_files(struct fault_plan plan, bool copy)
{
	bool reached = true;
	long operations = 0;

	for (plan.at = 1; reached; plan.at += step) {
		struct fault fault;
		char to[192];
		char command[512];
		enum store_status status;

		bench_reset(&bench);
		(void)snprintf(to, sizeof to, "%s/copy", bench.dir);
		(void)snprintf(command, sizeof command, "mkdir '%s'", to);
		assert_int_equal(system(command), 0);
		fault_vfs_plan(plan);
		status = copy ? store_copy(bench.store, to, &fault)
			      : store_create(to, LEDGER_SHARDS, &fault);
		reached = fault_vfs_end(&operations);
		assert_true(status == STORE_OK || reached);
		if (status == STORE_OK && copy)
			expect_new_epochs(to);
		(void)snprintf(command, sizeof command,
			       "rmdir '%s' 2>/dev/null || ! rm -r '%s'", to, to);
		assert_true((system(command) == 0) == (status != STORE_OK));
		assert_true(bench_verify(&bench, copy ? "copy" : "create", plan.at));
	}
	tell(copy ? "while a store is copied" : "while a store is made", operations,
	     (plan.at - 1) / step);
}

static void create_and_copy_failing_leave_nothing_half(void **state)
{
	struct fault_plan plan = { .kinds = FAULT_WRITE | FAULT_SYNC | FAULT_OPEN |
					    FAULT_TRUNCATE | FAULT_SHM };

	(void)state;
	run_new_files(plan, false);
	run_new_files(plan, true);
	plan.forever = true;
	run_new_files(plan, true);
}

/* --- out of service ------------------------------------------------------------------------- */

static char said[4096];

static void hear(void *context, int priority, const char *text)
{
	size_t n = strlen(said);

	(void)context;
	(void)priority;
	(void)snprintf(said + n, sizeof said - n, "%s\n", text);
}

static bool kept(uint32_t copy)
{
	return atomic_load(&bench.ledger->copy[copy].state) == COPY_KEPT;
}

/* One commit's sync fails (once, or the device is gone for good); then three more deliveries. */
static void leave_service(bool for_good)
{
	struct store_options options = { .dir = bench.store, .exclusive = true, .log = hear };
	struct store *store = NULL;
	struct fault fault;
	uint32_t before;

	bench_reset(&bench);
	said[0] = '\0';
	before = atomic_load(&bench.ledger->copies);
	assert_int_equal(store_open(&options, &store, &fault), STORE_OK);
	ledger_deliver(bench.ledger, store, 0, 1, 500, false);
	assert_true(kept(before + 1));
	fault_vfs_plan(
		(struct fault_plan){ .kinds = FAULT_SYNC, .at = 1, .forever = for_good });
	for (unsigned i = 0; i < 3; i++)
		ledger_deliver(bench.ledger, store, 0, 1, 500, false);
	/* The other shard is not concerned. */
	assert_false(kept(before + 2));
	assert_int_equal(kept(before + 3), !for_good);
	assert_int_equal(kept(before + 4), !for_good);
	(void)fault_vfs_end(NULL);
	ledger_deliver(bench.ledger, store, 1, 1, 500, false);
	assert_true(kept(before + 5));
	store_close(&store);
	assert_non_null(strstr(said, "shard-out-of-service shard=0 msg=\""));
	assert_true(bench_verify(&bench, "out of service", 1));
}

static void sync_failing_once_leaves_service_and_returns(void **state)
{
	(void)state;
	leave_service(false);
	/* The commit that settled the log overwrote what was not synced. */
	assert_non_null(strstr(said, "commit-looked-up shard=0 jobs=1 happened=0"));
	assert_non_null(strstr(said, "shard-in-service shard=0"));
}

static void sync_failing_for_good_refuses_at_once_and_closes(void **state)
{
	(void)state;
	leave_service(true);
	assert_non_null(strstr(said, "shard-reopen-failed shard=0"));
}

/*
 * SQLite keeps errno from the last I/O error of a connection and does not renew it when COMMIT
 * fails: an ENOSPC of long ago must not make an unknown outcome "nothing happened".
 */
static void sync_failing_after_no_space_leaves_service_too(void **state)
{
	struct store_options options = { .dir = bench.store, .exclusive = true, .log = hear };
	struct store *store = NULL;
	struct fault fault;
	uint32_t before;

	(void)state;
	bench_reset(&bench);
	said[0] = '\0';
	before = atomic_load(&bench.ledger->copies);
	assert_int_equal(store_open(&options, &store, &fault), STORE_OK);
	fault_vfs_plan((struct fault_plan){ .kinds = FAULT_READ, .at = 1, .full = true });
	ledger_deliver(bench.ledger, store, 0, 1, 500, false);
	assert_true(fault_vfs_end(NULL));
	assert_false(kept(before + 1));
	ledger_deliver(bench.ledger, store, 0, 1, 500, false);
	assert_true(kept(before + 2));
	assert_null(strstr(said, "shard-out-of-service"));
	fault_vfs_plan((struct fault_plan){ .kinds = FAULT_SYNC, .at = 1 });
	ledger_deliver(bench.ledger, store, 0, 1, 500, false);
	assert_true(fault_vfs_end(NULL));
	assert_false(kept(before + 3));
	store_close(&store);
	assert_non_null(strstr(said, "shard-out-of-service shard=0"));
	assert_true(bench_verify(&bench, "out of service", 2));
}

/* --- asked without pause -------------------------------------------------------------------- */

/* A job that hands itself over again until it is done, as a busy server's clients do together. */
struct insistent {
	struct store_job job;
	struct shard *shard;
	sem_t ended;
	time_t give_up;
};

static enum store_status insistent_run(struct store_job *job, void *writer)
{
	(void)job;
	(void)writer;
	return STORE_OK;
}

static void insistent_done(struct store_job *job)
{
	struct insistent *insistent = (struct insistent *)job;

	if (job->status != STORE_OK && time(NULL) < insistent->give_up)
		writer_submit(insistent->shard, job);
	else
		sem_post(&insistent->ended);
}

static void shard_asked_without_pause_returns(void **state)
{
	struct store_options options = { .dir = bench.store, .exclusive = true, .log = hear };
	struct insistent insistent = { .job = { .run = insistent_run, .done = insistent_done },
				       .give_up = time(NULL) + 20 };
	struct store *store = NULL;
	struct fault fault;

	(void)state;
	bench_reset(&bench);
	assert_int_equal(store_open(&options, &store, &fault), STORE_OK);
	insistent.shard = &store->shards[0];
	assert_int_equal(sem_init(&insistent.ended, 0, 0), 0);
	/* The commit's sync, and the one of the commit that is to settle the log. */
	fault_vfs_plan((struct fault_plan){ .kinds = FAULT_SYNC, .at = 1, .forever = true });
	ledger_deliver(bench.ledger, store, 0, 1, 500, false);
	(void)fault_vfs_end(NULL);
	writer_submit(insistent.shard, &insistent.job);
	while (sem_wait(&insistent.ended) != 0)
		continue;
	store_close(&store);
	assert_int_equal(insistent.job.status, STORE_OK);
	sem_destroy(&insistent.ended);
	assert_true(bench_verify(&bench, "asked without pause", 1));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_fails_once_keeps_every_promise),
		cmocka_unit_test(disk_full_once_keeps_every_promise),
		cmocka_unit_test(disk_full_for_good_keeps_every_promise),
		cmocka_unit_test(sync_fails_once_keeps_every_promise),
		cmocka_unit_test(device_dies_keeps_every_promise),
		cmocka_unit_test(truncate_open_map_fail_once_keeps_every_promise),
		cmocka_unit_test(read_fails_once_keeps_every_promise),
		cmocka_unit_test(read_cut_short_once_keeps_every_promise),
		cmocka_unit_test(reads_failing_for_good_keep_every_promise),
		cmocka_unit_test(lock_held_by_another_keeps_every_promise),
		cmocka_unit_test(power_cut_keeps_every_promise),
		cmocka_unit_test(power_cut_amid_writes_keeps_every_promise),
		cmocka_unit_test(create_and_copy_failing_leave_nothing_half),
		cmocka_unit_test(sync_failing_once_leaves_service_and_returns),
		cmocka_unit_test(sync_failing_after_no_space_leaves_service_too),
		cmocka_unit_test(sync_failing_for_good_refuses_at_once_and_closes),
		cmocka_unit_test(shard_asked_without_pause_returns),
	};

	if (argc > 1)
		step = strtol(argv[1], NULL, 10);
	if (argc > 2)
		chance = (unsigned)strtoul(argv[2], NULL, 10);
	if (step < 1 || chance == 0)
		return 2;
	fault_vfs_register(NULL);
	return cmocka_run_group_tests(tests, make, remove_bench);
}
