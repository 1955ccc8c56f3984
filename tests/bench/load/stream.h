/*
 * A non-blocking connection, in clear or with TLS, of client or server. What the socket does not
 * take at once waits here, borrowed: the octets given to stream_send must stay until it is empty.
 */
#ifndef RESTANTE_BENCH_STREAM_H
#define RESTANTE_BENCH_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "restante/compiler.h"

struct stream {
	int fd;
	SSL *ssl; /* NULL = in clear */
	const char *unsent;
	size_t unsent_n;
};

/* A TLS context that trusts everybody and keeps no sessions by itself. Ends the program on error. */
SSL_CTX *stream_client_tls(void);
/* ... with certificate and key, handing out tickets. */
SSL_CTX *stream_server_tls(const char *certificate, const char *key);

/* Takes the descriptor, which is non-blocking. `tls` NULL = in clear. */
void stream_open(struct stream *stream, int fd, SSL_CTX *tls, bool server);
/* Nothing, when it is closed. No close_notify: the protocols say themselves when they are over. */
void stream_close(struct stream *stream);

/* Octets read; 0 = none now; -1 = closed or broken. Makes the handshake as it goes. */
MUST_USE ssize_t stream_read(struct stream *stream, char *to, size_t cap);
/* False = broken. Nothing may be unsent. */
MUST_USE bool stream_send(struct stream *stream, const char *octets, size_t n);
/* Sends what is unsent, as far as there is room. False = broken. */
MUST_USE bool stream_flush(struct stream *stream);

#endif
