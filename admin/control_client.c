/*
 * Speaks the control protocol: a line of words out, rows and one verdict in. Knows no request
 * by name. Waits as long as the server works: a check of a large store takes its time.
 */
#include "control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "octets.h"

struct control_client {
	int fd;
	size_t have; /* octets in `in` */
	char in[CONTROL_LINE_MAX + 1];
};

enum control_answer control_connect(const char *path, struct control_client **client,
				    struct fault *fault)
{
	int fd = octets_connect_unix(path);
	*client = NULL;
	if (fd >= 0) {
		*client = calloc(1, sizeof **client);
		if (*client != NULL) {
			(*client)->fd = fd;
			return CONTROL_DONE;
		}
		close(fd);
		errno = ENOMEM;
	}
	int error = errno;
	fault_set(fault, "%s: %s", path, strerror(error));
	if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
		return CONTROL_NO_SERVER;
	return error == EACCES || error == EPERM ? CONTROL_DENIED : CONTROL_BROKEN;
}

void control_close(struct control_client **client)
{
	if (*client == NULL)
		return;
	close((*client)->fd);
	free(*client);
	*client = NULL;
}

/*
 * The next line without its LF, NUL-terminated at in[0..*length). The caller drops it with
 * line_drop when it has been read.
 */
static bool line_next(struct control_client *client, size_t *length)
{
	size_t looked = 0;
	for (;;) {
		char *end = memchr(client->in + looked, '\n', client->have - looked);
		if (end != NULL) {
			*end = '\0';
			*length = (size_t)(end - client->in);
			return true;
		}
		looked = client->have;
		if (client->have >= CONTROL_LINE_MAX)
			return false;
		ssize_t got = octets_receive(client->fd, client->in + client->have,
					     CONTROL_LINE_MAX - client->have);
		if (got <= 0)
			return false;
		client->have += (size_t)got;
	}
}

static void line_drop(struct control_client *client, size_t length)
{
	client->have -= length + 1;
	memmove(client->in, client->in + length + 1, client->have);
}

/* An "err" line: its code is the server's word for what our exit status shall be. */
static enum control_answer refusal(char *const *words, int count, int *code,
				   struct fault *fault)
{
	uint64_t number = 0;
	if (count < 3 || !number_parse(str_of(words[1]), EX__MAX, &number) ||
	    number < EX__BASE) {
		fault_set(fault, "the server's refusal cannot be read");
		return CONTROL_BROKEN;
	}
	*code = (int)number;
	fault_set(fault, "%s", words[2]);
	return CONTROL_REFUSED;
}

static enum control_answer read_answer(struct control_client *client, control_row *row,
				       void *context, int *code, struct fault *fault)
{
	char *words[CONTROL_WORDS_MAX];
	bool wanted = row != NULL;
	size_t length;
	while (line_next(client, &length)) {
		int count = words_split(client->in, words, CONTROL_WORDS_MAX);
		enum control_answer answer = CONTROL_BROKEN;
		bool is_row = count > 0 && strcmp(words[0], "row") == 0;
		if (is_row && wanted)
			wanted = row(context, words + 1, count - 1);
		else if (count == 1 && strcmp(words[0], "ok") == 0)
			answer = CONTROL_DONE;
		else if (count > 0 && strcmp(words[0], "err") == 0)
			answer = refusal(words, count, code, fault);
		else if (!is_row)
			fault_set(fault, "the server's answer cannot be read");
		line_drop(client, length);
		if (!is_row)
			return answer;
	}
	fault_set(fault, "the connection to the server broke before its answer was complete");
	return CONTROL_BROKEN;
}

enum control_answer control_request(struct control_client *client, const char *const *words,
				    size_t count, control_row *row, void *context, int *code,
				    struct fault *fault)
{
	char line[CONTROL_LINE_MAX];
	size_t n;
	*code = EX_UNAVAILABLE;
	if (!words_join(words, count, line, sizeof line, &n)) {
		fault_set(fault, "the request is too long");
		return CONTROL_BROKEN;
	}
	if (!octets_send(client->fd, line, n)) {
		fault_set(fault, "the connection to the server broke: %s", strerror(errno));
		return CONTROL_BROKEN;
	}
	return read_answer(client, row, context, code, fault);
}
