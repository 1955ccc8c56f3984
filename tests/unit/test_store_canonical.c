/* store/canonical.c against a slow and obvious reference, whole and in random pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "restante/store.h"
#include "store/canonical.h"

struct result {
	char octets[4096];
	size_t n;
	uint64_t header;
	uint64_t longest;
	unsigned flags;
};

/* One octet at a time, with the whole message in hand. */
static void reference(struct str in, struct result *r)
{
	size_t line = 0;
	bool header_ended = false;

	memset(r, 0, sizeof *r);
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && (r->n == 0 || r->octets[r->n - 1] != '\r'))
			r->octets[r->n++] = '\r';
		r->octets[r->n++] = in.p[i];
	}
	if (r->n > 0 && r->octets[r->n - 1] != '\n') {
		if (r->octets[r->n - 1] != '\r')
			r->octets[r->n++] = '\r';
		r->octets[r->n++] = '\n';
	}
	for (size_t i = 0; i < r->n; i++) {
		unsigned char c = (unsigned char)r->octets[i];

		if (c == '.' && i == line)
			r->flags |= MESSAGE_NEEDS_STUFFING;
		if (c == 0)
			r->flags |= MESSAGE_HAS_NUL;
		if (c >= 0x80)
			r->flags |= MESSAGE_HAS_8BIT;
		if (c != '\n')
			continue;
		if (i - 1 - line > r->longest)
			r->longest = i - 1 - line;
		if (i - 1 == line && !header_ended) {
			header_ended = true;
			r->header = i + 1;
		}
		line = i + 1;
	}
	if (!header_ended) {
		r->octets[r->n++] = '\r';
		r->octets[r->n++] = '\n';
		r->header = r->n;
	}
}

/* Pieces of up to `piece` octets into buffers of `room` octets. */
static void in_pieces(struct str in, size_t piece, size_t room, struct result *r)
{
	struct canonical c = { 0 };
	char end[CANONICAL_END_MAX];
	size_t n;

	memset(r, 0, sizeof *r);
	while (in.n > 0) {
		struct str part = { in.p, piece < in.n ? piece : in.n };
		size_t before = part.n;

		n = canonical_add(&c, &part, r->octets + r->n, room);
		assert_true(n <= room);
		/* A full buffer, or all was taken. */
		assert_true(part.n == 0 || n == room);
		r->n += n;
		in = str_from(in, before - part.n);
	}
	n = canonical_end(&c, end);
	assert_true(n <= sizeof end);
	memcpy(r->octets + r->n, end, n);
	r->n += n;
	assert_int_equal(c.octets, r->n);
	r->header = c.header_octets;
	r->longest = c.longest;
	r->flags = c.flags;
}

static void expect_same(struct str in, size_t piece, size_t room)
{
	static struct result want;
	static struct result have;

	reference(in, &want);
	in_pieces(in, piece, room, &have);
	assert_int_equal(have.n, want.n);
	assert_memory_equal(have.octets, want.octets, want.n);
	assert_int_equal(have.header, want.header);
	assert_int_equal(have.longest, want.longest);
	assert_int_equal(have.flags, want.flags);
}

static void message_known_forms_come_out_as_written(void **state)
{
	static const struct {
		struct str in;
		struct str out;
		uint64_t header;
		uint64_t longest;
		unsigned flags;
	} cases[] = {
		{ STR_INIT(""), STR_INIT("\r\n"), 2, 0, 0 },
		{ STR_INIT("\n"), STR_INIT("\r\n"), 2, 0, 0 },
		{ STR_INIT("A: b"), STR_INIT("A: b\r\n\r\n"), 8, 4, 0 },
		{ STR_INIT("A: b\n\nx"), STR_INIT("A: b\r\n\r\nx\r\n"), 8, 4, 0 },
		{ STR_INIT("A: b\r\n\r\n.x\r\n"), STR_INIT("A: b\r\n\r\n.x\r\n"), 8, 4,
		  MESSAGE_NEEDS_STUFFING },
		{ STR_INIT(".\n"), STR_INIT(".\r\n\r\n"), 5, 1, MESSAGE_NEEDS_STUFFING },
		{ STR_INIT("\n\r\r\n"), STR_INIT("\r\n\r\r\n"), 2, 1, 0 },
		{ STR_INIT("\na\rb\n"), STR_INIT("\r\na\rb\r\n"), 2, 3, 0 },
		{ STR_INIT("\na\0b\n"), STR_INIT("\r\na\0b\r\n"), 2, 3, MESSAGE_HAS_NUL },
		{ STR_INIT("\n\xc3\xa9"), STR_INIT("\r\n\xc3\xa9\r\n"), 2, 2,
		  MESSAGE_HAS_8BIT },
		{ STR_INIT("\nend\r"), STR_INIT("\r\nend\r\n"), 2, 3, 0 },
	};
	static struct result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		in_pieces(cases[i].in, SIZE_MAX, sizeof r.octets / 2, &r);
		assert_int_equal(r.n, cases[i].out.n);
		assert_memory_equal(r.octets, cases[i].out.p, r.n);
		assert_int_equal(r.header, cases[i].header);
		assert_int_equal(r.longest, cases[i].longest);
		assert_int_equal(r.flags, cases[i].flags);
		for (size_t piece = 1; piece < 8; piece++)
			for (size_t room = 1; room < 8; room++)
				expect_same(cases[i].in, piece, room);
	}
}

static void message_random_octets_equal_the_reference(void **state)
{
	static const char alphabet[] = "\r\n\r\n\r\n..ab\0\x80 xyz";
	char octets[600];
	unsigned seed = 4711;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct str in = { octets, (size_t)rand_r(&seed) % sizeof octets };
		size_t piece = 1 + (size_t)rand_r(&seed) % 100;
		size_t room = 1 + (size_t)rand_r(&seed) % 100;

		for (size_t i = 0; i < in.n; i++)
			octets[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
		expect_same(in, piece, room);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_known_forms_come_out_as_written),
		cmocka_unit_test(message_random_octets_equal_the_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
