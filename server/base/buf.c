/* A fixed buffer: see buf.h. */
#include "base/buf.h"

bool buf_add(struct buf *b, struct str s)
{
	if (s.n > buf_room(b))
		return false;
	/* Read into the room itself, it is in its place. */
	if (s.n > 0 && s.p != b->p + b->n)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	return true;
}

bool buf_add_char(struct buf *b, char c)
{
	return buf_add(b, (struct str){ &c, 1 });
}

bool buf_add_u64(struct buf *b, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return buf_add(b, (struct str){ digits + at, sizeof digits - at });
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}
