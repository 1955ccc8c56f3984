/* One deletion: see deletion.h. */
#include "store/deletion.h"

#include "base/log.h"

/* Every uid of the run is a live message: more or fewer rows would be a false count. */
static enum store_status flag_run(struct deletion *deletion)
{
	uint64_t run = deletion->last - deletion->first + 1;
	sqlite3_stmt *stmt = deletion->shard->stmt[run == 1 ? W_MESSAGE_FLAG : W_RUN_FLAG];
	enum store_status status;

	if (deletion->messages == 0)
		return STORE_OK;
	bind_u64(stmt, 1, deletion->mailbox);
	bind_u64(stmt, 2, deletion->first);
	bind_u64(stmt, 3, deletion->last);
	bind_i64(stmt, 4, deletion->now);
	bind_u64(stmt, 5, deletion->session);
	bind_u64(stmt, 6, deletion->change);
	status = statement_run(stmt, deletion->fault);
	if (status != STORE_OK || (uint64_t)sqlite3_changes64(deletion->shard->db) == run)
		return status;
	fault_set(deletion->fault, "messages %llu to %llu are not all there",
		  (unsigned long long)deletion->first, (unsigned long long)deletion->last);
	return STORE_UNAVAILABLE;
}

enum store_status deletion_add(struct deletion *deletion, uint64_t uid, uint64_t octets)
{
	enum store_status status = STORE_OK;

	if (deletion->messages == 0 || uid != deletion->last + 1) {
		status = flag_run(deletion);
		deletion->first = uid;
	}
	deletion->last = uid;
	deletion->messages++;
	deletion->octets += octets;
	return status;
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

enum store_status deletion_end(struct deletion *deletion, const struct session_record *by)
{
	sqlite3_stmt *stmt = deletion->shard->stmt[W_SESSION_ADD];
	enum store_status status;

	if (deletion->messages == 0)
		return STORE_OK;
	status = flag_run(deletion);
	if (status == STORE_OK)
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
