/*
 * The store as a whole: making it, opening it with the checks that its files are all there and
 * belong together, closing it. In this process the database files are opened and closed by SQLite
 * alone: closing one elsewhere would drop SQLite's locks on it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "restante/store_admin.h"
#include "store/collect.h"
#include "store/listing.h"
#include "store/login.h"
#include "store/schema.h"
#include "store/store_private.h"

static const char *const status_text[] = {
	[STORE_OK] = "ok",
	[STORE_NOT_FOUND] = "not found",
	[STORE_IN_USE] = "in use",
	[STORE_LOST] = "maildrop taken over",
	[STORE_GONE] = "message gone",
	[STORE_OVER_QUOTA] = "over quota",
	[STORE_TOO_LARGE] = "larger than the quota",
	[STORE_FULL] = "disk full",
	[STORE_UNAVAILABLE] = "unavailable",
	[STORE_FOREIGN] = "not this store's files",
};
static_assert(ARRAY_SIZE(status_text) == STORE_STATUS_COUNT, "text missing");

const char *store_status_text(enum store_status status)
{
	return (unsigned)status < STORE_STATUS_COUNT ? status_text[status] : "unknown";
}

void store_say(struct store *store, int priority, const char *why, const char *format, ...)
{
	char text[LOG_LINE_MAX - 32];
	va_list arguments;
	struct buf buf;

	if (store->log == NULL)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	/* No longer than what the server's log takes as one line. */
	buf = buf_over(text, sizeof text - 1);
	buf.n = strlen(text);
	if (why != NULL && buf_add(&buf, STR(" msg=")))
		log_escape(&buf, str_of(why), FAULT_TEXT_MAX);
	text[buf.n] = '\0';
	store->log(store->log_context, priority, text);
}

/* --- a new store ------------------------------------------------------------------------------ */

static enum store_status no_memory(struct fault *fault)
{
	fault_set(fault, "no memory");
	return STORE_UNAVAILABLE;
}

static enum store_status random_id(char id[33], struct fault *fault)
{
	unsigned char octets[16];

	if (getrandom(octets, sizeof octets, 0) != (ssize_t)sizeof octets) {
		fault_set(fault, "getrandom: %s", strerror(errno));
		return STORE_UNAVAILABLE;
	}
	for (size_t i = 0; i < sizeof octets; i++)
		(void)snprintf(id + 2 * i, 3, "%02x", octets[i]);
	return STORE_OK;
}

static enum store_status create_shard(const char *dir, const struct shard_meta *meta,
				      struct fault *fault)
{
	char *path = shard_path(dir, meta->shard);
	enum store_status status;

	if (path == NULL)
		return no_memory(fault);
	status = shard_create_file(path, meta, fault);
	free(path);
	return status;
}

static void remove_shards(const char *dir, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char *path = shard_path(dir, i);

		if (path != NULL)
			(void)unlink(path);
		free(path);
	}
}

enum store_status store_create(const char *dir, unsigned shards, struct fault *fault)
{
	struct shard_meta meta = { .shards = shards, .clock = clock_wall_seconds() };
	enum store_status status;

	fault->text[0] = '\0';
	if (shards < 1 || shards > STORE_SHARDS_MAX) {
		fault_set(fault, "a store has 1 to %d shards", STORE_SHARDS_MAX);
		return STORE_UNAVAILABLE;
	}
	status = random_id(meta.store, fault);
	for (; status == STORE_OK && meta.shard < shards; meta.shard++) {
		status = create_shard(dir, &meta, fault);
		if (status != STORE_OK)
			remove_shards(dir, meta.shard);
	}
	return status;
}

static struct store_identity identity_of(const struct shard_meta *meta)
{
	struct store_identity identity = { .shards = meta->shards };

	memcpy(identity.id, meta->store, sizeof identity.id);
	return identity;
}

enum store_status store_identify(const char *dir, struct store_identity *identity,
				 struct fault *fault)
{
	struct shard_meta first;
	enum store_status status = store_read_meta(dir, &first, fault);

	if (status == STORE_OK)
		*identity = identity_of(&first);
	return status;
}

const struct store_identity *store_identity(const struct store *store)
{
	return &store->identity;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* flock(2) on a file that is no database; the kernel drops it with the process, however it ends. */
static enum store_status take_store(struct store *store, struct fault *fault)
{
	char *path = NULL;
	enum store_status status = STORE_OK;

	if (asprintf(&path, "%s/lock", store->dir) < 0)
		return no_memory(fault);
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0 || flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		status = store->lock_fd >= 0 && errno == EWOULDBLOCK ? STORE_IN_USE
								     : STORE_UNAVAILABLE;
		fault_set(fault, "%s: %s", path,
			  status == STORE_IN_USE ? "another process uses this store"
						 : strerror(errno));
	}
	free(path);
	return status;
}

static enum store_status open_shard(struct store *store, unsigned number, struct fault *fault)
{
	struct shard *shard = &store->shards[number];
	struct shard_meta meta;
	enum store_status status = STORE_OK;

	if (store->exclusive) {
		status = writer_open(shard, fault);
	} else {
		status = shard_open_file(shard->path, false, READER_CACHE_KIB, &shard->db,
					 fault);
	}
	if (status == STORE_OK)
		status = shard_read_meta(shard->db, shard->path, &meta, fault);
	if (status == STORE_OK && store->exclusive && meta.copy) {
		status = shard_begin_epochs(shard->db, fault);
		store_say(store, LOG_NOTICE, NULL, "shard-from-backup shard=%u", number);
	}
	if (status == STORE_OK) {
		shard->clock_stamp = meta.clock;
		shard->clock_hold = meta.hold;
		shard->clock_uptime = clock_monotonic_ms() / 1000;
		shard->clock_looked = shard->clock_uptime;
	}
	if (!store->exclusive)
		shard_close_file(&shard->db);
	return status;
}

static enum store_status new_shard(struct store *store, unsigned number)
{
	struct shard *shard = &store->shards[number];
	pthread_condattr_t attributes;

	shard->store = store;
	shard->number = number;
	shard->path = shard_path(store->dir, number);
	shard->normal.tail = &shard->normal.head;
	shard->low.tail = &shard->low.head;
	pthread_mutex_init(&shard->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&shard->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	return shard->path != NULL ? STORE_OK : STORE_UNAVAILABLE;
}

static enum store_status new_shards(struct store *store, unsigned count, struct fault *fault)
{
	store->shards = calloc(count, sizeof store->shards[0]);
	if (store->shards == NULL)
		return no_memory(fault);
	for (; store->shard_count < count; store->shard_count++) {
		if (new_shard(store, store->shard_count) != STORE_OK) {
			store->shard_count++;
			return no_memory(fault);
		}
	}
	return STORE_OK;
}

/* All of them before anything is written to one: a migration has no way back. */
static enum store_status identify_all(const struct store *store, const struct shard_meta *first,
				      struct fault *fault)
{
	enum store_status status = STORE_OK;
	struct shard_meta meta;

	for (unsigned i = 0; i < store->shard_count && status == STORE_OK; i++) {
		status = shard_identify(store->shards[i].path, &meta, fault);
		if (status == STORE_OK)
			status =
				shard_check_meta(&meta, store->shards[i].path, first, i, fault);
	}
	return status;
}

static enum store_status open_all(struct store *store, struct fault *fault)
{
	struct shard_meta first;
	enum store_status status = STORE_OK;

	if (store->exclusive)
		status = take_store(store, fault);
	if (status == STORE_OK)
		status = store_read_meta(store->dir, &first, fault);
	if (status == STORE_OK)
		status = new_shards(store, first.shards, fault);
	if (status == STORE_OK)
		status = identify_all(store, &first, fault);
	for (unsigned i = 0; i < store->shard_count && status == STORE_OK; i++) {
		status = open_shard(store, i, fault);
		if (status == STORE_OK && store->exclusive)
			status = collect_rests(&store->shards[i], fault);
	}
	for (unsigned i = 0; i < store->shard_count && status == STORE_OK && store->exclusive;
	     i++)
		status = writer_start(&store->shards[i], fault);
	if (status == STORE_OK)
		store->identity = identity_of(&first);
	return status;
}

enum store_status store_open(const struct store_options *options, struct store **store,
			     struct fault *fault)
{
	struct store *made = calloc(1, sizeof *made);
	enum store_status status;

	*store = NULL;
	fault->text[0] = '\0';
	if (made == NULL)
		return no_memory(fault);
	made->lock_fd = -1;
	made->exclusive = options->exclusive;
	made->min_free = options->min_free;
	made->log = options->log;
	made->log_context = options->log_context;
	made->dir = strdup(options->dir);
	made->locks = locks_new();
	made->listings = listings_new(LISTINGS_OCTETS);
	if (made->dir == NULL || made->locks == NULL || made->listings == NULL)
		status = no_memory(fault);
	else
		status = open_all(made, fault);
	if (status != STORE_OK)
		store_close(&made);
	*store = made;
	return status;
}

static void free_shard(struct shard *shard)
{
	writer_close(shard);
	logins_free(&shard->logins);
	pthread_cond_destroy(&shard->wake);
	pthread_mutex_destroy(&shard->mutex);
	free(shard->path);
}

void store_close(struct store **store)
{
	struct store *old = *store;

	if (old == NULL)
		return;
	for (unsigned i = 0; i < old->shard_count; i++)
		writer_stop(&old->shards[i]);
	for (unsigned i = 0; i < old->shard_count; i++)
		free_shard(&old->shards[i]);
	free(old->shards);
	locks_free(&old->locks);
	listings_free(&old->listings);
	if (old->lock_fd >= 0)
		close(old->lock_fd);
	free(old->dir);
	free(old);
	*store = NULL;
}

void store_hurry(struct store *store)
{
	atomic_store(&store->hurried, true);
}

unsigned store_shards(const struct store *store)
{
	return store->shard_count;
}

bool store_has_room(struct store *store)
{
	struct statvfs disk;

	if (statvfs(store->dir, &disk) != 0)
		return false;
	/* What an unprivileged process may use. */
	return (uint64_t)disk.f_bavail * disk.f_frsize >= store->min_free;
}
