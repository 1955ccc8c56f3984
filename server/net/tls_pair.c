/* A certificate and its key: see tls_pair.h. */
#include "net/tls_pair.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "net/tls.h"

/* Nobody is there to be asked for a passphrase. */
static int no_passphrase(char *to, int cap, int rwflag, void *context)
{
	(void)to, (void)cap, (void)rwflag, (void)context;
	return 0;
}

static void explain(struct fault *fault, const char *path, const char *what)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

	if (ERR_GET_LIB(error) == ERR_LIB_SYS)
		reason = strerror(ERR_GET_REASON(error));
	fault_set(fault, "%s: %s: %s", path, what, reason != NULL ? reason : "not in PEM form");
	ERR_clear_error();
}

static bool read_chain(const char *path, struct tls_pair *pair, struct fault *fault)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *next = NULL;

	if (file != NULL)
		pair->certificate = PEM_read_bio_X509(file, NULL, no_passphrase, NULL);
	if (pair->certificate == NULL) {
		explain(fault, path, "no certificate can be read");
		BIO_free(file);
		return false;
	}
	pair->chain = sk_X509_new_null();
	while (pair->chain != NULL &&
	       (next = PEM_read_bio_X509(file, NULL, no_passphrase, NULL)) != NULL) {
		if (sk_X509_push(pair->chain, next) <= 0) {
			X509_free(next);
			break;
		}
	}
	BIO_free(file);
	ERR_clear_error(); /* the end of the file is one to OpenSSL */
	return pair->chain != NULL;
}

static bool read_key(const char *path, struct tls_pair *pair, struct fault *fault)
{
	BIO *file = BIO_new_file(path, "r");

	if (file != NULL)
		pair->key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, NULL);
	if (pair->key == NULL)
		explain(fault, path, "no private key without passphrase can be read");
	BIO_free(file);
	return pair->key != NULL;
}

static bool find_kind(struct tls_pair *pair)
{
	switch (EVP_PKEY_get_base_id(pair->key)) {
	case EVP_PKEY_EC:
		pair->kind = TLS_KEY_ECDSA;
		return true;
	case EVP_PKEY_RSA:
		pair->kind = TLS_KEY_RSA;
		return true;
	case EVP_PKEY_ED25519:
		pair->kind = TLS_KEY_ED25519;
		return true;
	default:
		return false;
	}
}

/* --- names ----------------------------------------------------------------------------------- */

/* A name as it may stand in a certificate: no blanks, no NUL, nothing over-long. */
static bool name_usable(const char *name, size_t n)
{
	if (n == 0 || n > TLS_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 0x7f)
			return false;
	return true;
}

static bool add_name(struct tls_pair *pair, const char *name, size_t n)
{
	size_t have = pair->names == NULL ? 0 : strlen(pair->names);
	char *longer;

	if (!name_usable(name, n))
		return true;
	longer = realloc(pair->names, have + n + 2);
	if (longer == NULL)
		return false;
	pair->names = longer;
	if (have > 0)
		longer[have++] = ' ';
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		longer[have + i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	longer[have + n] = '\0';
	return true;
}

/* RFC 6125 section 6.4.4: the common name counts only where there are no DNS names. */
static bool find_names(struct tls_pair *pair)
{
	GENERAL_NAMES *all =
		X509_get_ext_d2i(pair->certificate, NID_subject_alt_name, NULL, NULL);
	bool good = true;
	char common[TLS_NAME_MAX + 1];
	int n;

	for (int i = 0; good && i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type == GEN_DNS)
			good = add_name(pair,
					(const char *)ASN1_STRING_get0_data(name->d.dNSName),
					(size_t)ASN1_STRING_length(name->d.dNSName));
	}
	GENERAL_NAMES_free(all);
	if (!good || pair->names != NULL)
		return good;
	n = X509_NAME_get_text_by_NID(X509_get_subject_name(pair->certificate), NID_commonName,
				      common, sizeof common);
	return add_name(pair, common, n > 0 ? (size_t)n : 0) &&
	       (pair->names != NULL || (pair->names = strdup("")) != NULL);
}

static bool find_end(struct tls_pair *pair)
{
	struct tm end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(pair->certificate), &end) != 1)
		return false;
	pair->not_after = timegm(&end);
	return true;
}

/* --- the pair -------------------------------------------------------------------------------- */

static bool fill(const char *name, const char *chain_path, const char *key_path,
		 struct tls_pair *pair, struct fault *fault)
{
	ERR_clear_error();
	if (!read_chain(chain_path, pair, fault) || !read_key(key_path, pair, fault))
		return false;
	if (X509_check_private_key(pair->certificate, pair->key) != 1) {
		ERR_clear_error();
		fault_set(fault, "%s: the key in %s is not that of this certificate",
			  chain_path, key_path);
		return false;
	}
	if (!find_kind(pair)) {
		fault_set(fault, "%s: a key must be ECDSA, RSA or Ed25519", key_path);
		return false;
	}
	pair->name = strdup(name);
	fault_set(fault, "%s: out of memory, or no date of expiry", chain_path);
	return pair->name != NULL && find_names(pair) && find_end(pair);
}

bool tls_pair_read(const char *name, const char *chain_path, const char *key_path,
		   struct tls_pair *pair, struct fault *fault)
{
	*pair = (struct tls_pair){ .name = NULL };
	if (fill(name, chain_path, key_path, pair, fault))
		return true;
	tls_pair_free(pair);
	return false;
}

bool tls_pair_keep(const struct tls_pair *from, struct tls_pair *pair)
{
	*pair = (struct tls_pair){
		.name = strdup(from->name),
		.names = strdup(from->names),
		.kind = from->kind,
		.chain = X509_chain_up_ref(from->chain),
		.not_after = from->not_after,
		.kept = true,
	};
	if (X509_up_ref(from->certificate) == 1)
		pair->certificate = from->certificate;
	if (EVP_PKEY_up_ref(from->key) == 1)
		pair->key = from->key;
	if (pair->name != NULL && pair->names != NULL && pair->chain != NULL &&
	    pair->certificate != NULL && pair->key != NULL)
		return true;
	tls_pair_free(pair);
	return false;
}

void tls_pair_free(struct tls_pair *pair)
{
	free(pair->name);
	free(pair->names);
	X509_free(pair->certificate);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	*pair = (struct tls_pair){ .name = NULL };
}
