/*
 * TLS (OpenSSL): one server for the whole process, which holds the rules, the certificates and the
 * keys of session tickets; and one connection's share of it. TLS 1.2 and 1.3 only, no renegotiation.
 *
 * A struct tls_server is used by all threads; a struct tls by whoever owns its connection.
 */
#ifndef RESTANTE_TLS_H
#define RESTANTE_TLS_H

#include <stdint.h>

#include "net/stream.h"
#include "restante/compiler.h"
#include "restante/fault.h"

#define TLS_NAME_MAX 255
#define TLS_EXPORTER_OCTETS 32

struct tls_server;
struct tls;

/* `ciphers` are those of TLS 1.2, in OpenSSL's words. */
MUST_USE bool tls_server_open(const char *ciphers, struct tls_server **server,
			      struct fault *fault);
void tls_server_close(struct tls_server **server);

/* --- certificates (tls_certificates.h tells which files) ------------------------------------- */

/* What is wrong with one pair; `kept`: what was read of it before stays in use. */
typedef void tls_trouble(void *context, const char *pair, bool kept, const char *why);

enum tls_load { TLS_LOADED, TLS_UNCHANGED, TLS_LOAD_FAILED };

/*
 * Reads the certificate directory and puts what is usable in force, for handshakes from now on;
 * nothing when no file has changed since. `hostname` chooses the default where no pair is named
 * so. TLS_LOAD_FAILED: the directory cannot be read; what was in force stays.
 */
MUST_USE enum tls_load tls_server_load(struct tls_server *server, const char *directory,
				       const char *hostname, tls_trouble *trouble,
				       void *context, struct fault *fault);
/* Whether there is any certificate to serve with. */
bool tls_server_ready(struct tls_server *server);

struct tls_pair_facts {
	const char *pair;  /* file or folder, without its ending */
	const char *names; /* "a.example b.example" */
	const char *key;   /* "ECDSA", "RSA", "Ed25519" */
	int64_t not_after; /* seconds since 1970 */
	bool is_default;
	bool kept; /* its files are bad now, this was read before */
};
void tls_server_visit(struct tls_server *server,
		      void (*visit)(void *context, const struct tls_pair_facts *facts),
		      void *context);

/* --- one connection -------------------------------------------------------------------------- */

/*
 * The server's side of a handshake on a connected, nonblocking socket, which stays the caller's.
 * `alpn` is the protocol's name: a client that offers others is refused, one that offers none is
 * not; NULL = whatever is offered. NULL: out of memory.
 */
struct tls *tls_accept(struct tls_server *server, int fd, const char *alpn);
/* Says goodbye where there still is somebody, and frees. Accepts NULL. */
void tls_close(struct tls **tls);
/* STREAM_OK when done; STREAM_WAIT; STREAM_BROKEN with tls_fault. */
MUST_USE enum stream_status tls_handshake(struct tls *tls);
/* As stream_read and stream_write. */
MUST_USE enum stream_status tls_read(struct tls *tls, char *to, size_t cap, size_t *n);
MUST_USE enum stream_status tls_write(struct tls *tls, struct str *from);
/* After STREAM_WAIT: it is the socket's room that is waited for, not input. */
bool tls_wants_room(const struct tls *tls);
/* Octets that have been read from the socket and wait here: no event will tell of them. */
bool tls_pending(const struct tls *tls);
/* Why it is broken. */
void tls_fault(const struct tls *tls, struct fault *fault);
/* "TLSv1.3", "TLS_AES_256_GCM_SHA384": static text. */
const char *tls_version(const struct tls *tls);
const char *tls_cipher(const struct tls *tls);
/*
 * The channel binding "tls-exporter" (RFC 9266). False without one: in TLS 1.2 it is unique only
 * with the extended master secret (section 4.2).
 */
MUST_USE bool tls_exporter(const struct tls *tls, unsigned char out[TLS_EXPORTER_OCTETS]);

#endif
