/* A non-blocking connection: see stream.h. */
#include "stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void die_tls(const char *what)
{
	fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static SSL_CTX *new_context(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
		die_tls("SSL_CTX_new");
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	return context;
}

SSL_CTX *stream_client_tls(void)
{
	SSL_CTX *context = new_context(TLS_client_method());

	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(context,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	return context;
}

SSL_CTX *stream_server_tls(const char *certificate, const char *key)
{
	SSL_CTX *context = new_context(TLS_server_method());

	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		die_tls(certificate);
	return context;
}

void stream_open(struct stream *stream, int fd, SSL_CTX *tls, bool server)
{
	*stream = (struct stream){ .fd = fd };
	if (tls == NULL)
		return;
	stream->ssl = SSL_new(tls);
	if (stream->ssl == NULL || SSL_set_fd(stream->ssl, fd) != 1)
		die_tls("SSL_new");
	if (server)
		SSL_set_accept_state(stream->ssl);
	else
		SSL_set_connect_state(stream->ssl);
}

void stream_close(struct stream *stream)
{
	if (stream->fd < 0)
		return;
	if (stream->ssl != NULL) {
		/* RFC 8446 section 6.1: a server says that this was all. */
		if (SSL_is_server(stream->ssl))
			(void)SSL_shutdown(stream->ssl);
		/* Or OpenSSL takes the session for a broken one and does not resume it. */
		SSL_set_shutdown(stream->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(stream->ssl);
	}
	close(stream->fd);
	*stream = (struct stream){ .fd = -1 };
}

/* What a call of OpenSSL that gave nothing means: 0 or -1 as for stream_read. */
static ssize_t tls_nothing(const struct stream *stream, int result)
{
	const int error = SSL_get_error(stream->ssl, result);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

ssize_t stream_read(struct stream *stream, char *to, size_t cap)
{
	if (stream->ssl != NULL) {
		size_t n;

		ERR_clear_error();
		if (SSL_read_ex(stream->ssl, to, cap, &n) == 1)
			return (ssize_t)n;
		return tls_nothing(stream, 0);
	}
	const ssize_t n = recv(stream->fd, to, cap, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n == 0 ? -1 : n;
}

/* Octets taken; 0 = no room now; -1 = broken. */
static ssize_t send_some(struct stream *stream)
{
	if (stream->ssl != NULL) {
		size_t n;

		ERR_clear_error();
		if (SSL_write_ex(stream->ssl, stream->unsent, stream->unsent_n, &n) == 1)
			return (ssize_t)n;
		return tls_nothing(stream, 0);
	}
	const ssize_t n = send(stream->fd, stream->unsent, stream->unsent_n, MSG_NOSIGNAL);

	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

bool stream_flush(struct stream *stream)
{
	while (stream->unsent_n > 0) {
		const ssize_t n = send_some(stream);

		if (n <= 0)
			return n == 0;
		stream->unsent += n;
		stream->unsent_n -= (size_t)n;
	}
	return true;
}

bool stream_send(struct stream *stream, const char *octets, size_t n)
{
	stream->unsent = octets;
	stream->unsent_n = n;
	return stream_flush(stream);
}
