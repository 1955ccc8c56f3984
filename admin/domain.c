/*
 * The commands about domains and alias domains.
 */
#include "ask.h"
#include "assign.h"
#include "commands.h"
#include "complain.h"
#include "rows.h"

int command_domain_add(struct tool *tool)
{
	struct assignments to;
	const char *domain = tool_name(tool->args[0]);
	int code = assign_parse(TABLE_DOMAIN, "domain", tool->args + 1, tool->count - 1, &to);
	if (code == EX_OK)
		code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = rows_add(tool, TABLE_DOMAIN, domain, to.field, to.count);
	if (code == EX_OK)
		tool_say(tool, "Added domain %s; add users with: restante user add NAME@%s",
			 domain, domain);
	return code;
}

int command_domain_list(struct tool *tool)
{
	return rows_list(tool, TABLE_DOMAIN, NULL);
}

int command_domain_show(struct tool *tool)
{
	return rows_show(tool, TABLE_DOMAIN, tool_name(tool->args[0]), NULL);
}

int command_domain_set(struct tool *tool)
{
	return rows_set(tool, TABLE_DOMAIN);
}

/* The schema would refuse as well; this says how many and what to do first. */
static int check_empty(struct tool *tool, const char *domain)
{
	size_t users;
	size_t aliases;
	int code = rows_need(tool, TABLE_DOMAIN, domain);
	if (code == EX_OK)
		code = rows_count(tool, TABLE_MAILBOX, NULL, domain, &users);
	if (code == EX_OK)
		code = rows_count(tool, TABLE_ALIAS, NULL, domain, &aliases);
	if (code != EX_OK || users + aliases == 0)
		return code;
	return complain(
		EX_DATAERR,
		"domain \"%s\" still has %zu users and %zu aliases; remove them first, see: "
		"restante user list %s, restante alias list %s",
		domain, users, aliases, domain, domain);
}

int command_domain_rm(struct tool *tool)
{
	const char *domain = tool_name(tool->args[0]);
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = check_empty(tool, domain);
	if (code == EX_OK)
		code = ask_confirm(tool, "Remove domain %s (0 users, 0 aliases)?", domain);
	if (code == EX_OK)
		code = rows_remove(tool, TABLE_DOMAIN, domain, NULL);
	if (code == EX_OK)
		tool_say(tool, "Removed domain %s", domain);
	return code;
}

int command_alias_domain_add(struct tool *tool)
{
	const char *name = tool_name(tool->args[0]);
	const char *target = tool_name(tool->args[1]);
	struct field field = { "target_domain", target };
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = rows_need(tool, TABLE_DOMAIN, target);
	if (code == EX_OK)
		code = rows_add(tool, TABLE_ALIAS_DOMAIN, name, &field, 1);
	if (code == EX_OK)
		tool_say(tool, "Mail for %s now goes to the same addresses of %s", name,
			 target);
	return code;
}

int command_alias_domain_list(struct tool *tool)
{
	return rows_list(tool, TABLE_ALIAS_DOMAIN, NULL);
}

int command_alias_domain_show(struct tool *tool)
{
	return rows_show(tool, TABLE_ALIAS_DOMAIN, tool_name(tool->args[0]), NULL);
}

int command_alias_domain_set(struct tool *tool)
{
	return rows_set(tool, TABLE_ALIAS_DOMAIN);
}

int command_alias_domain_rm(struct tool *tool)
{
	const char *name = tool_name(tool->args[0]);
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = rows_need(tool, TABLE_ALIAS_DOMAIN, name);
	if (code == EX_OK)
		code = ask_confirm(tool, "Remove alias domain %s? Mail for it will be refused.",
				   name);
	if (code == EX_OK)
		code = rows_remove(tool, TABLE_ALIAS_DOMAIN, name, NULL);
	if (code == EX_OK)
		tool_say(tool, "Removed alias domain %s", name);
	return code;
}
