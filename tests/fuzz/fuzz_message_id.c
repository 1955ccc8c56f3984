/*
 * The Message-ID watcher. Input: a line of settings (lengths of pieces), and then the message.
 *
 * What must hold: the same is found whatever the pieces; and it is what a naive reading of the
 * header finds: nothing behind the header's end, nothing of another field.
 */
#include <ctype.h>

#include "fuzz.h"
#include "message_id.h"

/* The first Message-ID's first word, or ""; CRs do not count. */
static void naive(struct str in, struct fuzz_text *id)
{
	static const struct str name = STR_INIT("message-id:");
	static struct fuzz_text text;
	struct str rest;
	bool value = false;

	text.n = id->n = 0;
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] != '\r')
			fuzz_add(&text, (struct str){ in.p + i, 1 });
	for (rest = fuzz_str(&text); rest.n > 0;) {
		struct str line = fuzz_line(&rest);
		bool folded = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');

		if (line.n == 0 || (value && !folded))
			return;
		if (!value && line.n >= name.n && strncasecmp(line.p, name.p, name.n) == 0) {
			value = true;
			line = str_from(line, name.n);
		}
		while (value && line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
			line = str_from(line, 1);
		for (; value && line.n > 0 && line.p[0] != ' ' && line.p[0] != '\t';
		     line = str_from(line, 1))
			fuzz_add(id, (struct str){ line.p, 1 });
		if (id->n > 0)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_text expected;
	struct str in = fuzz_input(data, size);
	struct str settings = fuzz_line(&in), rest = in;
	struct message_id whole = { 0 }, pieces = { 0 };

	message_id_watch(&whole, in);
	for (size_t i = 0; rest.n > 0; i++) {
		struct str piece = fuzz_piece(settings, i, rest);
		char *copy = fuzz_copy(piece);

		message_id_watch(&pieces, (struct str){ copy, piece.n });
		free(copy);
		rest = str_from(rest, piece.n);
	}
	FUZZ_CHECK(whole.n <= sizeof whole.text && pieces.n == whole.n);
	FUZZ_CHECK(memcmp(whole.text, pieces.text, whole.n) == 0);
	naive(in, &expected);
	if (expected.n > sizeof whole.text)
		expected.n = sizeof whole.text;
	FUZZ_CHECK(str_equal(fuzz_str(&expected), (struct str){ whole.text, whole.n }));
	return 0;
}
