/*
 * Rows of a session's view from a message number on, in one read transaction, and the places that
 * are known of it: a message number, and a uid such that the message is the first one of the view
 * from there on.
 */
#ifndef RESTANTE_STORE_SLICE_H
#define RESTANTE_STORE_SLICE_H

#include "store/maildrop_private.h"

/* What is asked of each row. */
enum slice_of {
	SLICE_MESSAGES, /* MESSAGE_COLUMNS */
	SLICE_LISTED    /* LISTED_COLUMNS */
};

struct slice {
	struct store_reader *reader;
	struct reader_shard *shard;
	sqlite3_stmt *list;
	int seen_column; /* of a snapshot: whether the session sees the row */
	bool unchanged;
	uint64_t from;   /* uid */
	struct place at; /* behind what was looked at */
	unsigned looked; /* rows */
	bool used_up; /* it had more rows than one transaction looks at: go on with another */
};

/* From message `msgno` on, at most `limit` messages. slice_end in any case. */
MUST_USE enum store_status slice_begin(struct store_reader *reader,
				       const struct maildrop *maildrop, enum slice_of of,
				       uint64_t msgno, uint64_t limit, struct slice *slice,
				       struct fault *fault);
/* Steps to message `msgno`: the one behind the last, or a slice's first. */
MUST_USE enum store_status slice_step(struct slice *slice, struct maildrop *maildrop,
				      uint64_t msgno, struct fault *fault);
void slice_end(struct slice *slice);

/* The known place nearest before `msgno`. */
struct place maildrop_place(const struct maildrop *maildrop, uint64_t msgno);
/* Message `msgno` has this uid. */
void maildrop_learn(struct maildrop *maildrop, uint64_t msgno, uint64_t uid);

#endif
