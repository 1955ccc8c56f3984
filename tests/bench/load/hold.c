/*
 * Holds many connections in one state, so that something else can be measured beside them:
 *
 *	hold PORT STATE COUNT PREFIX PASSWORD [tls]
 *
 * STATE is `idle` (connected, greeting read), `session` (logged in as PREFIX<i>@example.test),
 * `reader` (logged in, RETR 1 at 1 KiB a second) or `sender` (one octet a second of a command
 * that never ends). With "tls" at the end the port has TLS from the first octet. Says "held"
 * when all are there, goes on until its input ends, and then tells how many the server still holds.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "stream.h"

#define TICKS_PER_SECOND 10 /* the work of a second is spread over so many */
#define READ_OCTETS 1024
#define SMALL_BUFFER 4096
#define LINE_OCTETS_MAX 512

enum state { IDLE, SESSION, READER, SENDER };
static const char *const state_names[] = { "idle", "session", "reader", "sender" };

struct holder {
	enum state state;
	unsigned port;
	const char *prefix, *password;
	size_t count;
	SSL_CTX *tls;           /* NULL = in clear */
	struct stream *streams; /* descriptor -1 = the server has closed it */
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

/* A line of reply, an octet at a time: nothing after it may be taken. */
static bool read_reply(struct stream *stream)
{
	char line[4] = "";
	size_t n = 0;
	char octet = '\0';

	while (octet != '\n') {
		if (stream_read(stream, &octet, 1) != 1)
			return false;
		if (n < 3)
			line[n++] = octet;
	}
	return memcmp(line, "+OK", 3) == 0;
}

static bool ask(struct stream *stream, const char *verb, const char *argument)
{
	char line[LINE_OCTETS_MAX];
	const int n = snprintf(line, sizeof line, "%s %s\r\n", verb, argument);

	return stream_send(stream, line, (size_t)n) && read_reply(stream);
}

static bool log_in(struct stream *stream, const char *user, const char *password)
{
	return read_reply(stream) && ask(stream, "USER", user) && ask(stream, "PASS", password);
}

/* Blocking until it is in its state. */
static void open_one(const struct holder *holder, size_t i)
{
	char user[LINE_OCTETS_MAX / 2];
	struct stream *stream = &holder->streams[i];
	const int buffer = holder->state == READER ? SMALL_BUFFER : 0;

	stream_open(stream, connect_loopback(holder->port, buffer), holder->tls, false);
	switch (holder->state) {
	case IDLE:
	case SENDER:
		if (!read_reply(stream))
			die("greeting");
		break;
	case SESSION:
	case READER:
		user_name(user, sizeof user, holder->prefix, i);
		if (!log_in(stream, user, holder->password)) {
			fprintf(stderr, "%s cannot log in\n", user);
			exit(1);
		}
		break;
	}
	if (holder->state == READER && !stream_send(stream, "RETR 1\r\n", 8))
		die("RETR");
	set_nonblocking(stream->fd);
}

/* What one connection does once a second; false when the server has closed it. */
static bool work(const struct holder *holder, struct stream *stream)
{
	char octets[READ_OCTETS];

	if (holder->state == SENDER)
		return stream_send(stream, "x", 1);
	return stream_read(stream, octets, sizeof octets) >= 0;
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
			struct stream *stream = &holder->streams[i];

			if (stream->fd >= 0 && !work(holder, stream))
				stream_close(stream);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 6 && (argc != 7 || strcmp(argv[6], "tls") != 0)) {
		fputs("usage: hold PORT STATE COUNT PREFIX PASSWORD [tls]\n", stderr);
		return 64;
	}
	struct holder holder = { .port = (unsigned)number_of(argv[1]),
				 .state = state_of(argv[2]),
				 .count = number_of(argv[3]),
				 .prefix = argv[4],
				 .password = argv[5],
				 .tls = argc == 7 ? stream_client_tls() : NULL };
	size_t alive = 0;

	raise_descriptors();
	holder.streams = calloc(holder.count + 1, sizeof holder.streams[0]);
	if (holder.streams == NULL)
		die("calloc");
	for (size_t i = 0; i < holder.count; i++)
		open_one(&holder, i);
	puts("held");
	fflush(stdout);
	hold(&holder);
	for (size_t i = 0; i < holder.count; i++) {
		alive += holder.streams[i].fd >= 0;
		stream_close(&holder.streams[i]);
	}
	printf("%zu of %zu\n", alive, holder.count);
	free(holder.streams);
	SSL_CTX_free(holder.tls);
	return 0;
}
