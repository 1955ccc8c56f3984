/*
 * Fills one maildrop through the store's own interface, many deliveries in flight at a time, so
 * that the writer commits them in large groups. No server may run on the store.
 *
 *	fill DIRECTORY SHARD KEY COUNT OCTETS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "restante/store.h"

#define IN_FLIGHT STORE_BATCH_JOBS
#define LINE_OCTETS 72

struct slot {
	struct delivery *delivery;
	struct delivery_target target;
	bool busy;
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	size_t busy;
	unsigned long failed;
} flight = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Called by the store's writer. */
static void delivered(void *context, enum store_status status, const struct fault *fault)
{
	struct slot *slot = context;

	pthread_mutex_lock(&flight.mutex);
	if (status != STORE_OK || slot->target.status != STORE_OK) {
		fprintf(stderr, "%s %s\n", store_status_text(slot->target.status), fault->text);
		flight.failed++;
	}
	slot->busy = false;
	flight.busy--;
	pthread_cond_signal(&flight.changed);
	pthread_mutex_unlock(&flight.mutex);
}

/* A slot that nobody uses; waits for one. */
static struct slot *free_slot(struct slot *slots)
{
	struct slot *slot = slots;

	pthread_mutex_lock(&flight.mutex);
	while (flight.busy == IN_FLIGHT)
		pthread_cond_wait(&flight.changed, &flight.mutex);
	while (slot->busy)
		slot++;
	slot->busy = true;
	flight.busy++;
	pthread_mutex_unlock(&flight.mutex);
	delivery_close(&slot->delivery);
	return slot;
}

static void deliver(struct store *store, struct slot *slot, const struct maildrop_key *key,
		    struct str message)
{
	slot->target = (struct delivery_target){ .key = *key, .prefix = "" };
	if (delivery_begin(store, &slot->target, 1, 0, &slot->delivery) != STORE_OK)
		die("delivery_begin");
	if (delivery_append(slot->delivery, &message) != DELIVERY_TAKEN)
		die("delivery_append");
	delivery_finish(slot->delivery, NULL, delivered, slot);
}

static char *make_message(size_t octets)
{
	char *message = malloc(octets + 1);

	if (message == NULL)
		die("malloc");
	int n = snprintf(message, octets + 1, "Subject: one of many\r\n\r\n");
	for (size_t i = (size_t)n; i < octets; i++)
		message[i] = (i - (size_t)n) % LINE_OCTETS < LINE_OCTETS - 2    ? 'x'
			     : (i - (size_t)n) % LINE_OCTETS == LINE_OCTETS - 2 ? '\r'
										: '\n';
	message[octets] = '\0';
	return message;
}

int main(int argc, char **argv)
{
	static struct slot slots[IN_FLIGHT];
	struct store *store;
	struct fault fault = { "" };

	if (argc != 6) {
		fputs("usage: fill DIRECTORY SHARD KEY COUNT OCTETS\n", stderr);
		return 64;
	}
	struct maildrop_key key = { .shard = (unsigned)number_of(argv[2]) };
	unsigned long count = number_of(argv[4]);
	size_t octets = number_of(argv[5]);
	char *message = make_message(octets);
	struct store_options options = { .dir = argv[1], .exclusive = true };

	snprintf(key.id, sizeof key.id, "%s", argv[3]);
	if (store_open(&options, &store, &fault) != STORE_OK) {
		fprintf(stderr, "%s\n", fault.text);
		return 1;
	}
	for (unsigned long i = 0; i < count; i++)
		deliver(store, free_slot(slots), &key, (struct str){ message, octets });
	store_close(&store);
	for (size_t i = 0; i < IN_FLIGHT; i++)
		delivery_close(&slots[i].delivery);
	free(message);
	return flight.failed > 0;
}
