/*
 * The tables of commands and options. Data only: what a command does is in its own file.
 */
#include "commands.h"

#include <assert.h>

const struct option_row option_rows[OPTION_COUNT] = {
	[OPTION_CONFIG] = { "config", 'c', "FILE",
			    "configuration file (else $RESTANTE_CONFIG, "
			    "else " CONFIG_DEFAULT_PATH ")" },
	[OPTION_JSON] = { "json", 0, NULL, "print tables as JSON" },
	[OPTION_QUIET] = { "quiet", 'q', NULL, "say nothing about what went well" },
	[OPTION_YES] = { "yes", 'y', NULL, "do not ask before something is removed" },
	[OPTION_VERSION] = { "version", 0, NULL, "print the version" },
	[OPTION_HELP] = { "help", 'h', NULL, "print help on the tool or on a command" },
	[OPTION_GENERATE] = { "generate", 0, NULL, "make a password and print it once" },
	[OPTION_PASSWORD_STDIN] = { "password-stdin", 0, NULL,
				    "read the password from standard input (its first line)" },
	[OPTION_REMOVE] = { "remove", 0, NULL, "remove the secret instead of setting one" },
	[OPTION_SCHEME] = { "scheme", 's', "NAME", "password scheme (default: yescrypt)" },
	[OPTION_DELETED] = { "deleted", 'd', NULL,
			     "messages that were deleted and are still kept" },
	[OPTION_TEXT] = { "text", 't', NULL, "print the message itself, as RETR sends it" },
	[OPTION_UID] = { "uid", 0, "NUMBER", "only the message of this uid" },
	[OPTION_SESSION] = { "session", 0, "NUMBER",
			     "only messages that this session deleted" },
	[OPTION_ALL] = { "all", 'a', NULL, "all of them" },
	[OPTION_SENDER] = { "sender", 'f', "ADDRESS",
			    "reverse-path; \"\" for a bounce (default)" },
	[OPTION_CHANGED] = { "changed", 0, NULL,
			     "only options that differ from their default" },
	[OPTION_SHARDS] = { "shards", 0, NULL, "figures of the store instead, shard by shard" },
	[OPTION_KEY] = { "key", 0, "KEY",
			 "which one, where the address had several: its store_key" },
	[OPTION_FROM] = { "from", 0, "ADDRESS",
			  "the client's IP address (default: this machine's own)" },
	[OPTION_METHOD] = { "method", 0, "NAME",
			    "how the client logs in, as the log names it (default: pass)" },
	[OPTION_NO_PASSWORD] = { "no-password", 0, NULL,
				 "none here: another backend, as pam, knows the user" },
};

#define PASSWORD_OPTIONS (OPTION_BIT(OPTION_GENERATE) | OPTION_BIT(OPTION_PASSWORD_STDIN))
#define SELECTION_OPTIONS \
	(OPTION_BIT(OPTION_UID) | OPTION_BIT(OPTION_SESSION) | OPTION_BIT(OPTION_ALL))

/* clang-format off */
static const struct command commands[] = {
	{ "init", "",
	  "Makes the data directory, accounts.db, the key file and an empty store.",
	  "restante init",
	  0, 0, 0, COLUMNS_NONE, command_init },

	{ "domain add", "DOMAIN [COLUMN=VALUE]...",
	  "Adds a domain that mail is taken for.",
	  "restante domain add example.org",
	  0, 1, -1, COLUMNS_DOMAIN, command_domain_add },
	{ "domain list", "",
	  "Lists the domains.",
	  "restante domain list",
	  0, 0, 0, COLUMNS_NONE, command_domain_list },
	{ "domain show", "DOMAIN",
	  "Shows everything about one domain.",
	  "restante domain show example.org",
	  0, 1, 1, COLUMNS_NONE, command_domain_show },
	{ "domain set", "DOMAIN COLUMN=VALUE...",
	  "Changes a domain.",
	  "restante domain set example.org active=0",
	  0, 2, -1, COLUMNS_DOMAIN, command_domain_set },
	{ "domain rm", "DOMAIN",
	  "Removes a domain that has no users and aliases any more.",
	  "restante domain rm example.org",
	  0, 1, 1, COLUMNS_NONE, command_domain_rm },

	{ "user add", "ADDRESS [COLUMN=VALUE]...",
	  "Adds a mailbox and its password; the domain must exist.",
	  "restante user add ann@example.org --generate",
	  PASSWORD_OPTIONS | OPTION_BIT(OPTION_NO_PASSWORD), 1, -1, COLUMNS_MAILBOX,
	  command_user_add },
	{ "user list", "[DOMAIN]",
	  "Lists the mailboxes, of one domain or of all.",
	  "restante user list example.org",
	  0, 0, 1, COLUMNS_NONE, command_user_list },
	{ "user show", "ADDRESS",
	  "Shows everything about one mailbox but its secrets.",
	  "restante user show ann@example.org",
	  0, 1, 1, COLUMNS_NONE, command_user_show },
	{ "user set", "ADDRESS COLUMN=VALUE...",
	  "Changes a mailbox.",
	  "restante user set ann@example.org quota_octets=1G active=1",
	  0, 2, -1, COLUMNS_MAILBOX, command_user_set },
	{ "user rm", "ADDRESS",
	  "Removes an account; its mail is kept for a week and then reaped.",
	  "restante user rm ann@example.org",
	  0, 1, 1, COLUMNS_NONE, command_user_rm },
	{ "user undelete", "ADDRESS [COLUMN=VALUE]...",
	  "Puts a removed account back, with a new password and the mail that is still kept.",
	  "restante user undelete ann@example.org --generate",
	  PASSWORD_OPTIONS | OPTION_BIT(OPTION_NO_PASSWORD) | OPTION_BIT(OPTION_KEY), 1, -1,
	  COLUMNS_MAILBOX, command_user_undelete },
	{ "user passwd", "ADDRESS",
	  "Sets the password of a mailbox.",
	  "restante user passwd ann@example.org",
	  PASSWORD_OPTIONS, 1, 1, COLUMNS_NONE, command_user_passwd },
	{ "user apop", "ADDRESS",
	  "Sets or removes the secret that APOP needs, sealed with the key file.",
	  "restante user apop ann@example.org --generate",
	  PASSWORD_OPTIONS | OPTION_BIT(OPTION_REMOVE), 1, 1, COLUMNS_NONE, command_user_apop },

	{ "user app-password add", "ADDRESS LABEL",
	  "Makes one more password of a mailbox, for one program, and prints it once.",
	  "restante user app-password add ann@example.org phone",
	  0, 2, 2, COLUMNS_NONE, command_app_password_add },
	{ "user app-password list", "ADDRESS",
	  "Lists the app passwords of a mailbox by their labels.",
	  "restante user app-password list ann@example.org",
	  0, 1, 1, COLUMNS_NONE, command_app_password_list },
	{ "user app-password rm", "ADDRESS LABEL",
	  "Removes one app password of a mailbox.",
	  "restante user app-password rm ann@example.org phone",
	  0, 2, 2, COLUMNS_NONE, command_app_password_rm },

	{ "alias add", "ALIAS TARGET...",
	  "Lets an address stand for one or more others; @DOMAIN catches all the rest.",
	  "restante alias add sales@example.org ann@example.org bob@example.org",
	  0, 2, -1, COLUMNS_NONE, command_alias_add },
	{ "alias list", "[DOMAIN]",
	  "Lists the aliases, of one domain or of all.",
	  "restante alias list example.org",
	  0, 0, 1, COLUMNS_NONE, command_alias_list },
	{ "alias show", "ALIAS",
	  "Shows the targets of one alias.",
	  "restante alias show sales@example.org",
	  0, 1, 1, COLUMNS_NONE, command_alias_show },
	{ "alias set", "ALIAS COLUMN=VALUE...",
	  "Changes an alias, in the rows of all its targets.",
	  "restante alias set sales@example.org active=0",
	  0, 2, -1, COLUMNS_ALIAS, command_alias_set },
	{ "alias rm", "ALIAS [TARGET]",
	  "Removes one target of an alias, or the whole alias.",
	  "restante alias rm sales@example.org bob@example.org",
	  0, 1, 2, COLUMNS_NONE, command_alias_rm },

	{ "alias-domain add", "ALIASDOMAIN DOMAIN",
	  "Lets every address of one domain stand for the same one of another.",
	  "restante alias-domain add example.net example.org",
	  0, 2, 2, COLUMNS_NONE, command_alias_domain_add },
	{ "alias-domain list", "",
	  "Lists the alias domains.",
	  "restante alias-domain list",
	  0, 0, 0, COLUMNS_NONE, command_alias_domain_list },
	{ "alias-domain show", "ALIASDOMAIN",
	  "Shows everything about one alias domain.",
	  "restante alias-domain show example.net",
	  0, 1, 1, COLUMNS_NONE, command_alias_domain_show },
	{ "alias-domain set", "ALIASDOMAIN COLUMN=VALUE...",
	  "Changes an alias domain.",
	  "restante alias-domain set example.net active=0",
	  0, 2, -1, COLUMNS_ALIAS_DOMAIN, command_alias_domain_set },
	{ "alias-domain rm", "ALIASDOMAIN",
	  "Removes an alias domain.",
	  "restante alias-domain rm example.net",
	  0, 1, 1, COLUMNS_NONE, command_alias_domain_rm },

	{ "resolve", "ADDRESS",
	  "Shows which mailboxes mail for an address goes to.",
	  "restante resolve sales@example.org",
	  0, 1, 1, COLUMNS_NONE, command_resolve },
	{ "hash", "",
	  "Prints the hash of a password, for SQL or for another program.",
	  "restante hash --scheme SHA512-CRYPT",
	  PASSWORD_OPTIONS | OPTION_BIT(OPTION_SCHEME), 0, 0, COLUMNS_NONE, command_hash },
	{ "auth test", "ADDRESS",
	  "Tells whether a password would be accepted, by whom, and why not.",
	  "restante auth test ann@example.org --method scram-sha-256",
	  OPTION_BIT(OPTION_PASSWORD_STDIN) | OPTION_BIT(OPTION_FROM) |
	  OPTION_BIT(OPTION_METHOD), 1, 1, COLUMNS_NONE, command_auth_test },

	{ "maildrop list", "ADDRESS",
	  "Lists the messages of a maildrop, or those deleted and still kept.",
	  "restante maildrop list ann@example.org --deleted",
	  OPTION_BIT(OPTION_DELETED), 1, 1, COLUMNS_NONE, command_maildrop_list },
	{ "maildrop show", "ADDRESS UID",
	  "Shows the facts of one message, or the message itself.",
	  "restante maildrop show ann@example.org 12 --text",
	  OPTION_BIT(OPTION_TEXT), 2, 2, COLUMNS_NONE, command_maildrop_show },
	{ "maildrop rm", "ADDRESS UID",
	  "Deletes one message as a client does; until it is purged it can be brought back.",
	  "restante maildrop rm ann@example.org 12",
	  0, 2, 2, COLUMNS_NONE, command_maildrop_rm },
	{ "maildrop undelete", "ADDRESS",
	  "Brings deleted messages back, as new ones with new unique-ids.",
	  "restante maildrop undelete ann@example.org --session 4711",
	  SELECTION_OPTIONS, 1, 1, COLUMNS_NONE, command_maildrop_undelete },
	{ "maildrop purge", "ADDRESS",
	  "Removes deleted messages for good, before their time.",
	  "restante maildrop purge ann@example.org --all",
	  SELECTION_OPTIONS, 1, 1, COLUMNS_NONE, command_maildrop_purge },

	{ "deliver", "RECIPIENT...",
	  "Hands a message from standard input to the server by LMTP (for pipe transports).",
	  "restante deliver -f bob@example.net -- ann@example.org < message.eml",
	  OPTION_BIT(OPTION_SENDER), 1, -1, COLUMNS_NONE, command_deliver },

	{ "session list", "",
	  "Lists who is connected to the server.",
	  "restante session list",
	  0, 0, 0, COLUMNS_NONE, command_session_list },
	{ "session kick", "SESSION|ADDRESS",
	  "Ends one session, or all of a mailbox, without deleting anything.",
	  "restante session kick ann@example.org",
	  0, 1, 1, COLUMNS_NONE, command_session_kick },
	{ "tls status", "",
	  "Lists the certificates that the server serves, and when they expire.",
	  "restante tls status",
	  0, 0, 0, COLUMNS_NONE, command_tls_status },
	{ "ban list", "",
	  "Lists the networks that the server takes no connection from, and until when.",
	  "restante ban list",
	  0, 0, 0, COLUMNS_NONE, command_ban_list },
	{ "ban add", "NETWORK [TIME]",
	  "Ends the connections of a network and takes no new ones, for an hour or that time.",
	  "restante ban add 192.0.2.0/24 12h",
	  0, 1, 2, COLUMNS_NONE, command_ban_add },
	{ "ban clear", "[NETWORK]",
	  "Takes one ban back, or all of them.",
	  "restante ban clear 192.0.2.0/24",
	  OPTION_BIT(OPTION_ALL), 0, 1, COLUMNS_NONE, command_ban_clear },
	{ "status", "",
	  "Tells how the server is, or with --shards how the store is.",
	  "restante status --json",
	  OPTION_BIT(OPTION_SHARDS), 0, 0, COLUMNS_NONE, command_status },

	{ "config check", "",
	  "Reads the configuration and says what is wrong with it.",
	  "restante config check --config ./restante.conf",
	  0, 0, 0, COLUMNS_NONE, command_config_check },
	{ "config show", "",
	  "Prints the configuration as it is understood.",
	  "restante config show --changed",
	  OPTION_BIT(OPTION_CHANGED), 0, 0, COLUMNS_NONE, command_config_show },
	{ "config example", "",
	  "Prints a commented configuration, which is also the default.",
	  "restante config example > restante.conf",
	  0, 0, 0, COLUMNS_NONE, command_config_example },

	{ "backup", "DIRECTORY",
	  "Copies accounts, mail and the key file into a new directory, server running or not.",
	  "restante backup /var/backups/restante/monday",
	  0, 1, 1, COLUMNS_NONE, command_backup },
	{ "restore", "DIRECTORY",
	  "Puts a backup back where there is no data; the server must be stopped.",
	  "restante restore /var/backups/restante/monday",
	  0, 1, 1, COLUMNS_NONE, command_restore },
	{ "check", "",
	  "Checks key file, accounts and store: integrity, counters against rows, orphans.",
	  "restante check",
	  0, 0, 0, COLUMNS_NONE, command_check },

	{ "completion", "bash|zsh|fish",
	  "Prints a completion script for a shell.",
	  "restante completion bash > /etc/bash_completion.d/restante",
	  0, 1, 1, COLUMNS_NONE, command_completion },
	{ "help", "[COMMAND]",
	  "Prints help on the tool or on a command.",
	  "restante help user add",
	  0, 0, 3, COLUMNS_NONE, command_help },
};
/* clang-format on */

static_assert(OPTION_COUNT <= 32, "an OPTION_BIT does not fit into unsigned");

const struct command *commands_all(size_t *count)
{
	*count = ARRAY_SIZE(commands);
	return commands;
}

/* Whether words ("user add") are args[0..*used). */
static bool words_match(const char *words, char *const *args, int count, int *used)
{
	const char *p = words;
	for (int i = 0; i < count; i++) {
		size_t n = strlen(args[i]);
		if (n == 0 || strncmp(p, args[i], n) != 0 || (p[n] != ' ' && p[n] != '\0'))
			return false;
		*used = i + 1;
		if (p[n] == '\0')
			return true;
		p += n + 1;
	}
	return false;
}

const struct command *command_find(char *const *args, int count, int *used)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (words_match(commands[i].words, args, count, used))
			return &commands[i];
	}
	return NULL;
}

bool command_is_group(const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strncmp(commands[i].words, word, n) == 0 && commands[i].words[n] == ' ')
			return true;
	}
	return false;
}
