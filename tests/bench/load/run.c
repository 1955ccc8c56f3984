/* One run of the load generator: see run.h. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define EVENTS 64
#define PATIENCE_NS \
	((int64_t)60 * 1000000000) /* a server that says nothing for so long hangs */

bool run_begin(struct run *run)
{
	if (run->limit > 0 && run->begun == run->limit)
		return false;
	run->begun++;
	return true;
}

static _Noreturn void server_gone(void)
{
	fputs("the server has closed the connection\n", stderr);
	exit(1);
}

static _Noreturn void server_hangs(void)
{
	fputs("the server does not answer\n", stderr);
	exit(1);
}

/* OpenSSL has a ticket for us; we keep the latest. */
static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct client *client = SSL_get_app_data(ssl);

	SSL_SESSION_free(client->ticket);
	client->ticket = session;
	return 1;
}

void run_connect(struct run *run, struct client *client)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	const int fd = connect_loopback(run->port, 0);

	set_nonblocking(fd);
	stream_open(&client->stream, fd, run->context, false);
	client->wants_room = false;
	if (client->stream.ssl != NULL) {
		SSL_set_app_data(client->stream.ssl, client);
		if (run->resume) {
			SSL_CTX_sess_set_new_cb(run->context, keep_ticket);
			if (client->ticket != NULL)
				SSL_set_session(client->stream.ssl, client->ticket);
		}
		SSL_do_handshake(client->stream.ssl); /* says hello */
	}
	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll_ctl");
}

void run_disconnect(struct run *run, struct client *client)
{
	if (client->stream.ssl != NULL && SSL_session_reused(client->stream.ssl))
		run->resumed++;
	stream_close(&client->stream);
}

void run_end_client(struct client *client)
{
	stream_close(&client->stream);
	SSL_SESSION_free(client->ticket);
}

static void arm(struct run *run, struct client *client)
{
	const bool wants_room = client->stream.unsent_n > 0;
	struct epoll_event event = { .events = EPOLLIN | (wants_room ? EPOLLOUT : 0),
				     .data.ptr = client };

	if (wants_room == client->wants_room)
		return;
	client->wants_room = wants_room;
	if (epoll_ctl(run->epoll, EPOLL_CTL_MOD, client->stream.fd, &event) != 0)
		die("epoll_ctl");
}

void run_send(struct run *run, struct client *client, const char *octets, size_t n)
{
	if (!stream_send(&client->stream, octets, n))
		server_gone();
	arm(run, client);
}

size_t run_receive(struct run *run, struct client *client)
{
	const ssize_t n = stream_read(&client->stream, run->buffer, RUN_BUFFER);

	if (n < 0)
		server_gone();
	run->received += (uint64_t)n;
	return (size_t)n;
}

double run_loop(struct run *run, run_ready *ready)
{
	struct epoll_event events[EVENTS];
	const int64_t start = now_ns(), end = start + (int64_t)(run->seconds * 1e9);
	int64_t heard = start;

	while (run->active > 0 && (run->limit > 0 || now_ns() < end)) {
		const int n = epoll_wait(run->epoll, events, EVENTS, 100);

		if (n > 0)
			heard = now_ns();
		else if (now_ns() - heard > PATIENCE_NS)
			server_hangs();
		for (int i = 0; i < n; i++) {
			struct client *client = events[i].data.ptr;

			if (!stream_flush(&client->stream))
				server_gone();
			arm(run, client);
			ready(run, client);
		}
	}
	return (double)(now_ns() - start) / 1e9;
}
