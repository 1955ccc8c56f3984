/*
 * Holds many connections in one state, so that something else can be measured beside them:
 *
 *	hold PORT STATE COUNT PREFIX PASSWORD
 *
 * STATE is `idle` (connected, greeting read), `session` (logged in as PREFIX<i>@example.test),
 * `reader` (logged in, RETR 1 at 1 KiB a second) or `sender` (one octet a second of a command
 * that never ends). Says "held" when all are there, goes on until its input ends, and then tells
 * how many the server still holds.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

#define TICKS_PER_SECOND 10 /* the work of a second is spread over so many */
#define READ_OCTETS 1024
#define SMALL_BUFFER 4096

enum state { IDLE, SESSION, READER, SENDER };
static const char *const state_names[] = { "idle", "session", "reader", "sender" };

struct holder {
	enum state state;
	unsigned port;
	const char *prefix, *password;
	size_t count;
	int *fds; /* -1 = the server has closed it */
};

static enum state state_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
		if (strcmp(name, state_names[i]) == 0)
			return (enum state)i;
	}
	fprintf(stderr, "no such state: %s\n", name);
	exit(64);
}

static int open_one(const struct holder *holder, size_t i)
{
	char user[CLIENT_LINE_MAX / 2], octets[512];
	int fd = connect_loopback(holder->port, holder->state == READER ? SMALL_BUFFER : 0);

	switch (holder->state) {
	case IDLE:
	case SENDER:
		if (recv(fd, octets, sizeof octets, 0) <= 0)
			die("greeting");
		break;
	case SESSION:
	case READER:
		user_name(user, sizeof user, holder->prefix, i);
		if (!log_in(fd, user, holder->password)) {
			fprintf(stderr, "%s cannot log in\n", user);
			exit(1);
		}
		break;
	}
	if (holder->state == READER && send(fd, "RETR 1\r\n", 8, MSG_NOSIGNAL) != 8)
		die("RETR");
	set_nonblocking(fd);
	return fd;
}

/* What one connection does once a second; false when the server has closed it. */
static bool work(const struct holder *holder, int fd)
{
	char octets[READ_OCTETS];
	ssize_t n;

	if (holder->state == SENDER)
		n = send(fd, "x", 1, MSG_NOSIGNAL);
	else
		n = recv(fd, octets, sizeof octets, 0);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* True while our input is open; waits a tick for it to end. */
static bool wait_tick(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 1000 / TICKS_PER_SECOND) == 0;
}

static void hold(const struct holder *holder)
{
	for (size_t tick = 0; wait_tick(); tick++) {
		for (size_t i = tick % TICKS_PER_SECOND; i < holder->count;
		     i += TICKS_PER_SECOND) {
			if (holder->fds[i] >= 0 && !work(holder, holder->fds[i])) {
				close(holder->fds[i]);
				holder->fds[i] = -1;
			}
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fputs("usage: hold PORT STATE COUNT PREFIX PASSWORD\n", stderr);
		return 64;
	}
	struct holder holder = { .port = (unsigned)number_of(argv[1]),
				 .state = state_of(argv[2]),
				 .count = number_of(argv[3]),
				 .prefix = argv[4],
				 .password = argv[5] };
	size_t alive = 0;

	raise_descriptors();
	holder.fds = calloc(holder.count + 1, sizeof holder.fds[0]);
	if (holder.fds == NULL)
		die("calloc");
	for (size_t i = 0; i < holder.count; i++)
		holder.fds[i] = open_one(&holder, i);
	puts("held");
	fflush(stdout);
	hold(&holder);
	for (size_t i = 0; i < holder.count; i++)
		alive += holder.fds[i] >= 0;
	printf("%zu of %zu\n", alive, holder.count);
	free(holder.fds);
	return 0;
}
