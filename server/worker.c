/* The pool: see worker.h. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server.h"
#include "turn.h"

static void *worker_main(void *context)
{
	struct worker *worker = context;
	struct polled *polled;

	while ((polled = poller_take(&worker->server->poller)) != NULL)
		turn_run(worker, (struct connection *)polled);
	return NULL;
}

static void worker_release(struct worker *worker)
{
	store_reader_close(&worker->reader);
	auth_close(&worker->quick);
	accounts_close(&worker->accounts);
	free(worker->targets);
	free(worker->in);
	free(worker->out);
	free(worker->body);
	free(worker->line);
}

static bool open_accounts(struct worker *worker, struct fault *fault)
{
	const struct server *server = worker->server;
	struct auth_means means = { .key = server->key, .cache = server->credentials };

	if (accounts_open(server->accounts_path, false, &worker->accounts, fault) !=
	    ACCOUNTS_OK)
		return false;
	means.accounts = worker->accounts;
	return auth_open_quick(server_config(server), &means, &worker->quick, fault) == AUTH_OK;
}

static bool worker_prepare(struct worker *worker, struct server *server, struct fault *fault)
{
	worker->server = server;
	worker->targets = malloc(sizeof *worker->targets);
	worker->in = malloc(WORKER_INPUT);
	worker->out = malloc(WORKER_OUTPUT);
	worker->body = malloc(WORKER_OUTPUT);
	if (worker->targets == NULL || worker->in == NULL || worker->out == NULL ||
	    worker->body == NULL) {
		fault_set(fault, "out of memory");
		return false;
	}
	return store_reader_open(server->store, &worker->reader, fault) == STORE_OK &&
	       open_accounts(worker, fault);
}

/*
 * Databases are opened here, one worker after the other and before any thread of the pool runs:
 * several at once after an unclean end would meet SQLITE_BUSY.
 */
bool pool_start(struct pool *pool, struct server *server, unsigned n, struct fault *fault)
{
	unsigned prepared = 0;

	pool->n = 0;
	pool->workers = calloc(n, sizeof pool->workers[0]);
	if (pool->workers == NULL) {
		fault_set(fault, "out of memory");
		return false;
	}
	while (prepared < n && worker_prepare(&pool->workers[prepared], server, fault))
		prepared++;
	while (prepared == n && pool->n < n &&
	       pthread_create(&pool->workers[pool->n].thread, NULL, worker_main,
			      &pool->workers[pool->n]) == 0)
		pool->n++;
	if (pool->n == n)
		return true;
	if (prepared == n)
		fault_set(fault, "cannot start worker %u of %u", pool->n + 1, n);
	for (unsigned i = pool->n; i < n; i++)
		worker_release(&pool->workers[i]);
	pool_stop(pool, server);
	return false;
}

void pool_stop(struct pool *pool, struct server *server)
{
	if (pool->workers == NULL)
		return;
	poller_wake(&server->poller);
	for (unsigned i = 0; i < pool->n; i++)
		pthread_join(pool->workers[i].thread, NULL);
	for (unsigned i = 0; i < pool->n; i++)
		worker_release(&pool->workers[i]);
	free(pool->workers);
	pool->workers = NULL;
	pool->n = 0;
}
