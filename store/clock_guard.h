/*
 * A wall clock that jumps ahead must not purge. Housekeeping stamps the clock into the shard; when
 * it finds the clock more than a day beyond the stamp and the time since, nothing that depends
 * on age is done until the clock is put right or the server has run for a day, restarts not counted: a
 * machine that is switched off every night must not wait for ever.
 */
#ifndef RESTANTE_STORE_CLOCK_GUARD_H
#define RESTANTE_STORE_CLOCK_GUARD_H

#include "store/store_private.h"

/* May things be removed for their age at wall clock `now`? Logs when not. */
bool clock_trusted(struct shard *shard, int64_t now);

#endif
