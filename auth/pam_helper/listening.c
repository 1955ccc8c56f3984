/* The listening socket: see listening.h. */
#include "listening.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"

/* More than the server asks at a time. */
#define BACKLOG 128

bool listening_is_inherited(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	uint64_t number;

	return pid != NULL && fds != NULL && number_parse(str_of(pid), UINT32_MAX, &number) &&
	       number == (uint64_t)getpid() && strcmp(fds, "1") == 0;
}

int listening_take(struct fault *fault)
{
	const int fd = LISTENING_FIRST_FD;
	int type = 0, accepting = 0;
	socklen_t len = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) < 0 || !accepting) {
		fault_set(fault, "the socket of the service manager is not a listening "
				 "SOCK_SEQPACKET (ListenSequentialPacket=)");
		return -1;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		fault_set(fault, "the socket of the service manager: %s", strerror(errno));
		return -1;
	}
	return fd;
}

static int fail(const char *path, const char *why, struct fault *fault)
{
	fault_set(fault, "%s: %s", path, why);
	return -1;
}

/* True when the path is free: nothing was there, or a socket that nobody listens on. */
static bool clear_stale(const struct sockaddr_un *address, struct fault *fault)
{
	struct stat st;
	int fd, error = 0;

	if (lstat(address->sun_path, &st) < 0 && errno == ENOENT)
		return true;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	if (error == ECONNREFUSED && S_ISSOCK(st.st_mode) && unlink(address->sun_path) == 0)
		return true;
	(void)fail(address->sun_path,
		   error == 0 || error == EAGAIN
			   ? "another restante-pam listens there"
			   : "there is something that is no socket of ours",
		   fault);
	return false;
}

/* Through a descriptor of the very file, not its name. */
static bool give_to_group(const char *path, gid_t gid)
{
	int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	bool good = file >= 0 && fchownat(file, "", (uid_t)-1, gid, AT_EMPTY_PATH) == 0;

	if (file >= 0)
		close(file);
	return good;
}

static bool bind_and_listen(int fd, const struct sockaddr_un *address, gid_t gid,
			    struct fault *fault)
{
	const char *path = address->sun_path;
	mode_t before = umask(0117);
	bool bound = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;

	(void)umask(before);
	if (bound && give_to_group(path, gid) && listen(fd, BACKLOG) == 0)
		return true;
	(void)fail(path, strerror(errno), fault);
	if (bound)
		(void)unlink(path);
	return false;
}

int listening_bind(const struct settings *settings, struct fault *fault)
{
	const char *path = settings->socket_path;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof address.sun_path)
		return fail(path, "too long for a unix socket", fault);
	memcpy(address.sun_path, path, n + 1);
	if (!clear_stale(&address, fault))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(path, strerror(errno), fault);
	if (!bind_and_listen(fd, &address, settings->gid, fault)) {
		close(fd);
		return -1;
	}
	return fd;
}
