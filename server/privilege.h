/*
 * What the process may do: root only until its sockets are bound, then an ordinary user for good.
 */
#ifndef RESTANTE_PRIVILEGE_H
#define RESTANTE_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "restante/compiler.h"
#include "restante/fault.h"

/*
 * Started as root: becomes `user` with its groups, for good. Started as anyone else: stays who it
 * is, with a notice in the log when that is not `user`. Before the first thread. Then, in both
 * cases: files are made for us alone (umask 077), no exec can gain privileges, no capability is
 * left, no core is dumped. That it is so is looked at afterwards.
 */
MUST_USE bool privilege_drop(const char *user, struct fault *fault);
/* The ids of `user`; false when there is no such user. */
MUST_USE bool privilege_lookup(const char *user, uid_t *uid, gid_t *gid, struct fault *fault);
/* Raises the limit of open files to its hard limit; the limit now in force. */
uint64_t privilege_raise_nofile(void);

#endif
