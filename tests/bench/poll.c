/*
 * Polls maildrops in a closed loop: connect, log in, say some commands, QUIT, and again.
 *
 *	poll PORT CLIENTS SECONDS PREFIX PASSWORD [COMMAND]...
 *
 * Client i is PREFIX<i>@example.test. LIST, UIDL and RETR are taken to have multi-line replies.
 * Prints "sessions/s p50 p99 (ms)" of whole sessions, from connect to the reply to QUIT.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

#define EVENTS 64
#define STEPS_MAX 16

struct step {
	char line[CLIENT_LINE_MAX];
	size_t n;
	bool multiline;
};

struct client {
	unsigned long number;
	int fd;
	int64_t started;
	size_t step;  /* the next to send; its reply is that of step - 1 */
	char tail[5]; /* the last octets read of this reply */
	size_t tail_n;
	bool first_line;   /* still in the reply's first line */
	struct step login; /* this client's USER */
};

struct run {
	unsigned port;
	int epoll;
	struct step steps[STEPS_MAX]; /* [0] is USER, each client's own */
	size_t step_count;
	struct durations durations;
};

static void set_step(struct step *step, const char *verb, const char *rest)
{
	int n = snprintf(step->line, sizeof step->line, "%s%s\r\n", verb, rest);

	step->n = (size_t)n;
	step->multiline = strcmp(verb, "LIST") == 0 || strcmp(verb, "UIDL") == 0 ||
			  strncmp(verb, "RETR", 4) == 0;
}

static void start_session(struct run *run, struct client *client)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

	client->started = now_ns();
	client->fd = connect_loopback(run->port, 0);
	client->step = 0;
	client->tail_n = 0;
	client->first_line = true;
	set_nonblocking(client->fd);
	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		die("epoll_ctl");
}

static const struct step *step_of(const struct run *run, const struct client *client, size_t i)
{
	return i == 0 ? &client->login : &run->steps[i];
}

/* Whether the reply is complete with this octet. */
static bool reply_ends(struct client *client, bool multiline, char octet)
{
	if (client->tail_n == sizeof client->tail)
		memmove(client->tail, client->tail + 1, --client->tail_n);
	client->tail[client->tail_n++] = octet;
	if (octet != '\n')
		return false;
	if (client->first_line) {
		client->first_line = false;
		return !multiline;
	}
	return client->tail_n == 5 && memcmp(client->tail, "\r\n.\r\n", 5) == 0;
}

/* After a reply: the next command, or the next session. False: the session is over. */
static bool next_step(struct run *run, struct client *client)
{
	client->tail_n = 0;
	client->first_line = true;
	if (client->step == run->step_count) {
		durations_add(&run->durations, now_ns() - client->started);
		close(client->fd);
		return false;
	}
	const struct step *step = step_of(run, client, client->step++);
	if (send(client->fd, step->line, step->n, MSG_NOSIGNAL) != (ssize_t)step->n)
		die("send");
	return true;
}

static void refuse(const struct client *client, const char *reply, ssize_t n)
{
	fprintf(stderr, "client %lu, step %zu: %.*s\n", client->number, client->step,
		(int)(n < 0 ? 0 : n), reply);
	exit(1);
}

/* Reads what there is; false when the session is over. */
static bool take(struct run *run, struct client *client)
{
	char octets[65536];
	ssize_t n = recv(client->fd, octets, sizeof octets, 0);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0 || (client->first_line && client->tail_n == 0 && octets[0] != '+'))
		refuse(client, octets, n);
	for (ssize_t i = 0; i < n; i++) {
		bool multiline =
			client->step > 0 && step_of(run, client, client->step - 1)->multiline;
		if (reply_ends(client, multiline, octets[i]))
			return next_step(run, client);
	}
	return true;
}

static void run_until(struct run *run, int64_t end)
{
	struct epoll_event events[EVENTS];

	while (now_ns() < end) {
		int n = epoll_wait(run->epoll, events, EVENTS, 1000);

		for (int i = 0; i < n; i++) {
			struct client *client = events[i].data.ptr;

			if (!take(run, client))
				start_session(run, client);
		}
	}
}

int main(int argc, char **argv)
{
	struct run run = { 0 };

	if (argc < 6 || argc - 6 > STEPS_MAX - 3) {
		fputs("usage: poll PORT CLIENTS SECONDS PREFIX PASSWORD [COMMAND]...\n",
		      stderr);
		return 64;
	}
	size_t count = number_of(argv[2]);
	unsigned long seconds = number_of(argv[3]);
	struct client *clients = calloc(count, sizeof clients[0]);

	run.port = (unsigned)number_of(argv[1]);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || run.epoll < 0)
		die("start");
	set_step(&run.steps[1], "PASS ", argv[5]);
	run.step_count = 2;
	for (int i = 6; i < argc; i++)
		set_step(&run.steps[run.step_count++], argv[i], "");
	set_step(&run.steps[run.step_count++], "QUIT", "");
	for (size_t i = 0; i < count; i++) {
		char user[CLIENT_LINE_MAX / 2];

		clients[i].number = i;
		user_name(user, sizeof user, argv[4], i);
		set_step(&clients[i].login, "USER ", user);
		start_session(&run, &clients[i]);
	}
	int64_t start = now_ns();
	run_until(&run, start + (int64_t)seconds * 1000000000);
	printf("%.0f %.2f %.2f\n", (double)run.durations.n / ((double)(now_ns() - start) / 1e9),
	       durations_quantile(&run.durations, 0.5),
	       durations_quantile(&run.durations, 0.99));
	free(run.durations.ns);
	free(clients);
	return 0;
}
