/*
 * TLS: see tls.h.
 *
 * There is one SSL_CTX for good. Certificates are not in it: a callback gives each handshake those
 * that are in force, so a renewal touches no connection and no rule. Connections keep no buffers
 * while they are idle (SSL_MODE_RELEASE_BUFFERS). A write that the socket does not take is tried
 * again with the same octets, which may have moved.
 */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/tls_certificates.h"
#include "net/tls_tickets.h"

struct tls_server {
	SSL_CTX *context;
	struct tls_tickets *tickets;
	pthread_mutex_t loading; /* one reads the directory at a time */
	uint64_t stamp;
	pthread_mutex_t mutex; /* of what follows */
	struct tls_certificates *certificates;
};

struct tls {
	SSL *ssl;
	const char *alpn;
	bool wants_room;
	bool broken;
	unsigned long error; /* OpenSSL's, when broken */
	int system_error;
};

/* --- callbacks of a handshake ---------------------------------------------------------------- */

static struct tls_certificates *certificates_in_force(struct tls_server *server)
{
	struct tls_certificates *certificates;

	pthread_mutex_lock(&server->mutex);
	certificates = tls_certificates_hold(server->certificates);
	pthread_mutex_unlock(&server->mutex);
	return certificates;
}

static int choose_certificate(SSL *ssl, void *context)
{
	struct tls_certificates *certificates = certificates_in_force(context);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	bool good = certificates != NULL && tls_certificates_use(certificates, name, ssl);

	tls_certificates_release(&certificates);
	return good ? 1 : 0;
}

/* RFC 7301 section 3.2: no protocol in common is fatal. It keeps out cross-protocol tricks. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
			   const unsigned char *offered, unsigned offered_n, void *context)
{
	const struct tls *tls = SSL_get_app_data(ssl);
	size_t n = tls->alpn == NULL ? 0 : strlen(tls->alpn);

	(void)context;
	if (tls->alpn == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	for (unsigned at = 0; at < offered_n && offered[at] < offered_n - at;
	     at += 1U + offered[at]) {
		if (offered[at] == n && memcmp(offered + at + 1, tls->alpn, n) == 0) {
			*out = offered + at + 1;
			*out_n = offered[at];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		      EVP_MAC_CTX *mac, int seal)
{
	struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	int answer = tls_tickets_key(server->tickets, clock_monotonic_ms() / 1000, name, iv,
				     cipher, mac, seal != 0);

	/* RFC 8446 section C.4: a client uses a ticket once. With 2 it gets the next one. */
	return !seal && answer == 1 && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : answer;
}

/* --- the server ------------------------------------------------------------------------------ */

static bool set_rules(struct tls_server *server, const char *ciphers, struct fault *fault)
{
	static const unsigned char id[] = "restante";
	char groups[] = "X25519:P-256:P-384"; /* OpenSSL's macro takes no const text */
	SSL_CTX *context = server->context;

	SSL_CTX_set_options(context,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				    SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(context, TICKET_SECONDS);
	/* Their defaults are 2 and 16 KiB too many for a client that comes once a minute. */
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_max_early_data(context, 0);
	SSL_CTX_set_app_data(context, server);
	SSL_CTX_set_cert_cb(context, choose_certificate, server);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key);
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set1_groups_list(context, groups) != 1 ||
	    SSL_CTX_set_session_id_context(context, id, sizeof id - 1) != 1) {
		fault_set(fault, "OpenSSL refuses our rules for TLS");
		return false;
	}
	if (SSL_CTX_set_cipher_list(context, ciphers) == 1)
		return true;
	fault_set(fault, "option \"tls_ciphers\": OpenSSL knows none of \"%s\"", ciphers);
	return false;
}

bool tls_server_open(const char *ciphers, struct tls_server **server, struct fault *fault)
{
	struct tls_server *made = calloc(1, sizeof *made);

	*server = NULL;
	fault_set(fault, "out of memory");
	if (made == NULL)
		return false;
	if (pthread_mutex_init(&made->mutex, NULL) != 0 ||
	    pthread_mutex_init(&made->loading, NULL) != 0) {
		free(made);
		return false;
	}
	made->tickets = tls_tickets_open();
	made->context = SSL_CTX_new(TLS_server_method());
	if (made->tickets == NULL || made->context == NULL ||
	    !set_rules(made, ciphers, fault)) {
		tls_server_close(&made);
		return false;
	}
	*server = made;
	return true;
}

void tls_server_close(struct tls_server **server)
{
	if (*server == NULL)
		return;
	SSL_CTX_free((*server)->context);
	tls_tickets_close(&(*server)->tickets);
	tls_certificates_release(&(*server)->certificates);
	pthread_mutex_destroy(&(*server)->mutex);
	pthread_mutex_destroy(&(*server)->loading);
	free(*server);
	*server = NULL;
}

enum tls_load tls_server_load(struct tls_server *server, const char *directory,
			      const char *hostname, tls_trouble *trouble, void *context,
			      struct fault *fault)
{
	struct tls_certificates *before = certificates_in_force(server), *read = NULL;
	enum tls_load load = TLS_UNCHANGED;
	uint64_t stamp;

	pthread_mutex_lock(&server->loading);
	/* Before the files are read: a change meanwhile is seen next time. */
	stamp = tls_certificates_stamp(directory, hostname);
	if (stamp == 0 || stamp != server->stamp)
		load = tls_certificates_read(directory, hostname, before, trouble, context,
					     &read, fault)
			       ? TLS_LOADED
			       : TLS_LOAD_FAILED;
	if (load == TLS_LOADED) {
		server->stamp = stamp;
		pthread_mutex_lock(&server->mutex);
		tls_certificates_release(&server->certificates);
		server->certificates = read;
		pthread_mutex_unlock(&server->mutex);
	}
	pthread_mutex_unlock(&server->loading);
	tls_certificates_release(&before);
	return load;
}

bool tls_server_ready(struct tls_server *server)
{
	bool ready;

	pthread_mutex_lock(&server->mutex);
	ready = server->certificates != NULL &&
		tls_certificates_count(server->certificates) > 0;
	pthread_mutex_unlock(&server->mutex);
	return ready;
}

void tls_server_visit(struct tls_server *server,
		      void (*visit)(void *context, const struct tls_pair_facts *facts),
		      void *context)
{
	struct tls_certificates *certificates = certificates_in_force(server);

	if (certificates != NULL)
		tls_certificates_visit(certificates, visit, context);
	tls_certificates_release(&certificates);
}

/* --- one connection -------------------------------------------------------------------------- */

struct tls *tls_accept(struct tls_server *server, int fd, const char *alpn)
{
	struct tls *tls = calloc(1, sizeof *tls);

	if (tls == NULL)
		return NULL;
	tls->alpn = alpn;
	tls->ssl = SSL_new(server->context);
	if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1) {
		SSL_free(tls->ssl);
		free(tls);
		return NULL;
	}
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

void tls_close(struct tls **tls)
{
	if (*tls == NULL)
		return;
	/* After an error it must not be called; the peer's own goodbye is not waited for. */
	ERR_clear_error();
	if (!(*tls)->broken && SSL_is_init_finished((*tls)->ssl))
		(void)SSL_shutdown((*tls)->ssl);
	ERR_clear_error();
	SSL_free((*tls)->ssl);
	free(*tls);
	*tls = NULL;
}

/* What an operation that did not succeed means. */
static enum stream_status status_after(struct tls *tls, int result)
{
	int system_error = errno;

	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		tls->wants_room = false;
		return STREAM_WAIT;
	case SSL_ERROR_WANT_WRITE:
		tls->wants_room = true;
		return STREAM_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return STREAM_END;
	default:
		tls->broken = true;
		tls->error = ERR_peek_last_error();
		tls->system_error = system_error;
		ERR_clear_error();
		return STREAM_BROKEN;
	}
}

enum stream_status tls_handshake(struct tls *tls)
{
	enum stream_status status;
	int result;

	ERR_clear_error();
	errno = 0;
	tls->wants_room = false;
	result = SSL_do_handshake(tls->ssl);
	if (result == 1)
		return STREAM_OK;
	status = status_after(tls, result);
	if (status == STREAM_END) {
		tls->broken = true;
		return STREAM_BROKEN;
	}
	return status;
}

enum stream_status tls_read(struct tls *tls, char *to, size_t cap, size_t *n)
{
	*n = 0;
	tls->wants_room = false;
	if (tls->broken)
		return STREAM_BROKEN;
	do {
		enum stream_status status;
		size_t got = 0;
		int result;

		ERR_clear_error();
		errno = 0;
		result = SSL_read_ex(tls->ssl, to + *n, cap - *n, &got);
		*n += got;
		if (result == 1)
			continue;
		status = status_after(tls, result);
		/* What is there counts first; the rest is found again next time. */
		return *n > 0 ? STREAM_OK : status;
	} while (*n < cap && SSL_pending(tls->ssl) > 0);
	return STREAM_OK;
}

enum stream_status tls_write(struct tls *tls, struct str *from)
{
	tls->wants_room = false;
	if (tls->broken)
		return STREAM_BROKEN;
	while (from->n > 0) {
		size_t sent = 0;
		int result;

		ERR_clear_error();
		errno = 0;
		result = SSL_write_ex(tls->ssl, from->p, from->n, &sent);
		*from = str_from(*from, sent);
		if (result != 1) {
			enum stream_status status = status_after(tls, result);

			return status == STREAM_END ? STREAM_BROKEN : status;
		}
	}
	return STREAM_OK;
}

bool tls_wants_room(const struct tls *tls)
{
	return tls->wants_room;
}

bool tls_pending(const struct tls *tls)
{
	return SSL_pending(tls->ssl) > 0;
}

void tls_fault(const struct tls *tls, struct fault *fault)
{
	const char *reason = tls->error == 0 ? NULL : ERR_reason_error_string(tls->error);

	if (reason != NULL)
		fault_set(fault, "%s", reason);
	else if (tls->system_error != 0)
		fault_set(fault, "%s", strerror(tls->system_error));
	else
		fault_set(fault, "the peer went away");
}

const char *tls_version(const struct tls *tls)
{
	return SSL_get_version(tls->ssl);
}

const char *tls_cipher(const struct tls *tls)
{
	return SSL_get_cipher_name(tls->ssl);
}

bool tls_exporter(const struct tls *tls, unsigned char out[TLS_EXPORTER_OCTETS])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (tls == NULL || !SSL_is_init_finished(tls->ssl) ||
	    (SSL_version(tls->ssl) < TLS1_3_VERSION && SSL_get_extms_support(tls->ssl) != 1))
		return false;
	return SSL_export_keying_material(tls->ssl, out, TLS_EXPORTER_OCTETS, label,
					  sizeof label - 1, NULL, 0, 1) == 1;
}
