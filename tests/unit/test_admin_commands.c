/* admin/commands.c, parse.c, help.c, nearest.c: the table, and command lines against it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "help.h"
#include "nearest.h"
#include "parse.h"

static void table_every_command_has_help_and_example(void **state)
{
	size_t count;
	const struct command *all = commands_all(&count);
	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct command *c = &all[i];
		print_message("%s\n", c->words);
		assert_non_null(c->run);
		assert_true(c->help[0] >= 'A' && c->help[0] <= 'Z');
		assert_int_equal(c->help[strlen(c->help) - 1], '.');
		/* The example is a line that uses the command itself. */
		assert_int_equal(strncmp(c->example, "restante ", 9), 0);
		assert_int_equal(strncmp(c->example + 9, c->words, strlen(c->words)), 0);
		assert_true(c->most == -1 || c->most >= c->least);
		assert_int_equal(c->options & OPTIONS_GLOBAL, 0);
	}
}

static void table_every_command_is_found_by_its_words_only(void **state)
{
	size_t count;
	const struct command *all = commands_all(&count);
	(void)state;
	for (size_t i = 0; i < count; i++) {
		char words[64];
		char *args[3] = { words, NULL, NULL };
		int used = 0;
		snprintf(words, sizeof words, "%s", all[i].words);
		char *space = strchr(words, ' ');
		int given = 1;
		if (space != NULL) {
			*space = '\0';
			args[given++] = space + 1;
		}
		assert_ptr_equal(command_find(args, given, &used), &all[i]);
		assert_int_equal(used, given);
		if (space != NULL)
			assert_null(command_find(args, 1, &used));
	}
}

static void table_every_option_is_described_and_used(void **state)
{
	size_t count;
	const struct command *all = commands_all(&count);
	unsigned used = OPTIONS_GLOBAL;
	(void)state;
	for (size_t i = 0; i < count; i++)
		used |= all[i].options;
	for (int i = 0; i < OPTION_COUNT; i++) {
		assert_non_null(option_rows[i].name);
		assert_non_null(option_rows[i].help);
		assert_true((used & OPTION_BIT(i)) != 0);
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(option_rows[i].name, option_rows[j].name);
			assert_true(option_rows[i].letter == 0 ||
				    option_rows[i].letter != option_rows[j].letter);
		}
	}
}

/* An example that its own command would refuse teaches nothing. */
static void table_every_example_parses(void **state)
{
	size_t count;
	const struct command *all = commands_all(&count);
	(void)state;
	for (size_t i = 0; i < count; i++) {
		char line[256];
		char *argv[16];
		int argc = 0;
		char *save = NULL;
		snprintf(line, sizeof line, "%s", all[i].example);
		/* What stands behind a redirection is the shell's. */
		line[strcspn(line, "<>")] = '\0';
		char *rest = line;
		(void)save;
		for (char *word; (word = strsep(&rest, " ")) != NULL && argc < 15;) {
			if (word[0] != '\0')
				argv[argc++] = word;
		}
		argv[argc] = NULL;
		struct tool tool = { 0 };
		assert_int_equal(parse_command_line(argc, argv, &tool), EX_OK);
		assert_ptr_equal(tool.command, &all[i]);
	}
}

struct line {
	const char *argv[10];
	int code;
	const char *words; /* NULL: no command */
	int count;
};

static const struct line lines[] = {
	{ { "restante" }, EX_USAGE, NULL, 0 },
	{ { "restante", "--help" }, EX_OK, NULL, 0 },
	{ { "restante", "--version" }, EX_OK, NULL, 0 },
	{ { "restante", "status" }, EX_OK, "status", 0 },
	{ { "restante", "--json", "status" }, EX_OK, "status", 0 },
	{ { "restante", "status", "--json" }, EX_OK, "status", 0 },
	{ { "restante", "statsu" }, EX_USAGE, NULL, 0 },
	{ { "restante", "user" }, EX_USAGE, NULL, 0 },
	{ { "restante", "user", "ad" }, EX_USAGE, NULL, 0 },
	{ { "restante", "user", "add" }, EX_USAGE, "user add", 0 },
	{ { "restante", "user", "add", "--help" }, EX_OK, "user add", 0 },
	{ { "restante", "user", "add", "a@b", "x=1" }, EX_OK, "user add", 2 },
	{ { "restante", "user", "add", "a@b", "--generate" }, EX_OK, "user add", 1 },
	{ { "restante", "user", "add", "--generate", "a@b" }, EX_OK, "user add", 1 },
	{ { "restante", "user", "list", "--generate" }, EX_USAGE, "user list", 0 },
	{ { "restante", "user", "passwd", "a@b", "secret" }, EX_USAGE, "user passwd", 2 },
	{ { "restante", "user", "set", "a@b" }, EX_USAGE, "user set", 1 },
	{ { "restante", "hash", "--scheme" }, EX_USAGE, "hash", 0 },
	{ { "restante", "hash", "--scheme=X" }, EX_OK, "hash", 0 },
	{ { "restante", "deliver", "-f", "", "--", "-odd@b" }, EX_OK, "deliver", 1 },
	{ { "restante", "deliver", "-f", "s@b", "a@b", "c@b" }, EX_OK, "deliver", 2 },
	{ { "restante", "-z", "status" }, EX_USAGE, NULL, 0 },
	{ { "restante", "status", "-z" }, EX_USAGE, "status", 0 },
	{ { "restante", "--config" }, EX_USAGE, NULL, 0 },
	{ { "restante", "-c", "f", "status", "--yes", "--quiet" }, EX_OK, "status", 0 },
	{ { "restante", "" }, EX_USAGE, NULL, 0 },
};

static void command_line_is_understood_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct line *line = &lines[i];
		struct tool tool = { 0 };
		char text[10][32];
		char *argv[11] = { NULL };
		int argc = 0;
		for (; line->argv[argc] != NULL; argc++) {
			snprintf(text[argc], sizeof text[argc], "%s", line->argv[argc]);
			argv[argc] = text[argc];
		}
		print_message("%zu: %s %s\n", i, argc > 1 ? argv[1] : "",
			      argc > 2 ? argv[2] : "");
		assert_int_equal(parse_command_line(argc, argv, &tool), line->code);
		if (line->words == NULL) {
			assert_null(tool.command);
			continue;
		}
		assert_non_null(tool.command);
		assert_string_equal(tool.command->words, line->words);
		if (line->code == EX_OK)
			assert_int_equal(tool.count, line->count);
	}
}

static void option_values_are_kept(void **state)
{
	struct tool tool = { 0 };
	char text[][16] = {
		"restante", "--config", "file", "deliver", "-f", "", "a@b", "--json"
	};
	char *argv[ARRAY_SIZE(text) + 1] = { NULL };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		argv[i] = text[i];
	assert_int_equal(parse_command_line(ARRAY_SIZE(text), argv, &tool), EX_OK);
	assert_string_equal(tool.option[OPTION_CONFIG], "file");
	assert_string_equal(tool.option[OPTION_SENDER], "");
	assert_true(tool_has(&tool, OPTION_JSON));
	assert_false(tool_has(&tool, OPTION_YES));
	assert_string_equal(tool.args[0], "a@b");
}

static void help_of_every_command_names_usage_and_example(void **state)
{
	size_t count;
	const struct command *all = commands_all(&count);
	(void)state;
	for (size_t i = 0; i < count; i++) {
		char *text = NULL;
		size_t n = 0;
		FILE *to = open_memstream(&text, &n);
		help_command(to, &all[i]);
		fclose(to);
		assert_non_null(strstr(text, all[i].words));
		assert_non_null(strstr(text, all[i].synopsis));
		assert_non_null(strstr(text, all[i].example));
		if ((all[i].options & OPTION_BIT(OPTION_GENERATE)) != 0)
			assert_non_null(strstr(text, "--generate"));
		if (all[i].columns != COLUMNS_NONE)
			assert_non_null(strstr(text, " active"));
		free(text);
	}
}

static void help_of_tool_names_every_command(void **state)
{
	size_t count;
	const struct command *all = commands_all(&count);
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	(void)state;
	help_tool(to);
	fclose(to);
	for (size_t i = 0; i < count; i++)
		assert_non_null(strstr(text, all[i].words));
	free(text);
}

static void nearest_finds_slips_and_nothing_else(void **state)
{
	static const char *const names[] = { "active", "quota_octets", "quota_messages",
					     "name" };
	static const struct {
		const char *word;
		const char *meant;
	} rows[] = {
		{ "actve", "active" },
		{ "acitve", "active" },
		{ "quota_octet", "quota_octets" },
		{ "quta_octets", "quota_octets" },
		{ "nam", "name" },
		{ "zzzzzz", NULL },
		{ "x", NULL },
		{ "", NULL },
		{ "address", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *found = nearest(rows[i].word, names, ARRAY_SIZE(names));
		print_message("%s\n", rows[i].word);
		if (rows[i].meant == NULL)
			assert_null(found);
		else
			assert_string_equal(found, rows[i].meant);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_every_command_has_help_and_example),
		cmocka_unit_test(table_every_command_is_found_by_its_words_only),
		cmocka_unit_test(table_every_option_is_described_and_used),
		cmocka_unit_test(table_every_example_parses),
		cmocka_unit_test(command_line_is_understood_or_refused),
		cmocka_unit_test(option_values_are_kept),
		cmocka_unit_test(help_of_every_command_names_usage_and_example),
		cmocka_unit_test(help_of_tool_names_every_command),
		cmocka_unit_test(nearest_finds_slips_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
