/*
 * The lines of the control socket. Input: a line as a peer might send it.
 *
 * What must hold: splitting stays within the line; what was split, joined and split again is the
 * same words; what was joined is one line without control characters but its TABs and LF.
 */
#include "fuzz.h"
#include "restante/control.h"

static void check_joined(const char *line, size_t n)
{
	FUZZ_CHECK(n > 0 && strlen(line) == n && line[n - 1] == '\n');
	for (size_t i = 0; i + 1 < n; i++)
		FUZZ_CHECK(line[i] == '\t' ||
			   ((unsigned char)line[i] > ' ' && line[i] != 0x7F));
}

/* Any octets without NUL are words that come back as they went. */
static void check_round(const char *const *words, int count)
{
	char line[CONTROL_LINE_MAX];
	char *again[CONTROL_WORDS_MAX];
	size_t n;

	if (!words_join(words, (size_t)count, line, sizeof line, &n))
		return;
	check_joined(line, n);
	FUZZ_CHECK(words_split(line, again, CONTROL_WORDS_MAX) == count);
	for (int i = 0; i < count; i++)
		FUZZ_CHECK(strcmp(words[i], again[i]) == 0);
}

/* The input as words themselves, cut at each LF. */
static void check_any_words(char *text)
{
	const char *words[CONTROL_WORDS_MAX];
	int count = 0;
	char *next = text;

	while (next != NULL && count < CONTROL_WORDS_MAX) {
		char *end = strchr(next, '\n');

		words[count++] = next;
		if (end != NULL)
			*end++ = '\0';
		next = end;
	}
	check_round(words, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_input(data, size);
	char *line = fuzz_string(in), *words[CONTROL_WORDS_MAX];
	const char *split[CONTROL_WORDS_MAX];
	char *text;
	int n;

	if (line == NULL)
		return -1;
	text = fuzz_string(in);
	n = words_split(line, words, CONTROL_WORDS_MAX);
	FUZZ_CHECK(n == -1 || (n >= 1 && n <= CONTROL_WORDS_MAX));
	for (int i = 0; i < n; i++) {
		FUZZ_CHECK(words[i] >= line && words[i] + strlen(words[i]) <= line + size);
		split[i] = words[i];
	}
	if (n > 0)
		check_round(split, n);
	check_any_words(text);
	free(text);
	free(line);
	return 0;
}
