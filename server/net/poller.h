/*
 * The shared epoll set: the queue between acceptor and pool. Every connection is in it with
 * EPOLLONESHOT, so a worker that takes one out is its only owner until it is armed again.
 *
 * Arming is the last touch of whoever owns a connection: another worker may free it at once. The
 * order between arming and taking is made visible to the memory model by one atomic per
 * connection (`order`), since the kernel's part in it is not.
 */
#ifndef RESTANTE_POLLER_H
#define RESTANTE_POLLER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "restante/compiler.h"

struct poller {
	int fd;
	int wake; /* eventfd that ends every poller_take */
};

/* Embedded first in what is polled. */
struct polled {
	int fd;
	atomic_uint order;
};

enum poll_for { POLL_INPUT, POLL_ROOM };

MUST_USE bool poller_open(struct poller *poller);
void poller_close(struct poller *poller);
/* The first arming of a new connection. */
MUST_USE bool poller_add(struct poller *poller, struct polled *polled, enum poll_for what);
void poller_arm(struct poller *poller, struct polled *polled, enum poll_for what);
/* Waits for one ready connection and takes it; NULL when the set was woken to end. */
struct polled *poller_take(struct poller *poller);
/* Makes every present and later poller_take return NULL. */
void poller_wake(struct poller *poller);

#endif
