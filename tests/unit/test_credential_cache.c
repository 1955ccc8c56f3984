/* restante/credential_cache.h: what is remembered, how long, and what makes it unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "restante/credential_cache.h"

#define SECONDS 600

static const struct credential ann = { 7, "phone", "$y$hash", { "secret", 6 } };

static void remembers_until_its_time_is_over(void **state)
{
	struct credential_cache *cache = credential_cache_new(64, SECONDS);

	(void)state;
	assert_non_null(cache);
	assert_false(credential_cache_has(cache, &ann, 1000));
	credential_cache_add(cache, &ann, 1000);
	assert_true(credential_cache_has(cache, &ann, 1000));
	assert_true(credential_cache_has(cache, &ann, 1000 + SECONDS * 1000 - 1));
	assert_false(credential_cache_has(cache, &ann, 1000 + SECONDS * 1000));
	/* Verified again, it is good for as long again. */
	credential_cache_add(cache, &ann, 500000);
	assert_true(credential_cache_has(cache, &ann, 1000 + SECONDS * 1000));
	credential_cache_free(&cache);
	assert_null(cache);
	credential_cache_free(&cache);
}

static void whatever_differs_is_unknown(void **state)
{
	static const struct credential others[] = {
		{ 8, "phone", "$y$hash", { "secret", 6 } },
		{ 7, "", "$y$hash", { "secret", 6 } },
		{ 7, "phone", "$y$other", { "secret", 6 } },
		{ 7, "phone", "$y$hash", { "Secret", 6 } },
		{ 7, "phone", "$y$hash", { "secre", 5 } },
		{ 7, "phone", "$y$hash", { "secret\0", 7 } },
		/* The same octets in a row, divided in another way. */
		{ 7, "phone$", "y$hash", { "secret", 6 } },
		{ 7, "phone", "$y$hashs", { "ecret", 5 } },
		{ 7, "", "", { "", 0 } },
	};
	struct credential_cache *cache = credential_cache_new(64, SECONDS);

	(void)state;
	assert_non_null(cache);
	credential_cache_add(cache, &ann, 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(credential_cache_has(cache, &others[i], 0));
	assert_true(credential_cache_has(cache, &ann, 0));
	credential_cache_free(&cache);
}

/* The same credential in two of them is two different tags: the key is each one's own. */
static void another_one_knows_nothing(void **state)
{
	struct credential_cache *one = credential_cache_new(8, SECONDS);
	struct credential_cache *other = credential_cache_new(8, SECONDS);

	(void)state;
	assert_non_null(one);
	assert_non_null(other);
	credential_cache_add(one, &ann, 0);
	assert_false(credential_cache_has(other, &ann, 0));
	credential_cache_free(&one);
	credential_cache_free(&other);
}

static struct credential numbered(char password[16], int64_t number)
{
	int n = snprintf(password, 16, "%lld", (long long)number);

	return (struct credential){ number, "", "$y$hash", { password, (size_t)n } };
}

/* Eight places: the ninth takes the one that would end first, and no other. */
static void the_eldest_gives_way(void **state)
{
	struct credential_cache *cache = credential_cache_new(1, SECONDS);
	char password[16];

	(void)state;
	assert_non_null(cache);
	for (int64_t i = 1; i <= 9; i++) {
		const struct credential credential = numbered(password, i);

		/* Number 5 was verified first. */
		credential_cache_add(cache, &credential, i == 5 ? 1 : 10 + i);
	}
	for (int64_t i = 1; i <= 9; i++) {
		const struct credential credential = numbered(password, i);

		assert_int_equal(credential_cache_has(cache, &credential, 100), i != 5);
	}
	credential_cache_free(&cache);
}

static void what_is_too_long_is_not_remembered(void **state)
{
	static char password[4000];
	const struct credential credential = {
		1, "", "$y$hash", { password, sizeof password }
	};
	struct credential_cache *cache = credential_cache_new(8, SECONDS);

	(void)state;
	assert_non_null(cache);
	memset(password, 'x', sizeof password);
	credential_cache_add(cache, &credential, 0);
	assert_false(credential_cache_has(cache, &credential, 0));
	credential_cache_free(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_until_its_time_is_over),
		cmocka_unit_test(whatever_differs_is_unknown),
		cmocka_unit_test(another_one_knows_nothing),
		cmocka_unit_test(the_eldest_gives_way),
		cmocka_unit_test(what_is_too_long_is_not_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
