/*
 * The ceiling: one thread, one epoll set, every command answered from memory. Nothing is kept, no
 * password looked at, so that no server with a maildrop can be faster on this machine.
 *
 *	responder pop3 PORT MESSAGES KIB COPIES [CERTIFICATE KEY]
 *		with TLS from the first octet, if given; a message comes from the next of so many copies,
 *		as no cache of the processor holds all maildrops
 *	responder lmtp PORT
 *		the protocol only
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answers.h"
#include "common.h"
#include "message.h"
#include "stream.h"

#define EVENTS 64
#define INPUT (256 * 1024)
#define SMALL 512 /* replies that are sent together */

struct connection {
	struct stream stream;
	bool wants_room, closing;
	char *kept; /* input that is not worked off; NULL = none */
	size_t kept_n;
	bool in_data;
	size_t recipients;
	char small[SMALL];
	size_t small_n;
};

static struct {
	int epoll, listener;
	bool lmtp;
	SSL_CTX *tls;
	struct answers answers;
	char input[INPUT];
} self;

static void listen_on(unsigned port)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons((uint16_t)port),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;

	self.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (self.listener < 0 ||
	    setsockopt(self.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    bind(self.listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(self.listener, SOMAXCONN) != 0)
		die("listen");
}

/* Sends the small replies collected so far, then these octets, which stay. */
static void send_all(struct connection *connection, const char *octets, size_t n)
{
	if (connection->small_n > 0 && connection->stream.unsent_n == 0) {
		if (!stream_send(&connection->stream, connection->small, connection->small_n))
			connection->closing = true;
		connection->small_n = 0;
	}
	/* A reader that does not take even these is none of ours. */
	if (n > 0 && connection->stream.unsent_n == 0 &&
	    !stream_send(&connection->stream, octets, n))
		connection->closing = true;
}

static void answer(struct connection *connection, const char *text, size_t n)
{
	if (connection->small_n + n > SMALL) {
		send_all(connection, text, n);
	} else {
		memcpy(connection->small + connection->small_n, text, n);
		connection->small_n += n;
	}
}

static void say(struct connection *connection, const char *text)
{
	answer(connection, text, strlen(text));
}

static void serve_pop3(struct connection *connection, const char *line)
{
	static const struct {
		const char verb[5];
		const struct answer *answer;
	} rows[] = { { "UIDL", &self.answers.uidl },
		     { "STAT", &self.answers.stat },
		     { "LIST", &self.answers.list } };
	const struct answer *retr;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (memcmp(line, rows[i].verb, 4) == 0) {
			answer(connection, rows[i].answer->text, rows[i].answer->n);
			return;
		}
	}
	if (memcmp(line, "RETR", 4) == 0) {
		retr = answers_retr(&self.answers);
		answer(connection, retr->text, retr->n);
		return;
	}
	say(connection, "+OK\r\n");
	connection->closing = memcmp(line, "QUIT", 4) == 0;
}

static void serve_lmtp(struct connection *connection, const char *line, size_t n)
{
	if (connection->in_data) {
		if (n != 3 || line[0] != '.')
			return;
		for (; connection->recipients > 0; connection->recipients--)
			say(connection, "250 2.0.0 taken\r\n");
		connection->in_data = false;
	} else if (memcmp(line, "DATA", 4) == 0) {
		say(connection, "354 go on\r\n");
		connection->in_data = true;
	} else if (memcmp(line, "LHLO", 4) == 0) {
		say(connection, "250-bench.example.test\r\n250 PIPELINING\r\n");
	} else if (memcmp(line, "QUIT", 4) == 0) {
		say(connection, "221 2.0.0 bye\r\n");
		connection->closing = true;
	} else {
		connection->recipients += memcmp(line, "RCPT", 4) == 0;
		say(connection, "250 2.0.0 ok\r\n");
	}
}

/* Works off whole lines while the replies go out; what is left. */
static size_t serve_lines(struct connection *connection, const char *input, size_t n)
{
	const char *end;

	while (!connection->closing && connection->stream.unsent_n == 0 && n > 0 &&
	       (end = memchr(input, '\n', n)) != NULL) {
		const size_t line = (size_t)(end - input) + 1;

		if (self.lmtp)
			serve_lmtp(connection, input, line);
		else
			serve_pop3(connection, input);
		input += line;
		n -= line;
	}
	send_all(connection, NULL, 0);
	return n;
}

static void keep(struct connection *connection, const char *input, size_t n)
{
	char *kept = NULL;

	if (n > 0) {
		kept = malloc(n);
		if (kept == NULL)
			die("malloc");
		memcpy(kept, input, n);
	}
	free(connection->kept);
	connection->kept = kept;
	connection->kept_n = n;
}

static void close_connection(struct connection *connection)
{
	stream_close(&connection->stream);
	free(connection->kept);
	free(connection);
}

/* Room is waited for only where output waits; during a handshake it waits for input. */
static void arm(struct connection *connection)
{
	const bool wants_room = connection->stream.unsent_n > 0 &&
				(connection->stream.ssl == NULL ||
				 SSL_is_init_finished(connection->stream.ssl));
	struct epoll_event event = { .events = wants_room ? EPOLLOUT : EPOLLIN,
				     .data.ptr = connection };

	if (wants_room != connection->wants_room &&
	    epoll_ctl(self.epoll, EPOLL_CTL_MOD, connection->stream.fd, &event) != 0)
		die("epoll_ctl");
	connection->wants_room = wants_room;
}

/* Reads and serves until there is nothing to read, or no room for replies. False: it has ended. */
static bool serve(struct connection *connection)
{
	for (;;) {
		if (!stream_flush(&connection->stream))
			return false;
		size_t n = connection->kept_n;

		if (n > 0)
			memcpy(self.input, connection->kept, n);
		const ssize_t got =
			connection->stream.unsent_n > 0 && n > 0
				? 0
				: stream_read(&connection->stream, self.input + n, INPUT - n);
		if (got < 0)
			return false;
		n += (size_t)got;
		const size_t left = serve_lines(connection, self.input, n);

		keep(connection, self.input + n - left, left);
		if (connection->closing)
			return false;
		if (left == n || connection->stream.unsent_n > 0 ||
		    (connection->stream.ssl == NULL && left == 0))
			return true;
	}
}

static void accept_all(void)
{
	const int on = 1;
	int fd;

	while ((fd = accept4(self.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *connection = calloc(1, sizeof *connection);
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

		if (connection == NULL)
			die("calloc");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		stream_open(&connection->stream, fd, self.tls, true);
		say(connection, self.lmtp ? "220 bench.example.test\r\n"
					  : "+OK ready <1.2@bench.example.test>\r\n");
		send_all(connection, NULL, 0);
		if (epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
			die("epoll_ctl");
	}
}

static void prepare(int argc, char **argv)
{
	self.lmtp = strcmp(argv[1], "lmtp") == 0;
	raise_descriptors();
	message_prepare();
	listen_on((unsigned)number_of(argv[2]));
	if (!self.lmtp)
		answers_prepare(&self.answers, number_of(argv[3]), number_of(argv[4]),
				number_of(argv[5]));
	if (argc == 8)
		self.tls = stream_server_tls(argv[6], argv[7]);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	self.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (self.epoll < 0 || epoll_ctl(self.epoll, EPOLL_CTL_ADD, self.listener, &event) != 0)
		die("epoll");
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];

	if (argc != 3 && argc != 6 && argc != 8) {
		fputs("usage: responder pop3 PORT MESSAGES KIB COPIES [CERTIFICATE KEY] | lmtp "
		      "PORT\n",
		      stderr);
		return 64;
	}
	prepare(argc, argv);
	puts("ready");
	fflush(stdout);
	for (;;) {
		const int n = epoll_wait(self.epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct connection *connection = events[i].data.ptr;

			if (connection == NULL)
				accept_all();
			else if (serve(connection))
				arm(connection);
			else
				close_connection(connection);
		}
	}
}
