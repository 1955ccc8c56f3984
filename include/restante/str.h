/*
 * A borrowed run of octets. Not terminated, may hold NUL; whoever keeps one copies it.
 */
#ifndef RESTANTE_STR_H
#define RESTANTE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct str {
	const char *p;
	size_t n;
};

#define STR_INIT(literal)                      \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}
#define STR(literal) ((struct str)STR_INIT(literal))
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *text)
{
	return (struct str){ text, strlen(text) };
}

static inline bool str_equal(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case only: protocol keywords, domains. */
static inline bool str_equal_nocase(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* The part from octet `from` on; empty when there is none. */
static inline struct str str_from(struct str s, size_t from)
{
	return from >= s.n ? (struct str){ s.p + s.n, 0 }
			   : (struct str){ s.p + from, s.n - from };
}

#endif
