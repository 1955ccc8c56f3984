/*
 * The acceptor thread: owns the listening sockets, admits connections, greets them and puts them
 * into the shared set; runs the timers; once a second sweeps deadlines.
 */
#ifndef RESTANTE_ACCEPTOR_H
#define RESTANTE_ACCEPTOR_H

#include <pthread.h>

#include "server.h"

struct acceptor_listener {
	int fd;
	const struct protocol *protocol;
	const char *name;
	bool tcp;
	bool inherited; /* the service manager's: it may go on listening */
	enum config_tls tls;
	bool proxy; /* a PROXY header comes first */
};

struct acceptor {
	struct server *server;
	struct acceptor_listener *listeners; /* borrowed; closed by the caller after stop */
	size_t n;
	int epoll;
	int wake;    /* eventfd: stop, or look at server->draining */
	bool paused; /* no descriptor left: listening stops until a connection has gone */
	atomic_bool stopping;
	pthread_t thread;
	bool running;
};

MUST_USE bool acceptor_start(struct acceptor *acceptor, struct server *server,
			     struct acceptor_listener *listeners, size_t n,
			     struct fault *fault);
/* server->draining has been set: listening ends now; timers and sweeps go on. */
void acceptor_deafen(struct acceptor *acceptor);
/* Does nothing when it was never started. */
void acceptor_stop(struct acceptor *acceptor);

#endif
