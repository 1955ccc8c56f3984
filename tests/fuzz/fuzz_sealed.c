/*
 * Sealed secrets. Input: a line of changes (place and octet, in pairs) to a secret's sealed form,
 * and then the secret.
 *
 * What must hold: what was sealed opens to itself, for its account and key only; whatever was
 * changed, and any text at all, does not open.
 */
#include <stdio.h>

#include "fuzz.h"
#include "restante/passwords.h"

#define SEALED_MAX 512
#define CLEAR_MAX 255

static struct secret_key *key, *other_key;

static struct secret_key *make_key(const char *name)
{
	char path[320];
	struct fault fault;
	struct secret_key *made = NULL;

	(void)snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
	if (!secret_key_create(path, &fault) || !secret_key_open(path, &made, &fault))
		abort();
	return made;
}

static void close_keys(void)
{
	secret_key_close(&key);
	secret_key_close(&other_key);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	key = make_key("key");
	other_key = make_key("other");
	return atexit(close_keys);
}

static bool opens(const struct secret_key *with, int64_t account, const char *sealed,
		  struct str expected)
{
	struct fault fault = { "" };
	char clear[CLEAR_MAX + 1];
	size_t n;

	if (!secret_open(with, account, sealed, clear, sizeof clear, &n, &fault)) {
		FUZZ_CHECK(fault.text[0] != '\0' && n == 0);
		return false;
	}
	FUZZ_CHECK(clear[n] == '\0' && str_equal((struct str){ clear, n }, expected));
	return true;
}

/* base64 may say the same octets in other ways: "." for "+", padding or none, unused bits. */
static bool may_be_the_same(const char *a, const char *b)
{
	for (size_t i = 0; i + 3 < strlen(a); i++)
		if (a[i] != b[i] && !(a[i] == '+' && b[i] == '.'))
			return false;
	return true;
}

static void check_changed(const char *sealed, struct str changes, struct str clear)
{
	char changed[SEALED_MAX];
	size_t n = strlen(sealed);

	memcpy(changed, sealed, n + 1);
	for (size_t i = 0; i + 1 < changes.n; i += 2)
		changed[(unsigned char)changes.p[i] % n] = changes.p[i + 1];
	if (!may_be_the_same(sealed, changed))
		FUZZ_CHECK(!opens(key, 7, changed, clear));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str clear = fuzz_input(data, size), changes = fuzz_line(&clear);
	struct fault fault = { "" };
	char sealed[SEALED_MAX];
	char *text = fuzz_string(clear);
	bool good = secret_seal(key, 7, clear, sealed, sizeof sealed, &fault);

	if (text != NULL)
		FUZZ_CHECK(!opens(key, 7, text, clear));
	free(text);
	FUZZ_CHECK(good == (clear.n >= 1 && clear.n <= CLEAR_MAX));
	FUZZ_CHECK(good == (fault.text[0] == '\0'));
	if (!good)
		return 0;
	FUZZ_CHECK(opens(key, 7, sealed, clear));
	FUZZ_CHECK(!opens(key, 8, sealed, clear) && !opens(other_key, 7, sealed, clear));
	check_changed(sealed, changes, clear);
	return 0;
}
