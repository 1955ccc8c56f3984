/* SipHash-2-4: see siphash.h. */
#include "base/siphash.h"

#include <sys/random.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int by)
{
	return (x << by) | (x >> (64 - by));
}

static void rounds(struct state *s, int n)
{
	while (n-- > 0) {
		s->v0 += s->v1;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v2 = rotate(s->v2, 32);
	}
}

static void compress(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

/* Up to eight octets, the first one lowest. */
static uint64_t word_of(const char *p, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)(unsigned char)p[i] << (8 * i);
	return word;
}

bool siphash_key_make(struct siphash_key *key)
{
	return getrandom(key, sizeof *key, 0) == (ssize_t)sizeof *key;
}

uint64_t siphash(const struct siphash_key *key, struct str octets)
{
	struct state s = { key->half[0] ^ UINT64_C(0x736f6d6570736575),
			   key->half[1] ^ UINT64_C(0x646f72616e646f6d),
			   key->half[0] ^ UINT64_C(0x6c7967656e657261),
			   key->half[1] ^ UINT64_C(0x7465646279746573) };
	struct str rest = octets;

	for (; rest.n >= 8; rest = str_from(rest, 8))
		compress(&s, word_of(rest.p, 8));
	compress(&s, word_of(rest.p, rest.n) | (uint64_t)(octets.n & 0xff) << 56);
	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
