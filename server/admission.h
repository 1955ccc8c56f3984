/*
 * A fixed number of places for messages being received: each may hold one chunk in memory, so
 * that LMTP senders together never hold more than DELIVERY_MEMORY. Who finds no place is parked
 * until one is free, in order of arrival.
 */
#ifndef RESTANTE_ADMISSION_H
#define RESTANTE_ADMISSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/poller.h"
#include "restante/compiler.h"

struct admission_waiter {
	struct polled *polled;
	bool granted;
	struct admission_waiter *next;
};

struct admission {
	pthread_mutex_t mutex;
	size_t free_places;
	struct admission_waiter *first, **last;
	struct poller *poller; /* NULL = not open */
};

MUST_USE bool admission_open(struct admission *admission, size_t places, struct poller *poller);
void admission_close(struct admission *admission);
/* True: the place is the caller's. */
MUST_USE bool admission_try(struct admission *admission);
/*
 * Parks the caller's connection (its last touch): it is armed once waiter->granted is true and a
 * place is its own.
 */
void admission_park(struct admission *admission, struct admission_waiter *waiter);
/* Gives a place back, to the first who waits. */
void admission_leave(struct admission *admission);

#endif
