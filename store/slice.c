/*
 * Slices of a session's view: see slice.h.
 *
 * A position is found from the nearest place known: a message number, and a uid such that the
 * message is the first one of the set from there on. It is where the last look ended, or
 * an anchor. Anchors (every STORE_ANCHOR_STEP-th message) are learnt while walking, and each is
 * walked to once.
 */
#include "store/slice.h"

#include <stdlib.h>

/* --- places ----------------------------------------------------------------------------------- */

struct place maildrop_place(const struct maildrop *maildrop, uint64_t msgno)
{
	struct place place = { 1, 0 };
	struct listing_row listed;
	uint64_t anchor = (msgno - 1) / STORE_ANCHOR_STEP;

	if (msgno <= maildrop_listed(maildrop)) {
		listed = listing_row(maildrop->listing, msgno - 1);
		return (struct place){ msgno, listed.uid };
	}
	if (maildrop->anchor_count > 0) {
		if (anchor >= maildrop->anchor_count)
			anchor = maildrop->anchor_count - 1;
		place.msgno = anchor * STORE_ANCHOR_STEP + 1;
		place.uid = maildrop->anchors[anchor];
	}
	if (maildrop->last.msgno <= msgno &&
	    (maildrop->last.msgno > place.msgno ||
	     (maildrop->last.msgno == place.msgno && maildrop->last.uid > place.uid)))
		place = maildrop->last;
	return place;
}

/* An anchor that finds no memory is only slower. */
void maildrop_learn(struct maildrop *maildrop, uint64_t msgno, uint64_t uid)
{
	maildrop->last = (struct place){ msgno, uid };
	if ((msgno - 1) % STORE_ANCHOR_STEP != 0 ||
	    (msgno - 1) / STORE_ANCHOR_STEP != maildrop->anchor_count)
		return;
	if (maildrop->anchor_count == maildrop->anchor_cap) {
		size_t cap = maildrop->anchor_cap > 0 ? maildrop->anchor_cap * 2 : 1;
		uint64_t *larger = realloc(maildrop->anchors, cap * sizeof larger[0]);

		if (larger == NULL)
			return;
		maildrop->anchors = larger;
		maildrop->anchor_cap = cap;
	}
	maildrop->anchors[maildrop->anchor_count++] = uid;
}

/* --- slices ----------------------------------------------------------------------------------- */

/* Rows of one read transaction of a session that somebody else has deleted messages beside. */
#define SNAPSHOT_ROWS 4096

static const struct {
	enum reader_stmt live, snapshot;
	int columns; /* behind them, a snapshot says whether the session sees the row */
} kinds[] = {
	[SLICE_MESSAGES] = { R_MESSAGES_LIVE, R_MESSAGES_SNAPSHOT, MESSAGE_COLUMN_COUNT },
	[SLICE_LISTED] = { R_LISTED_LIVE, R_LISTED_SNAPSHOT, LISTED_COLUMN_COUNT },
};

void slice_end(struct slice *slice)
{
	if (slice->list != NULL)
		statement_reset(slice->list);
	reader_looked(slice->reader, slice->shard);
	if (slice->used_up)
		reader_let_go(slice->reader);
}

enum store_status slice_begin(struct store_reader *reader, const struct maildrop *maildrop,
			      enum slice_of of, uint64_t msgno, uint64_t limit,
			      struct slice *slice, struct fault *fault)
{
	struct reader_shard *shard = &reader->shards[maildrop->key.shard];
	struct place place = maildrop_place(maildrop, msgno);
	uint64_t change;
	enum store_status status =
		reader_look(reader, shard, maildrop->mailbox, &change, fault);

	*slice = (struct slice){
		.reader = reader, .shard = shard, .from = place.uid, .at = place
	};
	if (status != STORE_OK)
		return status;
	slice->unchanged = change == maildrop->change;
	slice->list = shard->stmt[slice->unchanged ? kinds[of].live : kinds[of].snapshot];
	slice->seen_column = kinds[of].columns;
	bind_u64(slice->list, 1, maildrop->mailbox);
	bind_u64(slice->list, 2, place.uid);
	bind_u64(slice->list, 3, maildrop->uidnext);
	bind_u64(slice->list, 4, slice->unchanged ? limit : SNAPSHOT_ROWS);
	bind_u64(slice->list, 5, slice->unchanged ? msgno - place.msgno : maildrop->change);
	return STORE_OK;
}

enum store_status slice_step(struct slice *slice, struct maildrop *maildrop, uint64_t msgno,
			     struct fault *fault)
{
	enum store_status status;

	while ((status = statement_row(slice->list, fault)) == STORE_OK && !slice->unchanged) {
		bool seen = sqlite3_column_int(slice->list, slice->seen_column) != 0;
		uint64_t number = slice->at.msgno;

		slice->looked++;
		slice->at.uid = column_u64(slice->list, 0) + 1;
		if (seen)
			slice->at.msgno++;
		if (seen && number == msgno)
			break;
	}
	/* Further on each time, or a damaged index might be walked for ever. */
	slice->used_up = status == STORE_NOT_FOUND && slice->looked == SNAPSHOT_ROWS &&
			 slice->at.uid > slice->from;
	if (slice->used_up)
		maildrop->last = slice->at;
	return status;
}
