/*
 * New database files: creation and copies.
 *
 * A file is made under a name of its own beside the final one and linked to it when it is complete
 * and synced, so that a file under its final name is always whole: a crash in between leaves a
 * "*.new.<pid>" file that nobody opens. Page size and auto_vacuum come before WAL and the first
 * table, or SQLite ignores both without a word.
 */
#include "sql/database_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct new_file {
	char path[PATH_MAX];
	const char *final;
};

static enum database_status new_file_begin(struct new_file *file, const char *final,
					   struct fault *fault)
{
	int n = snprintf(file->path, sizeof file->path, "%s.new.%ld", final, (long)getpid());
	struct stat there;
	int fd;

	file->final = final;
	if (n < 0 || (size_t)n >= sizeof file->path) {
		fault_set(fault, "%s: the path is too long", final);
		return DATABASE_UNAVAILABLE;
	}
	if (lstat(final, &there) == 0) {
		fault_set(fault, "%s exists already", final);
		return DATABASE_EXISTS;
	}
	/* SQLite gives its log files the mode of the database. */
	fd = open(file->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		fault_set(fault, "%s: %s", file->path, strerror(errno));
		return errno == ENOSPC || errno == EDQUOT ? DATABASE_FULL
							  : DATABASE_UNAVAILABLE;
	}
	close(fd);
	return DATABASE_OK;
}

static void new_file_drop(struct new_file *file)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char path[PATH_MAX + 16];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		(void)snprintf(path, sizeof path, "%s%s", file->path, suffixes[i]);
		(void)unlink(path);
	}
}

static enum database_status sync_folder_of(const char *path, struct fault *fault)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;
	int code;

	if (slash == NULL)
		(void)snprintf(folder, sizeof folder, ".");
	else
		(void)snprintf(folder, sizeof folder, "%.*s",
			       slash == path ? 1 : (int)(slash - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	code = fd < 0 ? -1 : fsync(fd);
	if (code != 0)
		fault_set(fault, "%s: %s", folder, strerror(errno));
	if (fd >= 0)
		close(fd);
	return code == 0 ? DATABASE_OK : DATABASE_UNAVAILABLE;
}

/* Gives the finished file its name; link(2) never replaces a file that came in between. */
static enum database_status new_file_publish(struct new_file *file, struct fault *fault)
{
	if (link(file->path, file->final) != 0) {
		fault_set(fault, "%s: %s", file->final, strerror(errno));
		return errno == EEXIST ? DATABASE_EXISTS : DATABASE_UNAVAILABLE;
	}
	return sync_folder_of(file->final, fault);
}

static enum database_status build(sqlite3 *db, const char *path,
				  const struct database_kind *kind,
				  int (*fill)(sqlite3 *db, void *context), void *context,
				  struct fault *fault)
{
	char sql[256];
	enum database_status status;

	(void)snprintf(sql, sizeof sql,
		       "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL;",
		       kind->page_size);
	status = database_run(db, sql, fault);
	if (status == DATABASE_OK)
		status = database_set_wal(db, path, fault);
	if (status == DATABASE_OK)
		status = database_settle(db, 1024, 1000, fault);
	if (status == DATABASE_OK)
		status = database_run(db, "BEGIN IMMEDIATE", fault);
	for (int i = 0; i < kind->version && status == DATABASE_OK; i++)
		status = database_run(db, kind->migrations[i], fault);
	if (status == DATABASE_OK && fill != NULL)
		status = database_fault(db, fill(db, context), "filling a new database", fault);
	(void)snprintf(sql, sizeof sql,
		       "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		       (int)kind->application_id, kind->version);
	if (status == DATABASE_OK)
		status = database_run(db, sql, fault);
	return status;
}

/* Closing the last connection writes the log back into the file; only then is it complete. */
static enum database_status complete(sqlite3 **db, struct fault *fault)
{
	int code = sqlite3_wal_checkpoint_v2(*db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	enum database_status status =
		database_fault(*db, code, "completing a new database", fault);

	database_close(db);
	return status;
}

enum database_status database_create(const char *path, const struct database_kind *kind,
				     int (*fill)(sqlite3 *db, void *context), void *context,
				     struct fault *fault)
{
	struct new_file file;
	sqlite3 *db = NULL;
	enum database_status status = new_file_begin(&file, path, fault);

	if (status != DATABASE_OK)
		return status;
	status = database_connect(file.path, false, &db, fault);
	if (status == DATABASE_OK)
		status = build(db, path, kind, fill, context, fault);
	if (status == DATABASE_OK)
		status = complete(&db, fault);
	database_close(&db);
	if (status == DATABASE_OK)
		status = new_file_publish(&file, fault);
	new_file_drop(&file);
	return status;
}

/*
 * One step copies all pages in one read transaction of `from`, so that writers beside it never
 * make it start again.
 */
static enum database_status copy_pages(sqlite3 *from, sqlite3 *to, struct fault *fault)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int code;

	if (backup == NULL)
		return database_fault(to, sqlite3_errcode(to), "starting a copy", fault);
	code = sqlite3_backup_step(backup, -1);
	if (code == SQLITE_DONE)
		code = sqlite3_backup_finish(backup);
	else
		(void)sqlite3_backup_finish(backup);
	return database_fault(to, code, "copying", fault);
}

enum database_status database_copy(const char *from, const struct database_kind *kind,
				   const char *to, const char *change, struct fault *fault)
{
	struct new_file file;
	sqlite3 *source = NULL;
	sqlite3 *copy = NULL;
	int64_t version = 0;
	/* An older schema may be copied as it is: whoever is careful does so before an upgrade. */
	enum database_status status = database_open_known(from, kind, &source, &version, fault);

	if (status != DATABASE_OK)
		return status;
	status = new_file_begin(&file, to, fault);
	if (status != DATABASE_OK) {
		database_close(&source);
		return status;
	}
	status = database_connect(file.path, false, &copy, fault);
	if (status == DATABASE_OK)
		status = copy_pages(source, copy, fault);
	/*
	 * A copy has no log: so it can be read where nothing may be written, and reading leaves
	 * nothing beside it that its manifest does not know. Whoever opens it for writing sets
	 * WAL again.
	 */
	if (status == DATABASE_OK)
		status = database_run(copy, "PRAGMA journal_mode = DELETE", fault);
	if (status == DATABASE_OK && change != NULL)
		status = database_run(copy, change, fault);
	if (status == DATABASE_OK)
		status = complete(&copy, fault);
	database_close(&copy);
	database_close(&source);
	if (status == DATABASE_OK)
		status = new_file_publish(&file, fault);
	new_file_drop(&file);
	return status;
}
