/* sql/database.c: creation, identity, migrations, settings, copies. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sql/database.h"

static const char first[] = "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT) STRICT;";
static const char second[] = "ALTER TABLE note ADD COLUMN colour TEXT;";
static const char broken[] = "CREATE TABLE other(id INTEGER); SELECT nonsense FROM nowhere;";
static const char *const one[] = { first };
static const char *const two[] = { first, second };
static const char *const bad[] = { first, broken };

static const struct database_kind kind_one = { "note book", 0x52535400, 16384, one, 1 };
static const struct database_kind kind_two = { "note book", 0x52535400, 16384, two, 2 };
static const struct database_kind kind_bad = { "note book", 0x52535400, 16384, bad, 2 };
static const struct database_kind kind_other = { "ledger", 0x52535401, 16384, one, 1 };

static char dir[64];
static char path[128];
static char copy[128];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/restante-database.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/note.db", dir);
	(void)snprintf(copy, sizeof copy, "%s/copy.db", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
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

static int fill_note(sqlite3 *db, void *context)
{
	(void)context;
	return sqlite3_exec(db, "INSERT INTO note VALUES(1, 'hello')", NULL, NULL, NULL);
}

static int fill_fails(sqlite3 *db, void *context)
{
	(void)context;
	return sqlite3_exec(db, "INSERT INTO nowhere VALUES(1)", NULL, NULL, NULL);
}

static unsigned files_in_dir(void)
{
	char command[128];
	FILE *list;
	unsigned n = 0;

	(void)snprintf(command, sizeof command, "ls -A '%s' | wc -l", dir);
	list = popen(command, "r");
	assert_non_null(list);
	assert_int_equal(fscanf(list, "%u", &n), 1);
	pclose(list);
	return n;
}

static void create_new_file_is_whole_and_private(void **state)
{
	struct fault fault = { "" };
	struct stat file;
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, fill_note, NULL, &fault),
			 DATABASE_OK);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(files_in_dir(), 1);
	assert_int_equal(database_open(path, &kind_one, DATABASE_READ, 256, 0, &db, &fault),
			 DATABASE_OK);
	assert_int_equal(number(db, "SELECT count(*) FROM note"), 1);
	assert_int_equal(number(db, "PRAGMA page_size"), 16384);
	assert_int_equal(number(db, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(number(db, "PRAGMA user_version"), 1);
	database_close(&db);
	assert_null(db);
}

static void create_existing_file_is_refused(void **state)
{
	struct fault fault = { "" };

	(void)state;
	assert_int_equal(database_create(path, &kind_one, NULL, NULL, &fault), DATABASE_OK);
	assert_int_equal(database_create(path, &kind_one, NULL, NULL, &fault), DATABASE_EXISTS);
	assert_non_null(strstr(fault.text, path));
}

static void create_failing_fill_leaves_nothing(void **state)
{
	struct fault fault = { "" };

	(void)state;
	assert_int_equal(database_create(path, &kind_one, fill_fails, NULL, &fault),
			 DATABASE_UNAVAILABLE);
	assert_int_equal(files_in_dir(), 0);
	assert_non_null(strstr(fault.text, "nowhere"));
}

static void open_connection_has_our_settings(void **state)
{
	static const struct {
		const char *pragma;
		int64_t value;
	} settings[] = {
		{ "PRAGMA synchronous", 2 },
		{ "PRAGMA secure_delete", 0 },
		{ "PRAGMA mmap_size", 0 },
		{ "PRAGMA cell_size_check", 1 },
		{ "PRAGMA journal_size_limit", 16777216 },
		{ "PRAGMA wal_autocheckpoint", 250 },
		{ "PRAGMA cache_size", -512 },
		{ "PRAGMA trusted_schema", 0 },
		{ "PRAGMA query_only", 0 },
	};
	struct fault fault = { "" };
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, NULL, NULL, &fault), DATABASE_OK);
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 512, 250, &db, &fault),
			 DATABASE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		assert_int_equal(number(db, settings[i].pragma), settings[i].value);
	database_close(&db);
}

/* What a file brings along is not trusted, and nothing reaches beyond that file. */
static void open_connection_is_on_its_guard(void **state)
{
	static const int on[] = { SQLITE_DBCONFIG_DEFENSIVE };
	static const int off[] = { SQLITE_DBCONFIG_TRUSTED_SCHEMA,
				   SQLITE_DBCONFIG_WRITABLE_SCHEMA,
				   SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
				   SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER,
				   SQLITE_DBCONFIG_DQS_DML,
				   SQLITE_DBCONFIG_DQS_DDL };
	static const char *const refused[] = {
		"ATTACH ':memory:' AS other",
		"SELECT load_extension('/nonexistent')",
		"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'x'",
		"SELECT \"no such column\"",
		"SELECT zeroblob(5 << 20)",
		"SELECT 'x' LIKE printf('%.*c', 600, 'x')",
	};
	struct fault fault = { "" };
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, NULL, NULL, &fault), DATABASE_OK);
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(on) + ARRAY_SIZE(off); i++) {
		bool wanted = i < ARRAY_SIZE(on);
		int value = -1;

		assert_int_equal(sqlite3_db_config(db, wanted ? on[i] : off[i - ARRAY_SIZE(on)],
						   -1, &value),
				 SQLITE_OK);
		assert_int_equal(value, wanted);
	}
	assert_int_equal(number(db, "PRAGMA cell_size_check"), 1);
	for (int limit = 0; limit <= SQLITE_LIMIT_WORKER_THREADS; limit++)
		assert_in_range(sqlite3_limit(db, limit, -1), 0, 4 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_int_not_equal(sqlite3_exec(db, refused[i], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(number(db, "SELECT count(*) FROM note"), 0);
	database_close(&db);
}

static void open_for_reading_cannot_write(void **state)
{
	struct fault fault = { "" };
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, NULL, NULL, &fault), DATABASE_OK);
	assert_int_equal(database_open(path, &kind_one, DATABASE_READ, 256, 0, &db, &fault),
			 DATABASE_OK);
	assert_int_equal(database_run(db, "DELETE FROM note", &fault), DATABASE_UNAVAILABLE);
	database_close(&db);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static void open_wrong_files_are_refused_in_words(void **state)
{
	struct fault fault = { "" };
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_MISSING);
	assert_int_equal(files_in_dir(), 0);
	write_text("");
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_FOREIGN);
	assert_non_null(strstr(fault.text, "not a note book"));
	write_text(
		"This is a letter to my aunt, not a database at all. It is long enough to have "
		"a header of one hundred octets, which SQLite wants to read first.\n");
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_FOREIGN);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(database_create(path, &kind_other, NULL, NULL, &fault), DATABASE_OK);
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_FOREIGN);
	assert_null(db);
}

static void open_older_schema_is_migrated_by_writers_only(void **state)
{
	struct fault fault = { "" };
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, fill_note, NULL, &fault),
			 DATABASE_OK);
	assert_int_equal(database_open(path, &kind_two, DATABASE_READ, 256, 0, &db, &fault),
			 DATABASE_FOREIGN);
	assert_int_equal(database_open(path, &kind_two, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_OK);
	assert_int_equal(number(db, "SELECT count(*) FROM note WHERE colour IS NULL"), 1);
	assert_int_equal(number(db, "PRAGMA user_version"), 2);
	database_close(&db);
	/* Now it is newer than the older program. */
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_FOREIGN);
	assert_non_null(strstr(fault.text, "schema 2"));
}

static void open_failing_migration_changes_nothing(void **state)
{
	struct fault fault = { "" };
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, fill_note, NULL, &fault),
			 DATABASE_OK);
	assert_int_equal(database_open(path, &kind_bad, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_UNAVAILABLE);
	assert_int_equal(database_open(path, &kind_one, DATABASE_READ, 256, 0, &db, &fault),
			 DATABASE_OK);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'other'"),
			 0);
	database_close(&db);
}

static void copy_beside_a_writer_is_a_consistent_snapshot(void **state)
{
	struct fault fault = { "" };
	sqlite3 *writer = NULL;
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, fill_note, NULL, &fault),
			 DATABASE_OK);
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &writer,
				       &fault),
			 DATABASE_OK);
	/* Committed but only in the log, and a transaction that is open. */
	assert_int_equal(database_run(writer, "INSERT INTO note VALUES(2, 'kept')", &fault),
			 DATABASE_OK);
	assert_int_equal(database_run(writer,
				      "BEGIN IMMEDIATE; INSERT INTO note VALUES(3, 'open')",
				      &fault),
			 DATABASE_OK);
	assert_int_equal(database_copy(path, &kind_one, copy,
				       "INSERT INTO note VALUES(4, 'added')", &fault),
			 DATABASE_OK);
	assert_int_equal(database_copy(path, &kind_one, copy, NULL, &fault), DATABASE_EXISTS);
	database_close(&writer);
	assert_int_equal(database_open(copy, &kind_one, DATABASE_WRITE, 256, 0, &db, &fault),
			 DATABASE_OK);
	assert_int_equal(number(db, "SELECT count(*) FROM note"), 3);
	assert_int_equal(number(db, "SELECT count(*) FROM note WHERE id = 4"), 1);
	database_close(&db);
	assert_int_equal(files_in_dir(), 2);
}

/* --- checkpoints ---------------------------------------------------------------------------- */

static int log_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	*(int *)context = pages;
	return SQLITE_OK;
}

struct late_reader {
	atomic_bool give_up;
	sqlite3 *reader; /* inside a read transaction */
	sqlite3 *probe;
};

/* Reads on until a checkpoint waits for it: one that does holds the lock that writers take. */
static void *read_until_waited_for(void *context)
{
	struct late_reader *late = context;

	while (!atomic_load(&late->give_up) &&
	       sqlite3_exec(late->probe, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL) ==
		       SQLITE_OK)
		continue;
	sqlite3_exec(late->reader, "ROLLBACK", NULL, NULL, NULL);
	return NULL;
}

static void insert_notes(sqlite3 *writer, unsigned count)
{
	struct fault fault = { "" };

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(database_run(writer, "INSERT INTO note VALUES(NULL, 'more')",
					      &fault),
				 DATABASE_OK);
}

static void checkpoint_restart_waits_for_a_reader_that_ends(void **state)
{
	struct late_reader late = { .give_up = false };
	struct fault fault = { "" };
	sqlite3 *writer = NULL;
	pthread_t thread;
	unsigned tries = 0;
	int pages = 0;

	(void)state;
	assert_int_equal(database_create(path, &kind_one, fill_note, NULL, &fault),
			 DATABASE_OK);
	assert_int_equal(database_open(path, &kind_one, DATABASE_WRITE, 256, 0, &writer,
				       &fault),
			 DATABASE_OK);
	(void)sqlite3_wal_hook(writer, log_pages, &pages);
	insert_notes(writer, 20);
	assert_true(pages >= 20);
	assert_int_equal(sqlite3_open(path, &late.reader), SQLITE_OK);
	assert_int_equal(sqlite3_open(path, &late.probe), SQLITE_OK);
	assert_int_equal(sqlite3_exec(late.reader, "BEGIN; SELECT * FROM note", NULL, NULL,
				      NULL),
			 SQLITE_OK);
	assert_int_equal(pthread_create(&thread, NULL, read_until_waited_for, &late), 0);
	/* Again where the machine leaves the thread no time. */
	while (database_checkpoint(writer, true) == SQLITE_BUSY)
		assert_true(++tries < 200);
	insert_notes(writer, 1);
	atomic_store(&late.give_up, true);
	pthread_join(thread, NULL);
	assert_true(pages < 20);
	/* The waiting of other statements is as before. */
	assert_int_equal(number(writer, "PRAGMA busy_timeout"), 5000);
	database_close(&late.reader);
	database_close(&late.probe);
	database_close(&writer);
}

static void fault_result_codes_become_statuses(void **state)
{
	static const struct {
		int code;
		enum database_status status;
	} cases[] = {
		{ SQLITE_OK, DATABASE_OK },
		{ SQLITE_ROW, DATABASE_OK },
		{ SQLITE_DONE, DATABASE_OK },
		{ SQLITE_FULL, DATABASE_FULL },
		{ SQLITE_CORRUPT, DATABASE_FOREIGN },
		{ SQLITE_NOTADB, DATABASE_FOREIGN },
		{ SQLITE_BUSY, DATABASE_UNAVAILABLE },
		{ SQLITE_NOMEM, DATABASE_UNAVAILABLE },
		{ SQLITE_IOERR_FSYNC, DATABASE_UNAVAILABLE },
		{ SQLITE_CONSTRAINT_UNIQUE, DATABASE_UNAVAILABLE },
	};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(database_fault(NULL, cases[i].code, "testing", &fault),
				 cases[i].status);
	assert_non_null(strstr(fault.text, "testing"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(create_new_file_is_whole_and_private),
		CASE(create_existing_file_is_refused),
		CASE(create_failing_fill_leaves_nothing),
		CASE(open_connection_has_our_settings),
		CASE(open_connection_is_on_its_guard),
		CASE(open_for_reading_cannot_write),
		CASE(open_wrong_files_are_refused_in_words),
		CASE(open_older_schema_is_migrated_by_writers_only),
		CASE(open_failing_migration_changes_nothing),
		CASE(copy_beside_a_writer_is_a_consistent_snapshot),
		CASE(checkpoint_restart_waits_for_a_reader_that_ends),
		CASE(fault_result_codes_become_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
