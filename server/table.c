/* Every connection there is: see table.h. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "net/stream.h"

/* How long a slow reader has for its next octets, once its time is over. */
#define SLOW_READER_MILLISECONDS 60000

/* Sources choose their own addresses, so the hash is keyed: no list of theirs grows long. */
#define HASH_FUNCTION(octets, size, value)             \
	((value) = (unsigned)siphash(&table->hash_key, \
				     (struct str){ (const char *)(octets), (size) }))
#include <uthash.h>

struct source_count {
	struct source source;
	unsigned n;
	unsigned before_login;
	UT_hash_handle hh;
};

bool table_open(struct table *table, uint32_t capacity, const struct table_limits *limits)
{
	uint32_t slots = capacity + TABLE_SPARE;

	memset(table, 0, sizeof *table);
	if (!siphash_key_make(&table->hash_key))
		return false;
	table->capacity = capacity;
	table->limits = *limits;
	table->next_session = 1;
	table->slots = calloc(slots, sizeof table->slots[0]);
	table->free_slots = calloc(slots, sizeof table->free_slots[0]);
	if (table->slots == NULL || table->free_slots == NULL ||
	    pthread_mutex_init(&table->mutex, NULL) != 0) {
		free(table->slots);
		free(table->free_slots);
		table->slots = NULL;
		return false;
	}
	for (uint32_t i = 0; i < slots; i++)
		table->free_slots[i] = slots - 1 - i;
	table->free_count = slots;
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

void table_set_limits(struct table *table, const struct table_limits *limits)
{
	pthread_mutex_lock(&table->mutex);
	table->limits = *limits;
	pthread_mutex_unlock(&table->mutex);
}

static struct source_count *find_source(struct table *table, const struct source *source)
{
	struct source_count *count;

	HASH_FIND(hh, table->sources, source, sizeof *source, count);
	return count;
}

/* --- before login ------------------------------------------------------------------------ */

static void list_newest(struct table *table, struct connection *connection)
{
	connection->before_login = true;
	connection->older = table->newest;
	connection->newer = NULL;
	if (table->newest != NULL)
		table->newest->newer = connection;
	else
		table->oldest = connection;
	table->newest = connection;
	table->before_login++;
}

/* With the mutex held. It stands in the list no more, and its source has one less there. */
static void unlist(struct table *table, struct connection *connection)
{
	if (!connection->before_login)
		return;
	connection->before_login = false;
	if (connection->older != NULL)
		connection->older->newer = connection->newer;
	else
		table->oldest = connection->newer;
	if (connection->newer != NULL)
		connection->newer->older = connection->older;
	else
		table->newest = connection->older;
	table->before_login--;
	if (connection->counted)
		find_source(table, &connection->source)->before_login--;
}

/*
 * The oldest, since a real client is soon through with its login. Not one whose password is being
 * looked at, or that waits for its maildrop: that is work done already.
 */
static bool evict_oldest(struct table *table)
{
	struct connection *c = table->oldest;

	while (c != NULL &&
	       (atomic_load(&c->login_under_way) || !connection_end(c, ENDING_EVICTED)))
		c = c->newer;
	if (c == NULL)
		return false;
	unlist(table, c);
	c->leaving = true;
	table->leaving++;
	return true;
}

/* --- coming and going -------------------------------------------------------------------- */

static enum table_answer source_admits(struct table *table, const struct peer *peer,
				       const struct protocol *protocol, bool exempt)
{
	struct source source = peer_source(peer);
	const struct source_count *count;

	if (exempt || peer_is_local(peer))
		return TABLE_OK;
	count = find_source(table, &source);
	if (count == NULL)
		return TABLE_OK;
	if (count->n >= table->limits.per_source)
		return TABLE_SOURCE_FULL;
	return protocol->logs_in && count->before_login >= table->limits.before_login_per_source
		       ? TABLE_SOURCE_LOGINS_FULL
		       : TABLE_OK;
}

enum table_answer table_admits(struct table *table, const struct peer *peer,
			       const struct protocol *protocol, bool exempt)
{
	enum table_answer answer = TABLE_OK;
	bool crowded;

	pthread_mutex_lock(&table->mutex);
	if (peer != NULL)
		answer = source_admits(table, peer, protocol, exempt);
	crowded = table->used - table->leaving >= table->capacity ||
		  (protocol->logs_in && !exempt &&
		   table->before_login >= table->limits.before_login);
	if (answer == TABLE_OK && crowded && !evict_oldest(table))
		answer = TABLE_FULL;
	if (answer == TABLE_OK && table->free_count == 0)
		answer = TABLE_FULL;
	pthread_mutex_unlock(&table->mutex);
	return answer;
}

/* Counts the connection with its peer's source, where it is to be counted; false: no memory. */
static bool count_source(struct table *table, struct connection *connection)
{
	struct source_count *count;

	if (connection->exempt || peer_is_local(&connection->peer))
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
	count->before_login += connection->before_login;
	connection->counted = true;
	return true;
}

bool table_add(struct table *table, struct connection *connection)
{
	bool counted = true;

	pthread_mutex_lock(&table->mutex);
	if (connection->protocol->logs_in && !connection->exempt)
		list_newest(table, connection);
	if (!connection->awaits_proxy)
		counted = count_source(table, connection);
	if (counted) {
		connection->slot = table->free_slots[--table->free_count];
		connection->session = table->next_session++;
		table->slots[connection->slot] = connection;
		table->used++;
	} else {
		unlist(table, connection);
	}
	pthread_mutex_unlock(&table->mutex);
	return counted;
}

enum table_answer table_admit_client(struct table *table, struct connection *connection,
				     const struct peer *client, bool exempt)
{
	enum table_answer answer;

	pthread_mutex_lock(&table->mutex);
	connection->peer = *client;
	connection->exempt = exempt;
	if (exempt)
		unlist(table, connection);
	answer = source_admits(table, client, connection->protocol, exempt);
	if (answer == TABLE_OK && !count_source(table, connection))
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
	table->leaving -= connection->leaving;
	unlist(table, connection);
	if (connection->counted) {
		count = find_source(table, &connection->source);
		if (--count->n == 0) {
			HASH_DEL(table->sources, count);
			free(count);
		}
	}
	pthread_mutex_unlock(&table->mutex);
}

void table_logged_in(struct table *table, struct connection *connection)
{
	pthread_mutex_lock(&table->mutex);
	unlist(table, connection);
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
	for (uint32_t i = 0; i < table->capacity + TABLE_SPARE; i++)
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
	for (uint32_t i = 0; i < table->capacity + TABLE_SPARE; i++)
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
