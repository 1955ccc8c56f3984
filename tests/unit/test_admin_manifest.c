/* admin/manifest.c: a backup that was changed in any way is noticed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manifest.h"

static char dir[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *to = fopen(path, "w");
	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
}

static void remove_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	unlink(path);
}

static const char *const names[] = { "accounts.db",     "secret.key", "mail/mail-00.db",
				     "mail/mail-01.db", "mail/extra", "MANIFEST" };

static int set_up(void **state)
{
	char mail[80];
	struct fault fault = { "" };
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/restante-manifest.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(mail, sizeof mail, "%s/mail", dir);
	assert_int_equal(mkdir(mail, 0700), 0);
	for (size_t i = 0; i < 4; i++)
		write_file(names[i], names[i]);
	assert_true(manifest_write(dir, &fault));
	return 0;
}

static int tear_down(void **state)
{
	char mail[80];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove_file(names[i]);
	snprintf(mail, sizeof mail, "%s/mail", dir);
	rmdir(mail);
	return rmdir(dir);
}

static void backup_unchanged_is_good(void **state)
{
	struct fault fault = { "" };
	(void)state;
	assert_int_equal(manifest_verify(dir, &fault), MANIFEST_GOOD);
}

static void backup_with_one_octet_changed_is_wrong(void **state)
{
	struct fault fault = { "" };
	(void)state;
	write_file("mail/mail-01.db", "mail/mail-01.dc");
	assert_int_equal(manifest_verify(dir, &fault), MANIFEST_WRONG);
	assert_non_null(strstr(fault.text, "mail/mail-01.db"));
}

static void backup_without_a_shard_is_wrong(void **state)
{
	struct fault fault = { "" };
	(void)state;
	remove_file("mail/mail-01.db");
	assert_int_equal(manifest_verify(dir, &fault), MANIFEST_WRONG);
}

static void backup_without_the_key_is_unreadable(void **state)
{
	struct fault fault = { "" };
	(void)state;
	remove_file("secret.key");
	assert_int_equal(manifest_verify(dir, &fault), MANIFEST_UNREADABLE);
	assert_non_null(strstr(fault.text, "secret.key"));
}

static void backup_with_a_file_more_is_wrong(void **state)
{
	struct fault fault = { "" };
	(void)state;
	write_file("mail/extra", "");
	assert_int_equal(manifest_verify(dir, &fault), MANIFEST_WRONG);
	assert_non_null(strstr(fault.text, "mail/extra"));
}

static void backup_without_manifest_is_missing(void **state)
{
	struct fault fault = { "" };
	(void)state;
	remove_file("MANIFEST");
	assert_int_equal(manifest_verify(dir, &fault), MANIFEST_MISSING);
}

/* The digest of "abc" is FIPS 180-2's own example. */
static void manifest_is_in_the_format_of_sha256sum(void **state)
{
	char line[256];
	char path[128];
	bool found = false;
	struct fault fault = { "" };
	(void)state;
	remove_file("MANIFEST");
	write_file("secret.key", "abc");
	assert_true(manifest_write(dir, &fault));
	snprintf(path, sizeof path, "%s/MANIFEST", dir);
	FILE *from = fopen(path, "r");
	assert_non_null(from);
	while (fgets(line, sizeof line, from) != NULL)
		found = found ||
			strcmp(line,
			       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
			       "ad  secret.key\n") == 0;
	fclose(from);
	assert_true(found);
}

#define MANIFEST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MANIFEST_TEST(backup_unchanged_is_good),
		MANIFEST_TEST(backup_with_one_octet_changed_is_wrong),
		MANIFEST_TEST(backup_without_a_shard_is_wrong),
		MANIFEST_TEST(backup_without_the_key_is_unreadable),
		MANIFEST_TEST(backup_with_a_file_more_is_wrong),
		MANIFEST_TEST(backup_without_manifest_is_missing),
		MANIFEST_TEST(manifest_is_in_the_format_of_sha256sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
