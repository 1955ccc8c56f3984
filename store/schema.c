/* One shard's file: see schema.h. */
#include "store/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/statement.h"

static const char *const migrations[] = { sql_store_001_store_sql };

const struct database_kind shard_kind = {
	.name = "mail shard",
	.application_id = 0x52535431, /* "RST1" */
	.page_size = SHARD_PAGE_OCTETS,
	.migrations = migrations,
	.version = (int)ARRAY_SIZE(migrations),
};

char *shard_path(const char *dir, unsigned shard)
{
	char *path = NULL;

	return asprintf(&path, "%s/mail-%02u.db", dir, shard) < 0 ? NULL : path;
}

enum store_status schema_status(enum database_status status)
{
	switch (status) {
	case DATABASE_OK:
		return STORE_OK;
	case DATABASE_MISSING:
	case DATABASE_EXISTS:
	case DATABASE_FOREIGN:
		return STORE_FOREIGN;
	case DATABASE_FULL:
		return STORE_FULL;
	case DATABASE_UNAVAILABLE:
		return STORE_UNAVAILABLE;
	}
	return STORE_UNAVAILABLE;
}

static int add_meta(sqlite3 *db, const char *key, const char *text, int64_t number)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, "INSERT INTO meta(key, value) VALUES(?1, ?2)", -1,
				      &stmt, NULL);

	if (code != SQLITE_OK)
		return code;
	bind_text(stmt, 1, key);
	if (text != NULL)
		bind_text(stmt, 2, text);
	else
		bind_i64(stmt, 2, number);
	code = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int fill_meta(sqlite3 *db, void *context)
{
	const struct shard_meta *meta = context;
	const struct {
		const char *key;
		const char *text;
		int64_t number;
	} rows[] = {
		{ "store", meta->store, 0 },      { "shard", NULL, meta->shard },
		{ "shards", NULL, meta->shards }, { "created", NULL, clock_wall_seconds() },
		{ "clock", NULL, meta->clock },   { "reopened", NULL, 0 },
	};
	int code = SQLITE_OK;

	for (size_t i = 0; i < ARRAY_SIZE(rows) && code == SQLITE_OK; i++)
		code = add_meta(db, rows[i].key, rows[i].text, rows[i].number);
	return code;
}

enum store_status shard_create_file(const char *path, const struct shard_meta *meta,
				    struct fault *fault)
{
	struct shard_meta copy = *meta;

	return schema_status(database_create(path, &shard_kind, fill_meta, &copy, fault));
}

static void say_missing(const char *path, struct fault *fault)
{
	fault_set(fault,
		  "%s is missing: remove its -wal and -shm if they are there, then copy the "
		  "file of the same name from a backup (a lost shard is never taken for empty "
		  "maildrops)",
		  path);
}

enum store_status shard_open_file(const char *path, bool writable, int cache_kib, sqlite3 **db,
				  struct fault *fault)
{
	/* No automatic checkpoint: the writer does it when its jobs have been told. */
	enum database_status status =
		database_open(path, &shard_kind, writable ? DATABASE_WRITE : DATABASE_READ,
			      cache_kib, 0, db, fault);

	if (status == DATABASE_MISSING)
		say_missing(path, fault);
	return schema_status(status);
}

void shard_close_file(sqlite3 **db)
{
	database_close(db);
}

enum store_status shard_read_meta(sqlite3 *db, const char *path, struct shard_meta *meta,
				  struct fault *fault)
{
	static const char sql[] = "SELECT (SELECT value FROM meta WHERE key = 'store'),"
				  "(SELECT value FROM meta WHERE key = 'shard'),"
				  "(SELECT value FROM meta WHERE key = 'shards'),"
				  "(SELECT value FROM meta WHERE key = 'clock'),"
				  "(SELECT value FROM meta WHERE key = 'hold'),"
				  "(SELECT count(*) FROM meta WHERE key = 'copy')";
	sqlite3_stmt *stmt = NULL;
	enum store_status status =
		store_fault(db, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), path, fault);

	if (status == STORE_OK)
		status = statement_row(stmt, fault);
	if (status == STORE_OK) {
		const unsigned char *store = sqlite3_column_text(stmt, 0);

		(void)snprintf(meta->store, sizeof meta->store, "%s",
			       store != NULL ? (const char *)store : "");
		meta->shard = (unsigned)sqlite3_column_int(stmt, 1);
		meta->shards = (unsigned)sqlite3_column_int(stmt, 2);
		meta->clock = sqlite3_column_int64(stmt, 3);
		meta->hold = sqlite3_column_int64(stmt, 4);
		meta->copy = sqlite3_column_int(stmt, 5) != 0;
	}
	sqlite3_finalize(stmt);
	return status;
}

enum store_status shard_begin_epochs(sqlite3 *db, struct fault *fault)
{
	static const char sql[] = "BEGIN IMMEDIATE;"
				  "UPDATE mailbox SET epoch = random() & 281474976710655;"
				  "DELETE FROM meta WHERE key = 'copy';"
				  "COMMIT";

	return store_fault(db, sqlite3_exec(db, sql, NULL, NULL, NULL), "starting new epochs",
			   fault);
}

enum store_status shard_check_meta(const struct shard_meta *meta, const char *path,
				   const struct shard_meta *first, unsigned shard,
				   struct fault *fault)
{
	if (strcmp(meta->store, first->store) != 0) {
		fault_set(fault,
			  "%s belongs to another store (%s, this one is %s): "
			  "put the right file back",
			  path, meta->store, first->store);
		return STORE_FOREIGN;
	}
	if (meta->shard != shard || meta->shards != first->shards) {
		fault_set(fault, "%s is shard %u of %u, not %u of %u: put the right file back",
			  path, meta->shard, meta->shards, shard, first->shards);
		return STORE_FOREIGN;
	}
	return STORE_OK;
}

enum store_status shard_identify(const char *path, struct shard_meta *meta, struct fault *fault)
{
	sqlite3 *db = NULL;
	int64_t version;
	enum database_status opened =
		database_open_known(path, &shard_kind, &db, &version, fault);
	enum store_status status = schema_status(opened);

	if (opened == DATABASE_MISSING)
		say_missing(path, fault);
	if (status == STORE_OK)
		status = shard_read_meta(db, path, meta, fault);
	shard_close_file(&db);
	return status;
}

enum store_status store_read_meta(const char *dir, struct shard_meta *first,
				  struct fault *fault)
{
	char *path = shard_path(dir, 0);
	enum store_status status = STORE_UNAVAILABLE;

	if (path == NULL) {
		fault_set(fault, "no memory");
		return status;
	}
	status = shard_identify(path, first, fault);
	if (status == STORE_OK && (first->shards < 1 || first->shards > STORE_SHARDS_MAX)) {
		fault_set(fault, "%s: a store of %u shards is not possible", path,
			  first->shards);
		status = STORE_FOREIGN;
	}
	free(path);
	return status;
}
