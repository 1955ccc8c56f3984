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
};

/* Flags one live message. */
MUST_USE enum store_status deletion_add(struct deletion *deletion, uint64_t uid,
					uint64_t octets);
/* Counters and the session row; nothing when nothing was flagged. */
MUST_USE enum store_status deletion_end(const struct deletion *deletion,
					const struct session_record *by);

#endif
