/*
 * The data directory: accounts.db, secret.key and mail/ belong together, and come into being
 * together or not at all. For the server's start and for the tool's `init` and `restore`.
 */
#ifndef RESTANTE_HOME_H
#define RESTANTE_HOME_H

#include "restante/config.h"

enum home_status {
	HOME_READY,      /* all of it is there and belongs together */
	HOME_MADE,       /* nothing was there; it was made now */
	HOME_INCOMPLETE, /* something is missing beside others, or they do not fit together */
	HOME_BUSY,       /* another process is making it at this moment */
	HOME_UNAVAILABLE /* I/O error, permissions, disk full, memory */
};

/*
 * Makes data_dir (0700) if it is missing, and as root gives it to the configuration's user.
 * To be called before privileges are dropped; does nothing to a directory that exists.
 */
MUST_USE enum home_status store_home_directory(const struct config *config,
					       struct fault *fault);

/*
 * Whether accounts.db and the mail databases are of one store: HOME_READY, or the fault names the
 * files and the remedy. Changes nothing.
 */
MUST_USE enum home_status store_home_check(const struct config *config, struct fault *fault);

/*
 * Makes the key file, accounts.db and the store where none of them is; never replaces anything.
 * The fault names what is missing and the remedy. Without threads, as the directory's owner.
 */
MUST_USE enum home_status store_home_init(const struct config *config, struct fault *fault);

/*
 * The same with pieces from elsewhere: `fill` makes all three at config_path(staged, ...), in
 * an empty directory of their own; they are moved into place when it returns true.
 * HOME_READY: there is data already, fill was not called.
 */
typedef bool store_home_fill(void *context, const struct config *staged, struct fault *fault);
MUST_USE enum home_status store_home_make(const struct config *config, store_home_fill *fill,
					  void *context, struct fault *fault);

/* Whether a directory is there, can be read, and holds nothing. */
MUST_USE bool directory_is_empty(const char *path);

#endif
