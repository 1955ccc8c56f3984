/*
 * A delivery between the thread that receives it and the shards' writers.
 */
#ifndef RESTANTE_STORE_DELIVERY_PRIVATE_H
#define RESTANTE_STORE_DELIVERY_PRIVATE_H

#include "store/canonical.h"
#include "store/store_private.h"

/* What one shard has to do with it. */
struct delivery_part {
	struct store_job job; /* first: the part's current job */
	struct delivery *delivery;
	struct shard *shard;
	struct delivery_part *staging_next; /* shard's mutex */
	uint64_t body;                      /* writer thread: the staged one, 0 = none yet */
	bool staging;                       /* in the shard's list */
	bool visible;                       /* some message names the body */
	enum store_status failed;           /* of an earlier flush; STORE_OK = still in */
	struct fault why;
};

struct delivery {
	struct store *store;
	struct delivery_target *targets;
	size_t count;
	unsigned flags; /* MESSAGE_SMTPUTF8 */
	struct canonical form;
	char *buffer; /* the chunk that is being filled */
	size_t n;
	size_t cap;
	uint64_t chunks; /* written by flush */
	unsigned char digest[32];
	bool has_digest;
	bool finished;
	int64_t received;
	delivery_done *done;
	void *context;
	atomic_uint pending; /* parts whose job runs */
	size_t part_count;
	struct delivery_part parts[];
};

/* The bodies of the jobs: delivery_job.c. */
enum store_status delivery_stage_run(struct store_job *job, void *writer);
enum store_status delivery_store_run(struct store_job *job, void *writer);
bool delivery_store_happened(struct store_job *job, void *writer);

#endif
