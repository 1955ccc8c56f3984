/* Banned networks: see bans.h. A look goes through all of them; BANS_MAX bounds it. */
#include "bans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool bans_open(struct bans *bans, size_t cap)
{
	memset(bans, 0, sizeof *bans);
	bans->items = calloc(cap, sizeof bans->items[0]);
	bans->cap = cap;
	bans->open = bans->items != NULL && pthread_mutex_init(&bans->mutex, NULL) == 0;
	if (!bans->open)
		free(bans->items);
	return bans->open;
}

void bans_close(struct bans *bans)
{
	if (!bans->open)
		return;
	bans->open = false;
	free(bans->items);
	pthread_mutex_destroy(&bans->mutex);
}

bool ban_holds(const struct network *network, const struct peer *peer)
{
	struct network_address address;

	return peer_network_address(peer, &address) && network_has(network, &address);
}

static bool same_network(const struct network *a, const struct network *b)
{
	return a->first.family == b->first.family && a->prefix == b->prefix &&
	       memcmp(a->first.octets, b->first.octets, sizeof a->first.octets) == 0;
}

/* With the mutex held. */
static void drop(struct bans *bans, size_t at)
{
	bans->items[at] = bans->items[--bans->n];
}

static void drop_what_is_over(struct bans *bans, int64_t now)
{
	for (size_t i = bans->n; i > 0; i--)
		if (bans->items[i - 1].until <= now)
			drop(bans, i - 1);
}

bool bans_add(struct bans *bans, const struct network *network, int64_t until, int64_t now)
{
	size_t at = 0;
	bool fits;

	pthread_mutex_lock(&bans->mutex);
	drop_what_is_over(bans, now);
	while (at < bans->n && !same_network(&bans->items[at].network, network))
		at++;
	fits = at < bans->cap;
	if (fits) {
		bans->items[at] = (struct ban){ *network, until };
		bans->n += at == bans->n;
	}
	pthread_mutex_unlock(&bans->mutex);
	return fits;
}

size_t bans_clear(struct bans *bans, const struct network *network, int64_t now)
{
	size_t before;
	size_t cleared;

	pthread_mutex_lock(&bans->mutex);
	drop_what_is_over(bans, now);
	before = bans->n;
	for (size_t i = bans->n; i > 0; i--)
		if (network == NULL || same_network(&bans->items[i - 1].network, network))
			drop(bans, i - 1);
	cleared = before - bans->n;
	pthread_mutex_unlock(&bans->mutex);
	return cleared;
}

bool bans_hold(struct bans *bans, const struct peer *peer, int64_t now)
{
	bool held = false;

	pthread_mutex_lock(&bans->mutex);
	for (size_t i = 0; i < bans->n && !held; i++)
		held = bans->items[i].until > now && ban_holds(&bans->items[i].network, peer);
	pthread_mutex_unlock(&bans->mutex);
	return held;
}

struct ban *bans_copy(struct bans *bans, int64_t now, size_t *n)
{
	struct ban *copy = NULL;

	pthread_mutex_lock(&bans->mutex);
	drop_what_is_over(bans, now);
	*n = bans->n;
	if (bans->n > 0)
		copy = calloc(bans->n, sizeof copy[0]);
	if (copy != NULL)
		memcpy(copy, bans->items, bans->n * sizeof copy[0]);
	else
		*n = 0;
	pthread_mutex_unlock(&bans->mutex);
	return copy;
}
