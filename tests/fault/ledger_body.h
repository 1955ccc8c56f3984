/* The numbers that a copy's prefix carries, and the body that follows from them. */
#ifndef RESTANTE_TESTS_LEDGER_BODY_H
#define RESTANTE_TESTS_LEDGER_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body_numbers {
	uint32_t copy;
	uint32_t seed;
	size_t octets;
};

/* Writes the prefix line; at most LEDGER_PREFIX_MAX octets with NUL. */
void body_prefix(char *to, uint32_t copy, uint32_t seed, size_t octets);
bool body_parse(const char *prefix, size_t n, struct body_numbers *numbers);
/* Octets [at, at + n) of the body: canonical, so that they are stored as they are. */
void body_octets(char *to, uint32_t seed, size_t octets, size_t at, size_t n);

#endif
