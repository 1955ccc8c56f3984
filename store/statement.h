/*
 * Statements of one connection, kept prepared: a table of SQL texts becomes a table of
 * statements of the same index. A statement is reset as soon as its rows were read, or it would
 * hold its read transaction and with it the log.
 */
#ifndef RESTANTE_STORE_STATEMENT_H
#define RESTANTE_STORE_STATEMENT_H

#include <sqlite3.h>
#include <stdint.h>

#include "restante/store.h"

MUST_USE enum store_status statements_prepare(sqlite3 *db, const char *const *sql, size_t count,
					      sqlite3_stmt **stmts, struct fault *fault);
void statements_finalize(sqlite3_stmt **stmts, size_t count);

/*
 * Binds parameter `at`. None can fail: the parameter is one of ours, and texts and blobs are
 * borrowed until the next reset, not copied.
 */
void bind_u64(sqlite3_stmt *stmt, int at, uint64_t value);
void bind_i64(sqlite3_stmt *stmt, int at, int64_t value);
void bind_text(sqlite3_stmt *stmt, int at, const char *text);
void bind_blob(sqlite3_stmt *stmt, int at, const void *octets, size_t n);

uint64_t column_u64(sqlite3_stmt *stmt, int at);

/* What an SQLite result code of a running store means: OK, FULL or UNAVAILABLE. */
enum store_status store_fault(sqlite3 *db, int code, const char *doing, struct fault *fault);
/* Runs a statement that returns no rows, and resets it. */
MUST_USE enum store_status statement_run(sqlite3_stmt *stmt, struct fault *fault);
/*
 * Steps to the next row: STORE_OK with one, STORE_NOT_FOUND without any more. The caller resets.
 */
MUST_USE enum store_status statement_row(sqlite3_stmt *stmt, struct fault *fault);
/* Resets and forgets borrowed octets. */
void statement_reset(sqlite3_stmt *stmt);

#endif
