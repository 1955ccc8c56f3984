/* Prepared statements: see statement.h. */
#include "store/statement.h"

#include <assert.h>

#include "sql/database.h"

enum store_status store_fault(sqlite3 *db, int code, const char *doing, struct fault *fault)
{
	switch (database_fault(db, code, doing, fault)) {
	case DATABASE_OK:
		return STORE_OK;
	case DATABASE_FULL:
		return STORE_FULL;
	case DATABASE_MISSING:
	case DATABASE_EXISTS:
	case DATABASE_FOREIGN:
	case DATABASE_UNAVAILABLE:
		return STORE_UNAVAILABLE;
	}
	return STORE_UNAVAILABLE;
}

enum store_status statements_prepare(sqlite3 *db, const char *const *sql, size_t count,
				     sqlite3_stmt **stmts, struct fault *fault)
{
	for (size_t i = 0; i < count; i++) {
		int code = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					      &stmts[i], NULL);

		if (code != SQLITE_OK) {
			enum store_status status = store_fault(db, code, sql[i], fault);

			statements_finalize(stmts, count);
			return status;
		}
	}
	return STORE_OK;
}

void statements_finalize(sqlite3_stmt **stmts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sqlite3_finalize(stmts[i]);
		stmts[i] = NULL;
	}
}

void bind_i64(sqlite3_stmt *stmt, int at, int64_t value)
{
	int code = sqlite3_bind_int64(stmt, at, value);

	assert(code == SQLITE_OK);
	(void)code;
}

void bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
	assert(value <= INT64_MAX);
	bind_i64(stmt, at, (int64_t)value);
}

void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	int code = sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);

	assert(code == SQLITE_OK);
	(void)code;
}

void bind_blob(sqlite3_stmt *stmt, int at, const void *octets, size_t n)
{
	/* A null pointer would bind NULL, which is not the empty blob. */
	int code = sqlite3_bind_blob64(stmt, at, n > 0 ? octets : "", n, SQLITE_STATIC);

	assert(code == SQLITE_OK);
	(void)code;
}

uint64_t column_u64(sqlite3_stmt *stmt, int at)
{
	int64_t value = sqlite3_column_int64(stmt, at);

	/* Our tables hold no negative sizes; a damaged file must not make a huge one of it. */
	return value < 0 ? 0 : (uint64_t)value;
}

void statement_reset(sqlite3_stmt *stmt)
{
	/* The error, if any, was reported by the step. */
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
}

enum store_status statement_row(sqlite3_stmt *stmt, struct fault *fault)
{
	int code = sqlite3_step(stmt);

	if (code == SQLITE_ROW)
		return STORE_OK;
	if (code == SQLITE_DONE)
		return STORE_NOT_FOUND;
	return store_fault(sqlite3_db_handle(stmt), code, sqlite3_sql(stmt), fault);
}

enum store_status statement_run(sqlite3_stmt *stmt, struct fault *fault)
{
	enum store_status status = statement_row(stmt, fault);

	statement_reset(stmt);
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}
