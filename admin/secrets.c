/*
 * The commands about passwords: setting them, APOP's secrets, and hashes for SQL.
 * No secret comes from the command line, and none stays in memory longer than it is needed.
 */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "complain.h"
#include "output.h"
#include "restante/passwords.h"

static struct str password_str(const struct password *password)
{
	return (struct str){ password->text, password->n };
}

static int set_password(struct tool *tool, const char *address, const struct password *password)
{
	struct fault fault = { "" };
	struct new_password prepared;
	if (!password_prepare(password_str(password), &prepared, &fault))
		return complain(EX_DATAERR, "cannot hash the password: %s", fault.text);
	enum accounts_status status =
		account_set_password(tool->accounts, address, &prepared, &fault);
	explicit_bzero(&prepared, sizeof prepared);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "set the password of", address);
	tool_say(tool, "Changed the password of %s", address);
	password_show_generated(tool, "Password", address, password);
	return EX_OK;
}

int command_user_passwd(struct tool *tool)
{
	struct password password;
	struct account account;
	const char *address = tool_name(tool->args[0]);
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = tool_account(tool, address, &account);
	if (code == EX_OK)
		code = password_get(tool, "New password", PASSWORD_NEW, &password);
	if (code != EX_OK)
		return code;
	code = set_password(tool, account.address, &password);
	password_wipe(&password);
	return code;
}

static int store_apop(struct tool *tool, const struct account *account, const char *sealed)
{
	struct fault fault = { "" };
	enum accounts_status status =
		account_set_apop_secret(tool->accounts, account->id, sealed, &fault);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "set the APOP secret of",
					 account->address);
	return EX_OK;
}

static int set_apop(struct tool *tool, const struct account *account,
		    const struct password *password)
{
	struct fault fault = { "" };
	char sealed[512];
	char prepared[PASSWORD_MAX + 1];
	int code = tool_key(tool);
	if (code != EX_OK)
		return code;
	bool usable = saslprep(password_str(password), true, prepared, sizeof prepared);
	explicit_bzero(prepared, sizeof prepared);
	if (!usable)
		return complain(EX_DATAERR,
				"the secret is not UTF-8, or holds what RFC 4013 prohibits");
	if (!secret_seal(tool->key, account->id, password_str(password), sealed, sizeof sealed,
			 &fault))
		return complain(EX_DATAERR, "cannot seal the secret: %s", fault.text);
	code = store_apop(tool, account, sealed);
	explicit_bzero(sealed, sizeof sealed);
	if (code != EX_OK)
		return code;
	tool_say(tool, "Changed the APOP secret of %s", account->address);
	password_show_generated(tool, "APOP secret", account->address, password);
	return EX_OK;
}

int command_user_apop(struct tool *tool)
{
	struct password password;
	struct account account;
	if (tool_has(tool, OPTION_REMOVE) &&
	    (tool_has(tool, OPTION_GENERATE) || tool_has(tool, OPTION_PASSWORD_STDIN)))
		return complain(EX_USAGE, "--remove excludes --generate and --password-stdin");
	int code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = tool_account(tool, tool_name(tool->args[0]), &account);
	if (code != EX_OK)
		return code;
	if (tool_has(tool, OPTION_REMOVE)) {
		code = store_apop(tool, &account, NULL);
		if (code == EX_OK)
			tool_say(tool, "Removed the APOP secret of %s", account.address);
		return code;
	}
	code = password_get(tool, "New APOP secret", PASSWORD_NEW, &password);
	if (code != EX_OK)
		return code;
	code = set_apop(tool, &account, &password);
	password_wipe(&password);
	return code;
}

/* --- hash --------------------------------------------------------------------------- */

static int complain_scheme(const char *scheme)
{
	char list[512] = "";
	size_t used = 0;
	const char *const *names = password_schemes();
	for (; *names != NULL && used < sizeof list; names++) {
		if (!password_scheme_writable(*names))
			continue;
		int n = snprintf(list + used, sizeof list - used, " %s", *names);
		used += n > 0 ? (size_t)n : 0;
	}
	return complain(EX_USAGE, "no new passwords in scheme \"%s\"; there are:%s", scheme,
			list);
}

static void print_hash(const struct tool *tool, const char *hash,
		       const struct password *password)
{
	static const struct output_column columns[] = { { "hash", OUTPUT_TEXT },
							{ "password", OUTPUT_TEXT } };
	bool generated = tool_has(tool, OPTION_GENERATE);
	if (tool_has(tool, OPTION_JSON)) {
		const char *values[] = { hash, generated ? password->text : NULL };
		struct output *output =
			output_begin(tool, "hashes", OUTPUT_ROWS, columns, generated ? 2 : 1);
		output_row(output, values);
		output_end(&output);
		return;
	}
	if (generated)
		printf("%s\n", password->text);
	printf("%s\n", hash);
}

int command_hash(struct tool *tool)
{
	struct fault fault = { "" };
	struct password password;
	char hash[512];
	const char *scheme = tool->option[OPTION_SCHEME];
	if (scheme != NULL && !password_scheme_writable(scheme))
		return complain_scheme(scheme);
	int code = password_get(tool, "Password", PASSWORD_NEW, &password);
	if (code != EX_OK)
		return code;
	if (password_hash(scheme, password_str(&password), hash, sizeof hash, &fault))
		print_hash(tool, hash, &password);
	else
		code = complain(EX_DATAERR, "cannot hash the password: %s", fault.text);
	password_wipe(&password);
	explicit_bzero(hash, sizeof hash);
	return code;
}
