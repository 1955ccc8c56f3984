/* The mailbox row, made by the writer at first use. Writer thread only. */
#include "store/store_private.h"

enum store_status mailbox_find(struct shard *shard, const char *key, struct mailbox_row *row,
			       struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_MAILBOX_FIND];
	enum store_status status;

	bind_text(stmt, 1, key);
	status = statement_row(stmt, fault);
	if (status == STORE_OK)
		*row = (struct mailbox_row){
			.id = column_u64(stmt, 0),
			.epoch = column_u64(stmt, 1),
			.uidnext = column_u64(stmt, 2),
			.change = column_u64(stmt, 3),
			.messages = column_u64(stmt, 4),
			.octets = column_u64(stmt, 5),
		};
	statement_reset(stmt);
	return status;
}

enum store_status mailbox_need(struct shard *shard, const char *key, struct mailbox_row *row,
			       struct fault *fault)
{
	enum store_status status = mailbox_find(shard, key, row, fault);

	if (status != STORE_NOT_FOUND)
		return status;
	bind_text(shard->stmt[W_MAILBOX_ADD], 1, key);
	status = statement_run(shard->stmt[W_MAILBOX_ADD], fault);
	return status == STORE_OK ? mailbox_find(shard, key, row, fault) : status;
}
