/*
 * The octets of one connection, in clear or through TLS, never waiting.
 */
#ifndef RESTANTE_STREAM_H
#define RESTANTE_STREAM_H

#include <stdint.h>

#include "restante/compiler.h"
#include "restante/str.h"

struct tls; /* net/tls.h */

struct stream {
	int fd;
	struct tls *tls; /* NULL = in clear */
};

enum stream_status {
	STREAM_OK,
	STREAM_WAIT,  /* nothing now: wait for the socket (see tls_wants_room) */
	STREAM_END,   /* read: the peer has finished sending */
	STREAM_BROKEN /* reset, timed out: nothing more either way */
};

MUST_USE enum stream_status stream_read(struct stream stream, char *to, size_t cap, size_t *n);
/* What has arrived in clear, up to `cap` octets of it; it stays where it is. */
MUST_USE enum stream_status stream_peek(int fd, char *to, size_t cap, size_t *n);
/* Takes what the socket takes off the front of *from: STREAM_OK when that is all of it. */
MUST_USE enum stream_status stream_write(struct stream stream, struct str *from);
/* Octets that the kernel still holds for the peer; 0 when it cannot tell. */
size_t stream_unsent(int fd);
/*
 * What every accepted connection has from its TCP listener, which Linux lets it inherit: TCP_NODELAY
 * (an answer is one write), and keepalive that finds a dead peer in three minutes. No
 * TCP_USER_TIMEOUT: it would take the place of keepalive's own count (tcp(7)), and a short one kills
 * live slow readers. Who takes no octets is the sweep's.
 */
void stream_prepare_listener(int fd);

#endif
