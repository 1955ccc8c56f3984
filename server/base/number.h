/*
 * Decimal numbers from outside: the whole token, digits only, no sign, no space, in range.
 */
#ifndef RESTANTE_NUMBER_H
#define RESTANTE_NUMBER_H

#include <stdint.h>

#include "restante/compiler.h"
#include "restante/str.h"

MUST_USE bool number_parse(struct str token, uint64_t max, uint64_t *value);
/* a + b into *sum; false when it does not fit. */
MUST_USE bool number_add(uint64_t a, uint64_t b, uint64_t *sum);

#endif
