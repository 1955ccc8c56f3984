/* Parked until a time: see timers.h. A binary heap whose entries know their places. */
#include "timers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool timers_open(struct timers *timers, size_t cap, struct poller *poller)
{
	memset(timers, 0, sizeof *timers);
	timers->poller = poller;
	timers->cap = cap;
	timers->heap = calloc(cap, sizeof timers->heap[0]);
	timers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (timers->heap != NULL && timers->wake >= 0 &&
	    pthread_mutex_init(&timers->mutex, NULL) == 0)
		return true;
	free(timers->heap);
	timers->heap = NULL;
	return false;
}

void timers_close(struct timers *timers)
{
	if (timers->heap == NULL)
		return;
	free(timers->heap);
	timers->heap = NULL;
	close(timers->wake);
	pthread_mutex_destroy(&timers->mutex);
}

static void place(struct timers *timers, size_t at, struct connection *connection)
{
	timers->heap[at] = connection;
	connection->timer_at = at;
}

static void sift_up(struct timers *timers, size_t at)
{
	struct connection *moving = timers->heap[at];

	while (at > 0 && timers->heap[(at - 1) / 2]->timer_due > moving->timer_due) {
		place(timers, at, timers->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(timers, at, moving);
}

static void sift_down(struct timers *timers, size_t at)
{
	struct connection *moving = timers->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= timers->n)
			break;
		if (child + 1 < timers->n &&
		    timers->heap[child + 1]->timer_due < timers->heap[child]->timer_due)
			child++;
		if (timers->heap[child]->timer_due >= moving->timer_due)
			break;
		place(timers, at, timers->heap[child]);
		at = child;
	}
	place(timers, at, moving);
}

static void take_out(struct timers *timers, struct connection *connection)
{
	size_t at = connection->timer_at;
	struct connection *last = timers->heap[--timers->n];

	connection->timed = false;
	if (connection->waiting_for != NULL)
		timers->waiting--;
	if (last == connection)
		return;
	place(timers, at, last);
	sift_up(timers, at);
	sift_down(timers, last->timer_at);
}

static void wake_acceptor(struct timers *timers)
{
	uint64_t one = 1;
	ssize_t ignored = write(timers->wake, &one, sizeof one);

	(void)ignored;
}

void timers_park(struct timers *timers, struct connection *connection, int64_t due,
		 const struct maildrop_key *key)
{
	bool first;

	pthread_mutex_lock(&timers->mutex);
	if (atomic_load(&connection->ending) != ENDING_NOT) {
		poller_arm(timers->poller, &connection->polled, POLL_ROOM);
		pthread_mutex_unlock(&timers->mutex);
		return;
	}
	connection->timed = true;
	connection->timer_due = due;
	connection->waiting_for = key;
	if (key != NULL)
		timers->waiting++;
	place(timers, timers->n++, connection);
	sift_up(timers, timers->n - 1);
	first = timers->heap[0] == connection;
	/* After the unlock the connection may be armed, run and freed by others. */
	pthread_mutex_unlock(&timers->mutex);
	if (first)
		wake_acceptor(timers);
}

int timers_run(struct timers *timers, int64_t now)
{
	int next = -1;

	pthread_mutex_lock(&timers->mutex);
	while (timers->n > 0 && timers->heap[0]->timer_due <= now) {
		struct connection *due = timers->heap[0];

		take_out(timers, due);
		poller_arm(timers->poller, &due->polled, POLL_ROOM);
	}
	if (timers->n > 0)
		next = (int)(timers->heap[0]->timer_due - now);
	pthread_mutex_unlock(&timers->mutex);
	return next;
}

void timers_hurry(struct timers *timers, struct connection *connection)
{
	pthread_mutex_lock(&timers->mutex);
	if (connection->timed) {
		take_out(timers, connection);
		poller_arm(timers->poller, &connection->polled, POLL_ROOM);
	}
	pthread_mutex_unlock(&timers->mutex);
}

static bool same_maildrop(const struct maildrop_key *a, const struct maildrop_key *b)
{
	return a->shard == b->shard && memcmp(a->id, b->id, sizeof a->id) == 0;
}

void timers_released(struct timers *timers, const struct maildrop_key *key)
{
	pthread_mutex_lock(&timers->mutex);
	for (size_t i = 0; timers->waiting > 0 && i < timers->n;) {
		struct connection *waiter = timers->heap[i];

		if (waiter->waiting_for == NULL || !same_maildrop(waiter->waiting_for, key)) {
			i++;
			continue;
		}
		/* Another entry moves into this place, or one before it: look again from the top. */
		take_out(timers, waiter);
		poller_arm(timers->poller, &waiter->polled, POLL_ROOM);
		i = 0;
	}
	pthread_mutex_unlock(&timers->mutex);
}
