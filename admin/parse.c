/*
 * Parses the command line against the tables in commands.c: options of the tool may stand
 * before or after the command's words, options of the command after them. Never runs
 * anything.
 */
#include "parse.h"

#include <getopt.h>
#include <stdio.h>

#include "commands.h"
#include "complain.h"
#include "nearest.h"

/* getopt_long's view of those options that are allowed here. */
struct getopt_tables {
	struct option longs[OPTION_COUNT + 1];
	char shorts[2 * OPTION_COUNT + 3];
};

#define LONG_BASE 256 /* beyond every letter */

/* `stop`: end at the first word that is no option. */
static void tables_make(struct getopt_tables *tables, unsigned allowed, bool stop)
{
	size_t nl = 0;
	size_t ns = 0;
	*tables = (struct getopt_tables){ 0 };
	if (stop)
		tables->shorts[ns++] = '+';
	tables->shorts[ns++] = ':';
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		if ((allowed & OPTION_BIT(i)) == 0)
			continue;
		tables->longs[nl++] = (struct option){
			.name = row->name,
			.has_arg = row->argument != NULL ? required_argument : no_argument,
			.val = LONG_BASE + i,
		};
		if (row->letter == 0)
			continue;
		tables->shorts[ns++] = row->letter;
		if (row->argument != NULL)
			tables->shorts[ns++] = ':';
	}
}

static int option_of(int value)
{
	if (value >= LONG_BASE)
		return value - LONG_BASE;
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (option_rows[i].letter != 0 && option_rows[i].letter == value)
			return i;
	}
	return OPTION_COUNT;
}

static const char *command_words(const struct tool *tool)
{
	return tool->command != NULL ? tool->command->words : "";
}

static int complain_unknown_option(const struct tool *tool, unsigned allowed, char *text)
{
	const char *names[OPTION_COUNT];
	size_t n = 0;
	const char *space = tool->command != NULL ? " " : "";
	/* What stands behind "=" may be a secret: it is not repeated. */
	text[strcspn(text, "=")] = '\0';
	for (int i = 0; i < OPTION_COUNT; i++) {
		if ((allowed & OPTION_BIT(i)) != 0)
			names[n++] = option_rows[i].name;
	}
	const char *meant = strncmp(text, "--", 2) == 0 ? nearest(text + 2, names, n) : NULL;
	if (meant != NULL)
		return complain(EX_USAGE,
				"unknown option \"%s\" (did you mean \"--%s\"?); see: "
				"restante%s%s --help",
				text, meant, space, command_words(tool));
	return complain(EX_USAGE, "unknown option \"%s\"; see: restante%s%s --help", text,
			space, command_words(tool));
}

static int take_options(struct tool *tool, int argc, char **argv, unsigned allowed, bool stop)
{
	struct getopt_tables tables;
	int value;
	tables_make(&tables, allowed, stop);
	opterr = 0;
	optind = 0; /* glibc and musl: start afresh, with another argv */
	while ((value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		if (value == '?') {
			char letter[3] = { '-', (char)optopt, '\0' };
			bool is_letter = optopt > 0 && optopt < LONG_BASE;
			return complain_unknown_option(tool, allowed,
						       is_letter ? letter : argv[optind - 1]);
		}
		int option = option_of(value == ':' ? optopt : value);
		if (value == ':')
			return complain(EX_USAGE, "option \"--%s\" needs a value: %s",
					option_rows[option].name, option_rows[option].argument);
		tool->option[option] = optarg != NULL ? optarg : "";
	}
	return EX_OK;
}

static int complain_unknown_command(char *const *args, int count)
{
	size_t n;
	const struct command *all = commands_all(&n);
	const char *words[64];
	char typed[128];
	if (command_is_group(args[0]) && count < 2)
		return complain(EX_USAGE, "\"%s\" needs a second word; see: restante help %s",
				args[0], args[0]);
	for (size_t i = 0; i < n && i < ARRAY_SIZE(words); i++)
		words[i] = all[i].words;
	n = n < ARRAY_SIZE(words) ? n : ARRAY_SIZE(words);
	snprintf(typed, sizeof typed, "%s%s%s", args[0], count > 1 ? " " : "",
		 count > 1 ? args[1] : "");
	const char *meant = nearest(typed, words, n);
	if (meant == NULL)
		meant = nearest(args[0], words, n);
	if (meant != NULL)
		return complain(
			EX_USAGE,
			"unknown command \"%s\" (did you mean \"%s\"?); see: restante --help",
			typed, meant);
	return complain(EX_USAGE, "unknown command \"%s\"; see: restante --help", typed);
}

static int check_count(const struct tool *tool)
{
	const struct command *command = tool->command;
	bool too_many = command->most >= 0 && tool->count > command->most;
	if (tool_has(tool, OPTION_HELP) || (tool->count >= command->least && !too_many))
		return EX_OK;
	if (too_many && (command->options & OPTION_BIT(OPTION_PASSWORD_STDIN)) != 0)
		return complain(
			EX_USAGE,
			"too many arguments (a password is never taken from the command "
			"line: use --password-stdin); usage: restante %s %s",
			command->words, command->synopsis);
	return complain(EX_USAGE, "too %s arguments; usage: restante %s %s",
			too_many ? "many" : "few", command->words, command->synopsis);
}

int parse_command_line(int argc, char **argv, struct tool *tool)
{
	int used = 0;
	int code = take_options(tool, argc, argv, OPTIONS_GLOBAL, true);
	if (code != EX_OK)
		return code;
	int first = optind;
	if (first >= argc) {
		if (tool_has(tool, OPTION_HELP) || tool_has(tool, OPTION_VERSION))
			return EX_OK;
		return complain(EX_USAGE, "which command? see: restante --help");
	}
	tool->command = command_find(argv + first, argc - first, &used);
	if (tool->command == NULL)
		return complain_unknown_command(argv + first, argc - first);
	/* getopt wants a program's name in front: the command's last word is in its place. */
	char **rest = argv + first + used - 1;
	int rest_count = argc - first - used + 1;
	code = take_options(tool, rest_count, rest, OPTIONS_GLOBAL | tool->command->options,
			    false);
	if (code != EX_OK)
		return code;
	tool->args = rest + optind;
	tool->count = rest_count - optind;
	return check_count(tool);
}
