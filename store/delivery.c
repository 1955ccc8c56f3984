/*
 * Taking a message in: see store.h. Owns the one chunk of it that is in memory and the order of
 * its jobs; what they do in the database is in delivery_job.c.
 *
 * A message that fits into one chunk is one job per shard. A larger one is staged: each full
 * chunk goes to every shard as a job of its own, all lent the same buffer, under a body without
 * references, which a last small job makes visible. Between them other deliveries go on.
 *
 * A shard that refuses a chunk fails its targets alone; the others go on. delivery_close is the
 * one place where a body that did not become visible is given to the collector.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/collect.h"
#include "store/delivery_private.h"

#define BUFFER_FIRST 8192

/* Trace lines are whole lines; what is wrong here would shift every octet that follows. */
static enum store_status check_target(const struct store *store,
				      const struct delivery_target *target)
{
	char scratch[2 * STORE_PREFIX_MAX];
	struct str prefix = str_of(target->prefix);
	size_t n = prefix.n;
	struct canonical c = { 0 };

	if (target->key.shard >= store->shard_count)
		return STORE_FOREIGN;
	if (n > STORE_PREFIX_MAX)
		return STORE_TOO_LARGE;
	if (canonical_add(&c, &prefix, scratch, sizeof scratch) != n || c.line > 0 ||
	    c.header_octets > 0)
		return STORE_UNAVAILABLE;
	return STORE_OK;
}

static void add_part(struct delivery *delivery, struct shard *shard)
{
	struct delivery_part *part;

	for (size_t i = 0; i < delivery->part_count; i++)
		if (delivery->parts[i].shard == shard)
			return;
	part = &delivery->parts[delivery->part_count++];
	part->delivery = delivery;
	part->shard = shard;
}

enum store_status delivery_begin(struct store *store, struct delivery_target *targets,
				 size_t count, unsigned flags, struct delivery **delivery)
{
	size_t parts = count < store->shard_count ? count : store->shard_count;
	struct delivery *made;

	*delivery = NULL;
	if (!store->exclusive)
		return STORE_UNAVAILABLE;
	for (size_t i = 0; i < count; i++) {
		enum store_status status = check_target(store, &targets[i]);

		if (status != STORE_OK)
			return status;
	}
	made = calloc(1, sizeof *made + parts * sizeof made->parts[0]);
	if (made == NULL)
		return STORE_UNAVAILABLE;
	made->buffer = malloc(BUFFER_FIRST + CANONICAL_END_MAX);
	if (made->buffer == NULL) {
		free(made);
		return STORE_UNAVAILABLE;
	}
	made->cap = BUFFER_FIRST;
	made->store = store;
	made->targets = targets;
	made->count = count;
	made->flags = flags & MESSAGE_SMTPUTF8;
	for (size_t i = 0; i < count; i++)
		add_part(made, &store->shards[targets[i].key.shard]);
	*delivery = made;
	return STORE_OK;
}

/* Doubles: a small mail costs little, a large one at most a chunk. */
static bool grow(struct delivery *delivery)
{
	size_t cap = delivery->cap * 2;
	char *larger;

	if (cap > STORE_CHUNK_OCTETS)
		cap = STORE_CHUNK_OCTETS;
	larger = realloc(delivery->buffer, cap + CANONICAL_END_MAX);
	if (larger == NULL)
		return false;
	delivery->buffer = larger;
	delivery->cap = cap;
	return true;
}

enum delivery_taken delivery_append(struct delivery *delivery, struct str *octets)
{
	assert(atomic_load(&delivery->pending) == 0 && !delivery->finished);
	while (octets->n > 0) {
		if (delivery->n == STORE_CHUNK_OCTETS)
			return DELIVERY_FLUSH;
		if (delivery->n == delivery->cap && !grow(delivery))
			return DELIVERY_NO_MEMORY;
		delivery->n +=
			canonical_add(&delivery->form, octets, delivery->buffer + delivery->n,
				      delivery->cap - delivery->n);
	}
	return DELIVERY_TAKEN;
}

uint64_t delivery_octets(const struct delivery *delivery)
{
	return delivery->form.octets;
}

bool delivery_has_nul(const struct delivery *delivery)
{
	return (delivery->form.flags & MESSAGE_HAS_NUL) != 0;
}

size_t delivery_memory(const struct delivery *delivery)
{
	return sizeof *delivery + delivery->part_count * sizeof delivery->parts[0] +
	       delivery->cap + CANONICAL_END_MAX;
}

/* --- the end of a round of jobs -------------------------------------------------------------- */

/* The first part that failed; NULL: none. */
static const struct delivery_part *first_failed(const struct delivery *delivery, size_t *failed)
{
	const struct delivery_part *first = NULL;

	*failed = 0;
	for (size_t i = 0; i < delivery->part_count; i++) {
		if (delivery->parts[i].failed == STORE_OK)
			continue;
		(*failed)++;
		if (first == NULL)
			first = &delivery->parts[i];
	}
	return first;
}

static void fail_targets(struct delivery *delivery, const struct delivery_part *part)
{
	for (size_t i = 0; i < delivery->count; i++) {
		struct delivery_target *target = &delivery->targets[i];

		if (target->key.shard != part->shard->number)
			continue;
		target->status = part->failed;
		target->duplicate = false;
	}
}

/* The last part has ended. From the call on, the delivery may be closed. */
static void round_done(struct delivery *delivery, bool partly_is_ok)
{
	static const struct fault none = { "" };
	size_t failed;
	const struct delivery_part *first = first_failed(delivery, &failed);
	bool ok = failed == 0 || (partly_is_ok && failed < delivery->part_count);

	delivery->done(delivery->context, ok ? STORE_OK : first->failed,
		       ok ? &none : &first->why);
}

/* True for the last one. */
static bool part_done(struct delivery_part *part)
{
	if (part->job.status != STORE_OK && part->failed == STORE_OK) {
		part->failed = part->job.status;
		part->why = part->job.fault;
	}
	return atomic_fetch_sub(&part->delivery->pending, 1) == 1;
}

static void flushed(struct store_job *job)
{
	struct delivery_part *part = (struct delivery_part *)job;
	struct delivery *delivery = part->delivery;

	/* A first chunk that failed made no body. */
	if (job->status != STORE_OK && delivery->chunks == 0)
		part->body = 0;
	if (!part_done(part))
		return;
	delivery->chunks++;
	delivery->n = 0;
	round_done(delivery, true);
}

static void stored(struct store_job *job)
{
	struct delivery_part *part = (struct delivery_part *)job;
	struct delivery *delivery = part->delivery;

	if (job->status != STORE_OK)
		part->visible = false;
	if (!part_done(part))
		return;
	for (size_t i = 0; i < delivery->part_count; i++)
		if (delivery->parts[i].failed != STORE_OK)
			fail_targets(delivery, &delivery->parts[i]);
	round_done(delivery, false);
}

/* --- rounds of jobs -------------------------------------------------------------------------- */

static void submit_round(struct delivery *delivery, const struct store_job *like)
{
	struct delivery_part *parts = delivery->parts;
	size_t count = delivery->part_count;

	atomic_store(&delivery->pending, (unsigned)count);
	/* The last one may end the delivery while we are here. */
	for (size_t i = 0; i < count; i++) {
		parts[i].job = *like;
		writer_submit(parts[i].shard, &parts[i].job);
	}
}

/* From now on the collector leaves its bodies alone. */
static void register_staging(struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->part_count; i++) {
		struct delivery_part *part = &delivery->parts[i];

		if (part->staging)
			continue;
		part->staging = true;
		pthread_mutex_lock(&part->shard->mutex);
		part->staging_next = part->shard->staging;
		part->shard->staging = part;
		pthread_mutex_unlock(&part->shard->mutex);
	}
}

static void unregister_staging(struct delivery_part *part)
{
	struct delivery_part **at = &part->shard->staging;

	pthread_mutex_lock(&part->shard->mutex);
	while (*at != part)
		at = &(*at)->staging_next;
	*at = part->staging_next;
	pthread_mutex_unlock(&part->shard->mutex);
	part->staging = false;
}

void delivery_flush(struct delivery *delivery, delivery_done *done, void *context)
{
	struct store_job job = { .done = flushed,
				 .run = delivery_stage_run,
				 .weight = delivery->n };

	assert(delivery->n == STORE_CHUNK_OCTETS);
	delivery->done = done;
	delivery->context = context;
	register_staging(delivery);
	submit_round(delivery, &job);
}

void delivery_finish(struct delivery *delivery, const unsigned char *digest,
		     delivery_done *done, void *context)
{
	struct store_job job = { .done = stored,
				 .run = delivery_store_run,
				 .happened = delivery_store_happened };

	assert(!delivery->finished);
	delivery->finished = true;
	delivery->n += canonical_end(&delivery->form, delivery->buffer + delivery->n);
	delivery->received = clock_wall_seconds();
	delivery->has_digest = digest != NULL;
	if (digest != NULL)
		memcpy(delivery->digest, digest, sizeof delivery->digest);
	delivery->done = done;
	delivery->context = context;
	job.weight = delivery->n + JOB_WEIGHT;
	submit_round(delivery, &job);
}

void delivery_close(struct delivery **delivery)
{
	struct delivery *old = *delivery;

	if (old == NULL)
		return;
	assert(atomic_load(&old->pending) == 0);
	for (size_t i = 0; i < old->part_count; i++) {
		struct delivery_part *part = &old->parts[i];

		if (!part->staging)
			continue;
		unregister_staging(part);
		if (part->body != 0 && !part->visible)
			collect_in_background(part->shard, part->body);
	}
	free(old->buffer);
	free(old);
	*delivery = NULL;
}
