/*
 * A worker: a process of its own, with one thread, that serves one connection after the other.
 * Whatever a module does to it concerns one login.
 */
#ifndef RESTANTE_PAM_WORKER_H
#define RESTANTE_PAM_WORKER_H

#include <stdatomic.h>
#include <stdint.h>

#include "answer.h"

/* In memory that supervisor and worker share. */
struct worker_state {
	_Atomic int64_t busy_since; /* milliseconds of the monotonic clock; 0 = idle */
	atomic_uint served;
	struct refusals refusals; /* the workers' alone, kept from one to the next */
};

/*
 * Accepts on `listening` (non-blocking) until it has served its requests or got SIGTERM, then
 * returns. SIGTERM is blocked when it begins, and heard between requests only.
 */
void worker_run(const struct settings *settings, int listening, struct worker_state *state);

/* Serves one connection, which stays open. For worker_run and tests. */
void worker_serve(const struct settings *settings, int fd, struct worker_state *state);

#endif
