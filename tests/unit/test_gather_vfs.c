/* sql/gather_vfs.c: what is written when, and what becomes of errors. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scratch.h"
#include "sql/database.h"
#include "sql/gather_vfs.h"

#define PIECE 4096
#define LARGE (75 * PIECE)

static struct scratch scratch;
static sqlite3_file *file;
static char large[LARGE];
static char back[LARGE];
static char turned[LARGE];

static int setup(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(gather_vfs());

	(void)state;
	scratch_make(&scratch);
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 7 + i / 251);
	assert_non_null(vfs);
	file = sqlite3_malloc(vfs->szOsFile);
	assert_non_null(file);
	assert_int_equal(vfs->xOpen(vfs, scratch_path(&scratch, "file"), file,
				    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
					    SQLITE_OPEN_TEMP_DB,
				    NULL),
			 SQLITE_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
	sqlite3_free(file);
	scratch_remove(&scratch);
	return 0;
}

static int put(const char *octets, size_t n, sqlite3_int64 offset)
{
	return file->pMethods->xWrite(file, octets, (int)n, offset);
}

static int sync_file(void)
{
	return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

/* Octets in the file itself. */
static int64_t size(void)
{
	struct stat now;

	assert_int_equal(stat(scratch_path(&scratch, "file"), &now), 0);
	return now.st_size;
}

static void assert_holds(const char *octets, size_t n)
{
	int fd = open(scratch_path(&scratch, "file"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, back, sizeof back), n);
	assert_memory_equal(back, octets, n);
	close(fd);
}

/* No write system call takes the file beyond so many octets. */
static void limit_files(rlim_t octets)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void consecutive_writes_are_made_by_sync(void **state)
{
	(void)state;
	assert_int_equal(put("one ", 4, 0), SQLITE_OK);
	assert_int_equal(put("two ", 4, 4), SQLITE_OK);
	assert_int_equal(put("TWO", 3, 4), SQLITE_OK);
	assert_int_equal(size(), 0);
	assert_int_equal(sync_file(), SQLITE_OK);
	assert_holds("one TWO ", 8);
}

static void write_elsewhere_comes_after_what_was_gathered(void **state)
{
	(void)state;
	assert_int_equal(put("abc", 3, 10), SQLITE_OK);
	assert_int_equal(put("x", 1, 0), SQLITE_OK);
	assert_int_equal(size(), 13);
	assert_int_equal(put("y", 1, 11), SQLITE_OK);
	assert_int_equal(sync_file(), SQLITE_OK);
	assert_holds("x\0\0\0\0\0\0\0\0\0ayc", 13);
}

static void read_and_size_see_what_was_gathered(void **state)
{
	sqlite3_int64 octets;

	(void)state;
	assert_int_equal(put("octets", 6, 0), SQLITE_OK);
	assert_int_equal(file->pMethods->xRead(file, back, 6, 0), SQLITE_OK);
	assert_memory_equal(back, "octets", 6);
	assert_int_equal(put("more", 4, 6), SQLITE_OK);
	assert_int_equal(file->pMethods->xFileSize(file, &octets), SQLITE_OK);
	assert_int_equal(octets, 10);
	assert_int_equal(put("less", 4, 10), SQLITE_OK);
	assert_int_equal(file->pMethods->xTruncate(file, 8), SQLITE_OK);
	assert_int_equal(size(), 8);
}

static void more_than_is_gathered_arrives_whole(void **state)
{
	(void)state;
	for (size_t at = 0; at < LARGE; at += PIECE)
		assert_int_equal(put(large + at, PIECE, (sqlite3_int64)at), SQLITE_OK);
	assert_int_equal(sync_file(), SQLITE_OK);
	assert_holds(large, LARGE);
	/* Each before the one before. */
	for (size_t at = 0; at < LARGE; at += PIECE)
		assert_int_equal(put(large + at, PIECE, (sqlite3_int64)(LARGE - at - PIECE)),
				 SQLITE_OK);
	assert_int_equal(sync_file(), SQLITE_OK);
	for (size_t at = 0; at < LARGE; at += PIECE)
		memcpy(turned + LARGE - at - PIECE, large + at, PIECE);
	assert_holds(turned, LARGE);
}

static void failed_write_fails_all_until_the_lock_is_given_up(void **state)
{
	(void)state;
	limit_files(4);
	assert_int_equal(put("too much", 8, 0), SQLITE_OK);
	assert_int_not_equal(sync_file(), SQLITE_OK);
	limit_files(RLIM_INFINITY);
	assert_int_not_equal(sync_file(), SQLITE_OK);
	assert_int_not_equal(put("more", 4, 100), SQLITE_OK);
	assert_int_not_equal(file->pMethods->xRead(file, back, 4, 0), SQLITE_OK);
	assert_int_not_equal(file->pMethods->xUnlock(file, SQLITE_LOCK_NONE), SQLITE_OK);
	assert_int_equal(put("again", 5, 0), SQLITE_OK);
	assert_int_equal(sync_file(), SQLITE_OK);
	assert_holds("again", 5);
}

/* --- with SQLite above ------------------------------------------------------------------------ */

static sqlite3 *make_database(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(scratch_path(&scratch, "note.db"), &db,
					 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
					 gather_vfs()),
			 SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				      "PRAGMA cache_size = 10;"
				      "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	return db;
}

static int add_notes(sqlite3 *db)
{
	return sqlite3_exec(db,
			    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n"
			    " WHERE i < 500) INSERT INTO note(text)"
			    " SELECT hex(zeroblob(1000)) FROM n",
			    NULL, NULL, NULL);
}

/* A cache so small that pages go to the log long before the commit. */
static void full_disk_undoes_and_the_next_commit_is_good(void **state)
{
	sqlite3 *db = make_database();
	sqlite3_stmt *stmt;

	(void)state;
	limit_files(200 * 1024);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_not_equal(add_notes(db), SQLITE_OK);
	/* Whether SQLite has kept the transaction or not. */
	(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	limit_files(RLIM_INFINITY);
	assert_int_equal(add_notes(db), SQLITE_OK);
	assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
						   NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM note", -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0) % 500, 0);
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What one connection has committed another one reads, through SQLite's own VFS. */
static void others_read_what_was_committed(void **state)
{
	sqlite3 *db = make_database();
	sqlite3 *other;
	sqlite3_stmt *stmt;

	(void)state;
	assert_int_equal(sqlite3_open(scratch_path(&scratch, "note.db"), &other), SQLITE_OK);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(add_notes(db), SQLITE_OK);
		assert_int_equal(sqlite3_prepare_v2(other,
						    "SELECT count(*), min(text) FROM note", -1,
						    &stmt, NULL),
				 SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int(stmt, 0), i * 500);
		assert_int_equal(sqlite3_column_bytes(stmt, 1), 2000);
		sqlite3_finalize(stmt);
	}
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(consecutive_writes_are_made_by_sync, setup,
						teardown),
		cmocka_unit_test_setup_teardown(write_elsewhere_comes_after_what_was_gathered,
						setup, teardown),
		cmocka_unit_test_setup_teardown(read_and_size_see_what_was_gathered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(more_than_is_gathered_arrives_whole, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			failed_write_fails_all_until_the_lock_is_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk_undoes_and_the_next_commit_is_good,
						setup, teardown),
		cmocka_unit_test_setup_teardown(others_read_what_was_committed, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("gather_vfs", tests, NULL, NULL);
}
