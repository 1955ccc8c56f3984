/*
 * Help texts, made from the tables of commands.c.
 */
#ifndef RESTANTE_ADMIN_HELP_H
#define RESTANTE_ADMIN_HELP_H

#include <stdio.h>

#include "commands.h"

/* Of the tool: every command in a line. */
void help_tool(FILE *to);
/* Of one command: usage, options, columns, an example. */
void help_command(FILE *to, const struct command *command);

#endif
