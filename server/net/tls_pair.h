/* One pair of a certificate chain and its private key, read from PEM files. */
#ifndef RESTANTE_TLS_PAIR_H
#define RESTANTE_TLS_PAIR_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "restante/compiler.h"
#include "restante/fault.h"

enum tls_key_kind { TLS_KEY_ECDSA, TLS_KEY_RSA, TLS_KEY_ED25519, TLS_KEY_KINDS };

struct tls_pair {
	char *name;  /* what its files are called, without ending */
	char *names; /* whom it serves: lower case, a space between */
	enum tls_key_kind kind;
	X509 *certificate;
	STACK_OF(X509) * chain; /* without the certificate itself */
	EVP_PKEY *key;
	int64_t not_after; /* seconds since 1970 */
	bool kept;         /* its files are bad now; this was read before */
};

/* False: the files are no usable pair, and fault says why; *pair is empty then. */
MUST_USE bool tls_pair_read(const char *name, const char *chain_path, const char *key_path,
			    struct tls_pair *pair, struct fault *fault);
/* Another holder of the same certificate and key, marked as kept. */
MUST_USE bool tls_pair_keep(const struct tls_pair *from, struct tls_pair *pair);
void tls_pair_free(struct tls_pair *pair);

#endif
