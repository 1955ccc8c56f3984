/* QUIT, waited for: see quit.h. */
#include "quit.h"

#include <pthread.h>

#include "common.h"

struct waiting {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
};

static void updated(struct store_job *job)
{
	struct waiting *waiting = job->context;

	pthread_mutex_lock(&waiting->mutex);
	waiting->done = true;
	pthread_cond_signal(&waiting->cond);
	pthread_mutex_unlock(&waiting->mutex);
}

int64_t quit_and_wait(struct store *store, struct maildrop_update *update,
		      struct maildrop_lock **lock)
{
	struct waiting waiting = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	int64_t began = now_ns();

	update->job.done = updated;
	update->job.context = &waiting;
	maildrop_update_submit(store, update, lock);
	pthread_mutex_lock(&waiting.mutex);
	while (!waiting.done)
		pthread_cond_wait(&waiting.cond, &waiting.mutex);
	pthread_mutex_unlock(&waiting.mutex);
	if (update->job.status != STORE_OK)
		die(update->job.fault.text);
	return now_ns() - began;
}
