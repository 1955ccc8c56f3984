/*
 * The commands' common half over accounts.h. Knows tables and columns by name only; what a
 * value may be, the schema decides and says.
 */
#include "rows.h"

#include <assert.h>
#include <stdio.h>

#include "assign.h"
#include "complain.h"

#define COLUMNS_MAX 64

static const struct {
	const char *what;
	const char *command;
	const char *json;
	const char *key;
	const char *listed[8]; /* what a table shows of each row */
} texts[] = {
	[TABLE_DOMAIN] = { "domain",
			   "domain",
			   "domains",
			   "domain",
			   { "domain", "description", "active", "quota_octets",
			     "quota_messages", "max_mailboxes" } },
	[TABLE_MAILBOX] = { "user",
			    "user",
			    "users",
			    "address",
			    { "address", "name", "active", "expires_at", "quota_octets",
			      "quota_messages" } },
	[TABLE_ALIAS] = { "alias",
			  "alias",
			  "aliases",
			  "address",
			  { "address", "goto", "active" } },
	[TABLE_ALIAS_DOMAIN] = { "alias domain",
				 "alias-domain",
				 "alias_domains",
				 "alias_domain",
				 { "alias_domain", "target_domain", "active" } },
	[TABLE_APP_PASSWORD] = { "app password",
				 "user app-password",
				 "app_passwords",
				 "address",
				 { "label", "created" } },
};

const char *rows_what(enum accounts_table table)
{
	return texts[table].what;
}

static bool is_listed(enum accounts_table table, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts[table].listed); i++) {
		if (texts[table].listed[i] != NULL && strcmp(texts[table].listed[i], name) == 0)
			return true;
	}
	return false;
}

struct printing {
	enum accounts_table table;
	bool every_column;
	const struct rows_more *more;
	struct output *output;
};

static bool print_row(void *context, const struct field *fields, size_t n)
{
	const struct printing *printing = context;
	const char *values[COLUMNS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < n && count < COLUMNS_MAX; i++) {
		if (printing->every_column || is_listed(printing->table, fields[i].name))
			values[count++] = fields[i].value;
	}
	for (size_t i = 0; i < printing->more->count && count < COLUMNS_MAX; i++)
		values[count++] = printing->more->values[i];
	output_row(printing->output, values);
	return true;
}

static size_t choose_columns(const struct printing *printing,
			     struct output_column columns[COLUMNS_MAX])
{
	const char *const *names;
	size_t n = accounts_columns(printing->table, &names);
	size_t count = 0;
	assert(n + printing->more->count <= COLUMNS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!printing->every_column && !is_listed(printing->table, names[i]))
			continue;
		enum output_type type = column_is_switch(names[i])   ? OUTPUT_BOOL
					: column_is_number(names[i]) ? OUTPUT_NUMBER
								     : OUTPUT_TEXT;
		columns[count++] = (struct output_column){ names[i], type };
	}
	for (size_t i = 0; i < printing->more->count; i++)
		columns[count++] = printing->more->columns[i];
	return count;
}

static int print_rows(struct tool *tool, struct printing *printing, const char *name,
		      const char *domain, enum output_shape shape)
{
	struct fault fault = { "" };
	struct output_column columns[COLUMNS_MAX];
	enum accounts_table table = printing->table;
	size_t count = choose_columns(printing, columns);
	printing->output = output_begin(tool, texts[table].json, shape, columns, count);
	enum accounts_status status =
		accounts_list(tool->accounts, table, name, domain, print_row, printing, &fault);
	output_end(&printing->output);
	if (status != ACCOUNTS_OK && status != ACCOUNTS_NOT_FOUND)
		return complain_accounts(status, &fault, "list", texts[table].json);
	return EX_OK;
}

static const struct rows_more nothing_more = { NULL, NULL, 0 };

int rows_list(struct tool *tool, enum accounts_table table, const char *domain)
{
	struct printing printing = { table, tool_has(tool, OPTION_JSON), &nothing_more, NULL };
	int code = tool_accounts(tool, false);
	if (code == EX_OK && domain != NULL)
		code = rows_need(tool, TABLE_DOMAIN, domain);
	return code == EX_OK ? print_rows(tool, &printing, NULL, domain, OUTPUT_ROWS) : code;
}

int rows_list_of(struct tool *tool, enum accounts_table table, const char *name)
{
	struct printing printing = { table, tool_has(tool, OPTION_JSON), &nothing_more, NULL };
	return print_rows(tool, &printing, name, NULL, OUTPUT_ROWS);
}

int rows_show(struct tool *tool, enum accounts_table table, const char *name,
	      const struct rows_more *more)
{
	struct printing printing = { table, true, more != NULL ? more : &nothing_more, NULL };
	/* An alias has a row for each target. */
	enum output_shape shape = table == TABLE_ALIAS ? OUTPUT_ROWS : OUTPUT_FACTS;
	int code = tool_accounts(tool, false);
	if (code == EX_OK)
		code = rows_need(tool, table, name);
	return code == EX_OK ? print_rows(tool, &printing, name, NULL, shape) : code;
}

static bool count_row(void *context, const struct field *fields, size_t n)
{
	(void)fields;
	(void)n;
	(*(size_t *)context)++;
	return true;
}

int rows_count(struct tool *tool, enum accounts_table table, const char *name,
	       const char *domain, size_t *count)
{
	struct fault fault = { "" };
	*count = 0;
	enum accounts_status status =
		accounts_list(tool->accounts, table, name, domain, count_row, count, &fault);
	if (status == ACCOUNTS_OK || status == ACCOUNTS_NOT_FOUND)
		return EX_OK;
	return complain_accounts(status, &fault, "count", texts[table].json);
}

static int complain_missing(enum accounts_table table, const char *name)
{
	const char *more = table == TABLE_ALIAS          ? " TARGET"
			   : table == TABLE_ALIAS_DOMAIN ? " DOMAIN"
							 : "";
	return complain(EX_NOUSER,
			"%s \"%s\" does not exist; add it with: restante %s add %s%s",
			texts[table].what, name, texts[table].command, name, more);
}

int rows_need(struct tool *tool, enum accounts_table table, const char *name)
{
	size_t count;
	int code = rows_count(tool, table, name, NULL, &count);
	if (code != EX_OK)
		return code;
	return count == 0 ? complain_missing(table, name) : EX_OK;
}

int rows_set(struct tool *tool, enum accounts_table table)
{
	struct fault fault = { "" };
	struct assignments to;
	const char *name = tool_name(tool->args[0]);
	int code = assign_parse(table, texts[table].key, tool->args + 1, tool->count - 1, &to);
	if (code == EX_OK)
		code = tool_accounts(tool, true);
	if (code != EX_OK)
		return code;
	enum accounts_status status =
		accounts_set(tool->accounts, table, name, to.field, to.count, &fault);
	if (status == ACCOUNTS_NOT_FOUND)
		return complain_missing(table, name);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "change", name);
	tool_say(tool, "Changed %s %s", texts[table].what, name);
	return EX_OK;
}

static int complain_exists(enum accounts_table table, const char *name,
			   const struct field *fields)
{
	if (table == TABLE_ALIAS)
		return complain(EX_CANTCREAT,
				"alias \"%s\" goes to \"%s\" already; see: restante alias show "
				"%s",
				name, fields[0].value, name);
	return complain(EX_CANTCREAT, "%s \"%s\" exists already; see: restante %s show %s",
			texts[table].what, name, texts[table].command, name);
}

int rows_add(struct tool *tool, enum accounts_table table, const char *name,
	     const struct field *fields, size_t count)
{
	struct fault fault = { "" };
	char doing[ADDRESS_MAX + 32];
	enum accounts_status status =
		accounts_add(tool->accounts, table, name, fields, count, &fault);
	if (status == ACCOUNTS_OK)
		return EX_OK;
	if (status == ACCOUNTS_EXISTS)
		return complain_exists(table, name, fields);
	if (table != TABLE_ALIAS)
		return complain_accounts(status, &fault, "add", name);
	snprintf(doing, sizeof doing, "add to \"%s\" the target", name);
	return complain_accounts(status, &fault, doing, fields[0].value);
}

int rows_remove(struct tool *tool, enum accounts_table table, const char *name,
		const char *target)
{
	struct fault fault = { "" };
	enum accounts_status status =
		accounts_remove(tool->accounts, table, name, target, &fault);
	if (status == ACCOUNTS_OK)
		return EX_OK;
	if (status == ACCOUNTS_NOT_FOUND && target != NULL)
		return complain(EX_NOUSER,
				"%s \"%s\" has no target \"%s\"; see: restante %s show %s",
				texts[table].what, name, target, texts[table].command, name);
	if (status == ACCOUNTS_NOT_FOUND)
		return complain_missing(table, name);
	return complain_accounts(status, &fault, "remove", name);
}
