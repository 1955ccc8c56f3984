/*
 * Jobs that take deleted messages away for good or bring them back, in bounded steps. They are
 * run low (writer.c): alone in their transaction, after whatever was flagged has committed, so
 * that a maildrop found without a session here cannot lose a message that a later session sees.
 */
#ifndef RESTANTE_STORE_PURGE_H
#define RESTANTE_STORE_PURGE_H

#include "restante/store_admin.h"
#include "store/store_private.h"

enum purge_what {
	PURGE_EXPIRED,  /* deleted at or before `cutoff` */
	PURGE_SELECTED, /* deleted, by uid or session */
	PURGE_MAILDROP  /* everything, then the maildrop itself */
};

struct purge_job {
	struct store_job job;
	struct maildrop_key key;
	enum purge_what what;
	int64_t cutoff;
	struct deleted_selection which;
	int64_t from;    /* in: deleted_at (of a whole maildrop: uid) to start at */
	int64_t reached; /* out: the same for the next step */
	uint64_t count;  /* out: messages of this step */
	bool more;       /* out: there may be more */
};
enum store_status purge_job_run(struct store_job *job, void *writer);
/* Brings back the `which` of a purge_job. */
enum store_status undelete_job_run(struct store_job *job, void *writer);
/* Flags live ones: which.uid, or all. */
enum store_status delete_job_run(struct store_job *job, void *writer);

/* Runs steps until there is no more; *count is their sum. */
MUST_USE enum store_status purge_all(struct shard *shard, struct purge_job *purge,
				     uint64_t *count, struct fault *fault);

#endif
