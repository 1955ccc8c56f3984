/*
 * A session's view of one maildrop: a snapshot without an open transaction.
 *
 * Opening reads four numbers in one statement: messages, octets, uidnext, change. From then on
 * the session sees the messages with uid < uidnext that were not deleted up to that change
 * number. New mail has a higher uid; every deletion by somebody else takes a higher change
 * number; purge leaves maildrops with a session alone. So this set is the same at every later
 * look, and message numbers are simply positions in it by ascending uid. As long as the
 * mailbox's change number is still ours, the set is what is live, and the index of live messages
 * serves; each slice looks at that number in its own read transaction. Otherwise the rows of the
 * maildrop are looked through, those deleted long before as well, so many in one transaction.
 *
 * A position is found from the nearest place known: a message number, and a uid such that the
 * message is the first one of the set from there on. It is where the last look ended, or
 * an anchor. Anchors (every STORE_ANCHOR_STEP-th message) are learnt while walking, and each is
 * walked to once.
 */
#include <stdlib.h>

#include "base/log.h"
#include "store/maildrop_private.h"

enum store_status maildrop_open(struct store_reader *reader, const struct maildrop_key *key,
				struct maildrop **maildrop, struct fault *fault)
{
	struct reader_shard *shard;
	enum store_status status = reader_shard(reader, key->shard, &shard, fault);
	struct maildrop *made;
	sqlite3_stmt *stmt;

	*maildrop = NULL;
	if (status != STORE_OK)
		return status;
	made = calloc(1, sizeof *made);
	if (made == NULL) {
		fault_set(fault, "no memory");
		return STORE_UNAVAILABLE;
	}
	made->key = *key;
	stmt = shard->stmt[R_OPEN];
	bind_text(stmt, 1, key->id);
	status = statement_row(stmt, fault);
	if (status == STORE_OK) {
		made->mailbox = column_u64(stmt, 0);
		made->messages = column_u64(stmt, 1);
		made->octets = column_u64(stmt, 2);
		made->uidnext = column_u64(stmt, 3);
		made->change = column_u64(stmt, 4);
	}
	statement_reset(stmt);
	if (status != STORE_OK && status != STORE_NOT_FOUND) {
		free(made);
		return status;
	}
	*maildrop = made;
	return STORE_OK;
}

void maildrop_close(struct maildrop **maildrop)
{
	if (*maildrop == NULL)
		return;
	free((*maildrop)->anchors);
	free((*maildrop)->marks);
	free(*maildrop);
	*maildrop = NULL;
}

void maildrop_totals(const struct maildrop *maildrop, uint64_t *messages, uint64_t *octets)
{
	*messages = maildrop->messages - maildrop->marked;
	*octets = maildrop->octets - maildrop->marked_octets;
}

uint64_t maildrop_last(const struct maildrop *maildrop)
{
	return maildrop->messages;
}

/* --- one row ---------------------------------------------------------------------------------- */

/* "<epoch in hexadecimal>.<uid>": by hand, because a listing makes one per message. */
static void make_uidl(char *to, uint64_t epoch, uint64_t uid)
{
	char digits[20];
	size_t n = 0;

	for (int shift = 44; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[epoch >> shift & 15];
	*to++ = '.';
	do {
		digits[n++] = (char)('0' + uid % 10);
		uid /= 10;
	} while (uid > 0);
	while (n > 0)
		*to++ = digits[--n];
	*to = '\0';
}

void message_from_row(sqlite3_stmt *stmt, struct message *message)
{
	message->uid = column_u64(stmt, 0);
	message->octets = column_u64(stmt, 1);
	message->header_octets = column_u64(stmt, 2);
	message->longest_line = (uint32_t)column_u64(stmt, 3);
	message->flags = (unsigned)column_u64(stmt, 4);
	message->received = sqlite3_column_int64(stmt, 5);
	message->body = column_u64(stmt, 8);
	message->prefix_octets = (uint32_t)column_u64(stmt, 9);
	if (sqlite3_column_type(stmt, 7) == SQLITE_NULL) {
		make_uidl(message->uidl, column_u64(stmt, 6), message->uid);
	} else {
		const unsigned char *uidl = sqlite3_column_text(stmt, 7);
		size_t n = (size_t)sqlite3_column_bytes(stmt, 7);

		if (uidl == NULL || n > POP3_UIDL_MAX)
			n = 0;
		if (n > 0)
			memcpy(message->uidl, uidl, n);
		message->uidl[n] = '\0';
	}
}

/* --- places ----------------------------------------------------------------------------------- */

struct place maildrop_place(const struct maildrop *maildrop, uint64_t msgno)
{
	struct place place = { 1, 0 };
	uint64_t anchor = (msgno - 1) / STORE_ANCHOR_STEP;

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
static void learn(struct maildrop *maildrop, uint64_t msgno, uint64_t uid)
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

/* A listing statement with its first row not yet stepped to, inside one read transaction. */
struct slice {
	struct store_reader *reader;
	struct reader_shard *shard;
	sqlite3_stmt *list;
	bool unchanged;
	uint64_t from;   /* uid */
	struct place at; /* behind what was looked at */
	unsigned looked; /* rows */
	bool used_up; /* it had more rows than one transaction looks at: go on with another */
};

static void slice_end(struct slice *slice)
{
	statement_reset(slice->list);
	reader_looked(slice->reader, slice->shard);
	if (slice->used_up)
		reader_let_go(slice->reader);
}

/* From message `msgno` on, at most `limit` messages. */
static enum store_status slice_begin(struct store_reader *reader,
				     const struct maildrop *maildrop, uint64_t msgno,
				     uint64_t limit, struct slice *slice, struct fault *fault)
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
	slice->list = shard->stmt[slice->unchanged ? R_LIST_LIVE : R_LIST_SNAPSHOT];
	bind_u64(slice->list, 1, maildrop->mailbox);
	bind_u64(slice->list, 2, place.uid);
	bind_u64(slice->list, 3, maildrop->uidnext);
	bind_u64(slice->list, 4, slice->unchanged ? limit : SNAPSHOT_ROWS);
	bind_u64(slice->list, 5, slice->unchanged ? msgno - place.msgno : maildrop->change);
	return STORE_OK;
}

/* Steps to message `msgno`: the one behind the last, or a slice's first. */
static enum store_status slice_step(struct slice *slice, struct maildrop *maildrop,
				    uint64_t msgno, struct fault *fault)
{
	enum store_status status;

	while ((status = statement_row(slice->list, fault)) == STORE_OK && !slice->unchanged) {
		bool seen = sqlite3_column_int(slice->list, MESSAGE_COLUMN_COUNT) != 0;
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

/* Counters promised a message that no row is there for. */
static enum store_status missing(const struct maildrop *maildrop, uint64_t msgno,
				 struct fault *fault)
{
	fault_set(fault,
		  "maildrop %s: counters promise %llu messages, number %llu is not there: "
		  "run \"restante check\"",
		  maildrop->key.id, (unsigned long long)maildrop->messages,
		  (unsigned long long)msgno);
	return STORE_UNAVAILABLE;
}

/* Reads message `msgno` in read transactions of its own: one, as a rule. */
static enum store_status read_one(struct store_reader *reader, struct maildrop *maildrop,
				  uint64_t msgno, struct message *message, struct fault *fault)
{
	struct slice slice;
	enum store_status status;

	do {
		status = slice_begin(reader, maildrop, msgno, 1, &slice, fault);
		if (status != STORE_OK)
			break;
		status = slice_step(&slice, maildrop, msgno, fault);
		if (status == STORE_OK) {
			message_from_row(slice.list, message);
			message->msgno = msgno;
			learn(maildrop, msgno, message->uid);
		}
		slice_end(&slice);
	} while (slice.used_up);
	return status == STORE_NOT_FOUND ? missing(maildrop, msgno, fault) : status;
}

/* Walks to the anchors before `msgno` that are not known yet, a read transaction for each. */
static enum store_status walk(struct store_reader *reader, struct maildrop *maildrop,
			      uint64_t msgno, struct message *scratch, struct fault *fault)
{
	enum store_status status = STORE_OK;
	uint64_t known = maildrop_place(maildrop, msgno).msgno;

	while (msgno - known > STORE_ANCHOR_STEP && status == STORE_OK) {
		size_t anchors = maildrop->anchor_count;

		known = anchors * (uint64_t)STORE_ANCHOR_STEP + 1;
		status = read_one(reader, maildrop, known, scratch, fault);
		/* Not learnt for want of memory: the last stretch is longer. */
		if (maildrop->anchor_count == anchors)
			break;
	}
	return status;
}

enum store_status maildrop_message(struct store_reader *reader, struct maildrop *maildrop,
				   uint64_t msgno, struct message *message, struct fault *fault)
{
	struct reader_shard *shard;
	enum store_status status = reader_shard(reader, maildrop->key.shard, &shard, fault);

	if (status != STORE_OK)
		return status;
	if (msgno < 1 || msgno > maildrop->messages || marks_has(maildrop, msgno))
		return STORE_NOT_FOUND;
	status = walk(reader, maildrop, msgno, message, fault);
	return status == STORE_OK ? read_one(reader, maildrop, msgno, message, fault) : status;
}

/* One slice into rows, and more where it had none yet; *from moves past its last row. */
static enum store_status list_slice(struct store_reader *reader, struct maildrop *maildrop,
				    uint64_t *from, struct message *rows, size_t cap,
				    size_t *count, struct fault *fault)
{
	struct slice slice;
	enum store_status status;

	do {
		status = slice_begin(reader, maildrop, *from, cap, &slice, fault);
		while (status == STORE_OK && *count < cap && *from <= maildrop->messages) {
			struct message *row = &rows[*count];

			status = slice_step(&slice, maildrop, *from, fault);
			if (status != STORE_OK)
				break;
			message_from_row(slice.list, row);
			row->msgno = (*from)++;
			learn(maildrop, row->msgno, row->uid);
			if (!marks_has(maildrop, row->msgno))
				(*count)++;
		}
		slice_end(&slice);
	} while (slice.used_up && *count == 0);
	return status;
}

enum store_status maildrop_list(struct store_reader *reader, struct maildrop *maildrop,
				uint64_t *from, struct message *rows, size_t cap, size_t *count,
				struct fault *fault)
{
	struct reader_shard *shard;
	enum store_status status = reader_shard(reader, maildrop->key.shard, &shard, fault);
	uint64_t start;

	*count = 0;
	if (status != STORE_OK)
		return status;
	/* The first row is an unmarked one, so that no rows means the end. */
	*from = marks_next(maildrop, *from < 1 ? 1 : *from, false);
	if (*from > maildrop->messages || cap == 0)
		return STORE_OK;
	status = walk(reader, maildrop, *from, rows, fault);
	start = *from;
	if (status == STORE_OK)
		status = list_slice(reader, maildrop, from, rows, cap, count, fault);
	if (status == STORE_NOT_FOUND)
		status = *from > start ? STORE_OK : missing(maildrop, start, fault);
	return status;
}
