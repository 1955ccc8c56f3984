/*
 * Backup and restore: whole copies of the shards' files. Both work on files alone, with no store
 * open in this process; a server beside a backup goes on.
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
 * Mail that comes after a restore must not get a UIDL that was given between the backup and the
 * loss: every maildrop starts a new epoch. Every schema has this column.
 */
static enum store_status restore_file(const char *from, const char *to, struct fault *fault)
{
	return schema_status(database_copy_changed(
		from, &shard_kind, to, "UPDATE mailbox SET epoch = random() & 281474976710655",
		fault));
}

static enum store_status copy_file(const char *from, const char *to, struct fault *fault)
{
	return schema_status(database_copy(from, &shard_kind, to, fault));
}

typedef enum store_status copy_one(const char *from, const char *to, struct fault *fault);

static enum store_status copy_shard(const char *dir, const char *to, unsigned shard,
				    copy_one *copy, struct fault *fault)
{
	char *source = shard_path(dir, shard);
	char *target = shard_path(to, shard);
	enum store_status status = STORE_UNAVAILABLE;

	if (source == NULL || target == NULL)
		status = no_memory(fault);
	else
		status = copy(source, target, fault);
	free(source);
	free(target);
	return status;
}

/* All or none: what was made is removed when a later shard fails. */
static enum store_status copy_all(const char *dir, const char *to, copy_one *copy,
				  struct fault *fault)
{
	struct shard_meta first;
	enum store_status status = store_read_meta(dir, false, &first, fault);
	unsigned done = 0;

	for (; status == STORE_OK && done < first.shards; done++) {
		status = copy_shard(dir, to, done, copy, fault);
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

enum store_status store_backup(const char *dir, const char *to, struct fault *fault)
{
	fault->text[0] = '\0';
	return copy_all(dir, to, copy_file, fault);
}

enum store_status store_restore(const char *from, const char *dir, struct fault *fault)
{
	fault->text[0] = '\0';
	return copy_all(from, dir, restore_file, fault);
}
