/*
 * The command line: which command, which options, which arguments.
 */
#ifndef RESTANTE_ADMIN_PARSE_H
#define RESTANTE_ADMIN_PARSE_H

#include "tool.h"

/*
 * Fills in command, option, args and count. Not 0: an error was said. `command` is NULL on
 * success only with --help or --version and no command. argv may be reordered.
 */
MUST_USE int parse_command_line(int argc, char **argv, struct tool *tool);

#endif
