/* Every statement that is run often uses the index it is meant to, and sorts nothing. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "store/maildrop_private.h"
#include "store_fixture.h"

struct plan {
	const char *sql;
	const char *uses; /* part of the plan's first step; NULL: any */
};

static void expect_plan(sqlite3 *db, const char *sql, const char *uses)
{
	char explain[2048];
	sqlite3_stmt *stmt = NULL;
	bool found = uses == NULL;

	(void)snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
	if (sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(stmt, 3);

		assert_non_null(step);
		if (strncmp(step, "SCAN message", 12) == 0 ||
		    strncmp(step, "SCAN mailbox", 12) == 0 ||
		    strncmp(step, "SCAN body", 9) == 0 ||
		    strncmp(step, "SCAN chunk", 10) == 0 ||
		    strncmp(step, "SCAN recent", 11) == 0 ||
		    strstr(step, "TEMP B-TREE") != NULL)
			fail_msg("%s: %s", sql, step);
		if (uses != NULL && strstr(step, uses) != NULL)
			found = true;
	}
	sqlite3_finalize(stmt);
	if (!found)
		fail_msg("%s: does not use %s", sql, uses);
}

static sqlite3 *open_shard(struct fixture *f)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(fixture_path(f, "mail-00.db"), &db), SQLITE_OK);
	return db;
}

static void writer_statements_use_their_indexes(void **state)
{
	static const char *const uses[W_STMT_COUNT] = {
		[W_MAILBOX_FIND] =
			"SEARCH mailbox USING INDEX sqlite_autoindex_mailbox_1 (key=?)",
		[W_MAILBOX_GREW] = "SEARCH mailbox USING INTEGER PRIMARY KEY",
		[W_MAILBOX_SHRANK] = "SEARCH mailbox USING INTEGER PRIMARY KEY",
		[W_MESSAGE_FLAG] = "SEARCH message USING PRIMARY KEY (mailbox=? AND uid=?)",
		[W_RUN_FLAG] =
			"SEARCH message USING PRIMARY KEY (mailbox=? AND uid>? AND uid<?)",
		[W_MESSAGE_REMOVE] = "SEARCH message USING PRIMARY KEY (mailbox=? AND uid=?)",
		[W_SCAN_LIVE] = "COVERING INDEX message_live (mailbox=? AND uid>? AND uid<?)",
		[W_SCAN_SNAPSHOT] = "USING PRIMARY KEY (mailbox=? AND uid>? AND uid<?)",
		[W_SCAN_PURGE] = "INDEX message_deleted (mailbox=? AND deleted_at>? AND "
				 "deleted_at<?)",
		[W_SCAN_DELETED] = "INDEX message_deleted (mailbox=? AND deleted_at>?)",
		[W_SCAN_ALL] = "USING PRIMARY KEY (mailbox=? AND uid>?)",
		[W_BODY_GET] = "SEARCH body USING INTEGER PRIMARY KEY",
		[W_BODY_SET] = "SEARCH body USING INTEGER PRIMARY KEY",
		[W_BODY_REF] = "SEARCH body USING INTEGER PRIMARY KEY",
		[W_BODY_REMOVE] = "SEARCH body USING",
		[W_BODY_UNREFERENCED] = "INDEX body_unreferenced (id>?)",
		[W_CHUNK_REMOVE] =
			"SEARCH chunk USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		[W_RECENT_FIND] = "USING PRIMARY KEY (day=? AND mailbox=? AND digest=?)",
		[W_RECENT_EXPIRE] = "USING PRIMARY KEY (day<?)",
		[W_SESSION_REMOVE] = "USING PRIMARY KEY (mailbox=?)",
		[W_STAND] = "SEARCH meta USING PRIMARY KEY (key=?)",
	};
	sqlite3 *db = open_shard(*state);

	for (size_t i = 0; i < W_STMT_COUNT; i++)
		if (i != W_FREE_PAGES && i != W_VACUUM)
			expect_plan(db, writer_sql[i], uses[i]);
	sqlite3_close(db);
}

static void reader_statements_use_their_indexes(void **state)
{
	static const char *const uses[R_STMT_COUNT] = {
		[R_USAGE] = "SEARCH mailbox USING INDEX sqlite_autoindex_mailbox_1 (key=?)",
		[R_OPEN] = "SEARCH mailbox USING INDEX sqlite_autoindex_mailbox_1 (key=?)",
		[R_CHANGE] = "SEARCH mailbox USING INTEGER PRIMARY KEY",
		/* Covering: a listing touches neither bodies nor the message rows. */
		[R_MESSAGES_LIVE] =
			"COVERING INDEX message_live (mailbox=? AND uid>? AND uid<?)",
		[R_MESSAGES_SNAPSHOT] = "USING PRIMARY KEY (mailbox=? AND uid>? AND uid<?)",
		[R_LISTED_LIVE] = "COVERING INDEX message_live (mailbox=? AND uid>? AND uid<?)",
		[R_LISTED_SNAPSHOT] = "USING PRIMARY KEY (mailbox=? AND uid>? AND uid<?)",
		[R_MESSAGE] = "USING PRIMARY KEY (mailbox=? AND uid=?)",
		[R_CHUNK] = "SEARCH chunk USING INTEGER PRIMARY KEY",
	};
	sqlite3 *db = open_shard(*state);

	for (size_t i = 0; i < R_STMT_COUNT; i++)
		expect_plan(db, reader_sql[i], uses[i]);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(writer_statements_use_their_indexes),
		STORE_CASE(reader_statements_use_their_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
