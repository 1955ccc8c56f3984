/*
 * The form in which a message is kept, and the facts about it, both made in one pass while it
 * comes in, in pieces of any size. Pure: octets in, octets out.
 *
 * A bare LF becomes CRLF; a missing last CRLF and a missing end of the header are added at the
 * end. Everything else stays as it is: NUL, bare CR, 8-bit octets.
 */
#ifndef RESTANTE_STORE_CANONICAL_H
#define RESTANTE_STORE_CANONICAL_H

#include <stdint.h>

#include "restante/str.h"

/* canonical_end needs so much room: CRLF for the last line and CRLF for the header's end. */
#define CANONICAL_END_MAX 4

struct canonical {
	uint64_t octets;        /* canonical form so far */
	uint64_t header_octets; /* 0 until the empty line was seen */
	uint64_t line;          /* octets of the line that is not ended yet, CR included */
	uint64_t longest;       /* line, without CRLF */
	unsigned flags;         /* enum message_flag */
	bool after_cr;          /* the last octet was CR */
};

/* Takes octets off the front of *in while `to` (capacity *room) has space; returns octets put. */
size_t canonical_add(struct canonical *c, struct str *in, char *to, size_t room);
/* Puts what is missing at the end (at most CANONICAL_END_MAX octets); returns how many. */
size_t canonical_end(struct canonical *c, char *to);

#endif
