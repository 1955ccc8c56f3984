/*
 * What adding a mailbox and putting one back have in common.
 */
#ifndef RESTANTE_ADMIN_USER_H
#define RESTANTE_ADMIN_USER_H

#include "ask.h"
#include "assign.h"

/* Before a password is asked for: is there a domain, and no such user yet? */
MUST_USE int user_check_new(struct tool *tool, const char *address);
/* Adds the row with its password, if it has one; `to` must have room for one field more. */
MUST_USE int user_add_with_password(struct tool *tool, const char *address,
				    struct assignments *to, const struct password *password);

#endif
