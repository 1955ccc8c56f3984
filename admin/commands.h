/*
 * The one table of the tool's commands and the one of its options. Parsing, help, completions
 * and the tests of the manual are made from them.
 */
#ifndef RESTANTE_ADMIN_COMMANDS_H
#define RESTANTE_ADMIN_COMMANDS_H

#include "tool.h"

#define OPTION_BIT(option) (1u << (option))
#define OPTIONS_GLOBAL                                                                    \
	(OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_QUIET) | \
	 OPTION_BIT(OPTION_YES) | OPTION_BIT(OPTION_VERSION) | OPTION_BIT(OPTION_HELP))

struct option_row {
	const char *name;     /* without the dashes */
	char letter;          /* 0 = no short form */
	const char *argument; /* NULL = takes none */
	const char *help;
};
extern const struct option_row option_rows[OPTION_COUNT];

/* Whose columns COLUMN=VALUE names. */
enum command_columns {
	COLUMNS_NONE,
	COLUMNS_DOMAIN,
	COLUMNS_MAILBOX,
	COLUMNS_ALIAS,
	COLUMNS_ALIAS_DOMAIN
};

struct command {
	const char *words;    /* "user add" */
	const char *synopsis; /* what follows the words */
	const char *help;     /* one line, a sentence */
	const char *example;  /* a line to type */
	unsigned options;     /* OPTION_BITs beside the global ones */
	int least, most;      /* arguments; most -1 = any number */
	enum command_columns columns;
	int (*run)(struct tool *tool);
};

const struct command *commands_all(size_t *count);
/* The command whose words the arguments begin with; *used = how many they are. NULL = none. */
const struct command *command_find(char *const *args, int count, int *used);
/* Whether some command's words begin with `word` and go on. */
bool command_is_group(const char *word);

/* The handlers, by file. */
int command_init(struct tool *tool);
int command_domain_add(struct tool *tool);
int command_domain_list(struct tool *tool);
int command_domain_show(struct tool *tool);
int command_domain_set(struct tool *tool);
int command_domain_rm(struct tool *tool);
int command_alias_domain_add(struct tool *tool);
int command_alias_domain_list(struct tool *tool);
int command_alias_domain_show(struct tool *tool);
int command_alias_domain_set(struct tool *tool);
int command_alias_domain_rm(struct tool *tool);
int command_user_add(struct tool *tool);
int command_user_list(struct tool *tool);
int command_user_show(struct tool *tool);
int command_user_set(struct tool *tool);
int command_user_rm(struct tool *tool);
int command_user_undelete(struct tool *tool);
int command_user_passwd(struct tool *tool);
int command_user_apop(struct tool *tool);
int command_app_password_add(struct tool *tool);
int command_app_password_list(struct tool *tool);
int command_app_password_rm(struct tool *tool);
int command_alias_add(struct tool *tool);
int command_alias_list(struct tool *tool);
int command_alias_show(struct tool *tool);
int command_alias_set(struct tool *tool);
int command_alias_rm(struct tool *tool);
int command_resolve(struct tool *tool);
int command_hash(struct tool *tool);
int command_auth_test(struct tool *tool);
int command_maildrop_list(struct tool *tool);
int command_maildrop_show(struct tool *tool);
int command_maildrop_rm(struct tool *tool);
int command_maildrop_undelete(struct tool *tool);
int command_maildrop_purge(struct tool *tool);
int command_deliver(struct tool *tool);
int command_session_list(struct tool *tool);
int command_session_kick(struct tool *tool);
int command_tls_status(struct tool *tool);
int command_ban_list(struct tool *tool);
int command_ban_add(struct tool *tool);
int command_ban_clear(struct tool *tool);
int command_status(struct tool *tool);
int command_config_check(struct tool *tool);
int command_config_show(struct tool *tool);
int command_config_example(struct tool *tool);
int command_backup(struct tool *tool);
int command_restore(struct tool *tool);
int command_check(struct tool *tool);
int command_completion(struct tool *tool);
int command_help(struct tool *tool);

#endif
