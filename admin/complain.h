/*
 * Errors: one line on standard error that says what, where, why and what to do, and the exit
 * status that goes with it.
 */
#ifndef RESTANTE_ADMIN_COMPLAIN_H
#define RESTANTE_ADMIN_COMPLAIN_H

#include <stdarg.h>

#include "restante/accounts.h"

#define SENTENCE_MAX 4096

/*
 * As vsnprintf, for what a person reads: whatever is not printable becomes "\xNN". Names come from
 * scripts, from mail and from databases, and a terminal obeys what it is sent.
 */
void format_sentence(char *text, size_t cap, const char *format, va_list args)
	PRINTF_LIKE(3, 0);
/* Prints "restante: <text>" and returns `code`, so that callers can return it in turn. */
int complain(int code, const char *format, ...) PRINTF_LIKE(2, 3);
/* The status of a room as an exit status, with the fault's text behind what was being done. */
int complain_accounts(enum accounts_status status, const struct fault *fault, const char *doing,
		      const char *name);
int complain_store(enum store_status status, const struct fault *fault, const char *doing,
		   const char *name);
int accounts_exit(enum accounts_status status);
int store_exit(enum store_status status);

#endif
