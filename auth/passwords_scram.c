/*
 * The keys that SCRAM keeps of a password (RFC 5802 section 3): "rounds,salt,StoredKey,ServerKey",
 * each after the first in base64. They verify a password, answer an exchange, and are made anew.
 */
#include "passwords_private.h"

#include <assert.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "base/encoding.h"
#include "base/log.h"
#include "restante/limits.h"

static const struct {
	const EVP_MD *(*digest)(void);
	size_t octets;
} hashes[] = {
	[SCRAM_SHA_1] = { EVP_sha1, 20 },
	[SCRAM_SHA_256] = { EVP_sha256, 32 },
};
static_assert(sizeof hashes / sizeof hashes[0] == SCRAM_HASH_COUNT, "hash missing");

size_t scram_key_octets(enum scram_hash hash)
{
	return hashes[hash].octets;
}

static bool key_parse(struct str text, size_t octets, unsigned char key[SCRAM_KEY_MAX])
{
	size_t n;

	return base64_decode(text, key, SCRAM_KEY_MAX, &n) && n == octets;
}

bool scram_keys_parse(struct str text, enum scram_hash hash, struct scram_keys *keys)
{
	size_t octets = hashes[hash].octets;
	struct str field;
	int rounds;

	if (!take_field(&text, ',', &field) || !rounds_parse(field, &rounds))
		return false;
	keys->rounds = (unsigned)rounds;
	return take_field(&text, ',', &field) &&
	       base64_decode(field, keys->salt, sizeof keys->salt, &keys->salt_n) &&
	       keys->salt_n > 0 && take_field(&text, ',', &field) &&
	       key_parse(field, octets, keys->stored_key) &&
	       key_parse(text, octets, keys->server_key);
}

/* StoredKey = H(HMAC(Hi(password, salt, rounds), "Client Key")), and ServerKey if wanted. */
static bool derive(enum scram_hash hash, struct str password, struct scram_keys *keys)
{
	static const unsigned char client_key[] = "Client Key";
	static const unsigned char server_key[] = "Server Key";
	const EVP_MD *digest = hashes[hash].digest();
	int size = (int)hashes[hash].octets;
	unsigned char salted[SCRAM_KEY_MAX];
	unsigned char client[SCRAM_KEY_MAX];
	bool good;

	good = PKCS5_PBKDF2_HMAC(password.p, (int)password.n, keys->salt, (int)keys->salt_n,
				 (int)keys->rounds, digest, size, salted) == 1 &&
	       HMAC(digest, salted, size, client_key, sizeof client_key - 1, client, NULL) !=
		       NULL &&
	       EVP_Digest(client, (size_t)size, keys->stored_key, NULL, digest, NULL) == 1 &&
	       HMAC(digest, salted, size, server_key, sizeof server_key - 1, keys->server_key,
		    NULL) != NULL;
	explicit_bzero(salted, sizeof salted);
	explicit_bzero(client, sizeof client);
	return good;
}

static enum scram_hash hash_of(const struct scheme *scheme)
{
	return scheme->digest == EVP_sha1 ? SCRAM_SHA_1 : SCRAM_SHA_256;
}

enum password_verdict scram_keys_match(enum scram_hash hash, const struct scram_keys *keys,
				       struct str password)
{
	struct scram_keys derived = *keys;
	enum password_verdict verdict = PASSWORD_UNAVAILABLE;

	if (derive(hash, password, &derived))
		verdict = octets_verdict(derived.stored_key, keys->stored_key,
					 hashes[hash].octets);
	explicit_bzero(&derived, sizeof derived);
	return verdict;
}

enum password_verdict scram_verify(const struct scheme *scheme, struct str value,
				   struct str password, struct fault *fault)
{
	enum scram_hash hash = hash_of(scheme);
	struct scram_keys stored;
	enum password_verdict verdict;

	if (!scram_keys_parse(value, hash, &stored)) {
		verdict = scheme_malformed(scheme, "rounds, salt or keys", fault);
	} else if (password.p == NULL) {
		verdict = PASSWORD_DIFFERS;
	} else {
		verdict = scram_keys_match(hash, &stored, password);
		if (verdict == PASSWORD_UNAVAILABLE)
			verdict = scheme_unavailable(scheme, "the derivation failed", fault);
	}
	explicit_bzero(&stored, sizeof stored);
	return verdict;
}

enum password_verdict scram_answer(const struct scheme *scheme, struct str value,
				   enum scram_hash hash, struct scram_keys *keys,
				   struct fault *fault)
{
	if (hash != hash_of(scheme))
		return PASSWORD_UNFIT;
	return scram_keys_parse(value, hash, keys)
		       ? PASSWORD_MATCHES
		       : scheme_malformed(scheme, "rounds, salt or keys", fault);
}

static bool keys_format(enum scram_hash hash, const struct scram_keys *keys, char *text,
			size_t cap)
{
	char salt[96], stored[48], server[48];
	size_t octets = hashes[hash].octets;
	int n = 0;
	bool good = base64_encode(keys->salt, keys->salt_n, salt, sizeof salt) &&
		    base64_encode(keys->stored_key, octets, stored, sizeof stored) &&
		    base64_encode(keys->server_key, octets, server, sizeof server);

	if (good)
		n = snprintf(text, cap, "%u,%s,%s,%s", keys->rounds, salt, stored, server);
	explicit_bzero(stored, sizeof stored);
	explicit_bzero(server, sizeof server);
	return good && n > 0 && (size_t)n < cap;
}

bool scram_keys_make(enum scram_hash hash, struct str password, char *text, size_t cap,
		     struct fault *fault)
{
	struct scram_keys keys = { .rounds = SCRAM_ROUNDS, .salt_n = SCRAM_SALT_OCTETS };
	char prepared[PASSWORD_MAX + 1];
	bool good = false;

	text[0] = '\0';
	if (!saslprep(password, true, prepared, sizeof prepared))
		fault_set(fault, "no keys for SCRAM: RFC 4013 forbids a character of it");
	else if (RAND_bytes(keys.salt, SCRAM_SALT_OCTETS) != 1 ||
		 !derive(hash, str_of(prepared), &keys) || !keys_format(hash, &keys, text, cap))
		fault_set(fault, "no keys for SCRAM: the crypto library failed");
	else
		good = true;
	if (!good)
		text[0] = '\0';
	explicit_bzero(prepared, sizeof prepared);
	explicit_bzero(&keys, sizeof keys);
	return good;
}
