/* A directory of its own for one test, removed with what lies directly in it. */
#ifndef RESTANTE_TEST_SCRATCH_H
#define RESTANTE_TEST_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch {
	char dir[32];
};

static inline void scratch_make(struct scratch *scratch)
{
	(void)snprintf(scratch->dir, sizeof scratch->dir, "/tmp/restante-XXXXXX");
	assert_non_null(mkdtemp(scratch->dir));
}

/* "<dir>/<name>", valid until the next call. */
static inline const char *scratch_path(const struct scratch *scratch, const char *name)
{
	static char path[96];

	(void)snprintf(path, sizeof path, "%s/%s", scratch->dir, name);
	return path;
}

static inline void scratch_remove(const struct scratch *scratch)
{
	DIR *dir = opendir(scratch->dir);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	}
	(void)closedir(dir);
	assert_int_equal(rmdir(scratch->dir), 0);
}

#endif
