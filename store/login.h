/*
 * When each maildrop was last logged in to: kept in memory and written along with other work, or
 * after LOGIN_MILLISECONDS. Nobody waits for it, and a crash may forget the latest.
 */
#ifndef RESTANTE_STORE_LOGIN_H
#define RESTANTE_STORE_LOGIN_H

#include "store/store_private.h"

struct login_job {
	struct store_job job;
	struct login *logins;
};

/* The job's body. */
enum store_status login_job_run(struct store_job *job, void *writer);
/* Mutex held: milliseconds until the pending logins are due. */
int64_t logins_left(const struct shard *shard, int64_t now);
/* Mutex held: takes all pending ones. */
struct login *logins_take(struct shard *shard);
void logins_free(struct login **logins);

#endif
