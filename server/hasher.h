/*
 * Hashers: the few threads that verify credentials, deliberately slow work that no worker waits
 * for, and whatever else asks authentication backends. There are two pools of them: the second
 * one's may wait for another program (PAM), so that one which hangs keeps nobody else from logging
 * in; what has to wait is handed on to it (docs/adr/0023). A pool's queue is bounded and fair: sources
 * (net/peer.h) take turns, and a full queue gives up a job of the source that has most, so that one
 * that floods the queue harms only itself.
 */
#ifndef RESTANTE_HASHER_H
#define RESTANTE_HASHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "net/peer.h"
#include "restante/sasl.h"

struct server;
struct hasher_source;

/* One login. Owned by the session; the queue's until done is called, by whatever thread. */
struct login_job {
	struct source source;
	/*
	 * What is done in the hasher; NULL: auth_verify of `request`. False: these backends would
	 * have to wait for the rest of it, and others do it.
	 */
	bool (*work)(struct login_job *job, struct auth_backends *backends);
	struct auth_request request; /* its texts stay valid until done */
	char peer[PEER_TEXT_MAX];    /* request.peer's text */
	struct network_address from; /* request.from */
	struct sasl_exchange *sasl;  /* what `work` is for: an exchange, at SASL_WORK */
	enum sasl_step step;         /* ... and what came of it */
	enum auth_verdict verdict;
	struct auth_result result;
	struct fault fault;
	void (*done)(struct login_job *job);
	void *context;
	struct login_job *next;
};

/*
 * The job's work, with these backends: sets its verdict, or its step. False: they would have to
 * wait for the rest of it.
 */
MUST_USE bool login_job_verify(struct login_job *job, struct auth_backends *backends);

struct hasher {
	pthread_t thread;
	struct hashers *hashers;
	struct accounts *accounts;
	struct auth_backends backends;
};

struct hashers {
	struct hashers *waiting; /* to whom what has to wait is handed on; NULL: these do */
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct hasher_source *turn, *last; /* the sources that have jobs, in turn */
	size_t queued;
	bool stopping;
	atomic_bool refusing;
	struct hasher *threads;
	unsigned prepared, running; /* of threads */
};

/*
 * `waiting`: a pool that is started before this one and stopped after it, or need not be there
 * where no backend waits. NULL: these are the ones who wait, and all that is handed on to them.
 * False: a hasher cannot have its accounts, memory or thread; nothing is left running.
 */
MUST_USE bool hashers_start(struct hashers *hashers, const struct server *server,
			    unsigned threads, struct hashers *waiting, struct fault *fault);
/* From now on every job comes back as AUTH_UNAVAILABLE, without the work. */
void hashers_refuse(struct hashers *hashers);
/* Refuses what is queued, then ends the threads. Does nothing when they were never started. */
void hashers_stop(struct hashers *hashers);
/* The caller's last touch. Where the queue is full, this job or another is AUTH_UNAVAILABLE. */
void hashers_submit(struct hashers *hashers, struct login_job *job);

#endif
