/*
 * Connections that are parked until a time: a failed login's answer, a login that waits for the
 * maildrop. No thread waits: the acceptor's loop runs what is due.
 */
#ifndef RESTANTE_TIMERS_H
#define RESTANTE_TIMERS_H

#include <pthread.h>

#include "connection.h"

struct timers {
	pthread_mutex_t mutex;
	struct connection **heap; /* by timer_due */
	size_t n, cap;
	size_t waiting; /* entries that wait for a maildrop */
	struct poller *poller;
	int wake; /* eventfd: the earliest due time has moved */
};

/* `cap` is the most connections there can be, so that parking never needs memory. */
MUST_USE bool timers_open(struct timers *timers, size_t cap, struct poller *poller);
void timers_close(struct timers *timers);
/*
 * Parks the connection until `due` (monotonic ms), or until the maildrop `key` (NULL = none) is
 * released. The caller's last touch. The connection is then armed; at once if it is ending.
 */
void timers_park(struct timers *timers, struct connection *connection, int64_t due,
		 const struct maildrop_key *key);
/* Arms what is due; returns milliseconds until the next one, -1 when there is none. */
int timers_run(struct timers *timers, int64_t now);
/* Arms the connection at once if it is parked here. Under the table's mutex, so that it stays. */
void timers_hurry(struct timers *timers, struct connection *connection);
/* A maildrop is free: arms every login that waits for it. Any thread. */
void timers_released(struct timers *timers, const struct maildrop_key *key);

#endif
