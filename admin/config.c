/*
 * The commands about the configuration, and `init`, which makes what it names.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "restante/home.h"

int command_config_check(struct tool *tool)
{
	struct fault fault = { "" };
	int code = tool_config(tool);
	if (code == EX_OK && !config_user_allowed(tool->config, &fault))
		code = complain(EX_CONFIG, "%s", fault.text);
	if (code == EX_OK)
		tool_say(tool, "The configuration is good: %s", tool->config->path);
	return code;
}

static void print_line(void *context, const char *text)
{
	(void)context;
	puts(text);
}

int command_config_show(struct tool *tool)
{
	int code = tool_config(tool);
	if (code == EX_OK)
		config_show(tool->config, tool_has(tool, OPTION_CHANGED), print_line, NULL);
	return code;
}

int command_config_example(struct tool *tool)
{
	(void)tool;
	fputs(config_example(), stdout);
	return EX_OK;
}

int command_init(struct tool *tool)
{
	static const int codes[] = {
		[HOME_READY] = EX_OK,
		[HOME_MADE] = EX_OK,
		[HOME_INCOMPLETE] = EX_DATAERR,
		[HOME_BUSY] = EX_TEMPFAIL,
		[HOME_UNAVAILABLE] = EX_CANTCREAT,
	};
	struct fault fault = { "" };
	int code = tool_config(tool);
	if (code != EX_OK)
		return code;
	enum home_status status = store_home_directory(tool->config, &fault);
	if (status != HOME_READY && status != HOME_MADE)
		return complain(codes[status], "%s", fault.text);
	code = tool_become_owner(tool);
	if (code != EX_OK)
		return code;
	if (access(tool->config->data_dir, W_OK) != 0)
		return complain(EX_NOPERM,
				"may not write to \"%s\": %s; run this as root or as the "
				"user who owns it",
				tool->config->data_dir, strerror(errno));
	status = store_home_init(tool->config, &fault);
	if (codes[status] != EX_OK)
		return complain(codes[status], "%s", fault.text);
	if (status == HOME_READY)
		tool_say(tool, "There is data in %s already; nothing was changed",
			 tool->config->data_dir);
	else
		tool_say(tool,
			 "Made accounts.db, secret.key and a store of %u databases in %s\n"
			 "Add a domain with: restante domain add example.org",
			 tool->config->shards, tool->config->data_dir);
	return EX_OK;
}
