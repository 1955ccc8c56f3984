/*
 * Questions to the person at the terminal: yes or no, and passwords. Passwords come from the
 * terminal without echo, from standard input, or are made here; never from the command line.
 */
#ifndef RESTANTE_ADMIN_ASK_H
#define RESTANTE_ADMIN_ASK_H

#include "tool.h"

/*
 * "<text> [y/N]". 0 = go on: answered yes, or --yes. EXIT_DECLINED = answered no. Without a
 * terminal and without --yes it is refused, with the remedy: EX_USAGE.
 */
MUST_USE int ask_confirm(const struct tool *tool, const char *format, ...) PRINTF_LIKE(2, 3);

struct password {
	char text[PASSWORD_MAX + 1];
	size_t n; /* 0 = none: --no-password */
};

enum password_use {
	PASSWORD_NEW,  /* to be stored: asked for twice, --generate allowed by the command */
	PASSWORD_TRIED /* to be verified: asked for once */
};

/* By --generate, --no-password, --password-stdin or the terminal. Wipe it with password_wipe. */
MUST_USE int password_get(const struct tool *tool, const char *prompt, enum password_use use,
			  struct password *password);
void password_wipe(struct password *password);
/* After it was stored: prints it, once ("what of address: ..."). */
void password_show(const struct tool *tool, const char *what, const char *address,
		   const struct password *password);
/* ... if it was generated; for others nothing. */
void password_show_generated(const struct tool *tool, const char *what, const char *address,
			     const struct password *password);

#endif
