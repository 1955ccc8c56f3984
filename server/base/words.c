/* The lines of the control socket: see words_split and words_join in control.h. */
#include "restante/control.h"

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Octets that a word may not hold as they are. */
static bool needs_escape(unsigned char c)
{
	return c < 0x21 || c == '%' || c == 0x7F;
}

/*
 * Unescapes the word at *from up to TAB or the end and writes it to `to`, which is not behind
 * *from. The end (TAB, LF or NUL) is left at *from. NULL when the word is malformed.
 */
static char *unescape_word(char **from, char *to)
{
	char *p = *from;

	for (; *p != '\t' && *p != '\n' && *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '%') {
			int high = digit_value(p[1]);
			int low = high < 0 ? -1 : digit_value(p[2]);

			/* A word is a C string at its other end: %00 cannot be one. */
			if (low < 0 || (high == 0 && low == 0))
				return NULL;
			c = (unsigned char)(high << 4 | low);
			p += 2;
		} else if (needs_escape(c)) {
			return NULL;
		}
		*to++ = (char)c;
	}
	*from = p;
	return to;
}

int words_split(char *line, char **words, int cap)
{
	char *from = line;
	char *to = line;

	for (int n = 0; n < cap; n++) {
		char *word = to;
		char end;

		to = unescape_word(&from, to);
		if (to == NULL)
			return -1;
		end = *from;
		words[n] = word;
		*to++ = '\0';
		if (end == '\t')
			from++;
		else
			return end == '\n' && from[1] != '\0' ? -1 : n + 1;
	}
	return -1;
}

static bool join_word(const char *word, char *line, size_t cap, size_t *at)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *word != '\0'; word++) {
		unsigned char c = (unsigned char)*word;

		if (*at + 3 > cap)
			return false;
		if (needs_escape(c)) {
			line[(*at)++] = '%';
			line[(*at)++] = digits[c >> 4];
			line[(*at)++] = digits[c & 15];
		} else {
			line[(*at)++] = (char)c;
		}
	}
	return true;
}

bool words_join(const char *const *words, size_t n, char *line, size_t cap, size_t *len)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (!join_word(words[i], line, cap, &at) || at == cap)
			return false;
		line[at++] = i + 1 < n ? '\t' : '\n';
	}
	if (n == 0 || at == cap)
		return false;
	line[at] = '\0';
	*len = at;
	return true;
}
