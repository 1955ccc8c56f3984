/*
 * The form in which a message is kept, against a naive way to make it.
 *
 * Input: a line of settings (lengths of pieces and of buffers), and then the message.
 */
#include "fuzz.h"
#include "restante/store.h"
#include "store/canonical.h"

/* What canonical.h promises, an octet at a time. */
static void naive(struct str in, struct fuzz_text *out)
{
	bool empty_line = false;

	out->n = 0;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			fuzz_add(out, STR("\r"));
		fuzz_add(out, (struct str){ in.p + i, 1 });
	}
	if (out->n > 0 && (out->n < 2 || memcmp(out->p + out->n - 2, "\r\n", 2) != 0))
		fuzz_add(out, out->p[out->n - 1] == '\r' ? STR("\n") : STR("\r\n"));
	for (size_t i = 0; i + 1 < out->n; i++)
		empty_line |=
			memcmp(out->p + i, "\r\n", 2) == 0 && (i == 0 || out->p[i - 1] == '\n');
	if (!empty_line)
		fuzz_add(out, STR("\r\n"));
}

/* The facts about a message in canonical form, a line at a time. */
static struct canonical facts(struct str text)
{
	struct canonical c = { .octets = text.n };
	struct str rest = text;

	while (rest.n > 0) {
		size_t n = fuzz_line(&rest).n - 1; /* without its CR */
		const char *line = rest.p - n - 2;

		if (n > c.longest)
			c.longest = n;
		if (n > 0 && line[0] == '.')
			c.flags |= MESSAGE_NEEDS_STUFFING;
		if (n == 0 && c.header_octets == 0)
			c.header_octets = text.n - rest.n;
	}
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\0')
			c.flags |= MESSAGE_HAS_NUL;
		if ((unsigned char)text.p[i] >= 0x80)
			c.flags |= MESSAGE_HAS_8BIT;
	}
	return c;
}

static void add_piece(struct canonical *c, struct str piece, struct str settings, size_t *turn,
		      struct fuzz_text *out)
{
	char *copy = fuzz_copy(piece);
	struct str in = { copy, piece.n };

	while (in.n > 0) {
		size_t room = 1 + fuzz_setting(settings, (*turn)++) % 16, left = in.n;
		char *to = malloc(room);
		size_t n;

		if (to == NULL)
			abort();
		n = canonical_add(c, &in, to, room);
		FUZZ_CHECK(n <= room && (n > 0 || in.n < left));
		fuzz_add(out, (struct str){ to, n });
		free(to);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_text expected, out;
	struct str in = fuzz_input(data, size);
	struct str settings = fuzz_line(&in), rest = in;
	struct canonical c = { 0 }, known;
	char end[CANONICAL_END_MAX];
	size_t turn = 0, n;

	out.n = 0;
	for (size_t i = 0; rest.n > 0; i++) {
		struct str piece = fuzz_piece(settings, i, rest);

		add_piece(&c, piece, settings, &turn, &out);
		rest = str_from(rest, piece.n);
	}
	n = canonical_end(&c, end);
	FUZZ_CHECK(n <= sizeof end);
	fuzz_add(&out, (struct str){ end, n });
	naive(in, &expected);
	FUZZ_CHECK(str_equal(fuzz_str(&out), fuzz_str(&expected)));
	known = facts(fuzz_str(&out));
	FUZZ_CHECK(c.octets == known.octets && c.header_octets == known.header_octets);
	FUZZ_CHECK(c.longest == known.longest && c.flags == known.flags);
	return 0;
}
