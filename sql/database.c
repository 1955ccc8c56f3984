/*
 * Opening our databases and talking to them: see database.h. New files are database_new.c's.
 *
 * Never put text from outside into SQL here: pragmas take no parameters, so only our own numbers
 * are printed into them.
 */
#include "sql/database_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "sql/gather_vfs.h"

/* How long a connection waits for another process: a recovery after a crash, the tool, a shell. */
#define BUSY_MILLISECONDS 5000
/* How long a checkpoint waits for the readers of one moment; ours take less. */
#define RESTART_MILLISECONDS 50
/* A checkpointed log is cut back to this. */
#define JOURNAL_OCTETS "16777216"

enum database_status database_fault(sqlite3 *db, int code, const char *doing,
				    struct fault *fault)
{
	int error = db != NULL ? sqlite3_system_errno(db) : 0;
	const char *text = db != NULL && sqlite3_errcode(db) != SQLITE_OK
				   ? sqlite3_errmsg(db)
				   : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return DATABASE_OK;
	case SQLITE_FULL:
		fault_set(fault, "%s: %s", doing, text);
		return DATABASE_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		fault_set(fault, "%s: %s (code %d)", doing, text, code);
		return DATABASE_FOREIGN;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		fault_set(fault, "%s: %s (code %d): %s", doing, text, code, strerror(error));
		return error == ENOSPC || error == EDQUOT ? DATABASE_FULL
							  : DATABASE_UNAVAILABLE;
	default:
		fault_set(fault, "%s: %s (code %d)", doing, text, code);
		return DATABASE_UNAVAILABLE;
	}
}

enum database_status database_run(sqlite3 *db, const char *sql, struct fault *fault)
{
	return database_fault(db, sqlite3_exec(db, sql, NULL, NULL, NULL), "running SQL",
			      fault);
}

enum database_status database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **stmt,
				      struct fault *fault)
{
	int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);

	return database_fault(db, code, "preparing SQL", fault);
}

void database_close(sqlite3 **db)
{
	sqlite3_stmt *stmt;

	if (*db == NULL)
		return;
	while ((stmt = sqlite3_next_stmt(*db, NULL)) != NULL)
		sqlite3_finalize(stmt);
	sqlite3_close(*db);
	*db = NULL;
}

int database_checkpoint(sqlite3 *db, bool restart)
{
	int code;

	if (restart)
		(void)sqlite3_busy_timeout(db, RESTART_MILLISECONDS);
	code = sqlite3_wal_checkpoint_v2(
		db, NULL, restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, NULL,
		NULL);
	if (restart)
		(void)sqlite3_busy_timeout(db, BUSY_MILLISECONDS);
	return code;
}

/* The first column of the first row of a pragma, as a number. */
static enum database_status pragma_number(sqlite3 *db, const char *sql, int64_t *value,
					  struct fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	enum database_status status;

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*value = sqlite3_column_int64(stmt, 0);
	status = database_fault(db, code, sql, fault);
	sqlite3_finalize(stmt);
	return status;
}

/* SQLite answers with the mode that it chose, which need not be the one asked for. */
enum database_status database_set_wal(sqlite3 *db, const char *path, struct fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
	enum database_status status;

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	status = database_fault(db, code, "setting WAL mode", fault);
	if (status == DATABASE_OK &&
	    (code != SQLITE_ROW ||
	     sqlite3_stricmp((const char *)sqlite3_column_text(stmt, 0), "wal") != 0)) {
		fault_set(fault, "%s: WAL mode is not possible here (network file system?)",
			  path);
		status = DATABASE_UNAVAILABLE;
	}
	sqlite3_finalize(stmt);
	return status;
}

/*
 * A file may have been damaged, or written by somebody else: neither its schema nor its pages are
 * trusted. The limits are some times what our own SQL and rows need.
 */
static int harden(sqlite3 *db)
{
	static const struct {
		int option;
		int value;
	} settings[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0 },
	}, limits[] = {
		{ SQLITE_LIMIT_LENGTH, 4 << 20 },      { SQLITE_LIMIT_SQL_LENGTH, 64 << 10 },
		{ SQLITE_LIMIT_COLUMN, 200 },	       { SQLITE_LIMIT_EXPR_DEPTH, 100 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 20 },  { SQLITE_LIMIT_VDBE_OP, 50000 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 16 },     { SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 100 }, { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 512 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 10 },    { SQLITE_LIMIT_WORKER_THREADS, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		(void)sqlite3_limit(db, limits[i].option, limits[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		int code = sqlite3_db_config(db, settings[i].option, settings[i].value, NULL);

		if (code != SQLITE_OK)
			return code;
	}
	return sqlite3_exec(db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
}

/*
 * Once, before SQLite wakes up: it need not count its memory, which costs all threads one mutex
 * for every allocation. It refuses where somebody was here before us, and counts on.
 */
static void configure_library(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/*
 * The connection alone, nothing read yet. Opening for reading asks for writing too: the index of
 * the log is shared memory that readers write; SQLite falls back where the file forbids it.
 */
enum database_status database_connect(const char *path, bool gather, sqlite3 **db,
				      struct fault *fault)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	enum database_status status;
	int code;

	(void)pthread_once(&once, configure_library);
	code = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			       gather ? gather_vfs() : NULL);
	if (code == SQLITE_OK) {
		sqlite3_extended_result_codes(*db, 1);
		code = sqlite3_busy_timeout(*db, BUSY_MILLISECONDS);
	}
	if (code == SQLITE_OK)
		code = harden(*db);
	status = database_fault(*db, code, path, fault);
	if (status != DATABASE_OK)
		database_close(db);
	return status;
}

/* The settings that SQLite keeps per connection. Debian's SQLite has secure_delete on. */
enum database_status database_settle(sqlite3 *db, int cache_kib, int checkpoint_pages,
				     struct fault *fault)
{
	char sql[512];

	(void)snprintf(sql, sizeof sql,
		       "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;"
		       "PRAGMA mmap_size = 0;"
		       "PRAGMA journal_size_limit = " JOURNAL_OCTETS ";"
		       "PRAGMA cache_size = -%d; PRAGMA wal_autocheckpoint = %d",
		       cache_kib, checkpoint_pages);
	return database_run(db, sql, fault);
}

/* One migration in one transaction; user_version is looked at again inside it. */
static enum database_status migrate_once(sqlite3 *db, const struct database_kind *kind,
					 int64_t from, struct fault *fault)
{
	char sql[64];
	int64_t now = 0;
	enum database_status status = database_run(db, "BEGIN IMMEDIATE", fault);

	if (status != DATABASE_OK)
		return status;
	status = pragma_number(db, "PRAGMA user_version", &now, fault);
	if (status == DATABASE_OK && now == from) {
		status = database_run(db, kind->migrations[from], fault);
		(void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", (int)from + 1);
		if (status == DATABASE_OK)
			status = database_run(db, sql, fault);
	}
	if (status == DATABASE_OK)
		status = database_run(db, "COMMIT", fault);
	if (status != DATABASE_OK && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

static enum database_status migrate(sqlite3 *db, const struct database_kind *kind, int64_t from,
				    struct fault *fault)
{
	enum database_status status = DATABASE_OK;

	for (int64_t version = from; version < kind->version && status == DATABASE_OK;
	     version++)
		status = migrate_once(db, kind, version, fault);
	return status;
}

/* Is this file ours, and of which schema? Reads only. */
static enum database_status identify(sqlite3 *db, const char *path,
				     const struct database_kind *kind, int64_t *version,
				     struct fault *fault)
{
	int64_t id = 0;
	enum database_status status = pragma_number(db, "PRAGMA application_id", &id, fault);

	if (status == DATABASE_OK)
		status = pragma_number(db, "PRAGMA user_version", version, fault);
	if (status == DATABASE_FOREIGN)
		fault_set(fault, "%s is damaged or no database: restore it from a backup",
			  path);
	if (status != DATABASE_OK)
		return status;
	if (id != kind->application_id || *version < 1) {
		fault_set(fault, "%s is not a %s of restante", path, kind->name);
		return DATABASE_FOREIGN;
	}
	if (*version > kind->version) {
		fault_set(fault,
			  "%s is of schema %d and this program knows only %d: "
			  "install the restante that wrote it, or a newer one",
			  path, (int)*version, kind->version);
		return DATABASE_FOREIGN;
	}
	return DATABASE_OK;
}

static enum database_status must_exist(const char *path, struct fault *fault)
{
	struct stat file;

	if (stat(path, &file) == 0)
		return DATABASE_OK;
	fault_set(fault, "%s: %s", path, strerror(errno));
	return errno == ENOENT || errno == ENOTDIR ? DATABASE_MISSING : DATABASE_UNAVAILABLE;
}

static enum database_status open_known(const char *path, bool gather,
				       const struct database_kind *kind, sqlite3 **db,
				       int64_t *version, struct fault *fault)
{
	enum database_status status = must_exist(path, fault);

	*db = NULL;
	if (status == DATABASE_OK)
		status = database_connect(path, gather, db, fault);
	if (status == DATABASE_OK)
		status = identify(*db, path, kind, version, fault);
	if (status != DATABASE_OK)
		database_close(db);
	return status;
}

enum database_status database_open_known(const char *path, const struct database_kind *kind,
					 sqlite3 **db, int64_t *version, struct fault *fault)
{
	return open_known(path, false, kind, db, version, fault);
}

static enum database_status make_current(sqlite3 *db, const char *path,
					 const struct database_kind *kind,
					 enum database_access access, int64_t version,
					 struct fault *fault)
{
	enum database_status status;

	if (access == DATABASE_READ) {
		if (version == kind->version)
			return DATABASE_OK;
		fault_set(fault,
			  "%s is of schema %d and not yet migrated to %d: "
			  "start restanted once, or open it with the tool for writing",
			  path, (int)version, kind->version);
		return DATABASE_FOREIGN;
	}
	if (sqlite3_db_readonly(db, "main") != 0) {
		fault_set(fault, "%s: may not be written by this user", path);
		return DATABASE_UNAVAILABLE;
	}
	status = database_set_wal(db, path, fault);
	return status == DATABASE_OK ? migrate(db, kind, version, fault) : status;
}

enum database_status database_open(const char *path, const struct database_kind *kind,
				   enum database_access access, int cache_kib,
				   int checkpoint_pages, sqlite3 **db, struct fault *fault)
{
	int64_t version = 0;
	enum database_status status = open_known(path, true, kind, db, &version, fault);

	if (status != DATABASE_OK)
		return status;
	/* Migrations already run under the durable settings. */
	status = database_settle(*db, cache_kib, checkpoint_pages, fault);
	if (status == DATABASE_OK)
		status = make_current(*db, path, kind, access, version, fault);
	if (status == DATABASE_OK)
		status = database_run(*db,
				      access == DATABASE_READ ? "PRAGMA query_only = ON"
							      : "PRAGMA temp_store = MEMORY",
				      fault);
	if (status != DATABASE_OK)
		database_close(db);
	return status;
}
