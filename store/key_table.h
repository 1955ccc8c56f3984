/*
 * uthash with the settings for tables by maildrop key. The keys are our own random ones, so no
 * client chooses where they fall in the table and any hash will do. Running out of memory leaves
 * the new element out of the table: look for it after adding.
 */
#ifndef RESTANTE_STORE_KEY_TABLE_H
#define RESTANTE_STORE_KEY_TABLE_H

#include <stddef.h>

static inline unsigned key_hash(const void *key, size_t n)
{
	const unsigned char *octet = key;
	unsigned hash = 2166136261U;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ octet[i]) * 16777619U;
	return hash;
}

#define HASH_FUNCTION(key, n, hash) ((hash) = key_hash((key), (n)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
