/*
 * The ceiling: one thread, one epoll set, every POP3 command answered from memory. Nothing is
 * checked and nothing is kept, so that no server with a maildrop can be faster on this machine.
 *
 *	responder PORT MESSAGES
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

#define EVENTS 64
#define LISTING_MAX 65536

static char uidl[LISTING_MAX];
static size_t uidl_n;

static void make_listing(unsigned long messages)
{
	uidl_n = (size_t)snprintf(uidl, sizeof uidl, "+OK\r\n");
	for (unsigned long i = 1; i <= messages && uidl_n < sizeof uidl - 64; i++)
		uidl_n += (size_t)snprintf(uidl + uidl_n, sizeof uidl - uidl_n,
					   "%lu 0123456789abcdef%lu\r\n", i, i);
	uidl_n += (size_t)snprintf(uidl + uidl_n, sizeof uidl - uidl_n, ".\r\n");
}

static int listen_on(unsigned port)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons((uint16_t)port),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(fd, SOMAXCONN) != 0)
		die("listen");
	return fd;
}

static void answer(int fd, const char *text, size_t n)
{
	if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("send");
}

static void accept_all(int epoll, int listener)
{
	const int on = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		answer(fd, "+OK ready\r\n", 11);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
			die("epoll_ctl");
	}
}

/* One command has come, whole: the clients of this test do not pipeline. */
static void serve(int fd)
{
	char line[CLIENT_LINE_MAX];
	ssize_t n = recv(fd, line, sizeof line, 0);

	if (n <= 0) {
		close(fd);
		return;
	}
	if (memcmp(line, "UIDL", 4) == 0)
		answer(fd, uidl, uidl_n);
	else if (memcmp(line, "STAT", 4) == 0)
		answer(fd, "+OK 20 400000\r\n", 15);
	else
		answer(fd, "+OK\r\n", 5);
	if (memcmp(line, "QUIT", 4) == 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];

	if (argc != 3) {
		fputs("usage: responder PORT MESSAGES\n", stderr);
		return 64;
	}
	int listener = listen_on((unsigned)number_of(argv[1]));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

	make_listing(number_of(argv[2]));
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
		die("epoll");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else
				serve(events[i].data.fd);
		}
	}
}
