/*
 * The message after DATA: finds its end and removes the transparency of RFC 5321 section 4.5.2.
 *
 * Only CRLF.CRLF ends a message (section 4.1.1.4: "MUST NOT" for anything with a bare LF); other
 * readings are how mail is smuggled past a filter. The octets travel as slices of the input that
 * are as long as can be. State between two slices is how much of CRLF.CRLF has just gone by:
 *
 *	LINE      CRLF: a "." here is no content, but the first octet of the end or a stuffed dot
 *	TEXT      nothing
 *	CR        CR, which already went out as content, like the LF behind it
 *	DOT       CRLF. and the dot is withheld for good
 *	DOT_CR    CRLF.CR and this CR is withheld: an LF makes it the end, anything else content
 *
 * The withheld CR is the only octet that may have to be given out after its slice is gone: it
 * comes from a constant.
 */
#include "lmtp/lmtp_private.h"

enum { DATA_LINE = LMTP_DATA_START, DATA_TEXT, DATA_CR, DATA_DOT, DATA_DOT_CR };

static const char withheld_cr[] = "\r";

/* Whether the octet at `i` stands behind CRLF. */
static bool begins_line(unsigned dot, struct str in, size_t i)
{
	if (i == 0)
		return dot == DATA_LINE;
	if (in.p[i - 1] != '\n')
		return false;
	return i == 1 ? dot == DATA_CR : in.p[i - 2] == '\r';
}

/* What the end of a slice of content, not empty, leaves to remember. */
static unsigned state_behind(unsigned dot, struct str octets)
{
	if (begins_line(dot, octets, octets.n))
		return DATA_LINE;
	return octets.p[octets.n - 1] == '\r' ? DATA_CR : DATA_TEXT;
}

/* Content up to the next dot that begins a line; that dot is taken with it. */
static enum lmtp_data_kind take_content(unsigned *dot, struct str *in, struct str *octets)
{
	size_t n = 0;

	while (n < in->n) {
		const char *found = memchr(in->p + n, '.', in->n - n);

		n = found == NULL ? in->n : (size_t)(found - in->p);
		if (found == NULL || begins_line(*dot, *in, n))
			break;
		n++;
	}
	*octets = (struct str){ in->p, n };
	if (n == in->n) {
		*dot = state_behind(*dot, *octets);
		*in = str_from(*in, n);
		return LMTP_DATA_OCTETS;
	}
	*dot = DATA_DOT;
	*in = str_from(*in, n + 1);
	return n > 0 ? LMTP_DATA_OCTETS : LMTP_DATA_NONE;
}

enum lmtp_data_kind lmtp_data_decode(unsigned *dot, struct str *in, struct str *octets)
{
	while (in->n > 0) {
		switch (*dot) {
		case DATA_DOT:
			*dot = *in->p == '\r' ? DATA_DOT_CR : DATA_TEXT;
			*in = str_from(*in, *in->p == '\r');
			break;
		case DATA_DOT_CR:
			if (*in->p == '\n') {
				*in = str_from(*in, 1);
				*dot = DATA_LINE;
				return LMTP_DATA_END;
			}
			*octets = (struct str){ withheld_cr, 1 };
			*dot = DATA_CR;
			return LMTP_DATA_OCTETS;
		default: /* LINE, TEXT, CR */
			if (take_content(dot, in, octets) == LMTP_DATA_OCTETS)
				return LMTP_DATA_OCTETS;
			break;
		}
	}
	return LMTP_DATA_NONE;
}
