/*
 * The PBKDF2 schemes. Three notations are in use:
 *	{PBKDF2}$1$salt$rounds$hash		Dovecot: SHA-1, the salt is text, hexadecimal
 *	{PBKDF2-SHA512}rounds$salt$hash		OpenLDAP, Passlib, mailcow: base64
 *	{PBKDF2_SHA256}octets			389 Directory, FreeIPA: base64 of rounds (4 octets,
 *						most significant first), salt (64), hash (256)
 */
#include "passwords_private.h"

#include "base/encoding.h"
#include "restante/limits.h"

#define PBKDF2_OCTETS_MIN 16
#define PBKDF2_OCTETS_MAX 64
#define PBKDF2_389_ROUNDS_OCTETS 4
#define PBKDF2_389_SALT_OCTETS 64
#define PBKDF2_389_HASH_OCTETS 256

struct pbkdf2 {
	int rounds;
	struct str salt;
	unsigned char hash[PBKDF2_OCTETS_MAX];
	size_t hash_n;
};

static enum password_verdict derive_and_compare(const struct scheme *scheme,
						const struct pbkdf2 *stored,
						struct str password, struct fault *fault)
{
	unsigned char derived[PBKDF2_OCTETS_MAX];
	enum password_verdict verdict;

	if (password.p == NULL)
		return PASSWORD_DIFFERS;
	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n,
			      (const unsigned char *)stored->salt.p, (int)stored->salt.n,
			      stored->rounds, scheme->digest(), (int)stored->hash_n,
			      derived) == 1)
		verdict = octets_verdict(derived, stored->hash, stored->hash_n);
	else
		verdict = scheme_unavailable(scheme, "PBKDF2 failed", fault);
	explicit_bzero(derived, sizeof derived);
	return verdict;
}

/* After "$1$": salt, rounds, hexadecimal hash. */
static bool parse_dovecot(struct str value, struct pbkdf2 *stored)
{
	struct str rounds;

	return take_field(&value, '$', &stored->salt) && take_field(&value, '$', &rounds) &&
	       rounds_parse(rounds, &stored->rounds) &&
	       hex_decode(value, stored->hash, sizeof stored->hash, &stored->hash_n);
}

static bool parse_ldap(struct str value, struct pbkdf2 *stored, unsigned char *salt,
		       size_t salt_cap)
{
	struct str rounds;
	struct str encoded;

	if (!take_field(&value, '$', &rounds) || !take_field(&value, '$', &encoded) ||
	    !rounds_parse(rounds, &stored->rounds) ||
	    !base64_decode(encoded, salt, salt_cap, &stored->salt.n))
		return false;
	stored->salt.p = (const char *)salt;
	return base64_decode(value, stored->hash, sizeof stored->hash, &stored->hash_n);
}

enum password_verdict pbkdf2_verify(const struct scheme *scheme, struct str value,
				    struct str password, struct fault *fault)
{
	unsigned char salt[256];
	struct pbkdf2 stored = { 0 };
	enum password_verdict verdict;
	bool good;

	if (value.n > 3 && memcmp(value.p, "$1$", 3) == 0 && scheme->digest == EVP_sha1)
		good = parse_dovecot(str_from(value, 3), &stored);
	else
		good = parse_ldap(value, &stored, salt, sizeof salt);
	/* A short hash would be an easy one. */
	if (!good || stored.hash_n < PBKDF2_OCTETS_MIN)
		verdict = scheme_malformed(scheme, "rounds, salt or hash", fault);
	else
		verdict = derive_and_compare(scheme, &stored, password, fault);
	explicit_bzero(&stored, sizeof stored);
	return verdict;
}

enum password_verdict pbkdf2_389_verify(const struct scheme *scheme, struct str value,
					struct str password, struct fault *fault)
{
	const unsigned char *octets = (const unsigned char *)value.p;
	struct pbkdf2 stored = { .hash_n = 32 };
	enum password_verdict verdict;
	uint32_t rounds;

	if (value.n !=
	    PBKDF2_389_ROUNDS_OCTETS + PBKDF2_389_SALT_OCTETS + PBKDF2_389_HASH_OCTETS)
		return scheme_malformed(scheme, "its length", fault);
	rounds = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
		 (uint32_t)octets[2] << 8 | octets[3];
	if (rounds < 1 || rounds > PASSWORD_ROUNDS_MAX)
		return scheme_malformed(scheme, "its number of rounds", fault);
	stored.rounds = (int)rounds;
	stored.salt =
		(struct str){ value.p + PBKDF2_389_ROUNDS_OCTETS, PBKDF2_389_SALT_OCTETS };
	/*
	 * PBKDF2 makes its output block by block, each of its own: the first block of 32 octets
	 * decides as well as all eight, at an eighth of the cost.
	 */
	memcpy(stored.hash, octets + PBKDF2_389_ROUNDS_OCTETS + PBKDF2_389_SALT_OCTETS,
	       stored.hash_n);
	verdict = derive_and_compare(scheme, &stored, password, fault);
	explicit_bzero(&stored, sizeof stored);
	return verdict;
}
