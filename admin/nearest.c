/*
 * Edit distance with a bounded row, for names of commands, options and columns.
 */
#include "nearest.h"

#include <string.h>

#define NAME_MAX_OCTETS 63

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/*
 * Insertions, deletions and replacements that turn a into b; both at most NAME_MAX_OCTETS
 * long.
 */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[NAME_MAX_OCTETS + 1];
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t above = row[j];
			size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
			row[j] = smallest(above + 1, row[j - 1] + 1, replaced);
			diagonal = above;
		}
	}
	return row[nb];
}

const char *nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t n = strlen(word);
	if (n == 0 || n > NAME_MAX_OCTETS)
		return NULL;
	/*
	 * Two slips, or a third of a long word: farther off it is not the word that was
	 * meant.
	 */
	size_t least = (n > 8 ? n / 3 : 2) + 1;
	for (size_t i = 0; i < count; i++) {
		size_t nc = strlen(candidates[i]);
		if (nc > NAME_MAX_OCTETS)
			continue;
		size_t d = distance(word, n, candidates[i], nc);
		/* A word with nothing in common but its length is no suggestion. */
		if (d < least && d < n) {
			least = d;
			best = candidates[i];
		}
	}
	return best;
}
