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

static void append(struct hasher_source *source, struct login_job *job)
{
	job->next = NULL;
	*source->end = job;
	source->end = &job->next;
	source->n++;
}

static struct login_job *take_last(struct hasher_source *source)
{
	struct login_job **at = &source->first;
	struct login_job *last;

	while ((*at)->next != NULL)
		at = &(*at)->next;
	last = *at;
	*at = NULL;
	source->end = at;
	source->n--;
	return last;
}

static struct hasher_source *longest(const struct hashers *hashers)
{
	struct hasher_source *most = hashers->turn;

	for (struct hasher_source *s = hashers->turn; s != NULL; s = s->next)
		if (s->n > most->n)
			most = s;
	return most;
}

/*
 * With the mutex held: the job that finds no place, or NULL. A full queue takes its newest from
 * the source that has most, where that leaves it no less than the newcomer's source then has.
 */
static struct login_job *enqueue(struct hashers *hashers, struct login_job *job)
{
	struct hasher_source *source = find_source(hashers, &job->source);
	struct hasher_source *most = NULL;

	if (hashers->queued >= HASHER_QUEUE) {
		most = longest(hashers);
		if (most == NULL || most->n < 2 || (source != NULL && most->n < source->n + 2))
			return job;
	}
	if (source == NULL)
		source = add_source(hashers, &job->source);
	if (source == NULL)
		return job;
	append(source, job);
	if (most != NULL)
		return take_last(most);
	hashers->queued++;
	return NULL;
}

static void give_up(struct login_job *job, const char *reason)
{
	job->verdict = AUTH_UNAVAILABLE;
	job->result.reason = reason;
	job->done(job);
}

void hashers_submit(struct hashers *hashers, struct login_job *job)
{
	struct login_job *without;

	pthread_mutex_lock(&hashers->mutex);
	without = enqueue(hashers, job);
	pthread_cond_signal(&hashers->work);
	pthread_mutex_unlock(&hashers->mutex);
	if (without != NULL)
		give_up(without, "queue-full");
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

bool login_job_verify(struct login_job *job, struct auth_backends *backends)
{
	if (job->work != NULL)
		return job->work(job, backends);
	job->verdict = auth_verify(backends->backend, backends->count, &job->request,
				   clock_wall_seconds(), &job->result, &job->fault);
	return job->verdict != AUTH_WAITS;
}

static void *hasher_main(void *context)
{
	struct hasher *hasher = context;
	struct login_job *job;

	while ((job = next_job(hasher->hashers)) != NULL) {
		if (atomic_load(&hasher->hashers->refusing)) {
			give_up(job, "stopping");
			continue;
		}
		if (login_job_verify(job, &hasher->backends))
			job->done(job);
		else
			hashers_submit(hasher->hashers->waiting, job);
	}
	return NULL;
}

static bool hasher_prepare(struct hasher *hasher, struct hashers *hashers,
			   const struct server *server, struct fault *fault)
{
	struct auth_means means = {
		.accounts_path = server->accounts_path,
		.key = server->key,
		.cache = server->credentials,
	};

	hasher->hashers = hashers;
	if (accounts_open(server->accounts_path, false, &hasher->accounts, fault) !=
	    ACCOUNTS_OK)
		return false;
	means.accounts = hasher->accounts;
	if (auth_open(server_config(server), &means, &hasher->backends, fault) != AUTH_OK) {
		accounts_close(&hasher->accounts);
		return false;
	}
	if (hashers->waiting != NULL)
		auth_stop_short(&hasher->backends);
	else
		auth_go_on(&hasher->backends);
	return true;
}

/* One after the other and before any of the threads runs, as pool_start does: see there. */
static bool prepare_all(struct hashers *hashers, const struct server *server, unsigned threads,
			struct fault *fault)
{
	while (hashers->prepared < threads) {
		if (!hasher_prepare(&hashers->threads[hashers->prepared], hashers, server,
				    fault))
			return false;
		hashers->prepared++;
	}
	return true;
}

bool hashers_start(struct hashers *hashers, const struct server *server, unsigned threads,
		   struct hashers *waiting, struct fault *fault)
{
	memset(hashers, 0, sizeof *hashers);
	hashers->waiting = waiting;
	hashers->threads = calloc(threads, sizeof hashers->threads[0]);
	if (hashers->threads == NULL || pthread_mutex_init(&hashers->mutex, NULL) != 0 ||
	    pthread_cond_init(&hashers->work, NULL) != 0) {
		fault_set(fault, "out of memory");
		free(hashers->threads);
		hashers->threads = NULL;
		return false;
	}
	if (!prepare_all(hashers, server, threads, fault)) {
		hashers_stop(hashers);
		return false;
	}
	while (hashers->running < threads) {
		struct hasher *next = &hashers->threads[hashers->running];

		if (pthread_create(&next->thread, NULL, hasher_main, next) != 0) {
			fault_set(fault, "cannot start a hasher thread");
			hashers_stop(hashers);
			return false;
		}
		hashers->running++;
	}
	return true;
}

void hashers_refuse(struct hashers *hashers)
{
	atomic_store(&hashers->refusing, true);
}

void hashers_stop(struct hashers *hashers)
{
	if (hashers->threads == NULL)
		return;
	hashers_refuse(hashers);
	pthread_mutex_lock(&hashers->mutex);
	hashers->stopping = true;
	pthread_cond_broadcast(&hashers->work);
	pthread_mutex_unlock(&hashers->mutex);
	for (unsigned i = 0; i < hashers->running; i++)
		pthread_join(hashers->threads[i].thread, NULL);
	for (unsigned i = 0; i < hashers->prepared; i++) {
		struct hasher *hasher = &hashers->threads[i];

		auth_close(&hasher->backends);
		accounts_close(&hasher->accounts);
	}
	free(hashers->threads);
	hashers->threads = NULL;
	pthread_cond_destroy(&hashers->work);
	pthread_mutex_destroy(&hashers->mutex);
}
