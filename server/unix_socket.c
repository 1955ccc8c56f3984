/* Listening unix sockets: see unix_socket.h. */
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

static void local_address(const char *path, struct sockaddr_un *address)
{
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, strlen(path) + 1);
}

/* connect(2)'s errno; 0 = somebody answers there. */
static int probe(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
		error = errno;
	close(fd);
	/* Its queue is full: it lives. */
	return error == EAGAIN ? 0 : error;
}

/* Removes a socket that nobody listens on any more; true when the path is free. */
static bool clear_stale(const struct sockaddr_un *address, struct fault *fault)
{
	const char *path = address->sun_path;
	struct stat st;
	int error;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return true;
		fault_set(fault, "%s", strerror(errno));
		return false;
	}
	if (!S_ISSOCK(st.st_mode)) {
		fault_set(fault, "there is a file of that name that is not a socket");
		return false;
	}
	error = probe(address);
	if (error == 0) {
		fault_set(fault, "another server listens there");
		return false;
	}
	if (error != ECONNREFUSED) {
		fault_set(fault, "cannot tell whether another server listens there: %s",
			  strerror(error));
		return false;
	}
	if (unlink(path) < 0 && errno != ENOENT) {
		fault_set(fault, "cannot remove the stale socket: %s", strerror(errno));
		return false;
	}
	return true;
}

/*
 * Owner and group, and which file is ours. By a descriptor of the file itself, so that nobody who
 * may write to the directory can put another file under our hands.
 */
static bool own_file(struct unix_socket *made, uid_t uid, gid_t gid)
{
	int file = open(made->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool good;

	if (file < 0)
		return false;
	good = fstat(file, &st) == 0;
	if (good && !S_ISSOCK(st.st_mode)) {
		close(file);
		errno = ENOTSOCK;
		return false;
	}
	if (good && (uid != (uid_t)-1 || gid != (gid_t)-1))
		good = fchownat(file, "", uid, gid, AT_EMPTY_PATH) == 0;
	if (good) {
		made->dev = st.st_dev;
		made->ino = st.st_ino;
	}
	close(file);
	return good;
}

static void explain_bind(struct fault *fault)
{
	switch (errno) {
	case ENOENT:
		fault_set(fault, "its directory does not exist");
		break;
	case EACCES:
		fault_set(fault, "no permission to make a socket in its directory");
		break;
	default:
		fault_set(fault, "%s", strerror(errno));
		break;
	}
}

bool unix_socket_open(const char *path, mode_t mode, uid_t uid, gid_t gid,
		      struct unix_socket *made, struct fault *fault)
{
	struct sockaddr_un address;
	mode_t before;
	bool bound;

	*made = (struct unix_socket){ .fd = -1 };
	if (strlen(path) >= sizeof made->path) {
		fault_set(fault, "the path is too long for a unix socket");
		return false;
	}
	memcpy(made->path, path, strlen(path) + 1);
	local_address(path, &address);
	if (!clear_stale(&address, fault))
		return false;
	made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (made->fd < 0) {
		fault_set(fault, "%s", strerror(errno));
		return false;
	}
	before = umask(~mode & 0777);
	bound = bind(made->fd, (const struct sockaddr *)&address, sizeof address) == 0;
	(void)umask(before);
	if (!bound) {
		explain_bind(fault);
		close(made->fd);
		made->fd = -1;
		return false;
	}
	if (!own_file(made, uid, gid) || listen(made->fd, BACKLOG) < 0) {
		fault_set(fault, "cannot set owner and group, or listen: %s", strerror(errno));
		unix_socket_close(made);
		return false;
	}
	return true;
}

void unix_socket_close(struct unix_socket *made)
{
	struct stat st;

	if (made->fd < 0)
		return;
	if (lstat(made->path, &st) == 0 && st.st_dev == made->dev && st.st_ino == made->ino)
		(void)unlink(made->path);
	close(made->fd);
	made->fd = -1;
}
