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
 */
#include <stdlib.h>

#include "base/log.h"
#include "store/slice.h"

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
	listing_release(&(*maildrop)->listing);
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
void uidl_make(char *to, uint64_t epoch, uint64_t uid)
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

/* From a column with the epoch, and the next one with another server's UIDL, if it has one. */
void uidl_from_row(sqlite3_stmt *stmt, int column, uint64_t uid, char *to)
{
	const unsigned char *imported;
	size_t n;

	if (sqlite3_column_type(stmt, column + 1) == SQLITE_NULL) {
		uidl_make(to, column_u64(stmt, column), uid);
		return;
	}
	imported = sqlite3_column_text(stmt, column + 1);
	n = (size_t)sqlite3_column_bytes(stmt, column + 1);
	if (imported == NULL || n > POP3_UIDL_MAX)
		n = 0;
	if (n > 0)
		memcpy(to, imported, n);
	to[n] = '\0';
}

void message_from_row(sqlite3_stmt *stmt, struct message *message)
{
	message->uid = column_u64(stmt, 0);
	message->octets = column_u64(stmt, 1);
	message->header_octets = column_u64(stmt, 2);
	message->longest_line = (uint32_t)column_u64(stmt, 3);
	message->flags = (unsigned)column_u64(stmt, 4);
	message->received = sqlite3_column_int64(stmt, 5);
	message->body = column_u64(stmt, MESSAGE_COLUMN_BODY);
	message->prefix_octets = (uint32_t)column_u64(stmt, 9);
	uidl_from_row(stmt, 6, message->uid, message->uidl);
}

enum store_status maildrop_missing(const struct maildrop *maildrop, uint64_t msgno,
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
		status = slice_begin(reader, maildrop, SLICE_MESSAGES, msgno, 1, &slice, fault);
		if (status != STORE_OK)
			break;
		status = slice_step(&slice, maildrop, msgno, fault);
		if (status == STORE_OK) {
			message_from_row(slice.list, message);
			message->msgno = msgno;
			maildrop_learn(maildrop, msgno, message->uid);
		}
		slice_end(&slice);
	} while (slice.used_up);
	return status == STORE_NOT_FOUND ? maildrop_missing(maildrop, msgno, fault) : status;
}

/* One that a list has shown: its row is found without counting. */
static enum store_status read_listed(struct store_reader *reader, struct reader_shard *shard,
				     const struct maildrop *maildrop, uint64_t msgno,
				     struct message *message, struct fault *fault)
{
	uint64_t uid = listing_row(maildrop->listing, msgno - 1).uid;
	enum store_status status = reader_row(reader, shard, maildrop->mailbox, uid, fault);

	if (status == STORE_OK) {
		message_from_row(shard->stmt[R_MESSAGE], message);
		message->msgno = msgno;
	}
	reader_row_done(reader, shard);
	return status == STORE_NOT_FOUND ? maildrop_missing(maildrop, msgno, fault) : status;
}

enum store_status maildrop_walk(struct store_reader *reader, struct maildrop *maildrop,
				uint64_t msgno, struct fault *fault)
{
	struct message scratch;
	enum store_status status = STORE_OK;
	uint64_t known = maildrop_place(maildrop, msgno).msgno;

	while (msgno - known > STORE_ANCHOR_STEP && status == STORE_OK) {
		size_t anchors = maildrop->anchor_count;

		known = anchors * (uint64_t)STORE_ANCHOR_STEP + 1;
		status = read_one(reader, maildrop, known, &scratch, fault);
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
	if (msgno <= maildrop_listed(maildrop))
		return read_listed(reader, shard, maildrop, msgno, message, fault);
	status = maildrop_walk(reader, maildrop, msgno, fault);
	return status == STORE_OK ? read_one(reader, maildrop, msgno, message, fault) : status;
}
