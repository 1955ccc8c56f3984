/*
 * Time. Deadlines use the monotonic clock; what is stored uses the wall clock.
 */
#ifndef RESTANTE_CLOCK_H
#define RESTANTE_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_ms(void);
/* Seconds since 1970. */
int64_t clock_wall_seconds(void);

#endif
