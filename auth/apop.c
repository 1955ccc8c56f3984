/* The digest of APOP (RFC 1939 section 7). */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/encoding.h"
#include "restante/passwords.h"

#define MD5_OCTETS 16

/*
 * "The `digest' parameter itself is a 16-octet value which is sent in hexadecimal format, using
 * lower-case ASCII characters": upper case does not match.
 */
bool apop_matches(struct str challenge, struct str secret, struct str digest)
{
	unsigned char octets[EVP_MAX_MD_SIZE];
	char text[2 * MD5_OCTETS + 1];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good;

	good = context != NULL && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
	       EVP_DigestUpdate(context, challenge.p, challenge.n) == 1 &&
	       EVP_DigestUpdate(context, secret.p, secret.n) == 1 &&
	       EVP_DigestFinal_ex(context, octets, NULL) == 1 &&
	       hex_encode(octets, MD5_OCTETS, text, sizeof text) &&
	       digest.n == sizeof text - 1 && CRYPTO_memcmp(text, digest.p, digest.n) == 0;
	EVP_MD_CTX_free(context);
	explicit_bzero(octets, sizeof octets);
	explicit_bzero(text, sizeof text);
	return good;
}
