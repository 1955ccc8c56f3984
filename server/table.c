/* Every connection there is: see table.h. */
#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net/stream.h"

/* How long a slow reader has for its next octets, once its time is over. */
#define SLOW_READER_MILLISECONDS 60000

/* Sources choose their own addresses, so the hash is keyed: no list of theirs grows long. */
static unsigned keyed_hash(uint64_t key, const void *octets, size_t n);
#define HASH_FUNCTION(octets, n, value) ((value) = keyed_hash(table->hash_key, (octets), (n)))
#include <uthash.h>

struct source_count {
	struct source source;
	unsigned n;
	UT_hash_handle hh;
};

static uint64_t rotate(uint64_t x, int by)
{
	return (x << by) | (x >> (64 - by));
}

/* A multiply-and-rotate hash under a secret key; a source is at most 16 octets. */
static unsigned keyed_hash(uint64_t key, const void *octets, size_t n)
{
	uint64_t words[2] = { 0, 0 };
	uint64_t hash = key;

	memcpy(words, octets, n < sizeof words ? n : sizeof words);
	for (int i = 0; i < 2; i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash = rotate(hash, 29) ^ (key * UINT64_C(0xbf58476d1ce4e5b9));
		hash *= UINT64_C(0x94d049bb133111eb);
		hash ^= hash >> 32;
	}
	return (unsigned)hash;
}

bool table_open(struct table *table, uint32_t capacity, unsigned per_source)
{
	memset(table, 0, sizeof *table);
	if (getrandom(&table->hash_key, sizeof table->hash_key, 0) !=
	    (ssize_t)sizeof table->hash_key)
		return false;
	table->hash_key |= 1;
	table->capacity = capacity;
	table->per_source = per_source;
	table->next_session = 1;
	table->slots = calloc(capacity, sizeof table->slots[0]);
	table->free_slots = calloc(capacity, sizeof table->free_slots[0]);
	if (table->slots == NULL || table->free_slots == NULL ||
	    pthread_mutex_init(&table->mutex, NULL) != 0) {
		free(table->slots);
		free(table->free_slots);
		table->slots = NULL;
		return false;
	}
	for (uint32_t i = 0; i < capacity; i++)
		table->free_slots[i] = capacity - 1 - i;
	table->free_count = capacity;
	return true;
}

void table_close(struct table *table)
{
	struct source_count *count;
	struct source_count *next;

	if (table->slots == NULL)
		return;
	HASH_ITER(hh, table->sources, count, next)
	{
		HASH_DEL(table->sources, count);
		free(count);
	}
	free(table->slots);
	free(table->free_slots);
	table->slots = NULL;
	pthread_mutex_destroy(&table->mutex);
}

void table_set_per_source(struct table *table, unsigned per_source)
{
	pthread_mutex_lock(&table->mutex);
	table->per_source = per_source;
	pthread_mutex_unlock(&table->mutex);
}

static struct source_count *find_source(struct table *table, const struct source *source)
{
	struct source_count *count;

	HASH_FIND(hh, table->sources, source, sizeof *source, count);
	return count;
}

static bool source_full(struct table *table, const struct peer *peer)
{
	struct source source = peer_source(peer);
	const struct source_count *count;

	if (peer_is_local(peer))
		return false;
	count = find_source(table, &source);
	return count != NULL && count->n >= table->per_source;
}

enum table_answer table_admits(struct table *table, const struct peer *peer)
{
	enum table_answer answer = TABLE_OK;

	pthread_mutex_lock(&table->mutex);
	if (table->free_count == 0)
		answer = TABLE_FULL;
	else if (peer != NULL && source_full(table, peer))
		answer = TABLE_SOURCE_FULL;
	pthread_mutex_unlock(&table->mutex);
	return answer;
}

/* Counts the connection with its peer's source, where it is to be counted; false: no memory. */
static bool count_source(struct table *table, struct connection *connection)
{
	struct source_count *count;

	if (peer_is_local(&connection->peer))
		return true;
	connection->source = peer_source(&connection->peer);
	count = find_source(table, &connection->source);
	if (count == NULL) {
		count = calloc(1, sizeof *count);
		if (count == NULL)
			return false;
		count->source = connection->source;
		HASH_ADD(hh, table->sources, source, sizeof count->source, count);
	}
	count->n++;
	connection->counted = true;
	return true;
}

bool table_add(struct table *table, struct connection *connection)
{
	bool counted = true;

	pthread_mutex_lock(&table->mutex);
	if (!connection->awaits_proxy)
		counted = count_source(table, connection);
	if (counted) {
		connection->slot = table->free_slots[--table->free_count];
		connection->session = table->next_session++;
		table->slots[connection->slot] = connection;
		table->used++;
	}
	pthread_mutex_unlock(&table->mutex);
	return counted;
}

enum table_answer table_admit_client(struct table *table, struct connection *connection,
				     const struct peer *client)
{
	enum table_answer answer = TABLE_OK;

	pthread_mutex_lock(&table->mutex);
	connection->peer = *client;
	if (source_full(table, client))
		answer = TABLE_SOURCE_FULL;
	else if (!count_source(table, connection))
		answer = TABLE_FULL;
	pthread_mutex_unlock(&table->mutex);
	return answer;
}

void table_set_peer(struct table *table, struct connection *connection, const struct peer *peer)
{
	pthread_mutex_lock(&table->mutex);
	connection->peer = *peer;
	pthread_mutex_unlock(&table->mutex);
}

void table_remove(struct table *table, struct connection *connection)
{
	struct source_count *count;

	pthread_mutex_lock(&table->mutex);
	table->slots[connection->slot] = NULL;
	table->free_slots[table->free_count++] = connection->slot;
	table->used--;
	if (connection->counted) {
		count = find_source(table, &connection->source);
		if (--count->n == 0) {
			HASH_DEL(table->sources, count);
			free(count);
		}
	}
	pthread_mutex_unlock(&table->mutex);
}

void table_settle(struct table *table)
{
	pthread_mutex_lock(&table->mutex);
	pthread_mutex_unlock(&table->mutex);
}

uint32_t table_used(struct table *table)
{
	uint32_t used;

	pthread_mutex_lock(&table->mutex);
	used = table->used;
	pthread_mutex_unlock(&table->mutex);
	return used;
}

void table_each(struct table *table, table_visit *visit, void *context)
{
	pthread_mutex_lock(&table->mutex);
	for (uint32_t i = 0; i < table->capacity; i++)
		if (table->slots[i] != NULL)
			visit(context, table->slots[i]);
	pthread_mutex_unlock(&table->mutex);
}

/*
 * A socket counts as having room only when a third of its queue is free, which takes a slow reader
 * long. As long as the queue shrinks the session is not inactive.
 */
static bool still_reads(struct connection *connection)
{
	size_t unsent = stream_unsent(connection->polled.fd);
	bool moved = unsent > 0 && unsent != connection->unsent;

	connection->unsent = unsent;
	return moved && atomic_load(&connection->logged_in);
}

static void end_if_late(void *context, struct connection *connection)
{
	const int64_t *now = context;

	if (atomic_load(&connection->deadline) >= *now)
		return;
	if (still_reads(connection))
		atomic_store(&connection->deadline, *now + SLOW_READER_MILLISECONDS);
	else
		connection_end(connection, ENDING_DEADLINE);
}

void table_sweep(struct table *table, int64_t now)
{
	table_each(table, end_if_late, &now);
}

static struct connection *find_session(struct table *table, uint64_t session)
{
	for (uint32_t i = 0; i < table->capacity; i++)
		if (table->slots[i] != NULL && table->slots[i]->session == session)
			return table->slots[i];
	return NULL;
}

static bool idle_long_enough(struct connection *holder, const struct takeover_rule *rule,
			     int64_t now)
{
	int64_t patience = atomic_load(&holder->marked) ? rule->idle_marked : rule->idle;

	return patience > 0 && atomic_load(&holder->resting) &&
	       now - atomic_load(&holder->active) >= patience &&
	       stream_unsent(holder->polled.fd) == 0;
}

bool table_take_over(struct table *table, uint64_t session, const struct takeover_rule *rule,
		     int64_t now)
{
	struct connection *holder;
	bool taken;

	pthread_mutex_lock(&table->mutex);
	holder = find_session(table, session);
	taken = holder != NULL && idle_long_enough(holder, rule, now) &&
		connection_end(holder, ENDING_TAKEOVER);
	pthread_mutex_unlock(&table->mutex);
	return taken;
}
