/*
 * Opening our databases: creation with the settings that must come first, the checks that a file
 * is ours and not newer than we are, numbered migrations by user_version, and the settings of
 * every connection. Knows SQLite; knows nothing of accounts or mail.
 */
#ifndef RESTANTE_SQL_DATABASE_H
#define RESTANTE_SQL_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "restante/compiler.h"
#include "restante/fault.h"

enum database_status {
	DATABASE_OK,
	DATABASE_MISSING, /* no such file */
	DATABASE_EXISTS,  /* create: there is one already */
	DATABASE_FOREIGN, /* not ours, newer than this program, or damaged */
	DATABASE_FULL,
	DATABASE_UNAVAILABLE, /* busy, I/O error, memory */
};

/* One sort of database file. migrations[i] brings user_version i to i + 1. */
struct database_kind {
	const char *name;
	int32_t application_id;
	int page_size;
	const char *const *migrations;
	int version; /* how many migrations there are = the present user_version */
};

enum database_access {
	DATABASE_READ, /* query_only */
	DATABASE_WRITE,
};

/*
 * Makes the file (mode 0600) and applies every migration; then `fill` (may be NULL) in the same
 * transaction. Leaves nothing behind when it fails.
 */
MUST_USE enum database_status database_create(const char *path,
					      const struct database_kind *kind,
					      int (*fill)(sqlite3 *db, void *context),
					      void *context, struct fault *fault);
/*
 * Opens an existing file; DATABASE_WRITE migrates an older one, DATABASE_READ refuses it as
 * DATABASE_FOREIGN. `cache_kib`: page cache of this connection. `checkpoint_pages`: automatic
 * checkpoint by this connection, 0 = never.
 */
MUST_USE enum database_status database_open(const char *path, const struct database_kind *kind,
					    enum database_access access, int cache_kib,
					    int checkpoint_pages, sqlite3 **db,
					    struct fault *fault);
/*
 * Opens and identifies a file of any schema that we know, for a short look: nothing is written to
 * it, and the connection has none of our settings.
 */
MUST_USE enum database_status database_open_known(const char *path,
						  const struct database_kind *kind,
						  sqlite3 **db, int64_t *version,
						  struct fault *fault);
/* Finalizes every statement that is left and closes. Accepts NULL, sets NULL. */
void database_close(sqlite3 **db);

/* Prepares a statement that is kept (SQLITE_PREPARE_PERSISTENT). */
MUST_USE enum database_status database_prepare(sqlite3 *db, const char *sql,
					       sqlite3_stmt **stmt, struct fault *fault);
/*
 * Writes the log back into the file, as far as readers allow. `restart`: waits a moment for them, so
 * that the next commit begins the log anew. Returns SQLite's code; SQLITE_BUSY: readers remain.
 */
MUST_USE int database_checkpoint(sqlite3 *db, bool restart);
/* Runs SQL of our own without values; never with text from outside. */
MUST_USE enum database_status database_run(sqlite3 *db, const char *sql, struct fault *fault);
/* The status that an SQLite result code stands for; the connection's message goes to fault. */
enum database_status database_fault(sqlite3 *db, int code, const char *doing,
				    struct fault *fault);
/*
 * Copies a consistent snapshot of the file `from` to a new file `to`, beside writers, and runs
 * `change` (SQL of our own, may be NULL) on it: a copy that bears its name has been changed.
 */
MUST_USE enum database_status database_copy(const char *from, const struct database_kind *kind,
					    const char *to, const char *change,
					    struct fault *fault);

/* The embedded files. */
extern const char sql_accounts_001_accounts_sql[];
extern const char sql_store_001_store_sql[];

#endif
