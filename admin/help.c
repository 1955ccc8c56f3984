/*
 * --help of the tool and of each command, and the command `help`. Knows no command by name.
 */
#include "help.h"

#include "assign.h"
#include "complain.h"

static void print_option(FILE *to, const struct option_row *row)
{
	char text[64];
	char letter[8] = "    ";
	if (row->letter != 0)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	snprintf(text, sizeof text, "--%s%s%s", row->name, row->argument != NULL ? " " : "",
		 row->argument != NULL ? row->argument : "");
	fprintf(to, "  %s%-20s  %s\n", letter, text, row->help);
}

static void print_options(FILE *to, unsigned options)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		if ((options & OPTION_BIT(i)) != 0)
			print_option(to, &option_rows[i]);
	}
}

void help_tool(FILE *to)
{
	size_t count;
	const struct command *all = commands_all(&count);
	fputs("Usage: restante [OPTION]... COMMAND [OPTION]... [ARGUMENT]...\n"
	      "Administers a restante mail server: domains, users, aliases, maildrops.\n\n"
	      "Commands:\n",
	      to);
	for (size_t i = 0; i < count; i++)
		fprintf(to, "  %-22s  %s\n", all[i].words, all[i].help);
	fputs("\nOptions, before or after the command:\n", to);
	print_options(to, OPTIONS_GLOBAL);
	fputs("\nExample:\n  restante user add --help\n"
	      "\nExit status: 0 done, 1 declined, else as in sysexits.h. Manual: man "
	      "restante\n",
	      to);
}

static void print_columns(FILE *to, enum command_columns columns)
{
	static const enum accounts_table tables[] = {
		[COLUMNS_DOMAIN] = TABLE_DOMAIN,
		[COLUMNS_MAILBOX] = TABLE_MAILBOX,
		[COLUMNS_ALIAS] = TABLE_ALIAS,
		[COLUMNS_ALIAS_DOMAIN] = TABLE_ALIAS_DOMAIN,
	};
	const char *const *names;
	if (columns == COLUMNS_NONE)
		return;
	size_t count = accounts_columns(tables[columns], &names);
	fputs("\nColumns (octets may end in K, M, G or T; seconds in m, h or d; an empty\n"
	      "value is SQL's NULL; what they may hold, accounts.db decides):\n ",
	      to);
	size_t used = 1;
	/* The first is the key: it is given as an argument. */
	for (size_t i = 1; i < count; i++) {
		size_t n = strlen(names[i]) + 1;
		if (column_is_kept(names[i]))
			continue;
		if (used + n > 78) {
			fputs("\n ", to);
			used = 1;
		}
		fprintf(to, " %s", names[i]);
		used += n;
	}
	fputc('\n', to);
}

void help_command(FILE *to, const struct command *command)
{
	fprintf(to, "Usage: restante %s%s%s%s\n%s\n", command->words,
		command->options != 0 ? " [OPTION]..." : "",
		command->synopsis[0] != '\0' ? " " : "", command->synopsis, command->help);
	if (command->options != 0) {
		fputs("\nOptions:\n", to);
		print_options(to, command->options);
	}
	print_columns(to, command->columns);
	fputs("\nOptions of every command:\n", to);
	print_options(to, OPTIONS_GLOBAL);
	fprintf(to, "\nExample:\n  %s\n", command->example);
}

static int help_group(const char *word)
{
	size_t count;
	const struct command *all = commands_all(&count);
	size_t n = strlen(word);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(all[i].words, word, n) == 0 && all[i].words[n] == ' ')
			printf("  restante %s %s\n      %s\n", all[i].words, all[i].synopsis,
			       all[i].help);
	}
	return EX_OK;
}

int command_help(struct tool *tool)
{
	int used;
	if (tool->count == 0) {
		help_tool(stdout);
		return EX_OK;
	}
	const struct command *command = command_find(tool->args, tool->count, &used);
	if (command != NULL) {
		help_command(stdout, command);
		return EX_OK;
	}
	if (tool->count == 1 && command_is_group(tool->args[0]))
		return help_group(tool->args[0]);
	return complain(EX_USAGE, "there is no command \"%s%s%s\"; see: restante --help",
			tool->args[0], tool->count > 1 ? " " : "",
			tool->count > 1 ? tool->args[1] : "");
}
