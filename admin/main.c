/*
 * restante: the administrator's tool. Parses, runs one command, closes.
 */
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#include "commands.h"
#include "complain.h"
#include "help.h"
#include "parse.h"

static int run(int argc, char **argv, struct tool *tool)
{
	int code = parse_command_line(argc, argv, tool);
	if (code != EX_OK)
		return code;
	if (tool_has(tool, OPTION_VERSION)) {
		puts("restante " RESTANTE_VERSION);
		return EX_OK;
	}
	if (tool->command == NULL) {
		help_tool(stdout);
		return EX_OK;
	}
	if (tool_has(tool, OPTION_HELP)) {
		help_command(stdout, tool->command);
		return EX_OK;
	}
	return tool->command->run(tool);
}

int main(int argc, char **argv)
{
	struct tool tool = { 0 };
	/*
	 * Only how octets become characters: numbers and sort order stay the same everywhere.
	 */
	setlocale(LC_CTYPE, "");
	umask(077);
	int code = run(argc, argv, &tool);
	tool_close(&tool);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == EX_OK)
		code = complain(EX_IOERR, "standard output cannot be written");
	return code;
}
