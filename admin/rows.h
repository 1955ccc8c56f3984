/*
 * Rows of accounts.db by name: what the commands about domains, users and aliases have in
 * common.
 */
#ifndef RESTANTE_ADMIN_ROWS_H
#define RESTANTE_ADMIN_ROWS_H

#include "output.h"

/* "domain", "user", "alias", "alias domain": for sentences. */
const char *rows_what(enum accounts_table table);

/*
 * Prints the rows of a domain, or all; a table shows the most important columns, JSON every
 * one.
 */
MUST_USE int rows_list(struct tool *tool, enum accounts_table table, const char *domain);
/* The same of the rows of one name. */
MUST_USE int rows_list_of(struct tool *tool, enum accounts_table table, const char *name);
/* Columns that are not in accounts.db, shown behind its own. */
struct rows_more {
	const struct output_column *columns;
	const char *const *values;
	size_t count;
};
/* Prints every column of the rows of one name; EX_NOUSER with the remedy when there is none. */
MUST_USE int rows_show(struct tool *tool, enum accounts_table table, const char *name,
		       const struct rows_more *more /* may be NULL */);
/* How many rows there are of a name and of a domain; NULL = any. */
MUST_USE int rows_count(struct tool *tool, enum accounts_table table, const char *name,
			const char *domain, size_t *count);
/* 0 when there is one; else complains with the remedy. */
MUST_USE int rows_need(struct tool *tool, enum accounts_table table, const char *name);
/* accounts_set from COLUMN=VALUE arguments, after the name in args[0]. */
MUST_USE int rows_set(struct tool *tool, enum accounts_table table);
MUST_USE int rows_add(struct tool *tool, enum accounts_table table, const char *name,
		      const struct field *fields, size_t count);
/* `target` NULL: all rows of the name. */
MUST_USE int rows_remove(struct tool *tool, enum accounts_table table, const char *name,
			 const char *target);

#endif
