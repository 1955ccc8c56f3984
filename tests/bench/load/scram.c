/* The client's side of SCRAM-SHA-256: see scram.h. */
#include "scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define KEY SHA256_DIGEST_LENGTH

/* What is derived from a password with a salt and a count: slow once, then kept. */
struct scram_keys {
	char salt[128];
	unsigned iterations;
	unsigned char client[KEY], stored[KEY], server[KEY];
};

static _Noreturn void wrong(const char *why, const char *text)
{
	fprintf(stderr, "SCRAM: %s: %s\n", why, text);
	exit(1);
}

static size_t encode(char *to, const void *octets, size_t n)
{
	return (size_t)EVP_EncodeBlock((unsigned char *)to, octets, (int)n);
}

/* Octets, with a NUL behind them. */
static size_t decode(char *to, size_t cap, const char *text)
{
	const size_t n = strlen(text);

	if (n % 4 != 0 || n / 4 * 3 >= cap ||
	    EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)text, (int)n) < 0)
		wrong("no base64", text);
	const size_t padding =
		n == 0 ? 0 : (size_t)((text[n - 1] == '=') + (text[n - 2] == '='));
	const size_t octets = n / 4 * 3 - padding;

	to[octets] = '\0';
	return octets;
}

static void hmac(unsigned char *to, const unsigned char *key, const char *text)
{
	if (HMAC(EVP_sha256(), key, KEY, (const unsigned char *)text, strlen(text), to, NULL) ==
	    NULL)
		die("HMAC");
}

static void derive(struct scram_keys *keys, const char *password)
{
	char salt[sizeof keys->salt];
	unsigned char salted[KEY];
	const size_t n = decode(salt, sizeof salt, keys->salt);

	if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)salt,
			      (int)n, (int)keys->iterations, EVP_sha256(), KEY, salted) != 1)
		die("PBKDF2");
	hmac(keys->client, salted, "Client Key");
	hmac(keys->server, salted, "Server Key");
	SHA256(keys->client, KEY, keys->stored);
}

/* The user's keys for this salt and count. */
static const struct scram_keys *keys_for(struct login *login, const char *salt,
					 unsigned iterations)
{
	struct scram_keys *keys = *login->keys;

	if (keys != NULL && keys->iterations == iterations && strcmp(keys->salt, salt) == 0)
		return keys;
	if (keys == NULL)
		keys = *login->keys = calloc(1, sizeof *keys);
	if (keys == NULL)
		die("calloc");
	snprintf(keys->salt, sizeof keys->salt, "%s", salt);
	keys->iterations = iterations;
	derive(keys, login->password);
	return keys;
}

size_t scram_first(struct login *login, char *line, size_t cap)
{
	unsigned char random[18];
	char message[320], encoded[440];

	if (RAND_bytes(random, sizeof random) != 1)
		die("RAND_bytes");
	encode(login->nonce, random, sizeof random);
	snprintf(login->first_bare, sizeof login->first_bare, "n=%s,r=%s", login->user,
		 login->nonce);
	const int n = snprintf(message, sizeof message, "n,,%s", login->first_bare);
	encode(encoded, message, (size_t)n);
	return (size_t)snprintf(line, cap, "AUTH SCRAM-SHA-256 %s\r\n", encoded);
}

size_t scram_final(struct login *login, const char *challenge, char *line, size_t cap)
{
	char first[512], nonce[200], salt[128], without_proof[256], text[1100];
	char proof[64], message[400], encoded[600];
	unsigned iterations;
	unsigned char signature[KEY];

	decode(first, sizeof first, challenge);
	if (sscanf(first, "r=%199[^,],s=%127[^,],i=%u", nonce, salt, &iterations) != 3 ||
	    strncmp(nonce, login->nonce, strlen(login->nonce)) != 0)
		wrong("no challenge", first);
	const struct scram_keys *keys = keys_for(login, salt, iterations);

	snprintf(without_proof, sizeof without_proof, "c=biws,r=%s", nonce);
	snprintf(text, sizeof text, "%s,%s,%s", login->first_bare, first, without_proof);
	hmac(signature, keys->server, text);
	encode(login->server_proof, signature, KEY);
	hmac(signature, keys->stored, text);
	for (size_t i = 0; i < KEY; i++)
		signature[i] ^= keys->client[i];
	encode(proof, signature, KEY);
	const int n = snprintf(message, sizeof message, "%s,p=%s", without_proof, proof);
	encode(encoded, message, (size_t)n);
	return (size_t)snprintf(line, cap, "%s\r\n", encoded);
}

void scram_check(const struct login *login, const char *final)
{
	char message[512];

	decode(message, sizeof message, final);
	if (strncmp(message, "v=", 2) != 0 || strcmp(message + 2, login->server_proof) != 0)
		wrong("the server does not know the user", message);
}
