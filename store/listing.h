/*
 * Listings in memory: uid and size of each message of a maildrop, packed, as a session has read
 * them. Clients that leave their mail here ask for all of it at every poll, and a row in SQLite
 * costs several times what a row of the reply does.
 *
 * A listing is that of one change number: as long as the mailbox has it, nothing was deleted, and
 * what is listed are its first messages. Whoever finds more of them there makes a new one of it.
 * All of them together, those in use counted, have so many octets; those used longest ago go first.
 */
#ifndef RESTANTE_STORE_LISTING_H
#define RESTANTE_STORE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "restante/compiler.h"

/* Smaller maildrops are read as quickly as they are found. */
#define LISTING_MESSAGES_MIN 4

struct listings;
struct listing;

struct listing_row {
	uint32_t uid;
	uint32_t octets;
};

/* NULL: out of memory. */
MUST_USE struct listings *listings_new(size_t octets);
void listings_free(struct listings **listings);

/* The one that is kept for a maildrop at this change; NULL = none. Released by the caller. */
MUST_USE struct listing *listings_find(struct listings *listings, const char *key,
				       uint64_t change);
/*
 * A new one with room for so many messages, and the rows of `before` (NULL = none) in it. NULL: there
 * is no memory, or no place beside those in use. Its maker's own until it is kept.
 */
MUST_USE struct listing *listings_make(struct listings *listings, const char *key,
				       uint64_t change, size_t cap,
				       const struct listing *before);
/* For others from now on, in place of an older one. Nothing is added to it any more. */
void listing_keep(struct listing *listing);
/* NULL is fine. */
void listing_release(struct listing **listing);

/*
 * Adds a message behind the others. False: one that no listing can hold (its UIDL is not of this
 * epoch, or a number is too large), or there is no room.
 */
MUST_USE bool listing_add(struct listing *listing, uint64_t epoch, uint64_t uid,
			  uint64_t octets);
size_t listing_count(const struct listing *listing);
uint64_t listing_epoch(const struct listing *listing);
/* From 0. */
struct listing_row listing_row(const struct listing *listing, size_t i);

#endif
