/* {SHA256}, {SSHA512} and their like: a digest of password and salt, the salt behind the digest. */
#include "passwords_private.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/encoding.h"

#define SALT_OCTETS 16

enum password_verdict digest_verify(const struct scheme *scheme, struct str value,
				    struct str password, struct fault *fault)
{
	const EVP_MD *digest = scheme->digest();
	size_t size = (size_t)EVP_MD_get_size(digest);
	unsigned char computed[EVP_MAX_MD_SIZE];
	struct str salt = str_from(value, size);
	enum password_verdict verdict;
	EVP_MD_CTX *context;

	if (value.n < size)
		return scheme_malformed(scheme, "it is too short", fault);
	if (scheme->form == VALUE_DIGEST && salt.n > 0)
		return scheme_malformed(scheme, "it is too long", fault);
	if (password.p == NULL)
		return PASSWORD_DIFFERS;
	context = EVP_MD_CTX_new();
	if (context != NULL && EVP_DigestInit_ex(context, digest, NULL) == 1 &&
	    EVP_DigestUpdate(context, password.p, password.n) == 1 &&
	    EVP_DigestUpdate(context, salt.p, salt.n) == 1 &&
	    EVP_DigestFinal_ex(context, computed, NULL) == 1)
		verdict = octets_verdict(computed, value.p, size);
	else
		verdict = scheme_unavailable(scheme, "the digest failed", fault);
	EVP_MD_CTX_free(context);
	explicit_bzero(computed, sizeof computed);
	return verdict;
}

bool password_hash_generated(struct str password, char *hash, size_t cap)
{
	static const char prefix[] = "{SSHA512}";
	unsigned char octets[SHA512_DIGEST_LENGTH + SALT_OCTETS];
	unsigned char salted[64 + SALT_OCTETS];
	bool good = password.n > 0 && password.n <= 64 && cap > sizeof prefix &&
		    RAND_bytes(octets + SHA512_DIGEST_LENGTH, SALT_OCTETS) == 1;

	hash[0] = '\0';
	if (good) {
		memcpy(salted, password.p, password.n);
		memcpy(salted + password.n, octets + SHA512_DIGEST_LENGTH, SALT_OCTETS);
		good = EVP_Digest(salted, password.n + SALT_OCTETS, octets, NULL, EVP_sha512(),
				  NULL) == 1 &&
		       base64_encode(octets, sizeof octets, hash + sizeof prefix - 1,
				     cap - (sizeof prefix - 1));
	}
	if (good)
		memcpy(hash, prefix, sizeof prefix - 1);
	explicit_bzero(salted, sizeof salted);
	return good;
}
