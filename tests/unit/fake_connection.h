/*
 * Connections for tests: a real socket pair under a protocol that does nothing but count.
 */
#ifndef RESTANTE_FAKE_CONNECTION_H
#define RESTANTE_FAKE_CONNECTION_H

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

struct fake_connection {
	struct connection base;
	int far;       /* the peer's end */
	bool updating; /* revoke says no */
	int revoked;
};

static bool fake_revoke(struct connection *connection)
{
	struct fake_connection *fake = (struct fake_connection *)connection;

	fake->revoked++;
	return !fake->updating;
}

static const struct protocol fake_protocol = {
	.name = "fake",
	.size = sizeof(struct fake_connection),
	.revoke = fake_revoke,
};

/* The same, but one whose connections log in. */
static const struct protocol fake_login_protocol = {
	.name = "fake-login",
	.size = sizeof(struct fake_connection),
	.logs_in = true,
	.revoke = fake_revoke,
};

/* Its timers are never opened: zeros are timers that nothing is parked with. */
static struct server fake_server;

static inline struct fake_connection *fake_connection(void)
{
	struct fake_connection *fake = calloc(1, sizeof *fake);
	int fds[2];
	int failed = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);

	assert(fake != NULL && failed == 0);
	(void)failed;
	fake->base.polled.fd = fds[0];
	fake->base.protocol = &fake_protocol;
	fake->base.server = &fake_server;
	fake->base.peer.family = AF_UNIX;
	atomic_store(&fake->base.deadline, INT64_MAX);
	fake->far = fds[1];
	return fake;
}

static inline void fake_free(struct fake_connection *fake)
{
	close(fake->base.polled.fd);
	close(fake->far);
	free(fake);
}

#endif
