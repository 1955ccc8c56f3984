/* Draining: see drain.h. */
#include "drain.h"

#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

#define LOOK_MILLISECONDS 20
/* After the last were told to end: their jobs come back, their descriptors are closed. */
#define GRACE_MILLISECONDS 3000

static void end_resting(void *context, struct connection *connection)
{
	(void)context;
	if (!atomic_load(&connection->resting))
		return;
	/* End of input wakes it without taking away its means to say goodbye. */
	if (connection->protocol->says_goodbye)
		shutdown(connection->polled.fd, SHUT_RD);
	else
		connection_end(connection, ENDING_DRAIN);
}

static void end_all(void *context, struct connection *connection)
{
	(void)context;
	connection_end(connection, ENDING_DRAIN);
}

static void look(struct server *server, bool time_is_over)
{
	table_each(&server->table, time_is_over ? end_all : end_resting, NULL);
	if (!time_is_over)
		return;
	/* Nobody hears the answer any more: it need not wait for a hash. */
	hashers_refuse(&server->hashers);
	hashers_refuse(&server->pam_hashers);
}

/* Until the table is empty or the time has come. Looks again: a session may come to rest. */
static bool empties_before(struct server *server, int64_t until, bool time_is_over)
{
	const struct timespec pause = { .tv_nsec = LOOK_MILLISECONDS * 1000000L };

	for (;;) {
		look(server, time_is_over);
		if (table_used(&server->table) == 0)
			return true;
		if (clock_monotonic_ms() >= until)
			return false;
		nanosleep(&pause, NULL);
	}
}

bool drain(struct server *server, struct acceptor *acceptor, unsigned seconds)
{
	int64_t now = clock_monotonic_ms();

	atomic_store(&server->draining, true);
	acceptor_deafen(acceptor);
	if (empties_before(server, now + (int64_t)seconds * 1000, false))
		return true;
	return empties_before(server, clock_monotonic_ms() + GRACE_MILLISECONDS, true);
}
