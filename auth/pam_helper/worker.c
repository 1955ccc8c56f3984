/* A worker: see worker.h. */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"

static void refuse(const char *event, const char *key, uint64_t value)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARNING, event);
	log_number(&line, key, value);
	log_end(&line);
}

/* The server's user and root; nobody else may try passwords here, without the server's limits. */
static bool peer_is_allowed(const struct settings *settings, int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == settings->uid || peer.uid == 0))
		return true;
	refuse("peer-refused", "uid", peer.uid);
	return false;
}

/* It has given up waiting: nobody would hear the answer, but a failure would be counted. */
static bool peer_is_gone(int fd)
{
	char octet;

	return recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void send_reply(int fd, const struct helper_reply *reply)
{
	char octets[HELPER_REPLY_OCTETS];

	helper_reply_encode(reply, octets);
	if (send(fd, octets, sizeof octets, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		refuse("reply-failed", "code", (uint64_t)errno);
}

void worker_serve(const struct settings *settings, int fd, struct worker_state *state)
{
	char octets[HELPER_REQUEST_MAX + 1]; /* one more: a longer packet shows */
	struct timeval time = { .tv_sec = HELPER_READ_SECONDS };
	struct helper_request request;
	struct helper_reply reply;
	ssize_t n;

	if (!peer_is_allowed(settings, fd) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) < 0)
		return;
	n = recv(fd, octets, sizeof octets, 0);
	if (n <= 0)
		return; /* it went away, or says nothing */
	if (!helper_request_decode((struct str){ octets, (size_t)n }, &request)) {
		refuse("request-refused", "octets", (uint64_t)n);
	} else if (!peer_is_gone(fd)) {
		answer_request(settings, &request, &state->refusals, &reply);
		send_reply(fd, &reply);
	}
	explicit_bzero(octets, sizeof octets);
}

static volatile sig_atomic_t stopping;

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

/* Until there is somebody; -1 when it is to end. */
static int next_connection(int listening)
{
	struct pollfd polled = { .fd = listening, .events = POLLIN };
	sigset_t none;

	sigemptyset(&none);
	while (!stopping) {
		/* SIGTERM is heard in here alone, so that no login is torn. */
		if (ppoll(&polled, 1, NULL, &none) > 0) {
			int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

			/* Another worker was faster, or the peer is gone. */
			if (fd >= 0)
				return fd;
		}
	}
	return -1;
}

void worker_run(const struct settings *settings, int listening, struct worker_state *state)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGTERM, &action, NULL);
	for (unsigned i = 0; i < settings->requests; i++) {
		int fd = next_connection(listening);

		if (fd < 0)
			return;
		atomic_store(&state->busy_since, clock_monotonic_ms());
		worker_serve(settings, fd, state);
		close(fd);
		atomic_fetch_add(&state->served, 1);
		atomic_store(&state->busy_since, 0);
	}
}
