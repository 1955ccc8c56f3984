/* What the load programs share: see common.h. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

_Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

unsigned long number_of(const char *text)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || errno != 0) {
		fprintf(stderr, "%s is not a number\n", text);
		exit(64);
	}
	return number;
}

void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("setrlimit");
}

int connect_loopback(unsigned port, int receive_buffer)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons((uint16_t)port),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (receive_buffer > 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) != 0)
		die("SO_RCVBUF");
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
		die("TCP_NODELAY");
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
		die("connect");
	return fd;
}

void set_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl");
}

void user_name(char *to, size_t cap, const char *prefix, unsigned long number)
{
	snprintf(to, cap, "%s%lu@example.test", prefix, number);
}

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void durations_add(struct durations *durations, int64_t ns)
{
	if (durations->n == durations->cap) {
		durations->cap = durations->cap * 2 + 1024;
		durations->ns =
			realloc(durations->ns, durations->cap * sizeof durations->ns[0]);
		if (durations->ns == NULL)
			die("realloc");
	}
	durations->ns[durations->n++] = ns;
}

static int compare_ns(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double durations_quantile(struct durations *durations, double part)
{
	if (durations->n == 0)
		return 0;
	qsort(durations->ns, durations->n, sizeof durations->ns[0], compare_ns);
	return (double)durations->ns[(size_t)(part * (double)(durations->n - 1))] / 1e6;
}
