/*
 * Completion scripts for shells, made from the table of commands. Words of ours only are
 * written into them: no text of the table needs quoting.
 */
#include <stdio.h>

#include "commands.h"
#include "complain.h"

/* Calls `each` with every first word once, in the table's order. */
static void each_first_word(void (*each)(const char *word, int n))
{
	size_t count;
	const struct command *all = commands_all(&count);
	const char *last = "";
	size_t last_n = 0;
	for (size_t i = 0; i < count; i++) {
		size_t n = strcspn(all[i].words, " ");
		if (n != last_n || strncmp(all[i].words, last, n) != 0)
			each(all[i].words, (int)n);
		last = all[i].words;
		last_n = n;
	}
}

static void print_word(const char *word, int n)
{
	printf(" %.*s", n, word);
}

static void print_options(unsigned options)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		if ((options & OPTION_BIT(i)) != 0)
			printf(" --%s", option_rows[i].name);
	}
}

/* The second words of a group, each once: " add list show". */
static void print_second_words(const char *word, int n)
{
	size_t count;
	const struct command *all = commands_all(&count);
	const char *last = "";
	for (size_t i = 0; i < count; i++) {
		if (strncmp(all[i].words, word, (size_t)n) != 0 || all[i].words[n] != ' ')
			continue;
		const char *second = all[i].words + n + 1;
		size_t second_n = strcspn(second, " ");
		if (second_n != strcspn(last, " ") || strncmp(second, last, second_n) != 0)
			printf(" %.*s", (int)second_n, second);
		last = second;
	}
}

static bool is_group(const char *word, int n)
{
	return word[n] == ' ';
}

static void bash_group(const char *word, int n)
{
	if (!is_group(word, n))
		return;
	printf("\t%.*s) words=\"", n, word);
	print_second_words(word, n);
	printf("\" ;;\n");
}

static void bash_options(void)
{
	size_t count;
	const struct command *all = commands_all(&count);
	for (size_t i = 0; i < count; i++) {
		if (all[i].options == 0)
			continue;
		printf("\t\"%s\"*) options=\"$options", all[i].words);
		print_options(all[i].options);
		printf("\" ;;\n");
	}
}

static void print_bash(void)
{
	printf("# bash completion for restante\n"
	       "_restante() {\n"
	       "\tlocal word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\" options=\"");
	print_options(OPTIONS_GLOBAL);
	printf("\" i before=()\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase \"${COMP_WORDS[i]}\" in\n"
	       "\t\t-c | --config) ((i++)) ;;\n"
	       "\t\t-*) ;;\n"
	       "\t\t*) before+=(\"${COMP_WORDS[i]}\") ;;\n"
	       "\t\tesac\n"
	       "\tdone\n"
	       "\tcase \"${before[*]}\" in\n"
	       "\t\"\") words=\"");
	each_first_word(print_word);
	printf("\" ;;\n");
	each_first_word(bash_group);
	printf("\tesac\n"
	       "\tcase \"${before[*]}\" in\n");
	bash_options();
	printf("\tesac\n"
	       "\tcase \"$word\" in\n"
	       "\t-*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\") ;;\n"
	       "\t*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
	       "\tesac\n"
	       "}\n"
	       "complete -o default -F _restante restante\n");
}

static void zsh_group(const char *word, int n)
{
	if (!is_group(word, n))
		return;
	printf("\t%.*s) compadd --", n, word);
	print_second_words(word, n);
	printf(" ;;\n");
}

static void print_zsh(void)
{
	printf("#compdef restante\n"
	       "_restante() {\n"
	       "\tif [[ $PREFIX == -* ]]; then\n"
	       "\t\tcompadd --");
	print_options((1u << OPTION_COUNT) - 1);
	printf("\n\t\treturn\n"
	       "\tfi\n"
	       "\tif ((CURRENT == 2)); then\n"
	       "\t\tcompadd --");
	each_first_word(print_word);
	printf("\n\t\treturn\n"
	       "\tfi\n"
	       "\tif ((CURRENT == 3)); then\n"
	       "\t\tcase \"$words[2]\" in\n");
	each_first_word(zsh_group);
	printf("\t\tesac\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\t_files\n"
	       "}\n"
	       "_restante \"$@\"\n");
}

static void fish_group(const char *word, int n)
{
	if (!is_group(word, n))
		return;
	printf("complete -c restante -f -n '__fish_seen_subcommand_from %.*s' -a '", n, word);
	print_second_words(word, n);
	printf("'\n");
}

static void print_fish(void)
{
	printf("# fish completion for restante\n"
	       "complete -c restante -f -n __fish_use_subcommand -a '");
	each_first_word(print_word);
	printf("'\n");
	each_first_word(fish_group);
	for (int i = 0; i < OPTION_COUNT; i++) {
		printf("complete -c restante -l %s%s -d '%s'\n", option_rows[i].name,
		       option_rows[i].argument != NULL ? " -r" : "", option_rows[i].help);
	}
}

int command_completion(struct tool *tool)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {
		{ "bash", print_bash },
		{ "zsh", print_zsh },
		{ "fish", print_fish },
	};
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(tool->args[0], shells[i].name) == 0) {
			shells[i].print();
			return EX_OK;
		}
	}
	return complain(EX_USAGE, "no completions for \"%s\"; there are: bash zsh fish",
			tool->args[0]);
}
