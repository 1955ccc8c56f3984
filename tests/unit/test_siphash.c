/* SipHash-2-4 against the vectors of its authors: key 00 01 ... 0f, octets 00 01 02 ... */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/siphash.h"
#include "restante/compiler.h"

static const struct {
	size_t n;
	uint64_t hash;
} vectors[] = {
	{ 0, UINT64_C(0x726fdb47dd0e0e31) },  { 1, UINT64_C(0x74f839c593dc67fd) },
	{ 7, UINT64_C(0xab0200f58b01d137) },  { 8, UINT64_C(0x93f5f5799a932462) },
	{ 15, UINT64_C(0xa129ca6149be45e5) }, { 63, UINT64_C(0x958a324ceb064572) },
};

static void hash_of_known_octets_is_the_authors(void **state)
{
	const struct siphash_key key = { { UINT64_C(0x0706050403020100),
					   UINT64_C(0x0f0e0d0c0b0a0908) } };
	char octets[64];

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (char)i;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		assert_int_equal(siphash(&key, (struct str){ octets, vectors[i].n }),
				 vectors[i].hash);
}

static void two_keys_are_never_the_same(void **state)
{
	struct siphash_key a, b;

	(void)state;
	assert_true(siphash_key_make(&a));
	assert_true(siphash_key_make(&b));
	assert_memory_not_equal(&a, &b, sizeof a);
	assert_int_not_equal(siphash(&a, STR("x")), siphash(&b, STR("x")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_of_known_octets_is_the_authors),
		cmocka_unit_test(two_keys_are_never_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
