/*
 * COLUMN=VALUE arguments, and numbers with the suffixes that people write.
 */
#ifndef RESTANTE_ADMIN_ASSIGN_H
#define RESTANTE_ADMIN_ASSIGN_H

#include "restante/accounts.h"

#define ASSIGN_MAX 32
#define ASSIGN_NAME_MAX 64

struct assignments {
	struct field field[ASSIGN_MAX + 2]; /* room for what a command adds */
	size_t count;
	/* where the fields' texts are */
	char name[ASSIGN_MAX][ASSIGN_NAME_MAX];
	char number[ASSIGN_MAX][24];
};

/*
 * Reads arguments against the columns of `table`; `key` is the column that names the row and is
 * not to be set. Values are borrowed from the arguments. Not 0: said what is wrong.
 */
MUST_USE int assign_parse(enum accounts_table table, const char *key, char *const *args,
			  int count, struct assignments *assignments);

/* What a column holds, by its name: a number, or 1 and 0. */
bool column_is_number(const char *name);
bool column_is_switch(const char *name);
/* Shown, and written by restante alone: keys, and what follows from other columns. */
bool column_is_kept(const char *name);

/* "512", "10K", "1.5G" is not one: whole numbers, K M G T for powers of 1024. */
MUST_USE bool octets_parse(const char *text, uint64_t *octets);
/* "600", "90m", "12h", "7d". */
MUST_USE bool seconds_parse(const char *text, uint64_t *seconds);

#endif
