/*
 * A password against the keys that SCRAM stores (RFC 5802 section 3):
 * "rounds,salt,StoredKey,ServerKey", each after the first in base64.
 */
#include "passwords_private.h"

#include <openssl/hmac.h>

#include "encoding.h"

struct scram {
	int rounds;
	unsigned char salt[256];
	size_t salt_n;
	unsigned char stored_key[EVP_MAX_MD_SIZE];
	unsigned char server_key[EVP_MAX_MD_SIZE];
};

static bool parse(struct str value, size_t size, struct scram *scram)
{
	struct str rounds;
	struct str salt;
	struct str stored_key;
	size_t stored_n;
	size_t server_n;

	return take_field(&value, ',', &rounds) && take_field(&value, ',', &salt) &&
	       take_field(&value, ',', &stored_key) && rounds_parse(rounds, &scram->rounds) &&
	       base64_decode(salt, scram->salt, sizeof scram->salt, &scram->salt_n) &&
	       base64_decode(stored_key, scram->stored_key, sizeof scram->stored_key,
			     &stored_n) &&
	       base64_decode(value, scram->server_key, sizeof scram->server_key, &server_n) &&
	       stored_n == size && server_n == size;
}

/* StoredKey = H(HMAC(Hi(password, salt, rounds), "Client Key")) */
static bool derive(const EVP_MD *digest, const struct scram *scram, struct str password,
		   unsigned char key[EVP_MAX_MD_SIZE])
{
	static const unsigned char client_key[] = "Client Key";
	unsigned char salted[EVP_MAX_MD_SIZE];
	unsigned char client[EVP_MAX_MD_SIZE];
	int size = EVP_MD_get_size(digest);
	bool good;

	good = PKCS5_PBKDF2_HMAC(password.p, (int)password.n, scram->salt, (int)scram->salt_n,
				 scram->rounds, digest, size, salted) == 1 &&
	       HMAC(digest, salted, size, client_key, sizeof client_key - 1, client, NULL) !=
		       NULL &&
	       EVP_Digest(client, (size_t)size, key, NULL, digest, NULL) == 1;
	explicit_bzero(salted, sizeof salted);
	explicit_bzero(client, sizeof client);
	return good;
}

enum password_verdict scram_verify(const struct scheme *scheme, struct str value,
				   struct str password, struct fault *fault)
{
	const EVP_MD *digest = scheme->digest();
	size_t size = (size_t)EVP_MD_get_size(digest);
	unsigned char key[EVP_MAX_MD_SIZE];
	enum password_verdict verdict;
	struct scram scram;

	if (!parse(value, size, &scram))
		verdict = scheme_malformed(scheme, "rounds, salt or keys", fault);
	else if (password.p == NULL)
		verdict = PASSWORD_DIFFERS;
	else if (!derive(digest, &scram, password, key))
		verdict = scheme_unavailable(scheme, "the derivation failed", fault);
	else
		verdict = octets_verdict(key, scram.stored_key, size);
	explicit_bzero(&scram, sizeof scram);
	explicit_bzero(key, sizeof key);
	return verdict;
}
