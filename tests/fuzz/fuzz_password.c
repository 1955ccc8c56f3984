/*
 * Stored passwords, as an administrator or an import may have left them. Input: a line that is the
 * stored value, and then a password.
 *
 * What must hold: neither the empty password nor one that nobody can have put into the value ever
 * matches (it does match its own digest, but no input has that by accident, and auth_verify lets
 * no empty password through); a verdict is the same each time and comes with a reason where it
 * must; and no library is asked for more work than limits.h allows. The libraries' functions are
 * wrapped to see that last thing; beyond a little work they are not asked at all, so that fuzzing
 * is quick.
 */
#include <argon2.h>
#include <crypt.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "fuzz.h"
#include "restante/limits.h"
#include "restante/passwords.h"

#define ROUNDS_QUICK 2000

/* What the linker's --wrap makes of the names: ours, and the library's. */
char *__wrap_crypt_rn(const char *phrase, const char *setting, void *data, int size);
char *__real_crypt_rn(const char *phrase, const char *setting, void *data, int size);
int __wrap_argon2_verify(const char *encoded, const void *password, size_t n, argon2_type type);
int __real_argon2_verify(const char *encoded, const void *password, size_t n, argon2_type type);
int __wrap_PKCS5_PBKDF2_HMAC(const char *password, int password_n, const unsigned char *salt,
			     int salt_n, int rounds, const EVP_MD *digest, int key_n,
			     unsigned char *key);
int __real_PKCS5_PBKDF2_HMAC(const char *password, int password_n, const unsigned char *salt,
			     int salt_n, int rounds, const EVP_MD *digest, int key_n,
			     unsigned char *key);

int __wrap_PKCS5_PBKDF2_HMAC(const char *password, int password_n, const unsigned char *salt,
			     int salt_n, int rounds, const EVP_MD *digest, int key_n,
			     unsigned char *key)
{
	FUZZ_CHECK(rounds >= 1 && rounds <= PASSWORD_ROUNDS_MAX);
	FUZZ_CHECK(password_n <= PASSWORD_MAX && key_n >= 16 && key_n <= 64);
	if (rounds > ROUNDS_QUICK)
		return 0;
	return __real_PKCS5_PBKDF2_HMAC(password, password_n, salt, salt_n, rounds, digest,
					key_n, key);
}

int __wrap_argon2_verify(const char *encoded, const void *password, size_t n, argon2_type type)
{
	const char *costs = strstr(encoded, "$m=");
	unsigned long long memory, passes, lanes;

	FUZZ_CHECK(costs != NULL);
	FUZZ_CHECK(sscanf(costs, "$m=%llu,t=%llu,p=%llu$", &memory, &passes, &lanes) == 3);
	FUZZ_CHECK(memory <= PASSWORD_MEMORY_KIB_MAX && passes <= PASSWORD_PASSES_MAX);
	FUZZ_CHECK(memory * passes <= PASSWORD_WORK_KIB_MAX);
	if (memory * passes > 256)
		return ARGON2_MEMORY_ALLOCATION_ERROR;
	return __real_argon2_verify(encoded, password, n, type);
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The number in decimal behind "$sha1$", or behind "$5$rounds=" and the like; 0 = none. */
static unsigned long long rounds_of(const char *setting)
{
	if (begins(setting, "$sha1$"))
		return strtoull(setting + 6, NULL, 10);
	return begins(setting + 3, "rounds=") ? strtoull(setting + 10, NULL, 10) : 0;
}

/* Quick to compute, whatever else it is. */
static bool quick(const char *setting)
{
	if (begins(setting, "$5$") || begins(setting, "$6$") || begins(setting, "$sha1$")) {
		FUZZ_CHECK(rounds_of(setting) <= PASSWORD_ROUNDS_MAX);
		return rounds_of(setting) <= ROUNDS_QUICK;
	}
	if (begins(setting, "$2")) {
		FUZZ_CHECK(strtoull(setting + 4, NULL, 10) <= PASSWORD_BCRYPT_COST_MAX);
		return strtoull(setting + 4, NULL, 10) < 5;
	}
	/* "j75": flags, N = 2^10, r = 8; smaller digits mean less. */
	if (begins(setting, "$y$") || begins(setting, "$gy$")) {
		const char *costs = strchr(setting + 1, '$') + 1;

		return costs[1] <= '7' && costs[2] <= '5' && costs[3] == '$';
	}
	/* libxcrypt's scrypt; "_" has 24 bits of rounds: the two upper digits are to be nil. */
	if (begins(setting, "$7$"))
		return setting[3] <= '7' && begins(setting + 5, "..../....");
	return setting[0] != '_' || (strlen(setting) > 4 && begins(setting + 3, ".."));
}

char *__wrap_crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
	FUZZ_CHECK(setting[0] != '\0');
	if (quick(setting))
		return __real_crypt_rn(phrase, setting, data, size);
	errno = ENOMEM;
	return NULL;
}

static enum password_verdict verify(const char *stored, struct str password)
{
	struct fault fault = { "" };
	char *copy = fuzz_copy(password);
	struct str exact = { copy, password.n };
	enum password_verdict verdict =
		password_verify(stored, STR("ann@example.org"), exact, &fault);
	bool decided = verdict == PASSWORD_MATCHES || verdict == PASSWORD_DIFFERS;

	FUZZ_CHECK(decided == (fault.text[0] == '\0'));
	free(copy);
	return verdict;
}

/* A password that follows from the value, so that the value cannot have been made for it. */
static struct str unguessable(struct str stored)
{
	static char text[17];
	uint64_t hash = UINT64_C(0xCBF29CE484222325);

	for (size_t i = 0; i < stored.n; i++)
		hash = (hash ^ (unsigned char)stored.p[i]) * UINT64_C(0x100000001B3);
	(void)snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
	return (struct str){ text, 16 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str password = fuzz_input(data, size), line = fuzz_line(&password);
	struct fault fault = { "" };
	enum password_verdict verdict;
	char *stored = fuzz_string(line);

	if (stored == NULL)
		return -1;
	FUZZ_CHECK(verify(stored, unguessable(line)) != PASSWORD_MATCHES);
	FUZZ_CHECK(verify(stored, STR("")) != PASSWORD_MATCHES);
	verdict = verify(stored, password);
	FUZZ_CHECK(verify(stored, password) == verdict);
	if (!password_sound(stored, &fault))
		FUZZ_CHECK(verdict != PASSWORD_MATCHES && fault.text[0] != '\0');
	else
		FUZZ_CHECK(verdict != PASSWORD_UNKNOWN_SCHEME);
	if (verdict == PASSWORD_MATCHES)
		FUZZ_CHECK(password.n <= PASSWORD_MAX &&
			   memchr(password.p, '\0', password.n) == NULL);
	free(stored);
	return 0;
}
