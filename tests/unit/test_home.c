/* server/home.c: the data directory comes into being whole, and nothing in it is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "restante/accounts.h"
#include "restante/home.h"
#include "restante/store.h"

static char dir[64];
static struct config *config;

static void remove_all(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	if (folder == NULL) {
		unlink(path);
		return;
	}
	while ((entry = readdir(folder)) != NULL) {
		char inside[512];
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
		remove_all(inside);
	}
	closedir(folder);
	rmdir(path);
}

static const char *below(const char *name)
{
	static char path[2][256];
	static size_t turn;
	char *next = path[turn++ % 2];
	snprintf(next, sizeof path[0], "%s/data/%s", dir, name);
	return next;
}

static bool exists(const char *name)
{
	return access(below(name), F_OK) == 0;
}

static int set_up(void **state)
{
	struct fault fault = { "" };
	char text[256];
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/restante-home.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof text, "%s/restante.conf", dir);
	FILE *to = fopen(text, "w");
	assert_non_null(to);
	fprintf(to, "data_dir = \"%s/data\"\nuser = root\nshards = 3\n", dir);
	fprintf(to, "listener \"l\" {\n protocol = lmtp\n address = \"unix:%s/l\"\n}\n", dir);
	assert_int_equal(fclose(to), 0);
	assert_true(config_read(text, &config, &fault));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	config_free(&config);
	remove_all(dir);
	return 0;
}

static void assert_sound(void)
{
	struct store_options options = { .dir = below("mail"), .exclusive = true };
	struct fault fault = { "" };
	struct store *store = NULL;
	assert_int_equal(store_home_init(config, &fault), HOME_READY);
	assert_int_equal(store_open(&options, &store, &fault), STORE_OK);
	assert_int_equal(store_shards(store), 3);
	store_close(&store);
	assert_false(exists(".new"));
}

static void home_absent_is_made_private_and_whole(void **state)
{
	struct fault fault = { "" };
	struct stat st;
	(void)state;
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
	assert_int_equal(stat(below(""), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(below("secret.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_sound();
}

static void home_with_an_empty_mail_directory_is_made(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(mkdir(below(""), 0700), 0);
	assert_int_equal(mkdir(below("mail"), 0700), 0);
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
	assert_sound();
}

/* Losing one piece must never lead to an empty one in its place. */
static void home_with_a_piece_lost_is_refused_by_name(void **state)
{
	static const char *const lost[] = { "accounts.db", "secret.key", "mail" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		struct fault fault = { "" };
		assert_int_equal(store_home_init(config, &fault), HOME_MADE);
		remove_all(below(lost[i]));
		assert_int_equal(store_home_init(config, &fault), HOME_INCOMPLETE);
		assert_non_null(strstr(fault.text, lost[i]));
		assert_non_null(strstr(fault.text, "restore"));
		assert_false(exists(lost[i]));
		remove_all(below(""));
	}
}

static void home_with_a_shard_lost_is_refused(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
	remove_all(below("mail/mail-01.db"));
	assert_int_equal(store_home_init(config, &fault), HOME_INCOMPLETE);
	assert_non_null(strstr(fault.text, "3"));
}

/* As many shards, and yet every user would have an empty maildrop there. */
static void home_with_the_accounts_of_another_store_is_refused(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
	assert_int_equal(rename(below("accounts.db"), below("kept")), 0);
	remove_all(below("mail"));
	remove_all(below("secret.key"));
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
	assert_int_equal(store_home_check(config, &fault), HOME_READY);
	assert_int_equal(rename(below("kept"), below("accounts.db")), 0);
	assert_int_equal(store_home_init(config, &fault), HOME_INCOMPLETE);
	assert_non_null(strstr(fault.text, below("accounts.db")));
	assert_non_null(strstr(fault.text, below("mail/mail-00.db")));
	assert_non_null(strstr(fault.text, "backup"));
}

static bool fill_fails(void *context, const struct config *staged, struct fault *fault)
{
	char path[256];
	(void)context;
	if (config_path(staged, CONFIG_SECRET_KEY, path, sizeof path))
		close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(fault->text, sizeof fault->text, "no luck");
	return false;
}

/* The moves stopped after `moved` pieces: what is in .new belongs to what is in place. */
static void home_interrupted_while_moving_is_finished(void **state)
{
	static const char *const order[] = { "accounts.db", "secret.key", "mail" };
	(void)state;
	for (size_t back = 1; back < ARRAY_SIZE(order); back++) {
		struct fault fault = { "" };
		assert_int_equal(store_home_init(config, &fault), HOME_MADE);
		assert_int_equal(mkdir(below(".new"), 0700), 0);
		for (size_t i = 0; i < back; i++) {
			char staged[64];
			snprintf(staged, sizeof staged, ".new/%s", order[i]);
			assert_int_equal(rename(below(order[i]), below(staged)), 0);
		}
		/* It has data then, and not that of whoever comes now: nothing is filled. */
		assert_int_equal(store_home_make(config, fill_fails, NULL, &fault), HOME_READY);
		assert_sound();
		remove_all(below(""));
	}
}

static void home_interrupted_while_filling_is_made_afresh(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(mkdir(below(""), 0700), 0);
	assert_int_equal(mkdir(below(".new"), 0700), 0);
	assert_int_equal(mkdir(below(".new/mail"), 0700), 0);
	close(open(below(".new/mail/mail-00.db"), O_CREAT | O_WRONLY, 0600));
	close(open(below(".new/secret.key"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
	assert_sound();
}

static void home_that_cannot_be_filled_leaves_nothing(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(store_home_make(config, fill_fails, NULL, &fault), HOME_UNAVAILABLE);
	assert_string_equal(fault.text, "no luck");
	assert_false(exists(".new"));
	assert_false(exists("secret.key"));
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
}

static void home_present_is_never_filled(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
	assert_int_equal(store_home_make(config, fill_fails, NULL, &fault), HOME_READY);
}

static void home_being_made_by_another_process_is_busy(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(mkdir(below(""), 0700), 0);
	int fd = open(below(""), O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(store_home_init(config, &fault), HOME_BUSY);
	close(fd);
	assert_int_equal(store_home_init(config, &fault), HOME_MADE);
}

#define HOME_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOME_TEST(home_absent_is_made_private_and_whole),
		HOME_TEST(home_with_an_empty_mail_directory_is_made),
		HOME_TEST(home_with_a_piece_lost_is_refused_by_name),
		HOME_TEST(home_with_a_shard_lost_is_refused),
		HOME_TEST(home_with_the_accounts_of_another_store_is_refused),
		HOME_TEST(home_interrupted_while_moving_is_finished),
		HOME_TEST(home_interrupted_while_filling_is_made_afresh),
		HOME_TEST(home_that_cannot_be_filled_leaves_nothing),
		HOME_TEST(home_present_is_never_filled),
		HOME_TEST(home_being_made_by_another_process_is_busy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
