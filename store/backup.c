/*
 * Backup and restore: whole copies of the shards' files. Both are one thing, done to files alone,
 * with no store open in this process; a server beside a backup goes on.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "restante/store_admin.h"
#include "store/schema.h"
#include "store/store_private.h"

static enum store_status no_memory(struct fault *fault)
{
	fault_set(fault, "no memory");
	return STORE_UNAVAILABLE;
}

/*
 * A copy says of itself that it is one, however it comes back into use: by the tool, or by hand
 * where one file was lost. store_open sees to what follows from that. Every schema has meta.
 */
static const char mark_copy[] = "INSERT OR REPLACE INTO meta(key, value) VALUES('copy', 1)";

static enum store_status copy_shard(const char *dir, const char *to, unsigned shard,
				    struct fault *fault)
{
	char *source = shard_path(dir, shard);
	char *target = shard_path(to, shard);
	enum store_status status = STORE_UNAVAILABLE;

	if (source == NULL || target == NULL)
		status = no_memory(fault);
	else
		status = schema_status(
			database_copy(source, &shard_kind, target, mark_copy, fault));
	free(source);
	free(target);
	return status;
}

/* All or none: what was made is removed when a later shard fails. */
enum store_status store_copy(const char *dir, const char *to, struct fault *fault)
{
	struct shard_meta first;
	enum store_status status;
	unsigned done = 0;

	fault->text[0] = '\0';
	status = store_read_meta(dir, &first, fault);
	for (; status == STORE_OK && done < first.shards; done++) {
		status = copy_shard(dir, to, done, fault);
		if (status != STORE_OK)
			break;
	}
	while (status != STORE_OK && done-- > 0) {
		char *path = shard_path(to, done);

		if (path != NULL)
			(void)unlink(path);
		free(path);
	}
	return status;
}
