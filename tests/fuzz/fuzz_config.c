/*
 * The configuration. Input: a file.
 *
 * What must hold: a refusal says why and leaves nothing behind; a configuration that was taken, as
 * it is shown, can be read again and is then shown in the same way.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"
#include "restante/config.h"

static struct config *read_octets(struct str octets, struct fault *fault)
{
	static char path[320];
	struct config *config = NULL;
	int fd;

	(void)snprintf(path, sizeof path, "%s/conf", fuzz_folder());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, octets.p, octets.n) != (ssize_t)octets.n || close(fd) != 0)
		abort();
	fault->text[0] = '\0';
	if (config_read(path, &config, fault)) {
		FUZZ_CHECK(config != NULL);
		return config;
	}
	FUZZ_CHECK(config == NULL && fault->text[0] != '\0');
	return NULL;
}

static void add_line(void *context, const char *line)
{
	fuzz_add(context, str_of(line));
	fuzz_add(context, STR("\n"));
}

static void show(struct config **config, struct fuzz_text *text)
{
	text->n = 0;
	config_show(*config, false, add_line, text);
	config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_text shown, again;
	struct fault fault;
	struct config *config = read_octets(fuzz_input(data, size), &fault);

	if (config == NULL)
		return 0;
	show(&config, &shown);
	config = read_octets(fuzz_str(&shown), &fault);
	if (config == NULL)
		fprintf(stderr, "%s\n%.*s", fault.text, (int)shown.n, shown.p);
	FUZZ_CHECK(config != NULL);
	show(&config, &again);
	FUZZ_CHECK(str_equal(fuzz_str(&shown), fuzz_str(&again)));
	return 0;
}
