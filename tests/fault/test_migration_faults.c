/*
 * A store of an older schema is opened by a program that knows two newer ones, and the n-th
 * operation fails, or the power goes, n = 1, 2, 3 ... until a run meets no fault. Afterwards the
 * file is of the old schema or of a new one, whole, and with its mail; and the next opening makes
 * it the newest.
 *
 * Usage: test_migration_faults [STEP [SEED]]: every STEP-th operation (default 1); SEED chooses what
 * of the unsynced writes is there after a power cut.
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_vfs.h"
#include "script.h"
#include "store/schema.h"

static struct bench bench;
static long step = 1;
static unsigned chance = 1;

/* As large as they get: a table built anew row by row, an index, a column. */
static const char *const migrations[] = {
	sql_store_001_store_sql,
	"CREATE TABLE tested(chunk INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
	"INSERT INTO tested SELECT id, data FROM chunk;"
	"ALTER TABLE message ADD COLUMN tested TEXT NOT NULL DEFAULT 'old';",
	"CREATE INDEX tested_message ON message(tested, mailbox, uid);"
	"UPDATE message SET tested = uid;"
	"DELETE FROM tested WHERE chunk % 2 = 0;",
};
/* What a program of today knows. */
static const char back[] = "DROP INDEX IF EXISTS tested_message;"
			   "DROP TABLE tested;"
			   "ALTER TABLE message DROP COLUMN tested;"
			   "PRAGMA user_version = 1";

static int make(void **state)
{
	(void)state;
	bench_make(&bench, 0);
	return 0;
}

static int remove_bench(void **state)
{
	(void)state;
	bench_remove(&bench);
	return 0;
}

static struct database_kind newer(void)
{
	struct database_kind kind = shard_kind;

	kind.migrations = migrations;
	kind.version = (int)ARRAY_SIZE(migrations);
	return kind;
}

static enum database_status migrate(unsigned shard)
{
	struct database_kind kind = newer();
	char *path = shard_path(bench.store, shard);
	sqlite3 *db = NULL;
	struct fault fault = { "" };
	enum database_status status;

	assert_non_null(path);
	status = database_open(path, &kind, DATABASE_WRITE, 64, 0, &db, &fault);
	assert_true(status == DATABASE_OK || (db == NULL && fault.text[0] != '\0'));
	assert_int_not_equal(status, DATABASE_MISSING);
	database_close(&db);
	free(path);
	return status;
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

/* Each schema is there whole or not at all; and then as a program of today needs it. */
static void judge_shard(unsigned shard, bool migrated)
{
	char *path = shard_path(bench.store, shard);
	sqlite3 *db = NULL;
	int64_t version, table, index;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check"
				    " WHERE integrity_check <> 'ok'"),
			 0);
	version = number(db, "PRAGMA user_version");
	table = number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'tested'");
	index = number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'tested_message'");
	assert_int_equal(table, version >= 2);
	assert_int_equal(index, version >= 3);
	if (version == 2)
		assert_int_equal(number(db, "SELECT (SELECT count(*) FROM chunk) -"
					    " (SELECT count(*) FROM tested)"),
				 0);
	if (version == 3)
		assert_int_equal(number(db, "SELECT count(*) FROM message WHERE tested = 'old'"
					    " OR tested <> uid"),
				 0);
	if (migrated)
		assert_int_equal(version, 3);
	sqlite3_close(db);
	assert_int_equal(migrate(shard), DATABASE_OK);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(number(db, "PRAGMA user_version"), 3);
	assert_int_equal(sqlite3_exec(db, back, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	free(path);
}

static void judge(const bool *migrated, const char *what, long at)
{
	for (unsigned i = 0; i < LEDGER_SHARDS; i++)
		judge_shard(i, migrated[i]);
	assert_true(bench_verify(&bench, what, at));
}

static void migrate_until_clean(struct fault_plan plan, const char *what)
{
	bool reached = true;
	long operations = 0;

	for (plan.at = 1; reached; plan.at += step) {
		bool migrated[LEDGER_SHARDS];

		bench_reset(&bench);
		fault_vfs_plan(plan);
		for (unsigned i = 0; i < LEDGER_SHARDS; i++)
			migrated[i] = migrate(i) == DATABASE_OK;
		reached = fault_vfs_end(&operations);
		judge(migrated, what, plan.at);
	}
	print_message("migration, %s: injection_points=%ld runs=%ld\n", what, operations,
		      (plan.at - 1) / step);
}

static void operation_fails_once_leaves_a_whole_schema(void **state)
{
	static const struct {
		struct fault_plan plan;
		const char *what;
	} rows[] = {
		{ { .kinds = FAULT_WRITE }, "a write fails" },
		{ { .kinds = FAULT_WRITE, .full = true }, "a write finds no space" },
		{ { .kinds = FAULT_SYNC }, "a sync fails" },
		{ { .kinds = FAULT_TRUNCATE | FAULT_OPEN | FAULT_SHM },
		  "a truncation, opening or mapping fails" },
		{ { .kinds = FAULT_READ }, "a read fails" },
		{ { .kinds = FAULT_READ, .cut = true }, "a read ends before its end" },
		{ { .kinds = FAULT_LOCK }, "a lock is held by another process" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		migrate_until_clean(rows[i].plan, rows[i].what);
}

static void device_dies_leaves_a_whole_schema(void **state)
{
	(void)state;
	migrate_until_clean(
		(struct fault_plan){ .kinds = FAULT_WRITE, .full = true, .forever = true },
		"no space from here on");
	migrate_until_clean((struct fault_plan){ .kinds = FAULT_WRITE | FAULT_SYNC |
							  FAULT_TRUNCATE,
						 .forever = true },
			    "writes and syncs fail from here on");
}

static void cut_power(unsigned torn, const char *what)
{
	struct fault_plan plan = { .kinds = FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE,
				   .power = true,
				   .torn = torn };
	const bool unknown[LEDGER_SHARDS] = { false };
	bool reached = true;
	long operations = 0;

	for (plan.at = 1; reached; plan.at += step) {
		int status = 0;
		pid_t child;

		bench_reset(&bench);
		child = fork();
		if (child == 0) {
			fault_vfs_plan(plan);
			for (unsigned i = 0; i < LEDGER_SHARDS; i++)
				(void)!migrate(i);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		reached = WEXITSTATUS(status) == FAULT_POWER_EXIT;
		judge(unknown, what, plan.at);
		operations = reached ? plan.at : operations;
	}
	print_message("migration, %s: injection_points=%ld runs=%ld\n", what, operations,
		      (plan.at - 1) / step);
}

static void power_cut_leaves_a_whole_schema(void **state)
{
	(void)state;
	cut_power(0, "the power goes, unsynced writes are gone");
	cut_power(chance, "the power goes, some sectors of unsynced writes are there");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operation_fails_once_leaves_a_whole_schema),
		cmocka_unit_test(device_dies_leaves_a_whole_schema),
		cmocka_unit_test(power_cut_leaves_a_whole_schema),
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
