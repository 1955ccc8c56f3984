/*
 * {CRAM-MD5}: the two states that HMAC-MD5 reaches after its first blocks, key XOR opad and key
 * XOR ipad (RFC 2195 section 3 recommends to store them), outer one first, each as the four
 * 32-bit words of MD5, least significant octet first. A password is verified by making them again.
 *
 * OpenSSL shows the state of a digest only in its older interface.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "passwords_private.h"

#include <openssl/md5.h>

#define STATE_OCTETS 16

static bool block_state(const unsigned char key[MD5_CBLOCK], unsigned char pad,
			unsigned char state[STATE_OCTETS])
{
	unsigned char block[MD5_CBLOCK];
	MD5_CTX context;
	bool good;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = key[i] ^ pad;
	good = MD5_Init(&context) == 1 && MD5_Update(&context, block, sizeof block) == 1;
	if (good) {
		const MD5_LONG words[] = { context.A, context.B, context.C, context.D };

		for (size_t i = 0; i < STATE_OCTETS; i++)
			state[i] = (unsigned char)(words[i / 4] >> (8 * (i % 4)) & 0xff);
	}
	explicit_bzero(block, sizeof block);
	explicit_bzero(&context, sizeof context);
	return good;
}

enum password_verdict cram_verify(const struct scheme *scheme, struct str value,
				  struct str password, struct fault *fault)
{
	unsigned char key[MD5_CBLOCK] = { 0 };
	unsigned char states[2 * STATE_OCTETS];
	enum password_verdict verdict;
	bool good = true;

	if (value.n != sizeof states)
		return scheme_malformed(scheme, "its length", fault);
	if (password.p == NULL)
		return PASSWORD_DIFFERS;
	/* RFC 2104 section 2: a key longer than a block is its digest. */
	if (password.n > sizeof key)
		good = EVP_Digest(password.p, password.n, key, NULL, EVP_md5(), NULL) == 1;
	else
		memcpy(key, password.p, password.n);
	if (good && block_state(key, 0x5c, states) &&
	    block_state(key, 0x36, states + STATE_OCTETS))
		verdict = octets_verdict(states, value.p, sizeof states);
	else
		verdict = scheme_unavailable(scheme, "MD5 failed", fault);
	explicit_bzero(key, sizeof key);
	explicit_bzero(states, sizeof states);
	return verdict;
}
