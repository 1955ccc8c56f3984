/*
 * The octets of one message, a slice at a time: the recipient's prefix, then the body's chunks.
 *
 * One read transaction per call, or per turn of a worker's: the message's row, which tells whether
 * it still names this body, stays open while the chunk is read, and both are closed before the turn
 * ends, so that a slow client never holds the log. A chunk that is wanted whole comes by a kept
 * statement; of a larger one, a part is read in place (sqlite3_blob), which copies only what is asked
 * for but has SQLite compile a statement each time.
 */
#include "base/log.h"
#include "store/maildrop_private.h"

static enum store_status gone(const struct maildrop *maildrop, const struct message *message,
			      struct fault *fault)
{
	fault_set(fault, "maildrop %s: message uid %llu was purged meanwhile", maildrop->key.id,
		  (unsigned long long)message->uid);
	return STORE_GONE;
}

static sqlite3_int64 chunk_id(const struct message *message, uint64_t offset)
{
	return (sqlite3_int64)(message->body << 16 | offset / STORE_CHUNK_OCTETS);
}

/* Octets of the body from `offset` on, at most to the end of its chunk. */
static enum store_status read_part(sqlite3 *db, const struct message *message, uint64_t offset,
				   char *to, size_t cap, size_t *n, struct fault *fault)
{
	sqlite3_int64 id = chunk_id(message, offset);
	int from = (int)(offset % STORE_CHUNK_OCTETS);
	sqlite3_blob *blob = NULL;
	int code = sqlite3_blob_open(db, "main", "chunk", "data", id, 0, &blob);
	enum store_status status;

	if (code == SQLITE_OK) {
		int left = sqlite3_blob_bytes(blob) - from;

		if (left <= 0) {
			code = SQLITE_CORRUPT;
		} else {
			*n = cap < (size_t)left ? cap : (size_t)left;
			code = sqlite3_blob_read(blob, to, (int)*n, from);
		}
	}
	status = store_fault(db, code, "reading a message", fault);
	(void)sqlite3_blob_close(blob);
	return status;
}

/* A chunk from its beginning, which must be `octets` long. */
static enum store_status read_whole(struct reader_shard *shard, const struct message *message,
				    uint64_t offset, char *to, size_t octets,
				    struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[R_CHUNK];
	enum store_status status;

	bind_u64(stmt, 1, (uint64_t)chunk_id(message, offset));
	status = statement_row(stmt, fault);
	if (status == STORE_OK) {
		const void *data = sqlite3_column_blob(stmt, 0);

		if (data != NULL && (size_t)sqlite3_column_bytes(stmt, 0) == octets)
			memcpy(to, data, octets);
		else
			status = store_fault(shard->db, SQLITE_CORRUPT, "reading a message",
					     fault);
	} else if (status == STORE_NOT_FOUND) {
		status = store_fault(shard->db, SQLITE_CORRUPT, "finding a chunk", fault);
	}
	statement_reset(stmt);
	return status;
}

static enum store_status read_chunk(struct reader_shard *shard, const struct message *message,
				    uint64_t offset, char *to, size_t cap, size_t *n,
				    struct fault *fault)
{
	uint64_t left = message->octets - message->prefix_octets - offset;
	size_t whole = left < STORE_CHUNK_OCTETS ? (size_t)left : STORE_CHUNK_OCTETS;
	enum store_status status;

	if (offset % STORE_CHUNK_OCTETS != 0 || whole > cap)
		return read_part(shard->db, message, offset, to, cap, n, fault);
	status = read_whole(shard, message, offset, to, whole, fault);
	*n = status == STORE_OK ? whole : 0;
	return status;
}

/* As much as the caller has room for, over the ends of chunks. */
static enum store_status read_body(struct reader_shard *shard, const struct message *message,
				   uint64_t offset, char *to, size_t cap, size_t *n,
				   struct fault *fault)
{
	uint64_t octets = message->octets - message->prefix_octets;
	enum store_status status = STORE_OK;

	if (cap > octets - offset)
		cap = (size_t)(octets - offset);
	while (*n < cap && status == STORE_OK) {
		size_t part = 0;

		status = read_chunk(shard, message, offset, to + *n, cap - *n, &part, fault);
		*n += part;
		offset += part;
	}
	return status;
}

static size_t read_prefix(sqlite3_stmt *stmt, uint64_t offset, char *to, size_t cap)
{
	const char *prefix = sqlite3_column_blob(stmt, MESSAGE_COLUMN_COUNT);
	size_t length = (size_t)sqlite3_column_bytes(stmt, MESSAGE_COLUMN_COUNT);

	if (prefix == NULL || offset >= length)
		return 0;
	length -= (size_t)offset;
	if (cap > length)
		cap = length;
	memcpy(to, prefix + offset, cap);
	return cap;
}

static enum store_status read_parts(struct reader_shard *shard, const struct message *message,
				    uint64_t offset, char *to, size_t cap, size_t *n,
				    struct fault *fault)
{
	size_t prefix = 0;

	if (offset < message->prefix_octets) {
		prefix = read_prefix(shard->stmt[R_MESSAGE], offset, to, cap);
		*n = prefix;
		if (prefix < cap && offset + prefix != message->prefix_octets)
			return store_fault(shard->db, SQLITE_CORRUPT, "reading a prefix",
					   fault);
	}
	if (prefix == cap)
		return STORE_OK;
	return read_body(shard, message, offset + prefix - message->prefix_octets, to, cap, n,
			 fault);
}

enum store_status message_read(struct store_reader *reader, const struct maildrop *maildrop,
			       const struct message *message, uint64_t offset, char *to,
			       size_t cap, size_t *n, struct fault *fault)
{
	struct reader_shard *shard;
	enum store_status status = reader_shard(reader, maildrop->key.shard, &shard, fault);
	uint64_t body = 0;

	*n = 0;
	if (status != STORE_OK || offset >= message->octets)
		return status;
	status = reader_row(reader, shard, maildrop->mailbox, message->uid, fault);
	if (status == STORE_OK)
		body = column_u64(shard->stmt[R_MESSAGE], MESSAGE_COLUMN_BODY);
	if (status == STORE_NOT_FOUND || (status == STORE_OK && body != message->body))
		status = gone(maildrop, message, fault);
	if (status == STORE_OK)
		status = read_parts(shard, message, offset, to, cap, n, fault);
	reader_row_done(reader, shard);
	if (status != STORE_OK)
		*n = 0;
	return status;
}
