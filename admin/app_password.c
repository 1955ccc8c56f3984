/*
 * The commands about app passwords: further passwords of a mailbox, one for each program. They are
 * always made here, so that their hash may be a quick one.
 */
#include "ask.h"
#include "commands.h"
#include "complain.h"
#include "restante/passwords.h"
#include "rows.h"

static int store(struct tool *tool, const struct account *account, const char *label,
		 const struct password *password)
{
	struct fault fault = { "" };
	char hash[PASSWORD_HASH_MAX];
	if (!password_hash_generated((struct str){ password->text, password->n }, hash,
				     sizeof hash))
		return complain(EX_SOFTWARE, "cannot hash the password");
	struct field fields[] = { { "label", label }, { "password", hash } };
	enum accounts_status status =
		accounts_add(tool->accounts, TABLE_APP_PASSWORD, account->address, fields,
			     ARRAY_SIZE(fields), &fault);
	explicit_bzero(hash, sizeof hash);
	if (status == ACCOUNTS_EXISTS)
		return complain(
			EX_CANTCREAT,
			"user \"%s\" has an app password \"%s\" already; remove it with: "
			"restante user app-password rm %s %s",
			account->address, label, account->address, label);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "add an app password for",
					 account->address);
	return EX_OK;
}

int command_app_password_add(struct tool *tool)
{
	struct account account;
	struct password password = { 0 };
	const char *label = tool->args[1];
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = tool_account(tool, tool_name(tool->args[0]), &account);
	if (code != EX_OK)
		return code;
	password_generate(password.text, sizeof password.text);
	password.n = strlen(password.text);
	code = store(tool, &account, label, &password);
	if (code == EX_OK) {
		tool_say(tool, "Added app password %s of %s", label, account.address);
		password_show(tool, "Password", account.address, &password);
	}
	password_wipe(&password);
	return code;
}

int command_app_password_list(struct tool *tool)
{
	struct account account;
	int code = tool_accounts(tool, false);
	if (code == EX_OK)
		code = tool_account(tool, tool_name(tool->args[0]), &account);
	return code == EX_OK ? rows_list_of(tool, TABLE_APP_PASSWORD, account.address) : code;
}

int command_app_password_rm(struct tool *tool)
{
	struct fault fault = { "" };
	struct account account;
	const char *label = tool->args[1];
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = tool_account(tool, tool_name(tool->args[0]), &account);
	if (code == EX_OK)
		code = ask_confirm(tool, "Remove app password %s of %s?", label,
				   account.address);
	if (code != EX_OK)
		return code;
	enum accounts_status status = accounts_remove(tool->accounts, TABLE_APP_PASSWORD,
						      account.address, label, &fault);
	if (status == ACCOUNTS_NOT_FOUND)
		return complain(EX_NOUSER,
				"user \"%s\" has no app password \"%s\"; see: restante user "
				"app-password list %s",
				account.address, label, account.address);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "remove", label);
	tool_say(tool, "Removed app password %s of %s", label, account.address);
	return EX_OK;
}
