/* Listings in memory: see listing.h. */
#include "store/listing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "store/key_table.h"

struct listing {
	struct listings *home;
	char key[33];
	uint64_t change;
	uint64_t epoch;
	size_t n, cap;
	unsigned users; /* the table is not one of them; home's mutex */
	bool kept;      /* stands in the table; home's mutex */
	UT_hash_handle hh;
	struct listing_row rows[];
};

struct listings {
	pthread_mutex_t mutex;
	size_t limit, used;    /* octets */
	struct listing *table; /* by key; used last comes last */
};

struct listings *listings_new(size_t octets)
{
	struct listings *listings = calloc(1, sizeof *listings);

	if (listings == NULL)
		return NULL;
	pthread_mutex_init(&listings->mutex, NULL);
	listings->limit = octets;
	return listings;
}

static size_t weight(size_t cap)
{
	return sizeof(struct listing) + cap * sizeof(struct listing_row);
}

/* With the mutex held, in what follows. */
static void forget(struct listings *listings, struct listing *listing)
{
	HASH_DEL(listings->table, listing);
	listing->kept = false;
}

static void free_if_unused(struct listings *listings, struct listing *listing)
{
	if (listing->users > 0 || listing->kept)
		return;
	listings->used -= weight(listing->cap);
	free(listing);
}

/* False: those in use leave no place. */
static bool make_place(struct listings *listings, size_t octets)
{
	struct listing *oldest;
	struct listing *next;

	HASH_ITER(hh, listings->table, oldest, next)
	{
		if (listings->limit - listings->used >= octets)
			break;
		if (oldest->users > 0)
			continue;
		forget(listings, oldest);
		free_if_unused(listings, oldest);
	}
	return listings->limit - listings->used >= octets;
}

static struct listing *look_up(struct listings *listings, const char *key)
{
	struct listing *listing;

	HASH_FIND_STR(listings->table, key, listing);
	return listing;
}

static void add_last(struct listings *listings, struct listing *listing)
{
	HASH_ADD_STR(listings->table, key, listing);
	listing->kept = look_up(listings, listing->key) == listing;
}

void listings_free(struct listings **listings)
{
	struct listing *listing;
	struct listing *next;

	if (*listings == NULL)
		return;
	HASH_ITER(hh, (*listings)->table, listing, next)
	{
		forget(*listings, listing);
		free_if_unused(*listings, listing);
	}
	pthread_mutex_destroy(&(*listings)->mutex);
	free(*listings);
	*listings = NULL;
}

struct listing *listings_find(struct listings *listings, const char *key, uint64_t change)
{
	struct listing *listing;

	pthread_mutex_lock(&listings->mutex);
	listing = look_up(listings, key);
	if (listing != NULL && listing->change != change)
		listing = NULL;
	if (listing != NULL) {
		listing->users++;
		forget(listings, listing);
		add_last(listings, listing);
	}
	pthread_mutex_unlock(&listings->mutex);
	return listing;
}

struct listing *listings_make(struct listings *listings, const char *key, uint64_t change,
			      size_t cap, const struct listing *before)
{
	struct listing *listing = NULL;
	bool place;

	pthread_mutex_lock(&listings->mutex);
	place = cap <= listings->limit / sizeof(struct listing_row) &&
		make_place(listings, weight(cap));
	if (place)
		listing = calloc(1, weight(cap));
	if (listing != NULL)
		listings->used += weight(cap);
	pthread_mutex_unlock(&listings->mutex);
	if (listing == NULL)
		return NULL;
	listing->home = listings;
	memcpy(listing->key, key, sizeof listing->key);
	listing->change = change;
	listing->cap = cap;
	listing->users = 1;
	if (before != NULL && before->n <= cap) {
		listing->epoch = before->epoch;
		listing->n = before->n;
		memcpy(listing->rows, before->rows, before->n * sizeof before->rows[0]);
	}
	return listing;
}

void listing_keep(struct listing *listing)
{
	struct listings *listings = listing->home;
	struct listing *older;

	pthread_mutex_lock(&listings->mutex);
	older = look_up(listings, listing->key);
	if (older != NULL) {
		forget(listings, older);
		free_if_unused(listings, older);
	}
	add_last(listings, listing);
	pthread_mutex_unlock(&listings->mutex);
}

void listing_release(struct listing **listing)
{
	struct listings *listings;

	if (*listing == NULL)
		return;
	listings = (*listing)->home;
	pthread_mutex_lock(&listings->mutex);
	(*listing)->users--;
	free_if_unused(listings, *listing);
	pthread_mutex_unlock(&listings->mutex);
	*listing = NULL;
}

bool listing_add(struct listing *listing, uint64_t epoch, uint64_t uid, uint64_t octets)
{
	if (listing->n == 0)
		listing->epoch = epoch;
	if (listing->n == listing->cap || epoch != listing->epoch || uid > UINT32_MAX ||
	    octets > UINT32_MAX)
		return false;
	listing->rows[listing->n++] = (struct listing_row){ (uint32_t)uid, (uint32_t)octets };
	return true;
}

size_t listing_count(const struct listing *listing)
{
	return listing->n;
}

uint64_t listing_epoch(const struct listing *listing)
{
	return listing->epoch;
}

struct listing_row listing_row(const struct listing *listing, size_t i)
{
	return listing->rows[i];
}
