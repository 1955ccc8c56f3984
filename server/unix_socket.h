/*
 * Listening unix sockets: the file in the file system with its permissions, a stale one replaced,
 * and removed at the end if it is still ours.
 */
#ifndef RESTANTE_UNIX_SOCKET_H
#define RESTANTE_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "restante/compiler.h"
#include "restante/fault.h"

struct unix_socket {
	int fd; /* -1 = none */
	dev_t dev;
	ino_t ino;
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

/*
 * Binds and listens, nonblocking. The socket has its mode, owner and group before anyone can
 * connect; uid or gid -1 leaves that one. A socket file that nobody listens on is replaced; a
 * live one, or any other sort of file, is an error. Symbolic links are not followed. While
 * starting only: sets the process's umask for a moment.
 */
MUST_USE bool unix_socket_open(const char *path, mode_t mode, uid_t uid, gid_t gid,
			       struct unix_socket *made, struct fault *fault);
/* Closes, and removes the file unless another has taken its place. */
void unix_socket_close(struct unix_socket *made);

#endif
