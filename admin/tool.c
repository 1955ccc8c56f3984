/*
 * Opens what commands need: configuration, accounts.db, key file; and becomes the owner of the
 * data directory. One place, so that every command says the same about the same trouble.
 */
#include "tool.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"
#include "restante/home.h"
#include "restante/passwords.h"

int tool_config(struct tool *tool)
{
	struct fault fault = { "" };
	const char *path = tool->option[OPTION_CONFIG];
	if (tool->config != NULL)
		return EX_OK;
	if (path == NULL)
		path = getenv("RESTANTE_CONFIG");
	bool named = path != NULL && path[0] != '\0';
	if (!named)
		path = CONFIG_DEFAULT_PATH;
	if (access(path, F_OK) != 0 && errno == ENOENT) {
		if (named)
			return complain(EX_NOINPUT,
					"there is no configuration file \"%s\"; make one with: "
					"restante config example > FILE",
					path);
		/*
		 * The built-in defaults are the example file's, so that a first try needs
		 * none.
		 */
		if (!config_defaults(&tool->config, &fault))
			return complain(EX_CONFIG, "%s", fault.text);
		return EX_OK;
	}
	if (access(path, R_OK) != 0)
		return complain(EX_NOPERM, "cannot read \"%s\": %s", path, strerror(errno));
	if (!config_read(path, &tool->config, &fault))
		return complain(EX_CONFIG, "%s", fault.text);
	return EX_OK;
}

static int become(uid_t uid, gid_t gid)
{
	const struct passwd *entry = getpwuid(uid);
	int failed;
	if (entry != NULL) {
		gid = entry->pw_gid;
		failed = initgroups(entry->pw_name, gid);
	} else {
		failed = setgroups(0, NULL);
	}
	if (failed != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return complain(EX_OSERR, "cannot become user %ld, who owns the data: %s",
				(long)uid, strerror(errno));
	return EX_OK;
}

int tool_become_owner(struct tool *tool)
{
	struct stat st;
	int code = tool_config(tool);
	if (code != EX_OK || geteuid() != 0)
		return code;
	if (stat(tool->config->data_dir, &st) != 0 || st.st_uid == 0)
		return EX_OK;
	return become(st.st_uid, st.st_gid);
}

int tool_path(const struct tool *tool, enum config_file file, char *path, size_t cap)
{
	if (!config_path(tool->config, file, path, cap))
		return complain(EX_CONFIG, "a path below \"%s\" is too long",
				tool->config->data_dir);
	return EX_OK;
}

/* The two ways in which a file of the data directory is commonly out of reach. */
static int check_reachable(const struct tool *tool, const char *path)
{
	if (access(path, R_OK | W_OK) == 0)
		return EX_OK;
	if (errno == EACCES || errno == EPERM || errno == EROFS)
		return complain(
			EX_NOPERM,
			"may not use \"%s\": %s; run this as root or as the user who owns it",
			path, strerror(errno));
	if (errno == ENOENT && access(tool->config->data_dir, F_OK) != 0)
		return complain(EX_NOINPUT,
				"there is no data in \"%s\"; make it with: restante init",
				tool->config->data_dir);
	return complain(EX_NOINPUT,
			"cannot use \"%s\": %s; if there is no data yet, make it with: "
			"restante init",
			path, strerror(errno));
}

int tool_data(struct tool *tool)
{
	char path[4096];
	int code = tool_become_owner(tool);
	if (code == EX_OK)
		code = tool_path(tool, CONFIG_ACCOUNTS_DB, path, sizeof path);
	return code == EX_OK ? check_reachable(tool, path) : code;
}

int tool_same_store(const struct tool *tool)
{
	struct fault fault = { "" };
	enum home_status status = store_home_check(tool->config, &fault);
	if (status == HOME_READY)
		return EX_OK;
	return complain(status == HOME_INCOMPLETE ? EX_DATAERR : EX_TEMPFAIL, "%s", fault.text);
}

int tool_accounts(struct tool *tool, bool writable)
{
	struct fault fault = { "" };
	char path[4096];
	if (tool->accounts != NULL)
		return EX_OK;
	int code = tool_data(tool);
	if (code == EX_OK)
		code = tool_path(tool, CONFIG_ACCOUNTS_DB, path, sizeof path);
	if (code != EX_OK)
		return code;
	enum accounts_status status = accounts_open(path, writable, &tool->accounts, &fault);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "open", path);
	if (tool->config->postmaster[0] != '\0' &&
	    !accounts_set_postmaster(tool->accounts, tool->config->postmaster))
		return complain(EX_CONFIG,
				"the postmaster of the configuration is no address: %s",
				tool->config->postmaster);
	return EX_OK;
}

int tool_key(struct tool *tool)
{
	struct fault fault = { "" };
	char path[4096];
	if (tool->key != NULL)
		return EX_OK;
	int code = tool_become_owner(tool);
	if (code == EX_OK)
		code = tool_path(tool, CONFIG_SECRET_KEY, path, sizeof path);
	if (code != EX_OK)
		return code;
	if (!secret_key_open(path, &tool->key, &fault))
		return complain(EX_NOINPUT,
				"cannot use the key file: %s; it came with the data "
				"directory and with every backup",
				fault.text);
	return EX_OK;
}

int tool_account(struct tool *tool, const char *address, struct account *account)
{
	struct fault fault = { "" };
	enum accounts_status status =
		account_find(tool->accounts, str_of(address), account, NULL, &fault);
	if (status == ACCOUNTS_OK)
		return EX_OK;
	if (status == ACCOUNTS_NOT_FOUND)
		return complain(
			EX_NOUSER,
			"user \"%s\" does not exist; see: restante user list, or add it with: "
			"restante user add %s",
			address, address);
	return complain_accounts(status, &fault, "look up", address);
}

const char *tool_name(char *name)
{
	char *at = strrchr(name, '@');
	for (char *p = at != NULL ? at : name; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
	}
	return name;
}

void tool_say(const struct tool *tool, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;
	if (tool_has(tool, OPTION_QUIET) || tool_has(tool, OPTION_JSON))
		return;
	va_start(args, format);
	format_sentence(sentence, sizeof sentence, format, args);
	va_end(args);
	puts(sentence);
}

void tool_close(struct tool *tool)
{
	secret_key_close(&tool->key);
	accounts_close(&tool->accounts);
	config_free(&tool->config);
}
