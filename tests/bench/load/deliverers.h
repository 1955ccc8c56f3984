/*
 * Threads that deliver through the store's own interface, each one message at a time, as so many
 * LMTP connections do: what the benches of the store share.
 */
#ifndef RESTANTE_BENCH_DELIVERERS_H
#define RESTANTE_BENCH_DELIVERERS_H

#include <pthread.h>
#include <stdatomic.h>

#include "common.h"
#include "restante/store.h"

#define DELIVERERS_MAX 64
#define DELIVERER_RECIPIENTS_MAX 8
#define DELIVERER_MAILBOXES 1000

struct deliverers {
	struct store *store;
	unsigned long octets;     /* of a message */
	unsigned long recipients; /* of a message; different maildrops */
	unsigned long per_second; /* of all of them; 0 = as fast as they can */
	unsigned long count;      /* of deliverers */
	/* filled by deliverers_stop */
	struct durations durations;
	double seconds;
	/* their own */
	atomic_bool stop;
	int64_t began;
	pthread_t threads[DELIVERERS_MAX];
	struct durations each[DELIVERERS_MAX];
};

/* A message of `octets`, of lines that a compressing disk cannot shrink; to be freed. */
char *random_message(unsigned long octets);
/* Makes the store if there is none in the directory, and opens it. */
struct store *bench_store(const char *dir, unsigned shards);

/* Milliseconds of processor time of this program so far. */
double cpu_ms(void);

/* The fields above the line are set; the rest is 0. */
void deliverers_start(struct deliverers *deliverers);
void deliverers_stop(struct deliverers *deliverers);

#endif
