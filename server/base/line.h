/*
 * Cuts lines off a stream of octets. A line may arrive in any number of pieces: what has come so
 * far is kept in `keep`, whose memory is the connection's.
 */
#ifndef RESTANTE_LINE_H
#define RESTANTE_LINE_H

#include "restante/str.h"

enum line_end {
	LINE_LF_OR_CRLF, /* POP3: every client quirk list has LF-only clients */
	LINE_CRLF_ONLY   /* LMTP: RFC 5321 section 4.1.1.4 forbids the other */
};

enum line_cut {
	LINE_NONE,    /* all of `in` is taken and kept; more is needed */
	LINE_WHOLE,   /* *line is a line without its end, valid until the next cut */
	LINE_TOO_LONG /* a line longer than the capacity has just ended: report it once */
};

struct line_keep {
	char *p;
	size_t cap; /* octets of a line including its end */
	size_t *n;
	bool *skipping;
};

/* Takes octets off the front of *in, at most to the end of one line. */
enum line_cut line_cut(struct line_keep keep, enum line_end end, struct str *in,
		       struct str *line);

#endif
