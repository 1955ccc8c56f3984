/*
 * One shard's file: its name, its schema, its meta table.
 */
#ifndef RESTANTE_STORE_SCHEMA_H
#define RESTANTE_STORE_SCHEMA_H

#include <sqlite3.h>

#include "restante/store.h"
#include "sql/database.h"

/*
 * What the file is made of. A delivery changes a page each of several tables and indexes, whatever
 * its size, and all of it goes to the log: docs/adr/0040.
 */
#define SHARD_PAGE_OCTETS 8192

extern const struct database_kind shard_kind;

struct shard_meta {
	char store[33];
	unsigned shard;
	unsigned shards;
	int64_t clock; /* wall clock at the last housekeeping */
	int64_t hold;  /* seconds that purging has to wait since that clock jumped */
	bool copy;     /* out of a backup, and not yet in use */
};

/* "DIR/mail-NN.db", to be freed; NULL: no memory. */
char *shard_path(const char *dir, unsigned shard);

/* The store's statuses for the sql room's, when opening or making files. */
enum store_status schema_status(enum database_status status);

MUST_USE enum store_status shard_create_file(const char *path, const struct shard_meta *meta,
					     struct fault *fault);
MUST_USE enum store_status shard_open_file(const char *path, bool writable, int cache_kib,
					   sqlite3 **db, struct fault *fault);
void shard_close_file(sqlite3 **db);
MUST_USE enum store_status shard_read_meta(sqlite3 *db, const char *path,
					   struct shard_meta *meta, struct fault *fault);
/* Is this file shard `shard` of the store that `first`, the meta of shard 0, describes? */
MUST_USE enum store_status shard_check_meta(const struct shard_meta *meta, const char *path,
					    const struct shard_meta *first, unsigned shard,
					    struct fault *fault);
/*
 * Mail that comes after a restore must not get a UIDL that was given between the backup and the
 * loss: every maildrop of a copied file starts a new epoch, once.
 */
MUST_USE enum store_status shard_begin_epochs(sqlite3 *db, struct fault *fault);
/* The meta of a file of any schema that we know; nothing is written to it. */
MUST_USE enum store_status shard_identify(const char *path, struct shard_meta *meta,
					  struct fault *fault);
/* That of shard 0, which says how many there are. */
MUST_USE enum store_status store_read_meta(const char *dir, struct shard_meta *first,
					   struct fault *fault);

#endif
