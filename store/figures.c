/* Figures of one shard for the tool and for metrics. */
#include <stdio.h>
#include <sys/stat.h>

#include "restante/store_admin.h"
#include "store/maildrop_private.h"

static const char figures_sql[] =
	"SELECT count(*), coalesce(sum(messages), 0), coalesce(sum(octets), 0),"
	" (SELECT count(*) FROM message INDEXED BY message_deleted WHERE deleted_at IS NOT "
	"NULL),"
	" (SELECT count(*) FROM body) FROM mailbox";

/* The database and its log. */
static uint64_t file_octets(const struct shard *shard)
{
	char log[4096];
	struct stat file;
	uint64_t octets = 0;

	if (stat(shard->path, &file) == 0)
		octets = (uint64_t)file.st_size;
	(void)snprintf(log, sizeof log, "%s-wal", shard->path);
	if (stat(log, &file) == 0)
		octets += (uint64_t)file.st_size;
	return octets;
}

enum store_status store_figures(struct store *store, struct store_reader *reader,
				unsigned shard, struct store_figures *figures,
				struct fault *fault)
{
	const char *sql = figures_sql;
	struct reader_shard *from;
	sqlite3_stmt *stmt = NULL;
	enum store_status status = reader_shard(reader, shard, &from, fault);

	*figures = (struct store_figures){ 0 };
	if (status == STORE_OK)
		status = statements_prepare(from->db, &sql, 1, &stmt, fault);
	if (status == STORE_OK)
		status = statement_row(stmt, fault);
	if (status == STORE_OK)
		*figures = (struct store_figures){
			.maildrops = column_u64(stmt, 0),
			.messages = column_u64(stmt, 1),
			.octets = column_u64(stmt, 2),
			.deleted = column_u64(stmt, 3),
			.bodies = column_u64(stmt, 4),
			.file_octets = file_octets(&store->shards[shard]),
			.queued_jobs = atomic_load(&store->shards[shard].queued),
			.commits = atomic_load(&store->shards[shard].commits),
			.jobs = atomic_load(&store->shards[shard].jobs),
			.in_service = atomic_load(&store->shards[shard].in_service),
		};
	statements_finalize(&stmt, 1);
	return status;
}
