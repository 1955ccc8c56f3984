/*
 * The manifest of a backup: which files belong to it, how long they are, and their SHA-256.
 *
 * Lines that begin with "#" are ours; the others are in the format of sha256sum(1), so that a
 * backup can be verified without this program: sha256sum -c MANIFEST.
 */
#ifndef RESTANTE_ADMIN_MANIFEST_H
#define RESTANTE_ADMIN_MANIFEST_H

#include "restante/compiler.h"
#include "restante/fault.h"

#include <stdbool.h>
#include <stddef.h>

#define MANIFEST_NAME "MANIFEST"

/*
 * Writes it for the files of `dir`: accounts.db, secret.key and those in mail/, each flushed
 * to the disk before. Last step of a backup: a directory without it is none.
 */
MUST_USE bool manifest_write(const char *dir, struct fault *fault);

enum manifest_verdict {
	MANIFEST_GOOD,
	MANIFEST_MISSING, /* no backup, or one that was not completed */
	MANIFEST_WRONG,   /* a file is missing, changed, or not named in it */
	MANIFEST_UNREADABLE
};
MUST_USE enum manifest_verdict manifest_verify(const char *dir, struct fault *fault);

#endif
