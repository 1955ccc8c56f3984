/*
 * SipHash-2-4 (Aumasson, Bernstein 2012): a hash under a secret key, for tables whose keys come
 * from strangers. Who does not know the key cannot choose octets that fall together.
 */
#ifndef RESTANTE_SIPHASH_H
#define RESTANTE_SIPHASH_H

#include <stdint.h>

#include "restante/compiler.h"
#include "restante/str.h"

struct siphash_key {
	uint64_t half[2];
};

/* From the kernel's random numbers; false: it has none. */
MUST_USE bool siphash_key_make(struct siphash_key *key);
uint64_t siphash(const struct siphash_key *key, struct str octets);

#endif
