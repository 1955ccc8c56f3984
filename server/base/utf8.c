/*
 * Characters in UTF-8: see utf8.h. The table of RFC 3629 section 4: what the second octet may be
 * depends on the first.
 */
#include "base/utf8.h"

size_t utf8_character(struct str s)
{
	unsigned char first = s.n > 0 ? (unsigned char)*s.p : 0, low = 0x80, high = 0xBF;
	size_t n = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

	if (first < 0xC2 || first > 0xF4 || s.n < n)
		return 0;
	switch (first) {
	case 0xC2:
		low = 0xA0; /* below: C1 control characters */
		break;
	case 0xE0:
		low = 0xA0;
		break;
	case 0xED:
		high = 0x9F;
		break;
	case 0xF0:
		low = 0x90;
		break;
	case 0xF4:
		high = 0x8F;
		break;
	}
	if ((unsigned char)s.p[1] < low || (unsigned char)s.p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (((unsigned char)s.p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}
