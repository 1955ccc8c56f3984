/*
 * SQLite writes each page of a commit to its log with two system calls (24 octets, then the page),
 * and each page of a checkpoint with one. Here writes that continue one another, or lie within
 * what is gathered, are kept in memory and made with one call, before anything else is done with
 * the file.
 *
 * Nothing is promised earlier or later for it: what SQLite must know to be on the disk it syncs,
 * and a sync writes first. What other connections may see of the log SQLite publishes in its index,
 * with synchronous=FULL after the sync. (With less, readers would be told of frames that are not
 * written yet: no other setting may be used.)
 *
 * SQLite was told that a gathered write was good, and may go on with a transaction in spite of an
 * error that it met later (a full disk undoes a statement alone). So when writing fails the file
 * fails at all that follows, until the lock is given up under which it was written: the log's
 * writer's, the checkpointer's, or the file's own. No write stays gathered beyond that, when others
 * may write. A full disk still means that the commit's own frame, the last of it, was not written
 * whole.
 *
 * Below is whatever VFS is the default when a file is opened.
 */
#include "sql/gather_vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

/* So many octets are written at once; SQLite's own VFS takes less than 128 KiB in one call. */
#define GATHER_OCTETS (124 * 1024)

struct gather_file {
	sqlite3_file base; /* first: SQLite's */
	sqlite3_file *below;
	char *octets; /* made at the first write; NULL: none yet */
	sqlite3_int64 start;
	int n;
	int failed;               /* writing did; SQLITE_OK: not */
	struct gather_file *main; /* of a log: its database, while both are open */
	struct gather_file *log;  /* of a database: its log */
};

/* The log's locks as SQLite numbers them in xShmLock: its file format, section 2.3. */
#define LOCK_WRITER 0
#define LOCK_CHECKPOINTER 1

static struct gather_file *gather_of(sqlite3_file *file)
{
	return (struct gather_file *)(void *)file;
}

static sqlite3_file *down(sqlite3_file *file)
{
	return gather_of(file)->below;
}

static int flush_gathered(struct gather_file *gather)
{
	int n = gather->n;

	gather->n = 0;
	if (gather->failed == SQLITE_OK && n > 0)
		gather->failed = gather->below->pMethods->xWrite(gather->below, gather->octets,
								 n, gather->start);
	return gather->failed;
}

static int flush(sqlite3_file *file)
{
	return flush_gathered(gather_of(file));
}

/* The lock is about to be given up under which it was written. */
static int flush_last(struct gather_file *gather)
{
	int code = flush_gathered(gather);

	gather->failed = SQLITE_OK;
	return code;
}

/* --- what gathers ----------------------------------------------------------------------------- */

static bool fits(const struct gather_file *gather, int n, sqlite3_int64 offset)
{
	return gather->n > 0 && offset >= gather->start &&
	       offset <= gather->start + gather->n &&
	       offset + n <= gather->start + GATHER_OCTETS;
}

static int gather_write(sqlite3_file *file, const void *octets, int n, sqlite3_int64 offset)
{
	struct gather_file *gather = gather_of(file);
	int end;

	/* At most a page, and no page has more than 64 KiB. */
	assert(n <= GATHER_OCTETS);
	if (!fits(gather, n, offset)) {
		int code = flush(file);

		if (code != SQLITE_OK)
			return code;
		if (gather->octets == NULL)
			gather->octets = sqlite3_malloc(GATHER_OCTETS);
		if (gather->octets == NULL)
			return gather->below->pMethods->xWrite(gather->below, octets, n,
							       offset);
		gather->start = offset;
	}
	memcpy(gather->octets + (offset - gather->start), octets, (size_t)n);
	end = (int)(offset - gather->start) + n;
	if (end > gather->n)
		gather->n = end;
	return SQLITE_OK;
}

/* --- what writes first ------------------------------------------------------------------------ */

/*
 * A read that ends early SQLite takes for zeros, as beyond the end of a file. Within it they would
 * be taken for pages, changed, and written back.
 */
static bool within(sqlite3_file *below, int n, sqlite3_int64 offset)
{
	sqlite3_int64 size;

	return below->pMethods->xFileSize(below, &size) == SQLITE_OK && offset + n <= size;
}

static int gather_read(sqlite3_file *file, void *to, int n, sqlite3_int64 offset)
{
	int code = flush(file);

	if (code == SQLITE_OK)
		code = down(file)->pMethods->xRead(down(file), to, n, offset);
	if (code == SQLITE_IOERR_SHORT_READ && within(down(file), n, offset))
		code = SQLITE_IOERR_READ;
	return code;
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int code = flush(file);

	return code != SQLITE_OK ? code : down(file)->pMethods->xTruncate(down(file), size);
}

static int gather_sync(sqlite3_file *file, int flags)
{
	int code = flush(file);

	return code != SQLITE_OK ? code : down(file)->pMethods->xSync(down(file), flags);
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *size)
{
	int code = flush(file);

	return code != SQLITE_OK ? code : down(file)->pMethods->xFileSize(down(file), size);
}

static int gather_lock(sqlite3_file *file, int level)
{
	int code = flush(file);

	return code != SQLITE_OK ? code : down(file)->pMethods->xLock(down(file), level);
}

static int gather_unlock(sqlite3_file *file, int level)
{
	int flushed = flush_last(gather_of(file));
	int code = down(file)->pMethods->xUnlock(down(file), level);

	return flushed != SQLITE_OK ? flushed : code;
}

static int gather_control(sqlite3_file *file, int operation, void *argument)
{
	int code = flush(file);

	return code != SQLITE_OK
		       ? code
		       : down(file)->pMethods->xFileControl(down(file), operation, argument);
}

static int gather_close(sqlite3_file *file)
{
	struct gather_file *gather = gather_of(file);
	int flushed = flush(file);
	int code = down(file)->pMethods->xClose(down(file));

	if (gather->main != NULL)
		gather->main->log = NULL;
	if (gather->log != NULL)
		gather->log->main = NULL;
	sqlite3_free(gather->octets);
	sqlite3_free(gather->below);
	return flushed != SQLITE_OK ? flushed : code;
}

/* --- what goes through ------------------------------------------------------------------------ */

static int gather_reserved(sqlite3_file *file, int *is)
{
	return down(file)->pMethods->xCheckReservedLock(down(file), is);
}

static int gather_sector(sqlite3_file *file)
{
	return down(file)->pMethods->xSectorSize(down(file));
}

static int gather_characteristics(sqlite3_file *file)
{
	return down(file)->pMethods->xDeviceCharacteristics(down(file));
}

static int gather_shm_map(sqlite3_file *file, int page, int size, int extend,
			  void volatile **at)
{
	return down(file)->pMethods->xShmMap(down(file), page, size, extend, at);
}

/* SQLite looks at no error of giving a lock up; and what it needs it has synced before. */
static int gather_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	struct gather_file *gather = gather_of(file);

	if ((flags & SQLITE_SHM_UNLOCK) != 0 && (flags & SQLITE_SHM_EXCLUSIVE) != 0) {
		if (offset == LOCK_WRITER && gather->log != NULL)
			(void)flush_last(gather->log);
		if (offset <= LOCK_CHECKPOINTER && LOCK_CHECKPOINTER < offset + n)
			(void)flush_last(gather);
	}
	return down(file)->pMethods->xShmLock(down(file), offset, n, flags);
}

static void gather_shm_barrier(sqlite3_file *file)
{
	down(file)->pMethods->xShmBarrier(down(file));
}

static int gather_shm_unmap(sqlite3_file *file, int remove)
{
	return down(file)->pMethods->xShmUnmap(down(file), remove);
}

/* Version 2: no mapping of files, which would go round what is gathered. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = gather_close,
	.xRead = gather_read,
	.xWrite = gather_write,
	.xTruncate = gather_truncate,
	.xSync = gather_sync,
	.xFileSize = gather_size,
	.xLock = gather_lock,
	.xUnlock = gather_unlock,
	.xCheckReservedLock = gather_reserved,
	.xFileControl = gather_control,
	.xSectorSize = gather_sector,
	.xDeviceCharacteristics = gather_characteristics,
	.xShmMap = gather_shm_map,
	.xShmLock = gather_shm_lock,
	.xShmBarrier = gather_shm_barrier,
	.xShmUnmap = gather_shm_unmap,
};

/* --- the VFS ------------------------------------------------------------------------------------ */

static sqlite3_vfs *vfs_below(void)
{
	return sqlite3_vfs_find(NULL);
}

static void link_log(struct gather_file *log, struct gather_file *main)
{
	log->main = main;
	main->log = log;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		    int *flags_out)
{
	struct gather_file *gather = gather_of(file);
	sqlite3_vfs *below = vfs_below();
	int code;

	(void)vfs;
	*gather = (struct gather_file){ .below = sqlite3_malloc(below->szOsFile) };
	if (gather->below == NULL)
		return SQLITE_NOMEM;
	memset(gather->below, 0, (size_t)below->szOsFile);
	code = below->xOpen(below, name, gather->below, flags, flags_out);
	if (code == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0)
		link_log(gather, gather_of(sqlite3_database_file_object(name)));
	/* With methods SQLite closes the file, also when it could not be opened. */
	if (gather->below->pMethods != NULL)
		gather->base.pMethods = &methods;
	else
		sqlite3_free(gather->below);
	return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return vfs_below()->xDelete(vfs_below(), name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *is)
{
	(void)vfs;
	return vfs_below()->xAccess(vfs_below(), name, flags, is);
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int n, char *to)
{
	(void)vfs;
	return vfs_below()->xFullPathname(vfs_below(), name, n, to);
}

static int vfs_randomness(sqlite3_vfs *vfs, int n, char *to)
{
	(void)vfs;
	return vfs_below()->xRandomness(vfs_below(), n, to);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return vfs_below()->xSleep(vfs_below(), microseconds);
}

static int vfs_current_time(sqlite3_vfs *vfs, double *now)
{
	(void)vfs;
	return vfs_below()->xCurrentTime(vfs_below(), now);
}

static int vfs_last_error(sqlite3_vfs *vfs, int n, char *to)
{
	(void)vfs;
	return vfs_below()->xGetLastError(vfs_below(), n, to);
}

static int vfs_current_time_64(sqlite3_vfs *vfs, sqlite3_int64 *now)
{
	(void)vfs;
	return vfs_below()->xCurrentTimeInt64(vfs_below(), now);
}

static sqlite3_vfs vfs = {
	.iVersion = 2,
	.szOsFile = (int)sizeof(struct gather_file),
	.zName = "gather",
	.xOpen = vfs_open,
	.xDelete = vfs_delete,
	.xAccess = vfs_access,
	.xFullPathname = vfs_full_pathname,
	.xRandomness = vfs_randomness,
	.xSleep = vfs_sleep,
	.xCurrentTime = vfs_current_time,
	.xGetLastError = vfs_last_error,
	.xCurrentTimeInt64 = vfs_current_time_64,
};

static int registered = SQLITE_ERROR;

static void register_once(void)
{
	if (sqlite3_initialize() != SQLITE_OK)
		return;
	vfs.mxPathname = vfs_below()->mxPathname;
	registered = sqlite3_vfs_register(&vfs, 0);
}

const char *gather_vfs(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, register_once);
	return registered == SQLITE_OK ? vfs.zName : NULL;
}
