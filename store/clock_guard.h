/*
 * A wall clock that jumps ahead must not purge. Housekeeping stamps the clock into the shard; when
 * it finds the clock more than a day beyond the stamp and the time since, nothing that depends
 * on age is done until the clock is put right or has stayed for a day.
 */
#ifndef RESTANTE_STORE_CLOCK_GUARD_H
#define RESTANTE_STORE_CLOCK_GUARD_H

#include "store/store_private.h"

/* May things be removed for their age at wall clock `now`? Logs when not. */
bool clock_trusted(struct shard *shard, int64_t now);
/* The job's body that writes a stamp. */
struct clock_job {
	struct store_job job;
	int64_t stamp;
};
enum store_status clock_job_run(struct store_job *job, void *writer);

#endif
