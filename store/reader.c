/*
 * One thread's read access: a query_only connection per shard, opened at first use, with its
 * statements kept. No statement stays open when a call returns, but for those that keep a
 * transaction while the reader is held.
 */
#include <stdlib.h>

#include "base/log.h"
#include "store/maildrop_private.h"
#include "store/schema.h"

/* Nobody deleted since: what is live is what the session sees. */
#define FROM_LIVE                                                               \
	" FROM message INDEXED BY message_live"                                 \
	" WHERE mailbox = ?1 AND uid >= ?2 AND uid < ?3 AND deleted_at IS NULL" \
	" ORDER BY uid LIMIT ?4 OFFSET ?5"
/* The limit is one of rows looked at: nobody knows how many of them the session sees. */
#define FROM_SNAPSHOT                                                             \
	", deleted_change IS NULL OR deleted_change > ?5"                         \
	" FROM message NOT INDEXED WHERE mailbox = ?1 AND uid >= ?2 AND uid < ?3" \
	" ORDER BY uid LIMIT ?4"

const char *const reader_sql[R_STMT_COUNT] = {
	[R_USAGE] = "SELECT messages, octets, last_login FROM mailbox WHERE key = ?1",
	[R_OPEN] = "SELECT id, messages, octets, uidnext, change FROM mailbox WHERE key = ?1",
	[R_CHANGE] = "SELECT change FROM mailbox WHERE id = ?1",
	[R_MESSAGES_LIVE] = "SELECT " MESSAGE_COLUMNS FROM_LIVE,
	[R_MESSAGES_SNAPSHOT] = "SELECT " MESSAGE_COLUMNS FROM_SNAPSHOT,
	[R_LISTED_LIVE] = "SELECT " LISTED_COLUMNS FROM_LIVE,
	[R_LISTED_SNAPSHOT] = "SELECT " LISTED_COLUMNS FROM_SNAPSHOT,
	[R_MESSAGE] = "SELECT " MESSAGE_COLUMNS ", prefix FROM message"
		      " WHERE mailbox = ?1 AND uid = ?2",
	[R_CHUNK] = "SELECT data FROM chunk WHERE id = ?1",
};

enum store_status store_reader_open(struct store *store, struct store_reader **reader,
				    struct fault *fault)
{
	*reader = calloc(1, sizeof **reader + store->shard_count * sizeof(*reader)->shards[0]);
	if (*reader == NULL) {
		fault_set(fault, "no memory");
		return STORE_UNAVAILABLE;
	}
	(*reader)->store = store;
	return STORE_OK;
}

static void close_shard(struct reader_shard *shard)
{
	statements_finalize(shard->stmt, R_STMT_COUNT);
	shard_close_file(&shard->db);
}

void store_reader_close(struct store_reader **reader)
{
	if (*reader == NULL)
		return;
	reader_let_go(*reader);
	for (unsigned i = 0; i < (*reader)->store->shard_count; i++)
		close_shard(&(*reader)->shards[i]);
	free(*reader);
	*reader = NULL;
}

enum store_status reader_shard(struct store_reader *reader, unsigned shard,
			       struct reader_shard **to, struct fault *fault)
{
	enum store_status status;

	fault->text[0] = '\0';
	if (shard >= reader->store->shard_count) {
		fault_set(fault, "an account names shard %u, and this store has %u", shard,
			  reader->store->shard_count);
		return STORE_FOREIGN;
	}
	*to = &reader->shards[shard];
	if ((*to)->db != NULL)
		return STORE_OK;
	status = shard_open_file(reader->store->shards[shard].path, false, READER_CACHE_KIB,
				 &(*to)->db, fault);
	if (status != STORE_OK)
		return status;
	status = statements_prepare((*to)->db, reader_sql, R_STMT_COUNT, (*to)->stmt, fault);
	if (status != STORE_OK)
		close_shard(*to);
	return status;
}

void store_reader_hold(struct store_reader *reader)
{
	reader->holding = true;
}

void store_reader_rest(struct store_reader *reader)
{
	reader->holding = false;
	reader_let_go(reader);
}

void reader_let_go(struct store_reader *reader)
{
	if (reader->held != NULL) {
		statement_reset(reader->held->stmt[R_CHANGE]);
		statement_reset(reader->held->stmt[R_MESSAGE]);
	}
	reader->held = NULL;
	reader->held_change = false;
	reader->held_uid = 0;
}

/* While the reader is held, what is read of one maildrop is one transaction. */
static void keep(struct store_reader *reader, struct reader_shard *shard, uint64_t mailbox)
{
	if (reader->held == shard && reader->held_mailbox == mailbox)
		return;
	reader_let_go(reader);
	if (!reader->holding)
		return;
	reader->held = shard;
	reader->held_mailbox = mailbox;
}

enum store_status reader_look(struct store_reader *reader, struct reader_shard *shard,
			      uint64_t mailbox, uint64_t *change, struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[R_CHANGE];
	enum store_status status = STORE_OK;

	keep(reader, shard, mailbox);
	if (!reader->held_change) {
		bind_u64(stmt, 1, mailbox);
		status = statement_row(stmt, fault);
		if (status != STORE_OK) {
			statement_reset(stmt);
			return status;
		}
		reader->held_change = reader->holding;
	}
	*change = column_u64(stmt, 0);
	return status;
}

void reader_looked(struct store_reader *reader, struct reader_shard *shard)
{
	if (!reader->held_change)
		statement_reset(shard->stmt[R_CHANGE]);
}

enum store_status reader_row(struct store_reader *reader, struct reader_shard *shard,
			     uint64_t mailbox, uint64_t uid, struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[R_MESSAGE];
	enum store_status status = STORE_OK;
	uint64_t ignored;

	keep(reader, shard, mailbox);
	if (uid != 0 && reader->held_uid == uid)
		return STORE_OK;
	/* Alone it would end the transaction by moving on. */
	if (reader->held_uid != 0)
		status = reader_look(reader, shard, mailbox, &ignored, fault);
	statement_reset(stmt);
	reader->held_uid = 0;
	if (status != STORE_OK)
		return status;
	bind_u64(stmt, 1, mailbox);
	bind_u64(stmt, 2, uid);
	status = statement_row(stmt, fault);
	if (status != STORE_OK)
		statement_reset(stmt);
	else if (reader->holding)
		reader->held_uid = uid;
	return status;
}

void reader_row_done(struct store_reader *reader, struct reader_shard *shard)
{
	if (reader->held_uid == 0)
		statement_reset(shard->stmt[R_MESSAGE]);
}

enum store_status maildrop_usage(struct store_reader *reader, const struct maildrop_key *key,
				 struct maildrop_usage *usage, struct fault *fault)
{
	struct reader_shard *shard;
	enum store_status status = reader_shard(reader, key->shard, &shard, fault);
	sqlite3_stmt *stmt;

	*usage = (struct maildrop_usage){ 0 };
	if (status != STORE_OK)
		return status;
	stmt = shard->stmt[R_USAGE];
	bind_text(stmt, 1, key->id);
	status = statement_row(stmt, fault);
	if (status == STORE_OK)
		*usage = (struct maildrop_usage){
			.messages = column_u64(stmt, 0),
			.octets = column_u64(stmt, 1),
			.last_login = sqlite3_column_int64(stmt, 2),
		};
	statement_reset(stmt);
	/* No job has written to it yet: an empty maildrop. */
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}
