/*
 * Bodies without references: rests of interrupted deliveries, bodies of purged messages. They go
 * in small steps, because a large one has many pages. Writer thread, or before it runs.
 */
#ifndef RESTANTE_STORE_COLLECT_H
#define RESTANTE_STORE_COLLECT_H

#include "store/store_private.h"

/* One step: a body that nothing names any more. Freed by whoever made it. */
struct collect_job {
	struct store_job job;
	uint64_t body; /* in: this one; 0 = the first one after `after` */
	uint64_t after;
	bool gone;  /* out: the body is gone */
	bool found; /* out: there was one */
};
enum store_status collect_job_run(struct store_job *job, void *writer);

/* Before the writer starts: removes them all. */
MUST_USE enum store_status collect_rests(struct shard *shard, struct fault *fault);
/* Removes a body in the background. */
void collect_in_background(struct shard *shard, uint64_t body);

#endif
