/*
 * Passwords that have been verified, remembered for a while, so that a client which asks every few
 * minutes costs a hash now and then and not each time. Nothing is kept of a password but a MAC of
 * it and of what it was verified against, under a key that this process alone has and never
 * writes: whatever changes about a credential's row makes it unknown here. Only good ones are
 * remembered, and whether the account may log in at all is looked up each time.
 *
 * For all threads. docs/adr/0024-verified-passwords-are-remembered.md says why.
 */
#ifndef RESTANTE_CREDENTIAL_CACHE_H
#define RESTANTE_CREDENTIAL_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "restante/compiler.h"
#include "restante/str.h"

struct credential_cache;

struct credential {
	int64_t account;
	const char *label;  /* of an app password; "" = the mailbox's own */
	const char *stored; /* as it stands in the row */
	struct str password;
};

/*
 * Room for `entries` (40 octets each; touched as they come), each good for `seconds`. NULL: out of
 * memory, or no randomness.
 */
MUST_USE struct credential_cache *credential_cache_new(size_t entries, int64_t seconds);
/* Wipes it. NULL is fine. */
void credential_cache_free(struct credential_cache **cache);

/* `now`: monotonic milliseconds. */
MUST_USE bool credential_cache_has(struct credential_cache *cache,
				   const struct credential *credential, int64_t now);
/* Forgets the one of its neighbours that would end first, if there is no room. */
void credential_cache_add(struct credential_cache *cache, const struct credential *credential,
			  int64_t now);

#endif
