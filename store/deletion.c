/* One deletion: see deletion.h. */
#include "store/deletion.h"

enum store_status deletion_add(struct deletion *deletion, uint64_t uid, uint64_t octets)
{
	sqlite3_stmt *stmt = deletion->shard->stmt[W_MESSAGE_FLAG];

	deletion->messages++;
	deletion->octets += octets;
	bind_u64(stmt, 1, deletion->mailbox);
	bind_u64(stmt, 2, uid);
	bind_i64(stmt, 3, deletion->now);
	bind_u64(stmt, 4, deletion->session);
	bind_u64(stmt, 5, deletion->change);
	return statement_run(stmt, deletion->fault);
}

static enum store_status shrink(const struct deletion *deletion)
{
	sqlite3_stmt *stmt = deletion->shard->stmt[W_MAILBOX_SHRANK];

	bind_u64(stmt, 1, deletion->mailbox);
	bind_u64(stmt, 2, deletion->messages);
	bind_u64(stmt, 3, deletion->octets);
	bind_u64(stmt, 4, deletion->change);
	return statement_run(stmt, deletion->fault);
}

enum store_status deletion_end(const struct deletion *deletion, const struct session_record *by)
{
	sqlite3_stmt *stmt = deletion->shard->stmt[W_SESSION_ADD];
	enum store_status status;

	if (deletion->messages == 0)
		return STORE_OK;
	status = shrink(deletion);
	if (status != STORE_OK)
		return status;
	bind_u64(stmt, 1, deletion->mailbox);
	bind_u64(stmt, 2, deletion->change);
	bind_u64(stmt, 3, by->session);
	bind_text(stmt, 4, by->peer);
	bind_i64(stmt, 5, by->started);
	bind_i64(stmt, 6, deletion->now);
	bind_u64(stmt, 7, by->retrieved);
	bind_u64(stmt, 8, deletion->messages);
	bind_u64(stmt, 9, deletion->octets);
	return statement_run(stmt, deletion->fault);
}
