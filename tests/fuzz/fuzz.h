/*
 * What the fuzz targets share. Each target is one file fuzz_<name>.c that defines libFuzzer's entry
 * and holds what it runs to its contract with FUZZ_CHECK; how to run them: docs/TESTING.md.
 */
#ifndef RESTANTE_TESTS_FUZZ_H
#define RESTANTE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "restante/compiler.h"
#include "restante/str.h"

/* libFuzzer calls these. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FUZZ_CHECK(condition) \
	((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition))
/* Says what does not hold and ends the program, which libFuzzer takes for a crash. */
_Noreturn void fuzz_broken(const char *file, int line, const char *condition);

static inline struct str fuzz_input(const uint8_t *data, size_t size)
{
	return (struct str){ size == 0 ? "" : (const char *)data, size };
}

/*
 * Settings stand before the octets that a target is fed: a line each, so that seeds can be written
 * with an editor. Takes one off the front, without its LF; all of it when there is none.
 */
struct str fuzz_line(struct str *in);
/* The i-th octet of a line of settings, going round; 0 when it is empty. */
unsigned char fuzz_setting(struct str settings, size_t i);
/* The i-th piece of what is left to feed: 1 to 64 octets. */
struct str fuzz_piece(struct str settings, size_t i, struct str rest);

/* Octets that grow; keeps its memory from one input to the next. */
struct fuzz_text {
	char *p;
	size_t n, cap;
};
void fuzz_add(struct fuzz_text *text, struct str octets);
PRINTF_LIKE(2, 3) void fuzz_print(struct fuzz_text *text, const char *format, ...);
static inline struct str fuzz_str(const struct fuzz_text *text)
{
	return (struct str){ text->n == 0 ? "" : text->p, text->n };
}
/* A copy of exactly these octets, so that reading behind them is seen; to be freed. */
char *fuzz_copy(struct str octets);
/* ... with a NUL behind; NULL when there is one among them. */
char *fuzz_string(struct str octets);

/* Every line ends with CRLF, and there is no other CR or LF. */
bool fuzz_whole_lines(struct str octets);

/* A folder of its own for this process, below TMPDIR; removed at exit with what lies in it. */
const char *fuzz_folder(void);

#endif
