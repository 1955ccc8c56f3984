/*
 * The commands about aliases, and what an address stands for.
 */
#include "ask.h"
#include "commands.h"
#include "complain.h"
#include "output.h"
#include "rows.h"

/* All of them or none. */
static int add_targets(struct tool *tool, const char *alias)
{
	struct fault fault = { "" };
	int code = EX_OK;
	enum accounts_status status = accounts_begin(tool->accounts, &fault);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "add", alias);
	for (int i = 1; i < tool->count && code == EX_OK; i++) {
		struct field field = { "goto", tool_name(tool->args[i]) };
		code = rows_add(tool, TABLE_ALIAS, alias, &field, 1);
	}
	status = accounts_end(tool->accounts, code == EX_OK ? ACCOUNTS_OK : ACCOUNTS_REFUSED,
			      &fault);
	if (code == EX_OK && status != ACCOUNTS_OK)
		code = complain_accounts(status, &fault, "add", alias);
	return code;
}

int command_alias_add(struct tool *tool)
{
	const char *alias = tool_name(tool->args[0]);
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = add_targets(tool, alias);
	for (int i = 1; i < tool->count && code == EX_OK; i++)
		tool_say(tool, "Mail for %s now goes to %s", alias, tool->args[i]);
	return code;
}

int command_alias_list(struct tool *tool)
{
	return rows_list(tool, TABLE_ALIAS, tool->count > 0 ? tool_name(tool->args[0]) : NULL);
}

int command_alias_show(struct tool *tool)
{
	return rows_show(tool, TABLE_ALIAS, tool_name(tool->args[0]), NULL);
}

int command_alias_set(struct tool *tool)
{
	return rows_set(tool, TABLE_ALIAS);
}

int command_alias_rm(struct tool *tool)
{
	const char *alias = tool_name(tool->args[0]);
	const char *target = tool->count > 1 ? tool_name(tool->args[1]) : NULL;
	size_t targets = 0;
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = rows_need(tool, TABLE_ALIAS, alias);
	if (code == EX_OK)
		code = rows_count(tool, TABLE_ALIAS, alias, NULL, &targets);
	if (code == EX_OK && target == NULL)
		code = ask_confirm(tool, "Remove alias %s with %zu target%s?", alias, targets,
				   plural_s(targets));
	if (code == EX_OK)
		code = rows_remove(tool, TABLE_ALIAS, alias, target);
	if (code != EX_OK)
		return code;
	if (target != NULL)
		tool_say(tool, "Mail for %s no longer goes to %s", alias, target);
	else
		tool_say(tool, "Removed alias %s", alias);
	return EX_OK;
}

static void print_targets(struct tool *tool, const struct recipient_targets *targets)
{
	static const struct output_column columns[] = {
		{ "address", OUTPUT_TEXT },
		{ "active", OUTPUT_BOOL },
		{ "takes_mail", OUTPUT_BOOL },
		{ "shard", OUTPUT_NUMBER },
	};
	struct output *output =
		output_begin(tool, "targets", OUTPUT_ROWS, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < targets->count; i++) {
		const struct account *account = &targets->account[i];
		char shard[OUTPUT_NUMBER_MAX];
		bool takes = account->active && (account->switches & ACCOUNT_LMTP) != 0;
		const char *values[] = { account->address, account->active ? "1" : "0",
					 takes ? "1" : "0",
					 output_u64(shard, account->key.shard) };
		output_row(output, values);
	}
	output_end(&output);
}

int command_resolve(struct tool *tool)
{
	static struct recipient_targets targets;
	struct fault fault = { "" };
	const char *address = tool_name(tool->args[0]);
	int code = tool_accounts(tool, false);
	if (code != EX_OK)
		return code;
	enum accounts_status status =
		recipient_resolve(tool->accounts, str_of(address),
				  tool->config->detail_separator, &targets, &fault);
	if (status == ACCOUNTS_NOT_FOUND)
		return complain(
			EX_NOUSER,
			"mail for \"%s\" would be refused: there is no such user, alias or "
			"catch-all",
			address);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "resolve", address);
	/* A target that does not exist is left out and named here. */
	if (fault.text[0] != '\0')
		complain(EX_OK, "warning: %s", fault.text);
	print_targets(tool, &targets);
	return EX_OK;
}
