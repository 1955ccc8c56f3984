/*
 * "Did you mean": the candidate that a mistyped word is nearest to.
 */
#ifndef RESTANTE_ADMIN_NEAREST_H
#define RESTANTE_ADMIN_NEAREST_H

#include <stddef.h>

/* NULL when none is near enough to be meant. */
const char *nearest(const char *word, const char *const *candidates, size_t count);

#endif
