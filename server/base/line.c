/*
 * The line cutter: see line.h. An over-long line is skipped to its end and reported once, so that
 * its tail is never taken for a command (popa3d's old trap).
 */
#include "base/line.h"

/*
 * How many octets of `in` belong to the line, its end included; 0 = no end in sight. A CRLF may
 * be split between what is kept and what comes.
 */
static size_t end_of_line(const struct line_keep *keep, enum line_end end, struct str in)
{
	size_t from = 0;

	while (from < in.n) {
		const char *lf = memchr(in.p + from, '\n', in.n - from);
		bool after_cr;

		if (lf == NULL)
			return 0;
		if (end == LINE_LF_OR_CRLF)
			return (size_t)(lf - in.p) + 1;
		after_cr = lf > in.p ? lf[-1] == '\r'
				     : *keep->n > 0 && keep->p[*keep->n - 1] == '\r';
		if (after_cr)
			return (size_t)(lf - in.p) + 1;
		from = (size_t)(lf - in.p) + 1;
	}
	return 0;
}

static struct str without_end(struct str line)
{
	line.n--; /* LF */
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* While skipping only the last octet is kept, to see a CRLF that is split. */
static enum line_cut skip(struct line_keep keep, size_t taken, struct str *in)
{
	if (taken == 0) {
		if (in->n > 0) {
			keep.p[0] = in->p[in->n - 1];
			*keep.n = 1;
		}
		*in = str_from(*in, in->n);
		*keep.skipping = true;
		return LINE_NONE;
	}
	*in = str_from(*in, taken);
	*keep.n = 0;
	*keep.skipping = false;
	return LINE_TOO_LONG;
}

enum line_cut line_cut(struct line_keep keep, enum line_end end, struct str *in,
		       struct str *line)
{
	size_t taken = end_of_line(&keep, end, *in);
	size_t part = taken > 0 ? taken : in->n;

	if (*keep.skipping || part > keep.cap - *keep.n)
		return skip(keep, taken, in);
	if (part > 0)
		memcpy(keep.p + *keep.n, in->p, part);
	*keep.n += part;
	*in = str_from(*in, part);
	if (taken == 0)
		return LINE_NONE;
	*line = without_end((struct str){ keep.p, *keep.n });
	*keep.n = 0;
	return LINE_WHOLE;
}
