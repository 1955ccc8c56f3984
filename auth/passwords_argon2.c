/* {ARGON2I} and {ARGON2ID}: the PHC string "$argon2id$v=19$m=65536,t=3,p=1$salt$hash". */
#include "passwords_private.h"

#include <argon2.h>
#include <openssl/rand.h>

#include "base/log.h"
#include "base/number.h"
#include "base/encoding.h"
#include "restante/limits.h"

/* Dovecot's figures for its default, and RFC 9106's second choice but for the lanes. */
#define ARGON2_MEMORY_KIB 65536
#define ARGON2_PASSES 3
#define ARGON2_LANES 1
#define ARGON2_SALT_OCTETS 16
#define ARGON2_HASH_OCTETS 32
#define ARGON2_LANES_MAX 16

static bool parameter(struct str *text, const char *name, char end, uint64_t max,
		      uint64_t *value)
{
	struct str field;
	size_t n = strlen(name);

	return take_field(text, end, &field) && field.n > n && memcmp(field.p, name, n) == 0 &&
	       number_parse(str_from(field, n), max, value) && *value > 0;
}

/* The costs stand in the string: look at them before the library spends them. *behind: the rest. */
static bool affordable(struct str value, const char *prefix, struct str *behind)
{
	struct str rest = str_from(value, strlen(prefix));
	struct str version;
	uint64_t memory, passes, lanes;

	if (rest.n > 2 && memcmp(rest.p, "v=", 2) == 0 && !take_field(&rest, '$', &version))
		return false;
	if (!parameter(&rest, "m=", ',', PASSWORD_MEMORY_KIB_MAX, &memory) ||
	    !parameter(&rest, "t=", ',', PASSWORD_PASSES_MAX, &passes) ||
	    !parameter(&rest, "p=", '$', ARGON2_LANES_MAX, &lanes))
		return false;
	*behind = rest;
	return memory * passes <= PASSWORD_WORK_KIB_MAX;
}

/* "salt$hash", both in base64 and as long as RFC 9106 section 3.1 wants them at least. */
static bool salt_and_hash(struct str text)
{
	unsigned char octets[512];
	struct str salt;
	size_t n;

	return take_field(&text, '$', &salt) &&
	       base64_decode(salt, octets, sizeof octets, &n) && n >= ARGON2_MIN_SALT_LENGTH &&
	       base64_decode(text, octets, sizeof octets, &n) && n >= ARGON2_MIN_OUTLEN;
}

enum password_verdict argon2_scheme_verify(const struct scheme *scheme, struct str value,
					   struct str password, struct fault *fault)
{
	argon2_type type = strcmp(scheme->prefix, "$argon2i$") == 0 ? Argon2_i : Argon2_id;
	char encoded[512];
	struct str rest;
	int code;

	if (value.n >= sizeof encoded || value.n < strlen(scheme->prefix) ||
	    memcmp(value.p, scheme->prefix, strlen(scheme->prefix)) != 0)
		return scheme_malformed(scheme, "it does not begin as it should", fault);
	if (!affordable(value, scheme->prefix, &rest))
		return scheme_malformed(scheme, "its m, t or p is missing or too large", fault);
	if (!salt_and_hash(rest))
		return scheme_malformed(scheme, "its salt or hash", fault);
	if (password.p == NULL)
		return PASSWORD_DIFFERS;
	memcpy(encoded, value.p, value.n);
	encoded[value.n] = '\0';
	/* argon2_verify compares in constant time. */
	code = argon2_verify(encoded, password.p, password.n, type);
	explicit_bzero(encoded, sizeof encoded);
	if (code == ARGON2_OK)
		return PASSWORD_MATCHES;
	if (code == ARGON2_VERIFY_MISMATCH)
		return PASSWORD_DIFFERS;
	if (code == ARGON2_MEMORY_ALLOCATION_ERROR || code == ARGON2_THREAD_FAIL)
		return scheme_unavailable(scheme, argon2_error_message(code), fault);
	return scheme_malformed(scheme, argon2_error_message(code), fault);
}

bool argon2_make(const struct scheme *scheme, struct str password, char *value, size_t cap,
		 struct fault *fault)
{
	unsigned char salt[ARGON2_SALT_OCTETS];
	int code;

	if (RAND_bytes(salt, sizeof salt) != 1) {
		fault_set(fault, "no random octets for a salt");
		return false;
	}
	code = argon2id_hash_encoded(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES, password.p,
				     password.n, salt, sizeof salt, ARGON2_HASH_OCTETS, value,
				     cap);
	if (code != ARGON2_OK)
		fault_set(fault, "{%s}: %s", scheme->name, argon2_error_message(code));
	return code == ARGON2_OK;
}
