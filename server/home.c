/*
 * Making the data directory's content so that it is never half there.
 *
 * Everything is made in data_dir/.new and then moved into place, mail first and accounts.db
 * last. Hence a crash leaves one of these, and the next start mends each without replacing a
 * thing:
 * - nothing in place: whatever is in .new may be half made, served nobody, and is made
 *   afresh;
 * - some in place, the others in .new: moving began, so all was whole; the moves are
 *   finished;
 * - all in place: .new is empty and is removed.
 * What is neither in place nor in .new was lost, and only a backup has it: that is an error.
 *
 * Databases are looked into by SQLite alone: closing one of them elsewhere would take the locks of
 * this process's other connections to it away.
 */
#include "restante/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "restante/accounts.h"
#include "restante/passwords.h"

#define STAGE_NAME ".new"

/* In the order in which they are moved into place. */
static const struct {
	enum config_file file;
	const char *name;
} pieces[] = {
	{ CONFIG_MAIL_DIR, "the mail store" },
	{ CONFIG_SECRET_KEY, "the key file" },
	{ CONFIG_ACCOUNTS_DB, "accounts.db" },
};

struct home {
	const struct config *config; /* where the pieces belong */
	struct config staged;        /* the same, but data_dir is `stage` */
	char stage[PATH_MAX];
	int fd; /* data_dir, locked */
	struct fault *fault;
};

static bool path_of(const struct config *config, enum config_file file, char path[PATH_MAX],
		    struct fault *fault)
{
	if (config_path(config, file, path, PATH_MAX))
		return true;
	fault_set(fault, "a path below %s is too long", config->data_dir);
	return false;
}

bool directory_is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool empty = true;
	if (dir == NULL)
		return false;
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

/* An empty mail directory, such as a package may ship, counts as none. */
static bool piece_exists(const struct config *config, enum config_file file)
{
	char path[PATH_MAX];
	struct stat st;
	if (!config_path(config, file, path, sizeof path) || lstat(path, &st) != 0)
		return false;
	return !S_ISDIR(st.st_mode) || !directory_is_empty(path);
}

static size_t pieces_present(const struct config *config)
{
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		count += piece_exists(config, pieces[i].file) ? 1 : 0;
	return count;
}

/* --- the staging directory ---------------------------------------------------------- */

/* Two levels: .new and .new/mail hold nothing but files. */
static bool remove_files(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool good = true;
	if (dir == NULL)
		return errno == ENOENT;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != EISDIR)
			good = false;
	}
	closedir(dir);
	return good;
}

static bool stage_remove(struct home *home)
{
	char mail[PATH_MAX];
	if (!path_of(&home->staged, CONFIG_MAIL_DIR, mail, home->fault))
		return false;
	bool good = remove_files(mail) && (rmdir(mail) == 0 || errno == ENOENT) &&
		    remove_files(home->stage) && (rmdir(home->stage) == 0 || errno == ENOENT);
	if (!good)
		fault_set(home->fault, "cannot remove what an interrupted start left in %s: %s",
			  home->stage, strerror(errno));
	return good;
}

static bool sync_directory(const char *path, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	if (!good)
		fault_set(fault, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

/* Moves every piece that is in the stage and not yet in its place. */
static bool stage_move(struct home *home)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (piece_exists(home->config, pieces[i].file))
			continue;
		if (!path_of(&home->staged, pieces[i].file, from, home->fault) ||
		    !path_of(home->config, pieces[i].file, to, home->fault))
			return false;
		if (rename(from, to) != 0) {
			fault_set(home->fault, "cannot move %s to %s: %s", from, to,
				  strerror(errno));
			return false;
		}
		/* In order also on the disk: see the cases above. */
		if (!sync_directory(home->config->data_dir, home->fault))
			return false;
	}
	return stage_remove(home);
}

static bool stage_fill(struct home *home, store_home_fill *fill, void *context)
{
	char mail[PATH_MAX];
	if (!stage_remove(home))
		return false;
	if (mkdir(home->stage, 0700) != 0 && errno != EEXIST) {
		fault_set(home->fault, "cannot make %s: %s", home->stage, strerror(errno));
		return false;
	}
	if (!fill(context, &home->staged, home->fault)) {
		struct fault ignored;
		struct fault *told = home->fault;
		home->fault = &ignored; /* why filling failed is what counts */
		(void)stage_remove(home);
		home->fault = told;
		return false;
	}
	return path_of(&home->staged, CONFIG_MAIL_DIR, mail, home->fault) &&
	       sync_directory(mail, home->fault) && sync_directory(home->stage, home->fault);
}

/* --- what is there ------------------------------------------------------------------ */

static unsigned count_shards(const char *mail)
{
	DIR *dir = opendir(mail);
	const struct dirent *entry;
	unsigned count = 0;
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		unsigned shard;
		int end = 0;
		if (sscanf(entry->d_name, "mail-%2u.db%n", &shard, &end) == 1 && end > 0 &&
		    entry->d_name[end] == '\0')
			count++;
	}
	closedir(dir);
	return count;
}

static enum home_status check_count(const char *mail, unsigned wanted, struct fault *fault)
{
	unsigned found = count_shards(mail);
	if (found == wanted)
		return HOME_READY;
	fault_set(
		fault,
		"accounts.db was made for %u mail databases, but %s holds %u: copy the missing "
		"ones from the directory mail of a backup, without what is left of their -wal "
		"and -shm",
		wanted, mail, found);
	return HOME_INCOMPLETE;
}

/* That the other shards are of the first one's store is checked by store_open. */
enum home_status store_home_check(const struct config *config, struct fault *fault)
{
	struct store_identity wanted;
	struct store_identity found;
	char accounts[PATH_MAX];
	char mail[PATH_MAX];
	if (!path_of(config, CONFIG_ACCOUNTS_DB, accounts, fault) ||
	    !path_of(config, CONFIG_MAIL_DIR, mail, fault))
		return HOME_UNAVAILABLE;
	enum accounts_status status = accounts_identify(accounts, &wanted, fault);
	if (status != ACCOUNTS_OK)
		return status == ACCOUNTS_UNAVAILABLE ? HOME_UNAVAILABLE : HOME_INCOMPLETE;
	enum store_status mail_status = store_identify(mail, &found, fault);
	if (mail_status == STORE_OK && strcmp(found.id, wanted.id) != 0) {
		fault_set(fault,
			  "%s belongs to store %s, but %s/mail-00.db to store %s: "
			  "put back from a backup whichever of them is not this server's",
			  accounts, wanted.id, mail, found.id);
		return HOME_INCOMPLETE;
	}
	/* First, since it may be the first database that is missing, and others with it. */
	enum home_status complete = check_count(mail, wanted.shards, fault);
	if (complete != HOME_READY || mail_status == STORE_OK)
		return complete;
	return mail_status == STORE_FOREIGN ? HOME_INCOMPLETE : HOME_UNAVAILABLE;
}

static enum home_status say_incomplete(struct home *home)
{
	char path[PATH_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (piece_exists(home->config, pieces[i].file))
			continue;
		if (!path_of(home->config, pieces[i].file, path, home->fault))
			break;
		fault_set(
			home->fault,
			"%s is missing (%s) while other data is there: put it back from a "
			"backup; "
			"for all of it, move what is left in %s away and run: restante restore "
			"DIRECTORY",
			pieces[i].name, path, home->config->data_dir);
		break;
	}
	return HOME_INCOMPLETE;
}

/* Whether each missing piece waits in the stage. */
static bool moves_can_be_finished(const struct home *home)
{
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (!piece_exists(home->config, pieces[i].file) &&
		    !piece_exists(&home->staged, pieces[i].file))
			return false;
	}
	return true;
}

static enum home_status make_locked(struct home *home, store_home_fill *fill, void *context)
{
	size_t present = pieces_present(home->config);
	if (present == ARRAY_SIZE(pieces)) {
		if (access(home->stage, F_OK) == 0 && !stage_remove(home))
			return HOME_UNAVAILABLE;
		return store_home_check(home->config, home->fault);
	}
	if (present > 0 && !moves_can_be_finished(home))
		return say_incomplete(home);
	if (present == 0 && !stage_fill(home, fill, context))
		return HOME_UNAVAILABLE;
	if (!stage_move(home))
		return HOME_UNAVAILABLE;
	/* What an earlier call had made is not what this one was asked for. */
	return present == 0 ? HOME_MADE : store_home_check(home->config, home->fault);
}

/* --- the ways in -------------------------------------------------------------------- */

enum home_status store_home_directory(const struct config *config, struct fault *fault)
{
	const struct passwd *owner = NULL;
	struct stat st;
	if (stat(config->data_dir, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return HOME_READY;
		fault_set(fault, "data_dir %s is not a directory", config->data_dir);
		return HOME_UNAVAILABLE;
	}
	bool give_away = geteuid() == 0 && config->user[0] != '\0';
	if (give_away && (owner = getpwnam(config->user)) == NULL) {
		fault_set(
			fault,
			"there is no user \"%s\" to own %s: make it (adduser --system --group "
			"%s) or name another one in the option user",
			config->user, config->data_dir, config->user);
		return HOME_UNAVAILABLE;
	}
	if (mkdir(config->data_dir, 0700) != 0) {
		fault_set(fault, "cannot make data_dir %s: %s", config->data_dir,
			  strerror(errno));
		return HOME_UNAVAILABLE;
	}
	if (give_away && chown(config->data_dir, owner->pw_uid, owner->pw_gid) != 0) {
		fault_set(fault, "cannot give %s to user %s: %s", config->data_dir,
			  config->user, strerror(errno));
		return HOME_UNAVAILABLE;
	}
	return HOME_MADE;
}

enum home_status store_home_make(const struct config *config, store_home_fill *fill,
				 void *context, struct fault *fault)
{
	struct home home = { .config = config, .staged = *config, .fault = fault };
	int n = snprintf(home.stage, sizeof home.stage, "%s/%s", config->data_dir, STAGE_NAME);
	if (n < 0 || (size_t)n >= sizeof home.stage) {
		fault_set(fault, "data_dir is too long: %s", config->data_dir);
		return HOME_UNAVAILABLE;
	}
	home.staged.data_dir = home.stage;
	enum home_status status = store_home_directory(config, fault);
	if (status != HOME_READY && status != HOME_MADE)
		return status;
	home.fd = open(config->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home.fd < 0) {
		fault_set(fault, "data_dir %s: %s", config->data_dir, strerror(errno));
		return HOME_UNAVAILABLE;
	}
	if (flock(home.fd, LOCK_EX | LOCK_NB) == 0) {
		status = make_locked(&home, fill, context);
	} else {
		fault_set(fault, "another process is just setting up %s", config->data_dir);
		status = HOME_BUSY;
	}
	close(home.fd);
	return status;
}

static bool fill_new(void *context, const struct config *staged, struct fault *fault)
{
	char path[PATH_MAX];
	(void)context;
	if (!path_of(staged, CONFIG_MAIL_DIR, path, fault))
		return false;
	if (mkdir(path, 0700) != 0) {
		fault_set(fault, "cannot make %s: %s", path, strerror(errno));
		return false;
	}
	struct store_identity store;
	if (store_create(path, staged->shards, fault) != STORE_OK ||
	    store_identify(path, &store, fault) != STORE_OK)
		return false;
	if (!path_of(staged, CONFIG_SECRET_KEY, path, fault) || !secret_key_create(path, fault))
		return false;
	return path_of(staged, CONFIG_ACCOUNTS_DB, path, fault) &&
	       accounts_create(path, &store, fault) == ACCOUNTS_OK;
}

enum home_status store_home_init(const struct config *config, struct fault *fault)
{
	return store_home_make(config, fill_new, NULL, fault);
}
