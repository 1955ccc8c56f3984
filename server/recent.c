/* A bounded table, least recent out: see recent.h. Entries are numbers from 1; 0 is none. */
#include "recent.h"

#include <stdlib.h>

struct recent_node {
	struct recent_key key;
	uint32_t next; /* in the chain of its bucket */
	uint32_t newer, older;
};

bool recent_open(struct recent *recent, uint32_t cap, size_t value_size)
{
	uint32_t buckets = 1;

	while (buckets < cap)
		buckets *= 2;
	*recent = (struct recent){ .bucket_mask = buckets - 1,
				   .value_size = value_size,
				   .cap = cap };
	recent->buckets = calloc(buckets, sizeof recent->buckets[0]);
	recent->nodes = calloc((size_t)cap + 1, sizeof recent->nodes[0]);
	recent->values = calloc((size_t)cap + 1, value_size);
	if (recent->buckets != NULL && recent->nodes != NULL && recent->values != NULL &&
	    siphash_key_make(&recent->hash_key))
		return true;
	recent_close(recent);
	return false;
}

void recent_close(struct recent *recent)
{
	free(recent->buckets);
	free(recent->nodes);
	free(recent->values);
	*recent = (struct recent){ 0 };
}

static uint32_t *bucket_of(const struct recent *recent, const struct recent_key *key)
{
	struct str octets = { (const char *)key->octets, sizeof key->octets };

	return &recent->buckets[siphash(&recent->hash_key, octets) & recent->bucket_mask];
}

static void *value_of(const struct recent *recent, uint32_t at)
{
	return recent->values + at * recent->value_size;
}

/* --- by age ------------------------------------------------------------------------------ */

static void unlink_age(struct recent *recent, uint32_t at)
{
	const struct recent_node *node = &recent->nodes[at];

	if (node->newer != 0)
		recent->nodes[node->newer].older = node->older;
	else
		recent->newest = node->older;
	if (node->older != 0)
		recent->nodes[node->older].newer = node->newer;
	else
		recent->oldest = node->newer;
}

static void link_newest(struct recent *recent, uint32_t at)
{
	recent->nodes[at].newer = 0;
	recent->nodes[at].older = recent->newest;
	if (recent->newest != 0)
		recent->nodes[recent->newest].newer = at;
	else
		recent->oldest = at;
	recent->newest = at;
}

/* --- by key ------------------------------------------------------------------------------ */

void *recent_find(struct recent *recent, const struct recent_key *key)
{
	uint32_t at = *bucket_of(recent, key);

	while (at != 0 && memcmp(&recent->nodes[at].key, key, sizeof *key) != 0)
		at = recent->nodes[at].next;
	if (at == 0)
		return NULL;
	unlink_age(recent, at);
	link_newest(recent, at);
	return value_of(recent, at);
}

/* The oldest entry's place. */
static uint32_t take_oldest(struct recent *recent)
{
	uint32_t at = recent->oldest;
	uint32_t *link = bucket_of(recent, &recent->nodes[at].key);

	while (*link != at)
		link = &recent->nodes[*link].next;
	*link = recent->nodes[at].next;
	unlink_age(recent, at);
	memset(value_of(recent, at), 0, recent->value_size);
	return at;
}

void *recent_make(struct recent *recent, const struct recent_key *key)
{
	void *found = recent_find(recent, key);
	uint32_t *bucket;
	uint32_t at;

	if (found != NULL)
		return found;
	at = recent->n < recent->cap ? ++recent->n : take_oldest(recent);
	bucket = bucket_of(recent, key);
	recent->nodes[at].key = *key;
	recent->nodes[at].next = *bucket;
	*bucket = at;
	link_newest(recent, at);
	return value_of(recent, at);
}
