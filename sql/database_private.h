/*
 * Between database.c and database_new.c.
 */
#ifndef RESTANTE_SQL_DATABASE_PRIVATE_H
#define RESTANTE_SQL_DATABASE_PRIVATE_H

#include "sql/database.h"

/* The connection alone, nothing read yet; `gather`: through gather_vfs.h. */
MUST_USE enum database_status database_connect(const char *path, bool gather, sqlite3 **db,
					       struct fault *fault);
/* The settings that SQLite keeps per connection. */
MUST_USE enum database_status database_settle(sqlite3 *db, int cache_kib, int checkpoint_pages,
					      struct fault *fault);
MUST_USE enum database_status database_set_wal(sqlite3 *db, const char *path,
					       struct fault *fault);

#endif
