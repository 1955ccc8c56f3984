/*
 * A buffer of fixed capacity over memory somebody else owns. Every append that does not fit says
 * no and changes nothing.
 */
#ifndef RESTANTE_BUF_H
#define RESTANTE_BUF_H

#include <stdint.h>

#include "restante/compiler.h"
#include "restante/str.h"

struct buf {
	char *p;
	size_t n;
	size_t cap;
};

static inline struct buf buf_over(char *memory, size_t cap)
{
	return (struct buf){ memory, 0, cap };
}

static inline size_t buf_room(const struct buf *b)
{
	return b->cap - b->n;
}

static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}

bool buf_add(struct buf *b, struct str s);
bool buf_add_char(struct buf *b, char c);
bool buf_add_u64(struct buf *b, uint64_t number);
/* Forgets the first n octets. */
void buf_drop(struct buf *b, size_t n);

#endif
