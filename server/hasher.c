/* Verifying credentials beside the pool: see hasher.h. */
#include "hasher.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "restante/limits.h"
#include "server.h"

struct hasher_source {
	struct source source;
	struct login_job *first, **end;
	size_t n;
	struct hasher_source *next; /* whose turn comes after */
};

/*
 * Sources with work are at most HASHER_QUEUE, and a look-up walks the ring: with the queue's
 * bound that costs less than one hash by orders of magnitude, and needs no table.
 */
static struct hasher_source *find_source(struct hashers *hashers, const struct source *source)
{
	for (struct hasher_source *s = hashers->turn; s != NULL; s = s->next)
		if (memcmp(&s->source, source, sizeof *source) == 0)
			return s;
	return NULL;
}

static void to_the_end(struct hashers *hashers, struct hasher_source *source)
{
	source->next = NULL;
	if (hashers->last == NULL)
		hashers->turn = source;
	else
		hashers->last->next = source;
	hashers->last = source;
}

static struct hasher_source *add_source(struct hashers *hashers, const struct source *source)
{
	struct hasher_source *added = calloc(1, sizeof *added);

	if (added == NULL)
		return NULL;
	added->source = *source;
	added->end = &added->first;
	to_the_end(hashers, added);
	return added;
}

/* With the mutex held. */
static bool enqueue(struct hashers *hashers, struct login_job *job)
{
	struct hasher_source *source = find_source(hashers, &job->source);

	if (hashers->queued >= HASHER_QUEUE)
		return false;
	if (source == NULL)
		source = add_source(hashers, &job->source);
	if (source == NULL || (source->n >= HASHER_QUEUE_PER_PREFIX && !job->local))
		return false;
	job->next = NULL;
	*source->end = job;
	source->end = &job->next;
	source->n++;
	hashers->queued++;
	return true;
}

bool hashers_submit(struct hashers *hashers, struct login_job *job)
{
	bool taken;

	pthread_mutex_lock(&hashers->mutex);
	taken = enqueue(hashers, job);
	if (taken)
		pthread_cond_signal(&hashers->work);
	pthread_mutex_unlock(&hashers->mutex);
	return taken;
}

/* The next job of the source whose turn it is; NULL when the threads are to end. */
static struct login_job *next_job(struct hashers *hashers)
{
	struct hasher_source *source;
	struct login_job *job = NULL;

	pthread_mutex_lock(&hashers->mutex);
	while (hashers->turn == NULL && !hashers->stopping)
		pthread_cond_wait(&hashers->work, &hashers->mutex);
	source = hashers->turn;
	if (source != NULL) {
		job = source->first;
		source->first = job->next;
		source->n--;
		hashers->queued--;
		hashers->turn = source->next;
		if (hashers->turn == NULL)
			hashers->last = NULL;
		if (source->first != NULL)
			to_the_end(hashers, source);
		else
			free(source);
	}
	pthread_mutex_unlock(&hashers->mutex);
	return job;
}

static void run_job(struct auth_backend *backend, struct login_job *job)
{
	job->verdict = auth_verify(backend, 1, &job->request, clock_wall_seconds(),
				   &job->result, &job->fault);
	job->done(job);
}

/* Without its backend a hasher still answers: nobody may wait for ever. */
static void refuse_all(struct hashers *hashers)
{
	struct login_job *job;

	while ((job = next_job(hashers)) != NULL) {
		job->verdict = AUTH_UNAVAILABLE;
		job->result.reason = "accounts-unavailable";
		job->done(job);
	}
}

static void *hasher_main(void *context)
{
	struct hashers *hashers = context;
	struct accounts *accounts = NULL;
	struct auth_backend backend;
	struct login_job *job;
	struct fault fault = { "" };

	if (accounts_open(hashers->server->accounts_path, false, &accounts, &fault) !=
		    ACCOUNTS_OK ||
	    auth_sql_open(accounts, hashers->server->key, &backend, &fault) != AUTH_OK) {
		log_fault(LOG_LEVEL_ERROR, "hasher-start", &fault);
		accounts_close(&accounts);
		refuse_all(hashers);
		return NULL;
	}
	while ((job = next_job(hashers)) != NULL)
		run_job(&backend, job);
	backend.close(backend.self);
	accounts_close(&accounts);
	return NULL;
}

bool hashers_start(struct hashers *hashers, struct server *server, unsigned threads,
		   struct fault *fault)
{
	memset(hashers, 0, sizeof *hashers);
	hashers->server = server;
	hashers->threads = calloc(threads, sizeof hashers->threads[0]);
	if (hashers->threads == NULL || pthread_mutex_init(&hashers->mutex, NULL) != 0 ||
	    pthread_cond_init(&hashers->work, NULL) != 0) {
		fault_set(fault, "out of memory");
		return false;
	}
	while (hashers->thread_count < threads) {
		if (pthread_create(&hashers->threads[hashers->thread_count], NULL, hasher_main,
				   hashers) != 0) {
			fault_set(fault, "cannot start a hasher thread");
			hashers_stop(hashers);
			return false;
		}
		hashers->thread_count++;
	}
	return true;
}

void hashers_stop(struct hashers *hashers)
{
	if (hashers->threads == NULL)
		return;
	pthread_mutex_lock(&hashers->mutex);
	hashers->stopping = true;
	pthread_cond_broadcast(&hashers->work);
	pthread_mutex_unlock(&hashers->mutex);
	for (unsigned i = 0; i < hashers->thread_count; i++)
		pthread_join(hashers->threads[i], NULL);
	free(hashers->threads);
	hashers->threads = NULL;
	pthread_cond_destroy(&hashers->work);
	pthread_mutex_destroy(&hashers->mutex);
}
