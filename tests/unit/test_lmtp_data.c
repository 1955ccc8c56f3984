/* The decoder of DATA against a naive reference that looks at the whole input, octet by octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lmtp/lmtp_private.h"

#define INPUT_MAX 64

struct decoded {
	char p[INPUT_MAX];
	size_t n;
	size_t taken; /* octets of the input up to the end of the data; 0 = no end */
};

/* Lines are cut by CRLF; "." alone is the end, else a first dot goes. */
static void reference(struct str in, struct decoded *result)
{
	size_t from = 0;

	*result = (struct decoded){ .n = 0 };
	while (from < in.n) {
		size_t end = from, start = from;

		while (end + 1 < in.n && !(in.p[end] == '\r' && in.p[end + 1] == '\n'))
			end++;
		if (end + 1 >= in.n)
			end = in.n; /* unfinished */
		if (in.p[from] == '.' && end == from + 1 && end < in.n) {
			result->taken = end + 2;
			return;
		}
		if (in.p[from] == '.')
			start = from + 1;
		from = end < in.n ? end + 2 : end;
		memcpy(result->p + result->n, in.p + start, from - start);
		result->n += from - start;
	}
}

static uint32_t seed = 1;

static uint32_t next_random(void)
{
	seed = seed * 1664525U + 1013904223U;
	return seed >> 8;
}

/* Feeds `in` in pieces of at most `most` octets (0 = of random size). */
static void decode(struct str in, size_t most, struct decoded *result)
{
	unsigned dot = LMTP_DATA_START;
	size_t fed = 0;

	*result = (struct decoded){ .n = 0 };
	while (fed < in.n && result->taken == 0) {
		size_t n = most > 0 ? most : 1 + next_random() % 5;
		struct str piece = { in.p + fed, n < in.n - fed ? n : in.n - fed }, octets;
		enum lmtp_data_kind kind;

		fed += piece.n;
		while ((kind = lmtp_data_decode(&dot, &piece, &octets)) == LMTP_DATA_OCTETS) {
			assert_true(octets.n > 0 && octets.n <= INPUT_MAX - result->n);
			memcpy(result->p + result->n, octets.p, octets.n);
			result->n += octets.n;
		}
		if (kind == LMTP_DATA_END)
			result->taken = fed - piece.n;
		else
			assert_int_equal(piece.n, 0);
	}
}

/*
 * Where no end was found, the reference gives out what the decoder must withhold until it knows
 * more: "CR" of CRLF.CR at the very end of the input.
 */
static void assert_same(struct str in, const struct decoded *want, const struct decoded *got)
{
	size_t withheld = 0;

	if (want->taken == 0 && in.n >= 2 && memcmp(in.p + in.n - 2, ".\r", 2) == 0 &&
	    (in.n == 2 || (in.n >= 4 && memcmp(in.p + in.n - 4, "\r\n", 2) == 0)))
		withheld = 1;
	assert_int_equal(want->taken, got->taken);
	assert_int_equal(want->n, got->n + withheld);
	assert_memory_equal(want->p, got->p, got->n);
}

static void check(struct str in)
{
	struct decoded want, got;

	reference(in, &want);
	for (size_t most = 0; most <= 3; most++) {
		decode(in, most, &got);
		assert_same(in, &want, &got);
	}
	decode(in, in.n, &got);
	assert_same(in, &want, &got);
}

static void decode_every_short_input_equals_reference(void **state)
{
	static const char alphabet[] = { '\r', '\n', '.', 'x' };
	char text[8];

	(void)state;
	for (size_t n = 1; n <= sizeof text; n++) {
		for (uint32_t code = 0; code < 1U << (2 * n); code++) {
			for (size_t i = 0; i < n; i++)
				text[i] = alphabet[code >> (2 * i) & 3];
			check((struct str){ text, n });
		}
	}
}

static void decode_random_input_equals_reference(void **state)
{
	static const char alphabet[] = "\r\r\r\n\n\n...x\0y";
	char text[INPUT_MAX];

	(void)state;
	for (int round = 0; round < 50000; round++) {
		size_t n = 1 + next_random() % sizeof text;

		for (size_t i = 0; i < n; i++)
			text[i] = next_random() % 4 != 0 || i == 0
					  ? alphabet[next_random() % (sizeof alphabet - 1)]
				  : text[i - 1] == '\r' ? '\n'
							: '\r';
		check((struct str){ text, n });
	}
}

/* What has no dot at the beginning of a line goes out in one piece, out of the input itself. */
static void decode_plain_text_is_one_slice_of_the_input(void **state)
{
	static const char text[] = "one. two.\r\nthree.\r\n\n.\r.four...\r\n";
	unsigned dot = LMTP_DATA_START;
	struct str in = { text, sizeof text - 1 }, octets;

	(void)state;
	assert_int_equal(lmtp_data_decode(&dot, &in, &octets), LMTP_DATA_OCTETS);
	assert_ptr_equal(octets.p, text);
	assert_int_equal(octets.n, sizeof text - 1);
	assert_int_equal(lmtp_data_decode(&dot, &in, &octets), LMTP_DATA_NONE);
}

static void decode_end_leaves_what_follows(void **state)
{
	unsigned dot = LMTP_DATA_START;
	struct str in = STR("x\r\n.\r\nQUIT\r\n"), octets;

	(void)state;
	assert_int_equal(lmtp_data_decode(&dot, &in, &octets), LMTP_DATA_OCTETS);
	assert_true(str_equal(octets, STR("x\r\n")));
	assert_int_equal(lmtp_data_decode(&dot, &in, &octets), LMTP_DATA_END);
	assert_true(str_equal(in, STR("QUIT\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_every_short_input_equals_reference),
		cmocka_unit_test(decode_random_input_equals_reference),
		cmocka_unit_test(decode_plain_text_is_one_slice_of_the_input),
		cmocka_unit_test(decode_end_leaves_what_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
