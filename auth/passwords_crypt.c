/*
 * The crypt(3) family through libxcrypt: one row a form of hash. Forms that are not listed are
 * refused although the library knows them: unsalted ones ($3$), broken ones ($2x$), and whatever
 * a later library adds, until its cost is bounded here.
 */
#include "passwords_private.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/number.h"
#include "restante/limits.h"

/* What new hashes cost; for yescrypt libxcrypt's default: 16 MiB and some 50 ms. */
#define YESCRYPT_COUNT 5
#define BCRYPT_COST 12
#define SHA512_CRYPT_ROUNDS 200000

/* crypt(5)'s digits for numbers of six bits. */
static int digit_value(char c)
{
	static const char digits[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* The memory of scrypt and its heirs is 128 * N * r octets. */
static bool memory_affordable(int n_log2, int r)
{
	return n_log2 >= 1 && n_log2 <= 30 && r >= 1 &&
	       ((uint64_t)r << n_log2) / 8 <= PASSWORD_MEMORY_KIB_MAX;
}

static bool always(const char *rest)
{
	(void)rest;
	return true;
}

static bool des_form(const char *rest)
{
	for (size_t i = 0; i < 13; i++)
		if (digit_value(rest[i]) < 0)
			return false;
	return rest[13] == '\0';
}

/* "rounds=5000$salt$hash", or without rounds. */
static bool sha_rounds(const char *rest)
{
	struct str text = str_of(rest);
	struct str field;
	int rounds;

	if (strncmp(rest, "rounds=", 7) != 0)
		return true;
	return take_field(&text, '$', &field) && rounds_parse(str_from(field, 7), &rounds);
}

/* "a$12$..." */
static bool bcrypt_cost(const char *rest)
{
	uint64_t cost;

	return strchr("aby", rest[0]) != NULL && rest[0] != '\0' && rest[1] == '$' &&
	       strlen(rest) > 4 && rest[4] == '$' &&
	       number_parse((struct str){ rest + 2, 2 }, PASSWORD_BCRYPT_COST_MAX, &cost);
}

/*
 * "j9T$...": flags, log2 N - 1, r - 1, each below 48 one digit. More digits mean larger numbers
 * or further parameters; crypt_gensalt writes neither.
 */
static bool yescrypt_cost(const char *rest)
{
	int n_log2;
	int r;

	if (strlen(rest) < 4 || rest[3] != '$')
		return false;
	n_log2 = digit_value(rest[1]);
	r = digit_value(rest[2]);
	return n_log2 >= 0 && n_log2 < 48 && r >= 0 && r < 48 &&
	       memory_affordable(n_log2 + 1, r + 1);
}

/* Five digits, the least significant first. */
static bool scrypt_number(const char *digits, int max, int *number)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < 5; i++) {
		int value = digit_value(digits[i]);

		if (value < 0)
			return false;
		sum += (int64_t)value << (6 * i);
	}
	*number = sum > max ? 0 : (int)sum;
	return *number > 0;
}

/* "CU..../....salt$hash": log2 N one digit, r five, p five. */
static bool scrypt_cost(const char *rest)
{
	int r;
	int p;

	return strlen(rest) > 11 && scrypt_number(rest + 1, 1 << 16, &r) &&
	       scrypt_number(rest + 6, 16, &p) && memory_affordable(digit_value(rest[0]), r);
}

/* "262144$salt$hash" */
static bool sha1_rounds(const char *rest)
{
	struct str text = str_of(rest);
	struct str field;
	int rounds;

	return take_field(&text, '$', &field) && rounds_parse(field, &rounds);
}

static const struct crypt_form {
	const char *prefix;
	bool (*affordable)(const char *rest);
	size_t last; /* digits behind the last "$" or the prefix: a whole hash */
} forms[] = {
	{ "$y$", yescrypt_cost, 43 },  { "$gy$", yescrypt_cost, 43 },
	{ "$7$", scrypt_cost, 43 },    { "$2", bcrypt_cost, 53 },
	{ "$6$", sha_rounds, 86 },     { "$5$", sha_rounds, 43 },
	{ "$sha1$", sha1_rounds, 28 }, { "$1$", always, 22 },
	{ "_", always, 19 }, /* BSDi: 24 bits of rounds at most */
	{ "", des_form, 13 },
};

/* A setting without its hash, or with half of it, matches nothing. */
static bool is_whole(const struct crypt_form *form, const char *value)
{
	const char *mark = strrchr(value, '$');
	const char *last = mark == NULL ? value : mark + 1;
	size_t n = 0;

	if (*last == '_')
		last++;
	while (digit_value(*last) >= 0)
		last++, n++;
	return *last == '\0' && n == form->last;
}

/* `prefix`: what the scheme asks for; NULL = any form. */
static const struct crypt_form *form_find(const char *value, const char *prefix)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t n = strlen(forms[i].prefix);

		if ((prefix == NULL || strcmp(prefix, forms[i].prefix) == 0) &&
		    strncmp(value, forms[i].prefix, n) == 0)
			return &forms[i];
	}
	return NULL;
}

/* crypt(3) with memory of its own: 32 KiB, too much for a stack. */
static char *crypt_once(const char *password, const char *setting, struct crypt_data **data)
{
	*data = calloc(1, sizeof **data);
	if (*data == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	return crypt_rn(password, setting, *data, (int)sizeof **data);
}

static void crypt_wipe(struct crypt_data **data)
{
	if (*data != NULL)
		explicit_bzero(*data, sizeof **data);
	free(*data);
	*data = NULL;
}

/* Hashes once more with the stored setting. */
static enum password_verdict crypt_compare(const struct scheme *scheme, const char *setting,
					   struct str password, struct fault *fault)
{
	struct crypt_data *data;
	enum password_verdict verdict;
	const char *hash;
	size_t n = strlen(setting);

	errno = 0;
	hash = crypt_once(password.p, setting, &data);
	if (hash != NULL && strlen(hash) == n)
		verdict = octets_verdict(hash, setting, n);
	else if (hash != NULL || errno == ERANGE) /* ERANGE: longer than libxcrypt takes */
		verdict = PASSWORD_DIFFERS;
	else if (errno == EINVAL)
		verdict = scheme_malformed(scheme, "crypt(3) refuses it", fault);
	else
		verdict = scheme_unavailable(scheme, strerror(errno), fault);
	crypt_wipe(&data);
	return verdict;
}

enum password_verdict crypt_verify(const struct scheme *scheme, struct str value,
				   struct str password, struct fault *fault)
{
	char setting[512];
	const struct crypt_form *form;
	enum password_verdict verdict;

	if (value.n >= sizeof setting || memchr(value.p, '\0', value.n) != NULL)
		return scheme_malformed(scheme, "it is no text", fault);
	memcpy(setting, value.p, value.n);
	setting[value.n] = '\0';
	form = form_find(setting, scheme->prefix);
	if (form == NULL || !form->affordable(setting + strlen(form->prefix)))
		verdict = scheme_malformed(scheme, "an unknown form, or too costly", fault);
	else if (!is_whole(form, setting))
		verdict = scheme_malformed(scheme, "its hash is not whole", fault);
	else
		verdict = password.p == NULL ? PASSWORD_DIFFERS
					     : crypt_compare(scheme, setting, password, fault);
	explicit_bzero(setting, sizeof setting);
	return verdict;
}

/* A setting for a new hash; random salt when `salt` is NULL. */
static bool new_setting(const char *prefix, const char *salt, int salt_n,
			char setting[CRYPT_GENSALT_OUTPUT_SIZE])
{
	static const struct {
		const char *prefix;
		unsigned long count;
	} counts[] = {
		{ "$y$", YESCRYPT_COUNT },
		{ "$2", BCRYPT_COST },
		{ "$6$", SHA512_CRYPT_ROUNDS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (strcmp(prefix, counts[i].prefix) == 0)
			return crypt_gensalt_rn(strcmp(prefix, "$2") == 0 ? "$2b$" : prefix,
						counts[i].count, salt, salt_n, setting,
						CRYPT_GENSALT_OUTPUT_SIZE) != NULL;
	return false;
}

bool crypt_make(const struct scheme *scheme, struct str password, char *value, size_t cap,
		struct fault *fault)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data = NULL;
	const char *hash = NULL;
	size_t n = 0;

	errno = 0;
	if (new_setting(scheme->prefix == NULL ? "$y$" : scheme->prefix, NULL, 0, setting))
		hash = crypt_once(password.p, setting, &data);
	if (hash != NULL)
		n = strlen(hash);
	if (hash == NULL)
		fault_set(fault, "{%s}: %s", scheme->name,
			  errno == ERANGE ? "the password is too long" : strerror(errno));
	else if (n >= cap)
		fault_set(fault, "no room for a hash");
	else
		memcpy(value, hash, n + 1);
	crypt_wipe(&data);
	return n > 0 && n < cap;
}

void crypt_burn(struct str password)
{
	static const char salt[16] = "nobody's own one";
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data = NULL;

	if (new_setting("$y$", salt, sizeof salt, setting))
		(void)crypt_once(password.p, setting, &data);
	crypt_wipe(&data);
}
