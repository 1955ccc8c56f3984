/*
 * Speaks the control protocol: a line of words out, rows and one verdict in. Knows no request
 * by name. Waits as long as the server works: a check of a large store takes its time.
 */
#include "control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"

struct control_client {
	int fd;
	size_t have; /* octets in `in` */
	char in[CONTROL_LINE_MAX + 1];
};

enum control_answer control_connect(const char *path, struct control_client **client,
				    struct fault *fault)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	*client = NULL;
	if (n >= sizeof address.sun_path) {
		fault_set(fault, "the path of the control socket is too long: %s", path);
		return CONTROL_BROKEN;
	}
	memcpy(address.sun_path, path, n + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		fault_set(fault, "socket: %s", strerror(errno));
		return CONTROL_BROKEN;
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
		*client = calloc(1, sizeof **client);
		if (*client != NULL) {
			(*client)->fd = fd;
			return CONTROL_DONE;
		}
		errno = ENOMEM;
	}
	int error = errno;
	fault_set(fault, "%s: %s", path, strerror(error));
	close(fd);
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

static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
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
		ssize_t got = recv(client->fd, client->in + client->have,
				   CONTROL_LINE_MAX - client->have, 0);
		if (got < 0 && errno == EINTR)
			continue;
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
	if (!send_all(client->fd, line, n)) {
		fault_set(fault, "the connection to the server broke: %s", strerror(errno));
		return CONTROL_BROKEN;
	}
	return read_answer(client, row, context, code, fault);
}
