/*
 * See fault_vfs.h. Every call goes through to the VFS below; for the power model each write and
 * truncation since the file's last sync is remembered with what was there before, and undone in
 * reverse. A disk may have written any of it already, in any order: with plan.torn, which is where
 * chance begins, any sectors of the writes are made again, and any of the truncations. Names
 * (made, deleted) count as durable at once: SQLite syncs the folder itself.
 */
#include "fault_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512

struct undo {
	struct undo *older, *newer;
	char *path;
	sqlite3_int64 offset;
	sqlite3_int64 size; /* of the file before */
	size_t n;
	unsigned char *is;   /* what was written; NULL: cut off there */
	unsigned char was[]; /* what stood there, zero-filled beyond the end */
};

struct fault_file {
	sqlite3_file base;
	char *path;
	sqlite3_file *below;
};

static sqlite3_vfs *below;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fault_state own;
static struct fault_state *state = &own;
static struct undo *newest;

static sqlite3_file *down(sqlite3_file *file)
{
	return ((struct fault_file *)(void *)file)->below;
}

/* --- the power goes ----------------------------------------------------------------------------- */

static void undo_one(const struct undo *undo)
{
	int fd = open(undo->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* deleted since */
	if (pwrite(fd, undo->was, undo->n, undo->offset) != (ssize_t)undo->n ||
	    ftruncate(fd, undo->size) != 0)
		abort();
	close(fd);
}

/* Some of its sectors reached the disk, or all, or none. */
static void make_in_part(const struct undo *undo, unsigned *seed)
{
	unsigned share = (unsigned)rand_r(seed) % 3; /* none, some, all */
	int fd = open(undo->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (undo->is == NULL && share > 0 && ftruncate(fd, undo->offset) != 0)
		abort();
	for (size_t at = 0; undo->is != NULL && at < undo->n; at += SECTOR) {
		size_t n = undo->n - at < SECTOR ? undo->n - at : SECTOR;

		if (share == 0 || (share == 1 && rand_r(seed) % 2 == 0))
			continue;
		if (pwrite(fd, undo->is + at, n, undo->offset + (off_t)at) != (ssize_t)n)
			abort();
	}
	close(fd);
}

/* What was not synced is gone, or is there in any part. */
static void lose_power(void)
{
	unsigned seed = state->plan.torn * 7919U + (unsigned)state->plan.at;
	const struct undo *undo, *oldest = NULL;

	for (undo = newest; undo != NULL; undo = undo->older) {
		undo_one(undo);
		oldest = undo;
	}
	for (undo = oldest; undo != NULL && state->plan.torn != 0; undo = undo->newer)
		make_in_part(undo, &seed);
}

/* Mutex held. `is` is NULL for what is cut off. */
static void remember(sqlite3_file *file, const void *is, sqlite3_int64 offset, size_t n)
{
	struct undo *undo = calloc(1, sizeof *undo + 2 * n);

	if (undo == NULL)
		abort();
	undo->path = strdup(((struct fault_file *)(void *)file)->path);
	undo->offset = offset;
	undo->n = n;
	if (undo->path == NULL || down(file)->pMethods->xFileSize(down(file), &undo->size) != 0)
		abort();
	/* A short read fills up with zeros. */
	(void)down(file)->pMethods->xRead(down(file), undo->was, (int)n, offset);
	if (is != NULL)
		undo->is = memcpy(undo->was + n, is, n);
	undo->older = newest;
	if (newest != NULL)
		newest->newer = undo;
	newest = undo;
}

/* Mutex held: the file is on the disk now. */
static void forget(const char *path)
{
	struct undo *older;

	for (struct undo *undo = newest; undo != NULL; undo = older) {
		older = undo->older;
		if (strcmp(undo->path, path) != 0)
			continue;
		if (undo->newer != NULL)
			undo->newer->older = older;
		else
			newest = older;
		if (older != NULL)
			older->newer = undo->newer;
		free(undo->path);
		free(undo);
	}
}

/* --- counting ----------------------------------------------------------------------------------- */

void fault_vfs_plan(struct fault_plan plan)
{
	pthread_mutex_lock(&mutex);
	*state = (struct fault_state){ .plan = plan };
	pthread_mutex_unlock(&mutex);
}

bool fault_vfs_end(long *count)
{
	bool was;

	pthread_mutex_lock(&mutex);
	was = state->reached;
	if (count != NULL)
		*count = state->count;
	*state = (struct fault_state){ 0 };
	pthread_mutex_unlock(&mutex);
	return was;
}

/* Mutex held. */
static bool fails(enum fault_kind kind)
{
	const struct fault_plan *plan = &state->plan;

	if ((plan->kinds & kind) == 0 || plan->at == 0)
		return false;
	state->count++;
	if (state->count != plan->at && !(plan->forever && state->count > plan->at))
		return false;
	state->reached = true;
	if (plan->power) {
		lose_power();
		_exit(FAULT_POWER_EXIT);
	}
	return true;
}

static bool fails_now(enum fault_kind kind)
{
	bool yes;

	pthread_mutex_lock(&mutex);
	yes = fails(kind);
	pthread_mutex_unlock(&mutex);
	return yes;
}

/* --- files -------------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *file)
{
	int code = down(file)->pMethods->xClose(down(file));

	free(((struct fault_file *)(void *)file)->path);
	return code;
}

static int file_read(sqlite3_file *file, void *to, int n, sqlite3_int64 offset)
{
	if (fails_now(FAULT_READ)) {
		if (state->plan.cut) {
			memset(to, 0, (size_t)n);
			(void)down(file)->pMethods->xRead(down(file), to, n / 2, offset);
			return SQLITE_IOERR_SHORT_READ;
		}
		/* Where a file system makes room for its own records while it reads. */
		errno = state->plan.full ? ENOSPC : EIO;
		return SQLITE_IOERR_READ;
	}
	return down(file)->pMethods->xRead(down(file), to, n, offset);
}

static int file_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 offset)
{
	int code;

	pthread_mutex_lock(&mutex);
	if (fails(FAULT_WRITE)) {
		code = state->plan.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
		/* Half of it may be there. */
		(void)down(file)->pMethods->xWrite(down(file), from, n / 2, offset);
	} else {
		if (state->plan.power)
			remember(file, from, offset, (size_t)n);
		code = down(file)->pMethods->xWrite(down(file), from, n, offset);
	}
	pthread_mutex_unlock(&mutex);
	return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite3_int64 before = 0;
	int code = SQLITE_IOERR_TRUNCATE;

	pthread_mutex_lock(&mutex);
	if (!fails(FAULT_TRUNCATE)) {
		(void)down(file)->pMethods->xFileSize(down(file), &before);
		if (state->plan.power && size < before)
			remember(file, NULL, size, (size_t)(before - size));
		code = down(file)->pMethods->xTruncate(down(file), size);
	}
	pthread_mutex_unlock(&mutex);
	return code;
}

static int file_sync(sqlite3_file *file, int flags)
{
	int code = SQLITE_IOERR_FSYNC;

	pthread_mutex_lock(&mutex);
	if (!fails(FAULT_SYNC)) {
		/* The power model asks for no real one. */
		code = state->plan.power ? SQLITE_OK
					 : down(file)->pMethods->xSync(down(file), flags);
		if (code == SQLITE_OK)
			forget(((struct fault_file *)(void *)file)->path);
	}
	pthread_mutex_unlock(&mutex);
	return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return down(file)->pMethods->xFileSize(down(file), size);
}

static int file_lock(sqlite3_file *file, int lock)
{
	if (fails_now(FAULT_LOCK))
		return SQLITE_BUSY;
	return down(file)->pMethods->xLock(down(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
	return down(file)->pMethods->xUnlock(down(file), lock);
}

static int file_check_lock(sqlite3_file *file, int *locked)
{
	return down(file)->pMethods->xCheckReservedLock(down(file), locked);
}

static int file_control(sqlite3_file *file, int what, void *with)
{
	return down(file)->pMethods->xFileControl(down(file), what, with);
}

static int file_sector(sqlite3_file *file)
{
	return down(file)->pMethods->xSectorSize(down(file));
}

static int file_traits(sqlite3_file *file)
{
	return down(file)->pMethods->xDeviceCharacteristics(down(file));
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **to)
{
	if (fails_now(FAULT_SHM))
		return SQLITE_IOERR_SHMMAP;
	return down(file)->pMethods->xShmMap(down(file), page, size, extend, to);
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	if ((flags & SQLITE_SHM_LOCK) != 0 && fails_now(FAULT_LOCK))
		return SQLITE_BUSY;
	return down(file)->pMethods->xShmLock(down(file), offset, n, flags);
}

static void shm_barrier(sqlite3_file *file)
{
	down(file)->pMethods->xShmBarrier(down(file));
}

static int shm_unmap(sqlite3_file *file, int remove_it)
{
	return down(file)->pMethods->xShmUnmap(down(file), remove_it);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
};

/* --- the VFS ------------------------------------------------------------------------------------ */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct fault_file *mine = (struct fault_file *)(void *)file;
	int code;

	(void)vfs;
	file->pMethods = NULL;
	if (fails_now(FAULT_OPEN))
		return SQLITE_CANTOPEN;
	/* Its memory may be what fails. */
	mine->path = strdup(name != NULL ? name : "");
	if (mine->path == NULL)
		return SQLITE_NOMEM;
	mine->below = (sqlite3_file *)(void *)(mine + 1);
	code = below->xOpen(below, name, mine->below, flags, out);
	if (code != SQLITE_OK) {
		free(mine->path);
		return code;
	}
	file->pMethods = &methods;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	pthread_mutex_lock(&mutex);
	forget(name);
	pthread_mutex_unlock(&mutex);
	return below->xDelete(below, name, sync);
}

void fault_vfs_register(struct fault_state *shared)
{
	static sqlite3_vfs vfs;

	if (shared != NULL)
		state = shared;
	below = sqlite3_vfs_find(NULL);
	if (below == NULL)
		abort();
	/* The rest of the calls go straight to the VFS below, whose data pAppData is. */
	vfs = *below;
	vfs.szOsFile = (int)sizeof(struct fault_file) + below->szOsFile;
	vfs.zName = "fault";
	vfs.pNext = NULL;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}
