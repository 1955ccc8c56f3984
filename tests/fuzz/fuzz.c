/* See fuzz.h. */
#include "fuzz.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void fuzz_broken(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

struct str fuzz_line(struct str *in)
{
	const char *end = in->n == 0 ? NULL : memchr(in->p, '\n', in->n);
	struct str line = { in->p, end == NULL ? in->n : (size_t)(end - in->p) };

	*in = str_from(*in, line.n + 1);
	return line;
}

unsigned char fuzz_setting(struct str settings, size_t i)
{
	return settings.n == 0 ? 0 : (unsigned char)settings.p[i % settings.n];
}

struct str fuzz_piece(struct str settings, size_t i, struct str rest)
{
	size_t n = 1 + fuzz_setting(settings, i) % 64;

	return (struct str){ rest.p, n < rest.n ? n : rest.n };
}

void fuzz_add(struct fuzz_text *text, struct str octets)
{
	if (text->cap - text->n < octets.n) {
		size_t cap = (text->cap + octets.n) * 2;
		char *more = realloc(text->p, cap);

		if (more == NULL)
			abort();
		text->p = more;
		text->cap = cap;
	}
	if (octets.n > 0)
		memcpy(text->p + text->n, octets.p, octets.n);
	text->n += octets.n;
}

void fuzz_print(struct fuzz_text *text, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	fuzz_add(text, str_of(line));
}

char *fuzz_copy(struct str octets)
{
	char *copy = malloc(octets.n == 0 ? 1 : octets.n);

	if (copy == NULL)
		abort();
	if (octets.n > 0)
		memcpy(copy, octets.p, octets.n);
	return copy;
}

char *fuzz_string(struct str octets)
{
	char *copy;

	if (octets.n > 0 && memchr(octets.p, '\0', octets.n) != NULL)
		return NULL;
	copy = malloc(octets.n + 1);
	if (copy == NULL)
		abort();
	if (octets.n > 0)
		memcpy(copy, octets.p, octets.n);
	copy[octets.n] = '\0';
	return copy;
}

bool fuzz_whole_lines(struct str octets)
{
	for (size_t i = 0; i < octets.n; i++) {
		bool cr = octets.p[i] == '\r';

		if (cr != (i + 1 < octets.n && octets.p[i + 1] == '\n'))
			return false;
	}
	return octets.n == 0 || (octets.p[0] != '\n' && octets.p[octets.n - 1] == '\n');
}

static char folder[256];

static void remove_folder(void)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
	(void)rmdir(folder);
}

const char *fuzz_folder(void)
{
	const char *parent = getenv("TMPDIR");

	if (folder[0] != '\0')
		return folder;
	(void)snprintf(folder, sizeof folder, "%s/restante-fuzz-XXXXXX",
		       parent == NULL ? "/tmp" : parent);
	if (mkdtemp(folder) == NULL || atexit(remove_folder) != 0)
		abort();
	return folder;
}
