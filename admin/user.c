/*
 * The commands about mailboxes. Their passwords and secrets are in secrets.c.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "backend.h"
#include "commands.h"
#include "complain.h"
#include "restante/passwords.h"
#include "rows.h"
#include "user.h"

int user_check_new(struct tool *tool, const char *address)
{
	size_t count;
	char prepared[ADDRESS_MAX + 1];
	const char *at = strrchr(address, '@');
	if (at == NULL || at == address || at[1] == '\0')
		return complain(EX_USAGE, "\"%s\" is no address such as ann@example.org",
				address);
	if (!saslprep_user(str_of(address), prepared, sizeof prepared))
		return complain(EX_DATAERR,
				"nobody could log in as \"%s\": RFC 4013 prohibits the name",
				address);
	if (strcmp(prepared, address) != 0)
		return complain(EX_DATAERR,
				"nobody could log in as \"%s\": write it \"%s\" (RFC 4013)",
				address, prepared);
	int code = rows_need(tool, TABLE_DOMAIN, at + 1);
	if (code == EX_OK)
		code = rows_count(tool, TABLE_MAILBOX, address, NULL, &count);
	if (code == EX_OK && count > 0)
		code = complain(
			EX_CANTCREAT,
			"user \"%s\" exists already; change the password with: restante user "
			"passwd %s",
			address, address);
	return code;
}

static void add_secret(struct assignments *to, const char *column, const char *value)
{
	assert(to->count < ARRAY_SIZE(to->field));
	to->field[to->count++] = (struct field){ column, value[0] == '\0' ? NULL : value };
}

int user_add_with_password(struct tool *tool, const char *address, struct assignments *to,
			   const struct password *password)
{
	struct fault fault = { "" };
	struct new_password prepared;
	if (password->n == 0)
		return rows_add(tool, TABLE_MAILBOX, address, to->field, to->count);
	if (!password_prepare((struct str){ password->text, password->n }, &prepared, &fault))
		return complain(EX_DATAERR, "cannot hash the password: %s", fault.text);
	/* With the row, so that there never is a user without the password. */
	add_secret(to, "password", prepared.hash);
	add_secret(to, "scram_sha1", prepared.scram_sha1);
	add_secret(to, "scram_sha256", prepared.scram_sha256);
	int code = rows_add(tool, TABLE_MAILBOX, address, to->field, to->count);
	explicit_bzero(&prepared, sizeof prepared);
	return code;
}

int command_user_add(struct tool *tool)
{
	struct assignments to;
	struct password password;
	const char *address = tool_name(tool->args[0]);
	int code = assign_parse(TABLE_MAILBOX, "address", tool->args + 1, tool->count - 1, &to);
	if (code == EX_OK)
		code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = user_check_new(tool, address);
	if (code == EX_OK)
		code = password_get(tool, "New password", PASSWORD_NEW, &password);
	if (code != EX_OK)
		return code;
	code = user_add_with_password(tool, address, &to, &password);
	if (code == EX_OK) {
		tool_say(tool, "Added user %s", address);
		password_show_generated(tool, "Password", address, &password);
	}
	password_wipe(&password);
	return code;
}

int command_user_list(struct tool *tool)
{
	return rows_list(tool, TABLE_MAILBOX,
			 tool->count > 0 ? tool_name(tool->args[0]) : NULL);
}

static int find_usage(struct tool *tool, const struct account *account,
		      struct maildrop_usage *usage)
{
	struct backend backend;
	int code = backend_open(tool, BACKEND_READ, &backend);
	if (code == EX_OK) {
		code = backend_usage(&backend, &account->key, usage);
		backend_close(&backend);
	}
	return code;
}

int command_user_show(struct tool *tool)
{
	static const struct output_column columns[] = {
		{ "messages", OUTPUT_NUMBER },
		{ "octets", OUTPUT_NUMBER },
		{ "last_login", OUTPUT_TIME },
	};
	char text[ARRAY_SIZE(columns)][OUTPUT_NUMBER_MAX];
	struct maildrop_usage usage = { 0 };
	struct account account;
	const char *address = tool_name(tool->args[0]);
	int code = tool_accounts(tool, false);
	if (code == EX_OK)
		code = tool_account(tool, address, &account);
	if (code != EX_OK)
		return code;
	/* The account is worth showing when its maildrop cannot be read. */
	code = find_usage(tool, &account, &usage);
	const char *none[ARRAY_SIZE(columns)] = { NULL };
	const char *values[] = { output_u64(text[0], usage.messages),
				 output_u64(text[1], usage.octets),
				 output_i64(text[2], usage.last_login) };
	struct rows_more more = { columns, code == EX_OK ? values : none, ARRAY_SIZE(columns) };
	int shown = rows_show(tool, TABLE_MAILBOX, address, &more);
	return shown != EX_OK ? shown : code;
}

int command_user_set(struct tool *tool)
{
	return rows_set(tool, TABLE_MAILBOX);
}

struct naming {
	const char *address;
	size_t aliases;
};

static bool count_naming(void *context, const struct field *fields, size_t n)
{
	struct naming *naming = context;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(fields[i].name, "goto") == 0 && fields[i].value != NULL &&
		    strcasecmp(fields[i].value, naming->address) == 0)
			naming->aliases++;
	}
	return true;
}

/* What the person who removes a user should know beforehand. */
static int confirm_removal(struct tool *tool, const struct account *account)
{
	struct fault fault = { "" };
	struct maildrop_usage usage = { 0 };
	struct naming naming = { account->address, 0 };
	/* Nobody is told anything then, and a maildrop that cannot be read keeps no account. */
	if (tool_has(tool, OPTION_YES))
		return EX_OK;
	int code = find_usage(tool, account, &usage);
	if (code != EX_OK)
		return code;
	enum accounts_status status = accounts_list(tool->accounts, TABLE_ALIAS, NULL, NULL,
						    count_naming, &naming, &fault);
	if (status != ACCOUNTS_OK && status != ACCOUNTS_NOT_FOUND)
		return complain_accounts(status, &fault, "look for aliases of",
					 account->address);
	return ask_confirm(tool,
			   "Remove user %s with %" PRIu64 " message%s (%" PRIu64
			   " octets, kept for %d days and then reaped)? %zu alias%s to it.",
			   account->address, usage.messages, plural_s(usage.messages),
			   usage.octets, UNDELETE_SECONDS_DEFAULT / 86400, naming.aliases,
			   naming.aliases == 1 ? " goes" : "es go");
}

int command_user_rm(struct tool *tool)
{
	struct account account;
	const char *address = tool_name(tool->args[0]);
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = tool_account(tool, address, &account);
	if (code == EX_OK)
		code = confirm_removal(tool, &account);
	if (code == EX_OK)
		code = rows_remove(tool, TABLE_MAILBOX, address, NULL);
	if (code == EX_OK)
		tool_say(
			tool,
			"Removed user %s; its mail is kept for %d days, until then this brings "
			"it back: restante user undelete %s",
			address, UNDELETE_SECONDS_DEFAULT / 86400, address);
	return code;
}
