/*
 * A layer below SQLite that makes few large writes of many small ones, and takes no read that ends
 * early for zeros: see gather_vfs.c. For connections with synchronous=FULL in WAL mode.
 */
#ifndef RESTANTE_SQL_GATHER_VFS_H
#define RESTANTE_SQL_GATHER_VFS_H

#include "restante/compiler.h"

/* For sqlite3_open_v2: its name, registered at the first call. NULL: no memory. Any thread. */
MUST_USE const char *gather_vfs(void);

#endif
