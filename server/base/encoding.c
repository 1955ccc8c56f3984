/* Hexadecimal and base64: see encoding.h. */
#include "base/encoding.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(struct str text, unsigned char *to, size_t cap, size_t *n)
{
	if (text.n % 2 != 0 || text.n / 2 > cap)
		return false;
	for (size_t i = 0; i < text.n; i += 2) {
		int high = hex_value(text.p[i]);
		int low = hex_value(text.p[i + 1]);

		if (high < 0 || low < 0)
			return false;
		to[i / 2] = (unsigned char)(high * 16 + low);
	}
	*n = text.n / 2;
	return true;
}

bool hex_encode(const unsigned char *octets, size_t n, char *to, size_t cap)
{
	static const char digits[] = "0123456789abcdef";

	if (cap / 2 < n || cap - 2 * n < 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		*to++ = digits[octets[i] >> 4];
		*to++ = digits[octets[i] & 15];
	}
	*to = '\0';
	return true;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '.')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Takes a correct padding off: at most two "=" that fill up a group of four. */
static bool strip_padding(struct str *text)
{
	size_t padding = 0;

	while (padding < 2 && padding < text->n && text->p[text->n - 1 - padding] == '=')
		padding++;
	if (padding > 0 && text->n % 4 != 0)
		return false;
	text->n -= padding;
	return text->n % 4 != 1;
}

bool base64_decode(struct str text, unsigned char *to, size_t cap, size_t *n)
{
	unsigned group = 0;
	unsigned bits = 0;
	size_t out = 0;

	if (!strip_padding(&text))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int value = base64_value(text.p[i]);

		if (value < 0)
			return false;
		group = (group << 6 | (unsigned)value) & 0xffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (out == cap)
			return false;
		to[out++] = (unsigned char)(group >> bits & 0xff);
	}
	/* Left-over bits must be zero, or two texts would stand for the same octets. */
	if ((group & ((1U << bits) - 1)) != 0)
		return false;
	*n = out;
	return true;
}

bool base64_decode_strict(struct str text, unsigned char *to, size_t cap, size_t *n)
{
	return text.n % 4 == 0 && (text.n == 0 || memchr(text.p, '.', text.n) == NULL) &&
	       base64_decode(text, to, cap, n);
}

bool base64_encode(const unsigned char *octets, size_t n, char *to, size_t cap)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (n > cap || (n + 2) / 3 * 4 + 1 > cap)
		return false;
	for (size_t i = 0; i < n; i += 3) {
		unsigned group = (unsigned)octets[i] << 16;

		if (i + 1 < n)
			group |= (unsigned)octets[i + 1] << 8;
		if (i + 2 < n)
			group |= octets[i + 2];
		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = i + 1 < n ? digits[group >> 6 & 63] : '=';
		*to++ = i + 2 < n ? digits[group & 63] : '=';
	}
	*to = '\0';
	return true;
}
