/*
 * {CRAM-MD5}: the two states that HMAC-MD5 reaches after its first blocks, key XOR opad and key
 * XOR ipad (RFC 2195 section 3 recommends to store them), outer one first, each as the four
 * 32-bit words of MD5, least significant octet first. A password is verified by making them again;
 * CRAM-MD5 is answered by going on from them.
 *
 * OpenSSL shows the state of a digest only in its older interface.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "passwords_private.h"

#include <openssl/md5.h>

#include "base/encoding.h"

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

/* Both states of a key: outer, inner. */
static bool key_states(struct str password, unsigned char states[2 * STATE_OCTETS])
{
	unsigned char key[MD5_CBLOCK] = { 0 };
	bool good = true;

	/* RFC 2104 section 2: a key longer than a block is its digest. */
	if (password.n > sizeof key)
		good = EVP_Digest(password.p, password.n, key, NULL, EVP_md5(), NULL) == 1;
	else
		memcpy(key, password.p, password.n);
	good = good && block_state(key, 0x5c, states) &&
	       block_state(key, 0x36, states + STATE_OCTETS);
	explicit_bzero(key, sizeof key);
	return good;
}

enum password_verdict cram_verify(const struct scheme *scheme, struct str value,
				  struct str password, struct fault *fault)
{
	unsigned char states[2 * STATE_OCTETS];
	enum password_verdict verdict;

	if (value.n != sizeof states)
		return scheme_malformed(scheme, "its length", fault);
	if (password.p == NULL)
		return PASSWORD_DIFFERS;
	if (key_states(password, states))
		verdict = octets_verdict(states, value.p, sizeof states);
	else
		verdict = scheme_unavailable(scheme, "MD5 failed", fault);
	explicit_bzero(states, sizeof states);
	return verdict;
}

/* --- answering CRAM-MD5 ---------------------------------------------------------------------- */

/* MD5 of what lies behind a block whose state is known. */
static bool finish_from(const unsigned char state[STATE_OCTETS], const void *octets, size_t n,
			unsigned char digest[STATE_OCTETS])
{
	MD5_CTX context;
	MD5_LONG words[4] = { 0 };
	bool good = MD5_Init(&context) == 1;

	for (size_t i = 0; i < STATE_OCTETS; i++)
		words[i / 4] |= (MD5_LONG)state[i] << (8 * (i % 4));
	context.A = words[0];
	context.B = words[1];
	context.C = words[2];
	context.D = words[3];
	context.Nl = 8 * MD5_CBLOCK; /* bits so far */
	good = good && MD5_Update(&context, octets, n) == 1 && MD5_Final(digest, &context) == 1;
	explicit_bzero(&context, sizeof context);
	explicit_bzero(words, sizeof words);
	return good;
}

static enum password_verdict answer_from(const struct scheme *scheme,
					 const unsigned char states[2 * STATE_OCTETS],
					 struct str challenge, struct str digest,
					 struct fault *fault)
{
	unsigned char inner[STATE_OCTETS], outer[STATE_OCTETS];
	char text[2 * STATE_OCTETS + 1];
	enum password_verdict verdict = PASSWORD_DIFFERS;

	if (!finish_from(states + STATE_OCTETS, challenge.p, challenge.n, inner) ||
	    !finish_from(states, inner, sizeof inner, outer) ||
	    !hex_encode(outer, sizeof outer, text, sizeof text))
		verdict = scheme_unavailable(scheme, "MD5 failed", fault);
	else if (digest.n == sizeof text - 1)
		verdict = octets_verdict(text, digest.p, digest.n);
	explicit_bzero(inner, sizeof inner);
	explicit_bzero(outer, sizeof outer);
	explicit_bzero(text, sizeof text);
	return verdict;
}

enum password_verdict cram_states_answer(const struct scheme *scheme, struct str value,
					 struct str challenge, struct str digest,
					 struct fault *fault)
{
	if (value.n != 2 * STATE_OCTETS)
		return scheme_malformed(scheme, "its length", fault);
	return answer_from(scheme, (const unsigned char *)value.p, challenge, digest, fault);
}

enum password_verdict cram_plain_answer(const struct scheme *scheme, struct str value,
					struct str challenge, struct str digest,
					struct fault *fault)
{
	unsigned char states[2 * STATE_OCTETS];
	enum password_verdict verdict;

	if (value.n == 0)
		return scheme_malformed(scheme, "it is empty", fault);
	verdict = key_states(value, states)
			  ? answer_from(scheme, states, challenge, digest, fault)
			  : scheme_unavailable(scheme, "MD5 failed", fault);
	explicit_bzero(states, sizeof states);
	return verdict;
}
