/*
 * One run of the tool: what was asked for, and what is open for it. Every command gets one of
 * these, returns an exit status of sysexits.h, and leaves closing to main.
 */
#ifndef RESTANTE_ADMIN_TOOL_H
#define RESTANTE_ADMIN_TOOL_H

#include <sysexits.h>

#include "restante/accounts.h"
#include "restante/config.h"

/* What a person answered "no" to was not done: neither success nor an error of sysexits.h. */
#define EXIT_DECLINED 1

enum option_id {
	OPTION_CONFIG,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_YES,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_GENERATE,
	OPTION_PASSWORD_STDIN,
	OPTION_REMOVE,
	OPTION_SCHEME,
	OPTION_DELETED,
	OPTION_TEXT,
	OPTION_UID,
	OPTION_SESSION,
	OPTION_ALL,
	OPTION_SENDER,
	OPTION_CHANGED,
	OPTION_SHARDS,
	OPTION_KEY,
	OPTION_FROM,
	OPTION_METHOD,
	OPTION_NO_PASSWORD,
	OPTION_COUNT
};

struct command;
struct secret_key;

struct tool {
	const struct command *command;
	const char *option[OPTION_COUNT]; /* NULL = not given; "" = given, takes no value */
	char **args; /* what follows the command's words, options left out */
	int count;
	struct config *config;
	struct accounts *accounts;
	struct secret_key *key;
};

static inline bool tool_has(const struct tool *tool, enum option_id option)
{
	return tool->option[option] != NULL;
}

/* "message" or "messages". */
static inline const char *plural_s(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/*
 * Each opens what it names once, says why on standard error when it cannot, and returns an exit
 * status, 0 being success.
 */
MUST_USE int tool_config(struct tool *tool);
/*
 * Reads the configuration and, when root runs the tool over somebody else's data directory,
 * becomes that user for good: a file that root left there would lock the server out.
 */
MUST_USE int tool_become_owner(struct tool *tool);
/* As that user: whether there is a data directory that we may use. */
MUST_USE int tool_data(struct tool *tool);
/* Whether accounts.db and the mail databases are of one store. */
MUST_USE int tool_same_store(const struct tool *tool);
MUST_USE int tool_accounts(struct tool *tool, bool writable);
MUST_USE int tool_key(struct tool *tool);
/* The account of an address; an unknown one is EX_NOUSER and said with the remedy. */
MUST_USE int tool_account(struct tool *tool, const char *address, struct account *account);
/* An address or a domain as accounts.db writes it: the domain in lower case. In place. */
const char *tool_name(char *name);
/* A path of config_path; it always fits or is complained about. */
MUST_USE int tool_path(const struct tool *tool, enum config_file file, char *path, size_t cap);
/* "Added ..." on standard output, unless --quiet or --json. */
void tool_say(const struct tool *tool, const char *format, ...) PRINTF_LIKE(2, 3);
void tool_close(struct tool *tool);

#endif
