/*
 * Stored passwords: the table of schemes, and finding the row that a stored value names. What is
 * not in the table, or not in the form that its row states, matches nothing.
 *
 * Names and forms are Dovecot's, so that tables of PostfixAdmin, iRedMail, mailcow and others can
 * be taken over as they are.
 */
#include "passwords_private.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>
#include <threads.h>

#include "base/log.h"
#include "base/number.h"
#include "base/encoding.h"
#include "restante/limits.h"

static enum password_verdict md5_verify(const struct scheme *scheme, struct str value,
					struct str password, struct fault *fault);

/*
 * Every scheme answers USER/PASS, PLAIN and LOGIN, which bring the password itself. The column behind
 * the prefix is filled for what new passwords may use; a row says what answers CRAM-MD5 or SCRAM.
 */
static const struct scheme schemes[] = {
	{ "CRYPT", VALUE_TEXT, crypt_verify, NULL, NULL, crypt_make },
	{ "DES-CRYPT", VALUE_TEXT, crypt_verify, NULL, "", NULL },
	{ "MD5-CRYPT", VALUE_TEXT, crypt_verify, NULL, "$1$", NULL },
	{ "SHA256-CRYPT", VALUE_TEXT, crypt_verify, NULL, "$5$", NULL },
	{ "SHA512-CRYPT", VALUE_TEXT, crypt_verify, NULL, "$6$", crypt_make },
	{ "BLF-CRYPT", VALUE_TEXT, crypt_verify, NULL, "$2", crypt_make },
	{ "ARGON2I", VALUE_TEXT, argon2_scheme_verify, NULL, "$argon2i$", NULL },
	{ "ARGON2ID", VALUE_TEXT, argon2_scheme_verify, NULL, "$argon2id$", argon2_make },
	{ "PBKDF2", VALUE_TEXT, pbkdf2_verify, EVP_sha1, NULL, NULL },
	{ "PBKDF2-SHA1", VALUE_TEXT, pbkdf2_verify, EVP_sha1, NULL, NULL },
	{ "PBKDF2-SHA256", VALUE_TEXT, pbkdf2_verify, EVP_sha256, NULL, NULL },
	{ "PBKDF2-SHA512", VALUE_TEXT, pbkdf2_verify, EVP_sha512, NULL, NULL },
	{ "PBKDF2_SHA256", VALUE_SALTED, pbkdf2_389_verify, EVP_sha256, NULL, NULL },
	{ "SCRAM-SHA-1", VALUE_TEXT, scram_verify, EVP_sha1, NULL, NULL,
	  .scram = scram_answer },
	{ "SCRAM-SHA-256", VALUE_TEXT, scram_verify, EVP_sha256, NULL, NULL,
	  .scram = scram_answer },
	{ "CRAM-MD5", VALUE_HEX, cram_verify, EVP_md5, NULL, NULL,
	  .cram_md5 = cram_states_answer },
	{ "HMAC-MD5", VALUE_HEX, cram_verify, EVP_md5, NULL, NULL,
	  .cram_md5 = cram_states_answer },
	/* RFC 2831's H(A1) without its nonces, as Dovecot stores it. */
	{ "DIGEST-MD5", VALUE_DIGEST, digest_verify, EVP_md5, NULL, NULL, true },
	{ "MD5", VALUE_TEXT, md5_verify, EVP_md5, NULL, NULL },
	{ "PLAIN-MD5", VALUE_DIGEST, digest_verify, EVP_md5, NULL, NULL },
	{ "LDAP-MD5", VALUE_DIGEST, digest_verify, EVP_md5, NULL, NULL },
	{ "SMD5", VALUE_SALTED, digest_verify, EVP_md5, NULL, NULL },
	{ "SHA", VALUE_DIGEST, digest_verify, EVP_sha1, NULL, NULL },
	{ "SHA1", VALUE_DIGEST, digest_verify, EVP_sha1, NULL, NULL },
	{ "SSHA", VALUE_SALTED, digest_verify, EVP_sha1, NULL, NULL },
	{ "SHA256", VALUE_DIGEST, digest_verify, EVP_sha256, NULL, NULL },
	{ "SSHA256", VALUE_SALTED, digest_verify, EVP_sha256, NULL, NULL },
	{ "SHA512", VALUE_DIGEST, digest_verify, EVP_sha512, NULL, NULL },
	{ "SSHA512", VALUE_SALTED, digest_verify, EVP_sha512, NULL, NULL },
	{ "PLAIN", VALUE_TEXT, plain_verify, NULL, NULL, NULL, .cram_md5 = cram_plain_answer },
	{ "CLEAR", VALUE_TEXT, plain_verify, NULL, NULL, NULL, .cram_md5 = cram_plain_answer },
	{ "CLEARTEXT", VALUE_TEXT, plain_verify, NULL, NULL, NULL,
	  .cram_md5 = cram_plain_answer },
};

static const struct scheme *scheme_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (str_equal_nocase(str_of(schemes[i].name), name))
			return &schemes[i];
	return NULL;
}

enum password_verdict scheme_malformed(const struct scheme *scheme, const char *why,
				       struct fault *fault)
{
	fault_set(fault, "stored password: not a value of {%s}: %s", scheme->name, why);
	return PASSWORD_MALFORMED;
}

enum password_verdict scheme_unavailable(const struct scheme *scheme, const char *why,
					 struct fault *fault)
{
	fault_set(fault, "password scheme {%s}: %s", scheme->name, why);
	return PASSWORD_UNAVAILABLE;
}

enum password_verdict octets_verdict(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0 ? PASSWORD_MATCHES : PASSWORD_DIFFERS;
}

bool take_field(struct str *text, char separator, struct str *field)
{
	const char *end = memchr(text->p, separator, text->n);

	if (end == NULL)
		return false;
	*field = (struct str){ text->p, (size_t)(end - text->p) };
	*text = str_from(*text, field->n + 1);
	return true;
}

bool rounds_parse(struct str text, int *rounds)
{
	uint64_t number;

	if (!number_parse(text, PASSWORD_ROUNDS_MAX, &number) || number < 1)
		return false;
	*rounds = (int)number;
	return true;
}

/* {MD5} is MD5-CRYPT where the value looks like that, and a plain digest elsewhere. */
static enum password_verdict md5_verify(const struct scheme *scheme, struct str value,
					struct str password, struct fault *fault)
{
	unsigned char octets[VALUE_MAX];
	enum password_verdict verdict;
	size_t n;

	if (value.n > 0 && value.p[0] == '$')
		return crypt_verify(scheme_find(STR("MD5-CRYPT")), value, password, fault);
	if (!hex_decode(value, octets, sizeof octets, &n) &&
	    !base64_decode(value, octets, sizeof octets, &n))
		verdict = scheme_malformed(scheme, "neither hexadecimal nor base64", fault);
	else
		verdict =
			digest_verify(scheme_find(STR("PLAIN-MD5")),
				      (struct str){ (const char *)octets, n }, password, fault);
	explicit_bzero(octets, sizeof octets);
	return verdict;
}

/* --- which scheme, and what octets ----------------------------------------------------------- */

enum suffix { SUFFIX_NONE, SUFFIX_HEX, SUFFIX_BASE64, SUFFIX_UNKNOWN };

static enum suffix suffix_take(struct str *name)
{
	const char *dot = memchr(name->p, '.', name->n);
	struct str suffix;

	if (dot == NULL)
		return SUFFIX_NONE;
	suffix = str_from(*name, (size_t)(dot - name->p) + 1);
	name->n = (size_t)(dot - name->p);
	if (str_equal_nocase(suffix, STR("HEX")))
		return SUFFIX_HEX;
	if (str_equal_nocase(suffix, STR("B64")) || str_equal_nocase(suffix, STR("BASE64")))
		return SUFFIX_BASE64;
	return SUFFIX_UNKNOWN;
}

/* A prefix-less value: its own first field says which family. */
static const struct scheme *scheme_of_bare(struct str stored)
{
	if (stored.n == 0 || stored.p[0] != '$')
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (schemes[i].verify == argon2_scheme_verify &&
		    strncmp(stored.p, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	return scheme_find(STR("CRYPT"));
}

/* Finds the row and leaves the value in *value. NULL: no scheme of ours; `name` for the fault. */
static const struct scheme *scheme_take(struct str *value, enum suffix *suffix,
					struct str *name)
{
	struct str text = *value;

	*suffix = SUFFIX_NONE;
	*name = STR("(none)");
	if (text.n == 0 || text.p[0] != '{')
		return scheme_of_bare(text);
	text = str_from(text, 1);
	if (!take_field(&text, '}', name))
		return NULL;
	*value = text;
	text = *name;
	*suffix = suffix_take(&text);
	return *suffix == SUFFIX_UNKNOWN ? NULL : scheme_find(text);
}

static enum suffix suffix_of_form(const struct scheme *scheme, struct str value)
{
	switch (scheme->form) {
	case VALUE_TEXT:
		return SUFFIX_NONE;
	case VALUE_HEX:
		return SUFFIX_HEX;
	case VALUE_SALTED:
		return SUFFIX_BASE64;
	case VALUE_DIGEST:
		break;
	}
	return value.n == 2 * (size_t)EVP_MD_get_size(scheme->digest()) ? SUFFIX_HEX
									: SUFFIX_BASE64;
}

/* Decodes *value into `memory` where it is encoded; a text stays where it is. */
static bool value_decode(const struct scheme *scheme, enum suffix suffix, struct str *value,
			 unsigned char memory[VALUE_MAX])
{
	size_t n = 0;
	bool good = false;

	if (suffix == SUFFIX_NONE)
		suffix = suffix_of_form(scheme, *value);
	switch (suffix) {
	case SUFFIX_NONE:
	case SUFFIX_UNKNOWN:
		return suffix == SUFFIX_NONE;
	case SUFFIX_HEX:
		good = hex_decode(*value, memory, VALUE_MAX, &n);
		break;
	case SUFFIX_BASE64:
		good = base64_decode(*value, memory, VALUE_MAX, &n);
		break;
	}
	*value = (struct str){ (const char *)memory, n };
	return good;
}

/* --- verifying ------------------------------------------------------------------------------- */

/* A copy that libraries which want a C string can use; with room for "local-part:domain:". */
struct password_copy {
	char text[ADDRESS_MAX + 2 + PASSWORD_MAX + 1];
	struct str str;
};

static bool password_copy(struct password_copy *copy, struct str password)
{
	if (password.n > PASSWORD_MAX || memchr(password.p, '\0', password.n) != NULL)
		return false;
	memcpy(copy->text, password.p, password.n);
	copy->text[password.n] = '\0';
	copy->str = (struct str){ copy->text, password.n };
	return true;
}

/*
 * The password behind the name that the digest was made for. Dovecot splits it at the last "@";
 * without one the realm is empty.
 */
static bool named_copy(struct password_copy *copy, struct str user, struct str password)
{
	const char *at = memrchr(user.p, '@', user.n);
	size_t local = at == NULL ? user.n : (size_t)(at - user.p);
	struct str realm = str_from(user, at == NULL ? user.n : local + 1);
	size_t n = local + realm.n + 2;

	if (user.n > ADDRESS_MAX || !password_copy(copy, password))
		return false;
	memmove(copy->text + n, copy->text, password.n + 1);
	memcpy(copy->text, user.p, local);
	copy->text[local] = ':';
	memcpy(copy->text + local + 1, realm.p, realm.n);
	copy->text[n - 1] = ':';
	copy->str.n = n + password.n;
	return true;
}

/* scheme_take with a fault. */
static const struct scheme *scheme_take_or_say(struct str *value, enum suffix *suffix,
					       struct fault *fault)
{
	struct str name;
	const struct scheme *scheme = scheme_take(value, suffix, &name);

	if (scheme == NULL)
		fault_set(fault, "stored password: unknown scheme {%.*s}",
			  (int)(name.n > 40 ? 40 : name.n), name.p);
	return scheme;
}

enum password_verdict value_open(const char *stored, const struct scheme **scheme,
				 struct str *value, unsigned char memory[VALUE_MAX],
				 struct fault *fault)
{
	enum suffix suffix;

	*value = str_of(stored);
	*scheme = scheme_take_or_say(value, &suffix, fault);
	if (*scheme == NULL)
		return PASSWORD_UNKNOWN_SCHEME;
	if (!value_decode(*scheme, suffix, value, memory))
		return scheme_malformed(*scheme, "it does not decode", fault);
	return PASSWORD_DIFFERS;
}

bool password_sound(const char *stored, struct fault *fault)
{
	unsigned char memory[VALUE_MAX];
	const struct scheme *scheme;
	struct str value;
	enum password_verdict verdict = value_open(stored, &scheme, &value, memory, fault);

	if (verdict == PASSWORD_DIFFERS)
		verdict = scheme->verify(scheme, value, (struct str){ NULL, 0 }, fault);
	explicit_bzero(memory, sizeof memory);
	return verdict == PASSWORD_DIFFERS;
}

enum password_verdict password_verify(const char *stored, struct str user, struct str password,
				      struct fault *fault)
{
	unsigned char memory[VALUE_MAX];
	struct password_copy copy;
	const struct scheme *scheme;
	struct str value;
	enum password_verdict verdict = value_open(stored, &scheme, &value, memory, fault);

	if (verdict == PASSWORD_DIFFERS && (scheme->named ? named_copy(&copy, user, password)
							  : password_copy(&copy, password)))
		verdict = scheme->verify(scheme, value, copy.str, fault);
	explicit_bzero(&copy, sizeof copy);
	explicit_bzero(memory, sizeof memory);
	return verdict;
}

void password_burn(struct str password)
{
	struct password_copy copy;

	if (password_copy(&copy, password))
		crypt_burn(copy.str);
	explicit_bzero(&copy, sizeof copy);
}

/* --- new passwords --------------------------------------------------------------------------- */

static bool hash_with(const struct scheme *scheme, struct str password, char *hash, size_t cap,
		      struct fault *fault)
{
	int n = snprintf(hash, cap, "{%s}", scheme->name);

	if (n < 0 || (size_t)n >= cap) {
		fault_set(fault, "no room for a hash");
		return false;
	}
	return scheme->make(scheme, password, hash + n, cap - (size_t)n, fault);
}

bool password_hash(const char *name, struct str password, char *hash, size_t cap,
		   struct fault *fault)
{
	const struct scheme *scheme = scheme_find(str_of(name == NULL ? "CRYPT" : name));
	char prepared[PASSWORD_MAX + 1];
	bool good = false;

	hash[0] = '\0';
	if (scheme == NULL || scheme->make == NULL)
		fault_set(fault, "%s is %s", name,
			  scheme == NULL ? "no password scheme" : "not for new passwords");
	else if (password.n > PASSWORD_NEW_MAX)
		fault_set(
			fault,
			"a password has 1 to %d octets: no PASS line of POP3 could carry more",
			PASSWORD_NEW_MAX);
	else if (!saslprep(password, true, prepared, sizeof prepared))
		fault_set(fault,
			  "a password has 1 to %d octets of UTF-8 without control characters "
			  "and others that RFC 4013 prohibits",
			  PASSWORD_NEW_MAX);
	else
		good = hash_with(scheme, str_of(prepared), hash, cap, fault);
	explicit_bzero(prepared, sizeof prepared);
	if (!good)
		explicit_bzero(hash, cap);
	return good;
}

static const char *scheme_names[ARRAY_SIZE(schemes) + 1];

static void scheme_names_fill(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		scheme_names[i] = schemes[i].name;
}

const char *const *password_schemes(void)
{
	static once_flag once = ONCE_FLAG_INIT;

	call_once(&once, scheme_names_fill);
	return scheme_names;
}

bool password_scheme_writable(const char *name)
{
	const struct scheme *scheme = scheme_find(str_of(name));

	return scheme != NULL && scheme->make != NULL;
}

void password_generate(char *password, size_t cap)
{
	/* 60 of them: letters and digits without 0 O 1 l I, and three signs no shell minds. */
	static const char alphabet[] =
		"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_=";
	static_assert(sizeof alphabet - 1 == 60, "as many as the comment says");
	size_t n = cap > 20 ? 20 : cap - 1;
	size_t i = 0;

	while (i < n) {
		unsigned char octet;

		/* 240 is a multiple of 60: above it some characters would come more often. */
		if (getrandom(&octet, 1, 0) == 1 && octet < 240)
			password[i++] = alphabet[octet % 60];
	}
	password[n] = '\0';
}
