/*
 * The canonical form: see canonical.h. Driven by memchr, a line at a time; the two facts that need
 * every octet (NUL, 8-bit) are looked for in the whole piece, and only until they are known.
 */
#include "store/canonical.h"

#include "restante/store.h"

/* Some octet of the piece is 0x80 or above: eight at a time. */
static bool has_8bit(const char *p, size_t n)
{
	uint64_t all = 0;
	size_t i = 0;

	for (; i + sizeof all <= n; i += sizeof all) {
		uint64_t eight;

		memcpy(&eight, p + i, sizeof eight);
		all |= eight;
	}
	for (; i < n; i++)
		all |= (unsigned char)p[i];
	return (all & UINT64_C(0x8080808080808080)) != 0;
}

static void look_at(struct canonical *c, const char *p, size_t n)
{
	if (n == 0)
		return;
	if ((c->flags & MESSAGE_HAS_NUL) == 0 && memchr(p, '\0', n) != NULL)
		c->flags |= MESSAGE_HAS_NUL;
	if ((c->flags & MESSAGE_HAS_8BIT) == 0 && has_8bit(p, n))
		c->flags |= MESSAGE_HAS_8BIT;
}

/* A run of octets without LF. */
static void put_run(struct canonical *c, const char *p, size_t n, char *to)
{
	if (n == 0)
		return;
	if (c->line == 0 && p[0] == '.')
		c->flags |= MESSAGE_NEEDS_STUFFING;
	memcpy(to, p, n);
	c->line += n;
	c->octets += n;
	c->after_cr = p[n - 1] == '\r';
}

/* The end of a line; returns the octets put: LF, or CRLF where the CR was missing. */
static size_t put_end(struct canonical *c, char *to)
{
	size_t n = 0;

	if (!c->after_cr)
		to[n++] = '\r';
	else
		c->line--;
	to[n++] = '\n';
	c->octets += n;
	if (c->line > c->longest)
		c->longest = c->line;
	if (c->line == 0 && c->header_octets == 0)
		c->header_octets = c->octets;
	c->line = 0;
	c->after_cr = false;
	return n;
}

size_t canonical_add(struct canonical *c, struct str *in, char *to, size_t room)
{
	struct str rest = *in;
	size_t put = 0;

	while (rest.n > 0) {
		size_t most = rest.n < room - put ? rest.n : room - put;
		const char *lf = memchr(rest.p, '\n', most);
		size_t run = lf != NULL ? (size_t)(lf - rest.p) : most;

		put_run(c, rest.p, run, to + put);
		put += run;
		rest = str_from(rest, run);
		if (lf == NULL || put == room)
			break;
		if (!c->after_cr && room - put == 1) {
			/* The missing CR still fits; the LF waits for the next buffer. */
			put_run(c, "\r", 1, to + put);
			put++;
			break;
		}
		put += put_end(c, to + put);
		rest = str_from(rest, 1);
	}
	look_at(c, in->p, in->n - rest.n);
	*in = rest;
	return put;
}

size_t canonical_end(struct canonical *c, char *to)
{
	size_t put = 0;

	if (c->line > 0)
		put += put_end(c, to);
	if (c->header_octets == 0)
		put += put_end(c, to + put);
	return put;
}
