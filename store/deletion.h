/*
 * One deletion: messages flagged together, under one change number, with one row that says who did
 * it. Writer thread only.
 */
#ifndef RESTANTE_STORE_DELETION_H
#define RESTANTE_STORE_DELETION_H

#include "store/store_private.h"

struct deletion {
	struct shard *shard;
	uint64_t mailbox;
	uint64_t change;  /* of this deletion */
	uint64_t session; /* who; 0 = the tool */
	int64_t now;
	uint64_t messages; /* flagged */
	uint64_t octets;
	struct fault *fault;
	/* deletion.c's own: the run of uids that is to be flagged next */
	uint64_t first;
	uint64_t last;
};

/*
 * Flags one live message, now or by the next call: messages whose uids follow one another are
 * flagged by one statement, which takes half of the time.
 */
MUST_USE enum store_status deletion_add(struct deletion *deletion, uint64_t uid,
					uint64_t octets);
/* What is left, counters and the session row; nothing when nothing was flagged. */
MUST_USE enum store_status deletion_end(struct deletion *deletion,
					const struct session_record *by);

#endif
