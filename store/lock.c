/*
 * The exclusive maildrop lock (RFC 1939 section 4), with liveness.
 *
 * An entry of the table is a maildrop that is HELD or UPDATING. Every change of state happens
 * under the table's mutex, once: HELD -> UPDATING by the holder's QUIT, HELD -> LOST by anybody
 * else. LOST takes the entry out of the table at once, so that a newcomer finds the maildrop
 * free, while the loser keeps its (readable) lock object until maildrop_unlock. UPDATING is
 * left only by the writer, after the outcome.
 */
#include <assert.h>
#include <stdlib.h>

#include "store/key_table.h"
#include "store/store_private.h"

enum lock_state { LOCK_HELD, LOCK_UPDATING, LOCK_LOST };

struct maildrop_lock {
	struct maildrop_key key;
	struct lock_holder holder;
	_Atomic int state; /* enum lock_state; written under the table's mutex */
	UT_hash_handle hh;
};

struct lock_table {
	pthread_mutex_t mutex;
	struct maildrop_lock *locks; /* by key.id */
	maildrop_released *released;
	void *released_context;
};

struct lock_table *locks_new(void)
{
	struct lock_table *table = calloc(1, sizeof *table);

	if (table != NULL)
		pthread_mutex_init(&table->mutex, NULL);
	return table;
}

void locks_free(struct lock_table **table)
{
	if (*table == NULL)
		return;
	/* Entries that are left belong to sessions which still hold them. */
	HASH_CLEAR(hh, (*table)->locks);
	pthread_mutex_destroy(&(*table)->mutex);
	free(*table);
	*table = NULL;
}

void store_on_release(struct store *store, maildrop_released *call, void *context)
{
	store->locks->released = call;
	store->locks->released_context = context;
}

static void tell_released(struct lock_table *table, const struct maildrop_key *key)
{
	if (table->released != NULL)
		table->released(table->released_context, key);
}

static struct maildrop_lock *find(struct lock_table *table, const struct maildrop_key *key)
{
	struct maildrop_lock *lock;

	HASH_FIND_STR(table->locks, key->id, lock);
	return lock;
}

enum store_status maildrop_lock(struct store *store, const struct maildrop_key *key,
				const struct lock_holder *holder, struct maildrop_lock **lock,
				struct lock_holder *holder_out)
{
	struct lock_table *table = store->locks;
	struct maildrop_lock *mine = calloc(1, sizeof *mine);
	struct maildrop_lock *other;
	enum store_status status = STORE_UNAVAILABLE;

	*lock = NULL;
	if (mine == NULL)
		return status;
	mine->key = *key;
	mine->holder = *holder;
	atomic_init(&mine->state, LOCK_HELD);
	pthread_mutex_lock(&table->mutex);
	other = find(table, key);
	if (other != NULL) {
		*holder_out = other->holder;
		status = STORE_IN_USE;
	} else {
		HASH_ADD_KEYPTR(hh, table->locks, mine->key.id, strlen(mine->key.id), mine);
		/* The table says nothing when it had no memory. */
		if (find(table, key) == mine)
			status = STORE_OK;
	}
	pthread_mutex_unlock(&table->mutex);
	if (status == STORE_OK)
		*lock = mine;
	else
		free(mine);
	return status;
}

bool maildrop_lock_revoke(struct store *store, const struct maildrop_key *key, uint64_t session)
{
	struct lock_table *table = store->locks;
	struct maildrop_lock *lock;
	bool revoked = false;

	pthread_mutex_lock(&table->mutex);
	lock = find(table, key);
	if (lock != NULL && lock->holder.session == session &&
	    atomic_load(&lock->state) == LOCK_HELD) {
		HASH_DELETE(hh, table->locks, lock);
		/* The last touch: its holder may free it as soon as the mutex is free. */
		atomic_store(&lock->state, LOCK_LOST);
		revoked = true;
	}
	pthread_mutex_unlock(&table->mutex);
	if (revoked)
		tell_released(table, key);
	return revoked;
}

bool maildrop_lock_lost(const struct maildrop_lock *lock)
{
	return atomic_load(&lock->state) == LOCK_LOST;
}

/* Out of the table, unless it was taken out before; then frees it. */
static void end(struct store *store, struct maildrop_lock **lock)
{
	struct lock_table *table = store->locks;
	struct maildrop_key key;
	bool in;

	if (*lock == NULL)
		return;
	key = (*lock)->key;
	pthread_mutex_lock(&table->mutex);
	in = atomic_load(&(*lock)->state) != LOCK_LOST;
	if (in)
		HASH_DELETE(hh, table->locks, *lock);
	pthread_mutex_unlock(&table->mutex);
	free(*lock);
	*lock = NULL;
	if (in)
		tell_released(table, &key);
}

void maildrop_unlock(struct store *store, struct maildrop_lock **lock)
{
	assert(*lock == NULL || atomic_load(&(*lock)->state) != LOCK_UPDATING);
	end(store, lock);
}

void lock_end_update(struct store *store, struct maildrop_lock **lock)
{
	assert(atomic_load(&(*lock)->state) == LOCK_UPDATING);
	end(store, lock);
}

bool lock_begin_update(struct store *store, struct maildrop_lock *lock)
{
	struct lock_table *table = store->locks;
	bool held;

	pthread_mutex_lock(&table->mutex);
	held = atomic_load(&lock->state) == LOCK_HELD;
	if (held)
		atomic_store(&lock->state, LOCK_UPDATING);
	pthread_mutex_unlock(&table->mutex);
	return held;
}

bool lock_present(struct store *store, const struct maildrop_key *key)
{
	bool present;

	pthread_mutex_lock(&store->locks->mutex);
	present = find(store->locks, key) != NULL;
	pthread_mutex_unlock(&store->locks->mutex);
	return present;
}
