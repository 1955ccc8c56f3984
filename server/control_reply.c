/* The answer to one request: rows, then "ok" or "err". Sends, but never for ever. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "control_private.h"

/* Waits until the tool takes more; false when it does not, or when the server stops. */
static bool wait_for_room(const struct control_reply *reply)
{
	struct pollfd fds[] = { { .fd = reply->fd, .events = POLLOUT },
				{ .fd = reply->wake, .events = POLLIN } };
	int n;

	do
		n = poll(fds, ARRAY_SIZE(fds), CONTROL_STALL_MS);
	while (n < 0 && errno == EINTR);
	return n > 0 && fds[1].revents == 0;
}

void reply_flush(struct control_reply *reply)
{
	struct str rest = { reply->memory, reply->n };

	while (rest.n > 0 && !reply->broken) {
		ssize_t sent = send(reply->fd, rest.p, rest.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0)
			rest = str_from(rest, (size_t)sent);
		else if (errno == EAGAIN)
			reply->broken = !wait_for_room(reply);
		else if (errno != EINTR)
			reply->broken = true;
	}
	reply->n = 0;
}

/* A row too long for the protocol breaks the answer: half a row would be a wrong one. */
static void add_line(struct control_reply *reply, const char *const *words, size_t n)
{
	char line[CONTROL_LINE_MAX];
	size_t len;

	if (reply->broken)
		return;
	if (!words_join(words, n, line, sizeof line, &len)) {
		reply->broken = true;
		return;
	}
	if (sizeof reply->memory - reply->n < len)
		reply_flush(reply);
	memcpy(reply->memory + reply->n, line, len);
	reply->n += len;
}

bool reply_row(struct control_reply *reply, const char *const *words, size_t n)
{
	const char *all[CONTROL_WORDS_MAX] = { "row" };

	for (size_t i = 0; i < n && i + 1 < CONTROL_WORDS_MAX; i++)
		all[i + 1] = words[i];
	add_line(reply, all, n + 1);
	return !reply->broken;
}

void reply_error(struct control_reply *reply, int code, const char *sentence)
{
	char number[16];
	const char *const words[] = { "err", number, sentence };

	(void)snprintf(number, sizeof number, "%d", code);
	add_line(reply, words, ARRAY_SIZE(words));
}

void reply_ok(struct control_reply *reply)
{
	const char *const words[] = { "ok" };

	add_line(reply, words, 1);
}
