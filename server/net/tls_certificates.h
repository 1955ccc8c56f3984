/*
 * The certificates of a directory, and which one serves a name. In the directory, each of these is
 * a pair of a certificate chain and its key, in PEM:
 *
 *	NAME.crt and NAME.key
 *	NAME.pem and NAME.key, or NAME.pem with both in it
 *	NAME/fullchain.pem and NAME/privkey.pem        (as certbot and dehydrated make them)
 *
 * The names it serves are the DNS names of the certificate itself (with none, its common name),
 * "*.example.org" for one label more. One name may have a certificate of each kind of key. The
 * default, for clients that name nobody or somebody unknown, is the pair called "default" (or
 * "default-rsa" beside it: whatever begins so), else the one for the server's own hostname, else
 * the first by name.
 *
 * A struct tls_certificates is read once and then frozen; handshakes under way hold a reference.
 */
#ifndef RESTANTE_TLS_CERTIFICATES_H
#define RESTANTE_TLS_CERTIFICATES_H

#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_certificates;

/*
 * Reads the directory. A pair that cannot be used is told to `trouble`; where `before` (may be NULL)
 * has it, that one is kept. False: the directory cannot be read, or out of memory.
 */
MUST_USE bool tls_certificates_read(const char *directory, const char *hostname,
				    const struct tls_certificates *before, tls_trouble *trouble,
				    void *context, struct tls_certificates **certificates,
				    struct fault *fault);
/* Changes with the arguments and when a file of the directory does; 0 when it cannot be read. */
uint64_t tls_certificates_stamp(const char *directory, const char *hostname);
struct tls_certificates *tls_certificates_hold(struct tls_certificates *certificates);
void tls_certificates_release(struct tls_certificates **certificates);
size_t tls_certificates_count(const struct tls_certificates *certificates);
/* Gives `ssl` what serves `name` (NULL = the default); false when there is nothing. */
MUST_USE bool tls_certificates_use(const struct tls_certificates *certificates,
				   const char *name, SSL *ssl);
void tls_certificates_visit(const struct tls_certificates *certificates,
			    void (*visit)(void *context, const struct tls_pair_facts *facts),
			    void *context);

#endif
