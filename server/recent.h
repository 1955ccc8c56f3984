/*
 * A table of bounded size for keys that strangers choose: when it is full, the entry that was
 * looked at longest ago goes out. Its memory is asked for once and used as it fills; look-ups take
 * a hash under a secret key, so that nobody can make them slow. Has no lock of its own.
 */
#ifndef RESTANTE_RECENT_H
#define RESTANTE_RECENT_H

#include "base/siphash.h"

/* Shorter keys are filled with zeros. */
struct recent_key {
	unsigned char octets[16];
};

struct recent_node;

struct recent {
	struct siphash_key hash_key;
	uint32_t *buckets; /* the first entry of each chain */
	uint32_t bucket_mask;
	struct recent_node *nodes;
	char *values;
	size_t value_size;
	uint32_t cap, n;
	uint32_t newest, oldest;
};

/* Values are `value_size` octets, a multiple of 8. */
MUST_USE bool recent_open(struct recent *recent, uint32_t cap, size_t value_size);
void recent_close(struct recent *recent);
/* NULL: not there (any more). What is returned is valid until the next recent_make. */
void *recent_find(struct recent *recent, const struct recent_key *key);
/* The value of the key; a new one is all zeros. */
void *recent_make(struct recent *recent, const struct recent_key *key);

#endif
