/* {PLAIN}: the password itself, as some imported tables have it. */
#include "passwords_private.h"

#include <openssl/sha.h>

/*
 * Digests of both are compared, so that the time says nothing of the stored one's length or of
 * where the two differ.
 */
enum password_verdict plain_verify(const struct scheme *scheme, struct str value,
				   struct str password, struct fault *fault)
{
	unsigned char a[SHA256_DIGEST_LENGTH];
	unsigned char b[SHA256_DIGEST_LENGTH];
	enum password_verdict verdict;

	if (value.n == 0)
		return scheme_malformed(scheme, "it is empty", fault);
	if (password.p == NULL)
		return PASSWORD_DIFFERS;
	if (EVP_Digest(value.p, value.n, a, NULL, EVP_sha256(), NULL) != 1 ||
	    EVP_Digest(password.p, password.n, b, NULL, EVP_sha256(), NULL) != 1)
		return scheme_unavailable(scheme, "the digest failed", fault);
	verdict = octets_verdict(a, b, sizeof a);
	explicit_bzero(a, sizeof a);
	explicit_bzero(b, sizeof b);
	return verdict;
}
