/* The octets of one connection: see stream.h. */
#include "net/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>

#include "net/tls.h"

static enum stream_status receive(int fd, char *to, size_t cap, int flags, size_t *n)
{
	ssize_t got;

	*n = 0;
	do
		got = recv(fd, to, cap, flags);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		*n = (size_t)got;
		return STREAM_OK;
	}
	if (got == 0)
		return STREAM_END;
	return errno == EAGAIN ? STREAM_WAIT : STREAM_BROKEN;
}

enum stream_status stream_read(struct stream stream, char *to, size_t cap, size_t *n)
{
	if (stream.tls != NULL)
		return tls_read(stream.tls, to, cap, n);
	return receive(stream.fd, to, cap, 0, n);
}

enum stream_status stream_peek(int fd, char *to, size_t cap, size_t *n)
{
	return receive(fd, to, cap, MSG_PEEK, n);
}

enum stream_status stream_write(struct stream stream, struct str *from)
{
	if (stream.tls != NULL)
		return tls_write(stream.tls, from);
	while (from->n > 0) {
		ssize_t sent = send(stream.fd, from->p, from->n, MSG_NOSIGNAL);

		if (sent >= 0)
			*from = str_from(*from, (size_t)sent);
		else if (errno == EAGAIN)
			return STREAM_WAIT;
		else if (errno != EINTR)
			return STREAM_BROKEN;
	}
	return STREAM_OK;
}

size_t stream_unsent(int fd)
{
	int unsent = 0;

	if (ioctl(fd, SIOCOUTQ, &unsent) != 0 || unsent < 0)
		return 0;
	return (size_t)unsent;
}

static void option(int fd, int level, int name, int value)
{
	/* A kernel that refuses one of these serves the connection all the same. */
	(void)setsockopt(fd, level, name, &value, sizeof value);
}

void stream_prepare_listener(int fd)
{
	option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 20);
	option(fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
}
