/*
 * The line cutter: the same lines however the stream is cut into pieces. A result is written as a
 * string: each line in brackets, "!" for one that was too long, "~" at the end where something is
 * left unfinished.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/line.h"

#define CAP 8

struct cutter {
	char memory[CAP];
	size_t n;
	bool skipping;
	struct buf seen;
	char seen_memory[256];
};

static void cutter_start(struct cutter *cutter)
{
	*cutter = (struct cutter){ .n = 0 };
	cutter->seen = buf_over(cutter->seen_memory, sizeof cutter->seen_memory);
}

/* Each piece is copied, so that a sanitizer sees a look beyond it. */
static void cutter_feed(struct cutter *cutter, enum line_end end, struct str piece)
{
	struct line_keep keep = { cutter->memory, CAP, &cutter->n, &cutter->skipping };
	char *copy = malloc(piece.n + 1);
	struct str in = { copy, piece.n }, line;
	enum line_cut cut;

	assert_non_null(copy);
	memcpy(copy, piece.p, piece.n);
	do {
		cut = line_cut(keep, end, &in, &line);
		if (cut == LINE_WHOLE) {
			assert_true(buf_add_char(&cutter->seen, '['));
			assert_true(buf_add(&cutter->seen, line));
			assert_true(buf_add_char(&cutter->seen, ']'));
		}
		if (cut == LINE_TOO_LONG)
			assert_true(buf_add_char(&cutter->seen, '!'));
	} while (cut != LINE_NONE);
	assert_int_equal(in.n, 0);
	free(copy);
}

static void cutter_end(struct cutter *cutter, struct str expected)
{
	if (cutter->n > 0 || cutter->skipping)
		assert_true(buf_add_char(&cutter->seen, '~'));
	if (!str_equal(buf_str(&cutter->seen), expected))
		fail_msg("\"%.*s\" instead of \"%.*s\"", STR_ARG(buf_str(&cutter->seen)),
			 STR_ARG(expected));
}

static const struct {
	enum line_end end;
	struct str in, seen;
} cases[] = {
	/* A line of 8 octets with its end just fits. */
	{ LINE_LF_OR_CRLF, STR_INIT("NOOP\r\nQUIT\r\n"), STR_INIT("[NOOP][QUIT]") },
	{ LINE_LF_OR_CRLF, STR_INIT("NOOP\nQUIT\r\n\n"), STR_INIT("[NOOP][QUIT][]") },
	{ LINE_LF_OR_CRLF, STR_INIT("\r\n\r\n"), STR_INIT("[][]") },
	{ LINE_LF_OR_CRLF, STR_INIT("a\rb\r\r\nc"), STR_INIT("[a\rb\r]~") },
	{ LINE_LF_OR_CRLF, STR_INIT("123456\r\n"), STR_INIT("[123456]") },
	{ LINE_LF_OR_CRLF, STR_INIT("1234567\n"), STR_INIT("[1234567]") },
	{ LINE_LF_OR_CRLF, STR_INIT("1234567\r\nX\r\n"), STR_INIT("![X]") },
	{ LINE_LF_OR_CRLF, STR_INIT("12345678\nX\n"), STR_INIT("![X]") },
	{ LINE_LF_OR_CRLF, STR_INIT("12345678QUIT\r\nX\n"), STR_INIT("![X]") },
	{ LINE_LF_OR_CRLF, STR_INIT("1234567890123456789012\n\nX\n"), STR_INIT("![][X]") },
	{ LINE_LF_OR_CRLF, STR_INIT("1234567890\n1234567890\n"), STR_INIT("!!") },
	{ LINE_LF_OR_CRLF, STR_INIT("123456789"), STR_INIT("~") },
	{ LINE_LF_OR_CRLF, STR_INIT("\0\r\n\0\n"), STR_INIT("[\0][\0]") },
	{ LINE_CRLF_ONLY, STR_INIT("NOOP\r\nQUIT\r\n"), STR_INIT("[NOOP][QUIT]") },
	{ LINE_CRLF_ONLY, STR_INIT("a\nb\r\n"), STR_INIT("[a\nb]") },
	{ LINE_CRLF_ONLY, STR_INIT("\n\r\n"), STR_INIT("[\n]") },
	{ LINE_CRLF_ONLY, STR_INIT("a\r\r\nb\r"), STR_INIT("[a\r]~") },
	{ LINE_CRLF_ONLY, STR_INIT("\r\n\n\r\n"), STR_INIT("[][\n]") },
	{ LINE_CRLF_ONLY, STR_INIT("123456\r\n"), STR_INIT("[123456]") },
	{ LINE_CRLF_ONLY, STR_INIT("1234567\r\nX\r\n"), STR_INIT("![X]") },
	{ LINE_CRLF_ONLY, STR_INIT("12345678\r\nX\r\n"), STR_INIT("![X]") },
	{ LINE_CRLF_ONLY, STR_INIT("123456789\nX\n\r\nX\r\n"), STR_INIT("![X]") },
	{ LINE_CRLF_ONLY, STR_INIT("1234567\n\r\nX\r\n"), STR_INIT("![X]") },
	{ LINE_CRLF_ONLY, STR_INIT("123456789\r"), STR_INIT("~") },
};

static void cut_whole_stream_lines_as_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cutter cutter;

		cutter_start(&cutter);
		cutter_feed(&cutter, cases[i].end, cases[i].in);
		cutter_end(&cutter, cases[i].seen);
	}
}

static void cut_octet_by_octet_same_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cutter cutter;

		cutter_start(&cutter);
		for (size_t at = 0; at < cases[i].in.n; at++)
			cutter_feed(&cutter, cases[i].end,
				    (struct str){ cases[i].in.p + at, 1 });
		cutter_end(&cutter, cases[i].seen);
	}
}

/* Two cuts anywhere: also between CR and LF, and at the capacity. */
static void cut_in_three_pieces_same_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct str in = cases[i].in;

		for (size_t a = 0; a <= in.n; a++) {
			for (size_t b = a; b <= in.n; b++) {
				struct cutter cutter;

				cutter_start(&cutter);
				cutter_feed(&cutter, cases[i].end, (struct str){ in.p, a });
				cutter_feed(&cutter, cases[i].end,
					    (struct str){ in.p + a, b - a });
				cutter_feed(&cutter, cases[i].end, str_from(in, b));
				cutter_end(&cutter, cases[i].seen);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_whole_stream_lines_as_listed),
		cmocka_unit_test(cut_octet_by_octet_same_lines),
		cmocka_unit_test(cut_in_three_pieces_same_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
