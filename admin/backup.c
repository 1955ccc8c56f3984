/*
 * The commands backup and restore. A backup is a directory with accounts.db, secret.key,
 * mail/ and a manifest, which is written last.
 *
 * Mail is copied before accounts.db, so that every account of the copy finds its maildrop: a
 * delivery between the two is mail of an account that is there, and an account added between
 * the two has an empty maildrop. The other way round would leave mail without its account.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "base/log.h"
#include "commands.h"
#include "complain.h"
#include "restante/home.h"
#include "manifest.h"

/* A key file is 32 octets; anything this long is none. */
#define KEY_FILE_MAX 4096

static bool copy_key_file(const char *from, const char *to, struct fault *fault)
{
	char octets[KEY_FILE_MAX];
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = in < 0 ? -1 : read(in, octets, sizeof octets);
	if (in >= 0)
		close(in);
	if (n <= 0 || (size_t)n == sizeof octets) {
		fault_set(fault, "%s: %s", from,
			  n < 0 ? strerror(errno) : "this is no key file");
		explicit_bzero(octets, sizeof octets);
		return false;
	}
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = out >= 0 && write(out, octets, (size_t)n) == n && fsync(out) == 0;
	if (!good)
		fault_set(fault, "%s: %s", to, strerror(errno));
	if (out >= 0 && close(out) != 0)
		good = false;
	explicit_bzero(octets, sizeof octets);
	return good;
}

/* Where a piece of the backup is: as if its directory were a data_dir. */
static int backup_path(const struct tool *tool, char *dir, enum config_file file,
		       char path[PATH_MAX])
{
	struct config there = *tool->config;
	there.data_dir = dir;
	if (config_path(&there, file, path, PATH_MAX))
		return EX_OK;
	return complain(EX_USAGE, "the directory's name is too long: %s", dir);
}

/* --- backup ------------------------------------------------------------------------- */

/* As root, before becoming the owner of the data: the new directory is made over to them. */
static int make_directory(const struct tool *tool, const char *dir)
{
	struct stat data;
	if (mkdir(dir, 0700) != 0) {
		if (errno != EEXIST)
			return complain(EX_CANTCREAT, "cannot make \"%s\": %s", dir,
					strerror(errno));
		return EX_OK;
	}
	if (geteuid() != 0 || stat(tool->config->data_dir, &data) != 0)
		return EX_OK;
	/* Never through a link that somebody put in its place meanwhile. */
	if (lchown(dir, data.st_uid, data.st_gid) != 0)
		return complain(EX_CANTCREAT, "cannot give \"%s\" to the owner of the data: %s",
				dir, strerror(errno));
	return EX_OK;
}

static int check_directory(const char *dir)
{
	if (access(dir, R_OK | W_OK | X_OK) != 0)
		return complain(EX_NOPERM,
				"the owner of the data may not write to \"%s\": %s; name a "
				"directory that they may",
				dir, strerror(errno));
	if (!directory_is_empty(dir))
		return complain(EX_CANTCREAT,
				"\"%s\" is not empty; a backup needs a directory of its own",
				dir);
	return EX_OK;
}

static int backup_mail(const struct tool *tool, char *dir)
{
	struct fault fault = { "" };
	char from[PATH_MAX];
	char to[PATH_MAX];
	int code = tool_path(tool, CONFIG_MAIL_DIR, from, sizeof from);
	if (code == EX_OK)
		code = backup_path(tool, dir, CONFIG_MAIL_DIR, to);
	if (code != EX_OK)
		return code;
	if (mkdir(to, 0700) != 0)
		return complain(EX_CANTCREAT, "cannot make \"%s\": %s", to, strerror(errno));
	enum store_status status = store_copy(from, to, &fault);
	return status == STORE_OK ? EX_OK
				  : complain_store(status, &fault, "copy the store to", to);
}

static int backup_accounts(const struct tool *tool, char *dir)
{
	struct fault fault = { "" };
	char from[PATH_MAX];
	char to[PATH_MAX];
	int code = tool_path(tool, CONFIG_ACCOUNTS_DB, from, sizeof from);
	if (code == EX_OK)
		code = backup_path(tool, dir, CONFIG_ACCOUNTS_DB, to);
	if (code != EX_OK)
		return code;
	enum accounts_status status = accounts_backup(from, to, &fault);
	return status == ACCOUNTS_OK
		       ? EX_OK
		       : complain_accounts(status, &fault, "copy accounts.db to", to);
}

static int backup_key(const struct tool *tool, char *dir)
{
	struct fault fault = { "" };
	char from[PATH_MAX];
	char to[PATH_MAX];
	int code = tool_path(tool, CONFIG_SECRET_KEY, from, sizeof from);
	if (code == EX_OK)
		code = backup_path(tool, dir, CONFIG_SECRET_KEY, to);
	if (code == EX_OK && !copy_key_file(from, to, &fault))
		code = complain(EX_IOERR, "cannot copy the key file: %s", fault.text);
	return code;
}

int command_backup(struct tool *tool)
{
	struct fault fault = { "" };
	char *dir = tool->args[0];
	int code = tool_config(tool);
	if (code == EX_OK)
		code = make_directory(tool, dir);
	/* Opened to be sure that there is data; closed again before it is copied. */
	if (code == EX_OK)
		code = tool_accounts(tool, false);
	accounts_close(&tool->accounts);
	if (code == EX_OK)
		code = tool_same_store(tool);
	if (code == EX_OK)
		code = check_directory(dir);
	if (code == EX_OK)
		code = backup_mail(tool, dir);
	if (code == EX_OK)
		code = backup_accounts(tool, dir);
	if (code == EX_OK)
		code = backup_key(tool, dir);
	if (code == EX_OK && !manifest_write(dir, &fault))
		code = complain(EX_IOERR, "cannot write the manifest: %s", fault.text);
	if (code == EX_OK)
		tool_say(tool,
			 "Backup made in %s; it holds the key file and all mail: keep it safe",
			 dir);
	return code;
}

/* --- restore ------------------------------------------------------------------------ */

/* The manifest tells that all is as the backup left it, not that it left what belongs together. */
static int verify_content(const struct tool *tool, char *dir)
{
	struct fault fault = { "" };
	struct config there = *tool->config;
	there.data_dir = dir;
	if (store_home_check(&there, &fault) == HOME_READY)
		return EX_OK;
	return complain(EX_DATAERR, "the backup cannot be used: %s", fault.text);
}

static int verify(const char *dir)
{
	static const int codes[] = {
		[MANIFEST_GOOD] = EX_OK,
		[MANIFEST_MISSING] = EX_NOINPUT,
		[MANIFEST_WRONG] = EX_DATAERR,
		[MANIFEST_UNREADABLE] = EX_NOINPUT,
	};
	struct fault fault = { "" };
	enum manifest_verdict verdict = manifest_verify(dir, &fault);
	if (verdict == MANIFEST_GOOD)
		return EX_OK;
	if (verdict == MANIFEST_MISSING)
		return complain(codes[verdict],
				"\"%s\" is no backup, or one that was not completed: %s", dir,
				fault.text);
	return complain(codes[verdict], "the backup cannot be used: %s", fault.text);
}

/* Puts the pieces of the backup where store_home_make wants them. */
struct restoring {
	const struct tool *tool;
	char *from;
};

static bool fill_from_backup(void *context, const struct config *staged, struct fault *fault)
{
	const struct restoring *restoring = context;
	char from[PATH_MAX];
	char to[PATH_MAX];
	if (backup_path(restoring->tool, restoring->from, CONFIG_MAIL_DIR, from) != EX_OK ||
	    !config_path(staged, CONFIG_MAIL_DIR, to, sizeof to))
		return false;
	if (mkdir(to, 0700) != 0) {
		fault_set(fault, "cannot make %s: %s", to, strerror(errno));
		return false;
	}
	if (store_copy(from, to, fault) != STORE_OK)
		return false;
	if (backup_path(restoring->tool, restoring->from, CONFIG_SECRET_KEY, from) != EX_OK ||
	    !config_path(staged, CONFIG_SECRET_KEY, to, sizeof to) ||
	    !copy_key_file(from, to, fault))
		return false;
	return backup_path(restoring->tool, restoring->from, CONFIG_ACCOUNTS_DB, from) ==
		       EX_OK &&
	       config_path(staged, CONFIG_ACCOUNTS_DB, to, sizeof to) &&
	       accounts_backup(from, to, fault) == ACCOUNTS_OK;
}

static int restore(struct tool *tool, char *dir)
{
	struct fault fault = { "" };
	struct restoring restoring = { tool, dir };
	switch (store_home_make(tool->config, fill_from_backup, &restoring, &fault)) {
	case HOME_MADE:
		tool_say(tool, "Restored %s from %s", tool->config->data_dir, dir);
		return EX_OK;
	case HOME_READY:
		return complain(
			EX_CANTCREAT,
			"there is data in \"%s\" already; move it away before you restore",
			tool->config->data_dir);
	case HOME_INCOMPLETE:
		return complain(EX_CANTCREAT, "%s", fault.text);
	case HOME_BUSY:
		return complain(EX_TEMPFAIL, "%s", fault.text);
	case HOME_UNAVAILABLE:
		break;
	}
	return complain(EX_IOERR, "cannot restore: %s; nothing was put in place", fault.text);
}

int command_restore(struct tool *tool)
{
	struct fault fault = { "" };
	int code = tool_config(tool);
	if (code != EX_OK)
		return code;
	if (backend_server_runs(tool))
		return complain(EX_TEMPFAIL, "the server runs; stop it before you restore");
	/* First of all: nothing is made for the sake of a backup that is none. */
	code = verify(tool->args[0]);
	if (code == EX_OK)
		code = verify_content(tool, tool->args[0]);
	if (code != EX_OK)
		return code;
	enum home_status status = store_home_directory(tool->config, &fault);
	if (status != HOME_READY && status != HOME_MADE)
		return complain(EX_CANTCREAT, "%s", fault.text);
	code = tool_become_owner(tool);
	return code == EX_OK ? restore(tool, tool->args[0]) : code;
}
