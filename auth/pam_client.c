/*
 * The server's end of the frames: see pam_client.h. A connection serves one question, so that
 * whatever goes wrong with it (a late answer, a dead worker) concerns no other login.
 */
#include "pam_client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

struct ask {
	int fd;
	int64_t until; /* milliseconds of the monotonic clock */
	struct fault *fault;
};

static bool failed(const struct ask *ask, const char *doing, int error)
{
	/* EAGAIN is how the kernel says that a socket's time is over. */
	fault_set(ask->fault, "restante-pam: %s: %s", doing,
		  error == EAGAIN ? "no answer in time" : strerror(error));
	return false;
}

/* What is left of the time becomes the socket's own. For AF_UNIX, connect keeps to it as well. */
static bool set_time(const struct ask *ask, int direction)
{
	int64_t left = ask->until - clock_monotonic_ms();
	struct timeval time = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

	if (left <= 0)
		return failed(ask, "waiting", EAGAIN);
	if (setsockopt(ask->fd, SOL_SOCKET, direction, &time, sizeof time) < 0)
		return failed(ask, "setting a time", errno);
	return true;
}

/* Nobody else may listen there and get to know passwords: root, or who we are ourselves. */
static bool helper_is_ours(const struct ask *ask)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof peer;

	if (getsockopt(ask->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid()))
		return true;
	fault_set(ask->fault,
		  "restante-pam: user %u listens on its socket, neither root nor this one",
		  (unsigned)peer.uid);
	return false;
}

static bool connect_to(const struct ask *ask, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (n >= sizeof address.sun_path)
		return failed(ask, "its socket", ENAMETOOLONG);
	memcpy(address.sun_path, path, n + 1);
	do {
		if (!set_time(ask, SO_SNDTIMEO))
			return false;
		if (connect(ask->fd, (const struct sockaddr *)&address, sizeof address) == 0)
			return helper_is_ours(ask);
	} while (errno == EINTR);
	return failed(ask, path, errno);
}

static bool send_request(const struct ask *ask, const struct helper_request *request)
{
	char octets[HELPER_REQUEST_MAX];
	size_t n = helper_request_encode(request, octets);
	ssize_t sent;
	int error;

	if (n == 0)
		return failed(ask, "asking", EINVAL);
	do
		sent = send(ask->fd, octets, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	error = errno;
	explicit_bzero(octets, sizeof octets);
	return sent == (ssize_t)n || failed(ask, "asking", error);
}

static bool receive_reply(const struct ask *ask, struct helper_reply *reply)
{
	char octets[HELPER_REPLY_OCTETS + 1]; /* one more: a longer packet shows */
	ssize_t n;

	do {
		if (!set_time(ask, SO_RCVTIMEO))
			return false;
		n = recv(ask->fd, octets, sizeof octets, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return failed(ask, "its answer", errno);
	if (n == 0) {
		fault_set(ask->fault, "restante-pam: its worker ended without an answer");
		return false;
	}
	if (helper_reply_decode((struct str){ octets, (size_t)n }, reply))
		return true;
	fault_set(ask->fault, "restante-pam: its answer makes no sense: another version?");
	return false;
}

bool pam_client_ask(const char *socket_path, unsigned seconds,
		    const struct helper_request *request, struct helper_reply *reply,
		    struct fault *fault)
{
	struct ask ask = {
		.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
		.until = clock_monotonic_ms() + (int64_t)seconds * 1000,
		.fault = fault,
	};
	bool good;

	if (ask.fd < 0)
		return failed(&ask, "making a socket", errno);
	good = connect_to(&ask, socket_path) && send_request(&ask, request) &&
	       receive_reply(&ask, reply);
	close(ask.fd);
	return good;
}
