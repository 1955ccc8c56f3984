/*
 * The listening sockets that the configuration names: opened by ourselves, or taken over from a
 * service manager (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES).
 */
#ifndef RESTANTE_LISTENER_H
#define RESTANTE_LISTENER_H

#include "restante/config.h"
#include "unix_socket.h"

struct listener {
	int fd;
	const struct config_listener *config; /* borrowed */
	bool tcp;                             /* else a unix socket */
	bool inherited;
	char address[160];        /* as it is bound: "127.0.0.1:41234", "unix:/run/x" */
	struct unix_socket local; /* a unix socket of ours: fd is the same */
};

/* "*:110" stands for two sockets of one section. */
struct listeners {
	struct listener *items;
	size_t n;
};

/*
 * Opens all of them or none; logs each. Nonblocking, close-on-exec, listening. While starting
 * only, before privileges are dropped: a unix socket without an owner in the configuration is
 * given to `user` when we are root.
 */
MUST_USE bool listeners_open(const struct config *config, struct listeners *listeners,
			     struct fault *fault);
void listeners_close(struct listeners *listeners);

#endif
