/*
 * Networks that an operator has shut out for a time. In memory: a restart forgets them
 * (docs/adr/0030-failed-logins-are-slowed-down-never-locked-out.md). Time is an argument, in
 * monotonic milliseconds. Thread-safe.
 */
#ifndef RESTANTE_BANS_H
#define RESTANTE_BANS_H

#include <pthread.h>

#include "config_network.h"
#include "net/peer.h"

struct ban {
	struct network network;
	int64_t until;
};

struct bans {
	pthread_mutex_t mutex;
	struct ban *items; /* one for each network */
	size_t n, cap;
	bool open;
};

MUST_USE bool bans_open(struct bans *bans, size_t cap);
void bans_close(struct bans *bans);
bool ban_holds(const struct network *network, const struct peer *peer);

/* Anew, or with another end. False: there are too many. */
MUST_USE bool bans_add(struct bans *bans, const struct network *network, int64_t until,
		       int64_t now);
/* Of this network, NULL = all; how many there were. */
size_t bans_clear(struct bans *bans, const struct network *network, int64_t now);
bool bans_hold(struct bans *bans, const struct peer *peer, int64_t now);
/* A copy of those that are not over, which the caller frees; NULL: none, or no memory. */
struct ban *bans_copy(struct bans *bans, int64_t now, size_t *n);

#endif
