/*
 * The pool: a fixed number of threads, each taking one ready connection at a time, working a
 * bounded turn on it, and passing it on. A worker never waits for a client, a hash or an fsync.
 */
#ifndef RESTANTE_WORKER_H
#define RESTANTE_WORKER_H

#include <pthread.h>

#include "connection.h"
#include "restante/auth.h"

#define WORKER_INPUT LMTP_READ_OCTETS
#define WORKER_OUTPUT OUTPUT_BACKLOG

struct worker {
	struct server *server;
	pthread_t thread;
	struct store_reader *reader;
	struct accounts *accounts;
	struct auth_backends quick;         /* over `accounts`: what needs no hasher */
	const struct config *postmaster_of; /* whose postmaster `accounts` knows */
	struct recipient_targets *targets;  /* scratch: too large for a stack */
	char *in, *out, *body; /* scratch for the turn: WORKER_INPUT, _OUTPUT, _OUTPUT */
	char *line;            /* POP3_LINE_MAX octets: pop3_line.c; NULL = a session has it */
	unsigned commands;     /* left in this turn */
	size_t octets;         /* left in this turn */
};

struct pool {
	struct worker *workers;
	unsigned n;
};

MUST_USE bool pool_start(struct pool *pool, struct server *server, unsigned n,
			 struct fault *fault);
/* Wakes and joins all of them. Connections that are left stay as they are. */
void pool_stop(struct pool *pool, struct server *server);

#endif
