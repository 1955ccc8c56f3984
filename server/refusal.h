/*
 * Connections that are refused for want of room: counted, and told in the log. A flood of refusals
 * must not become a flood of log lines, so one line stands for all of ten seconds. Any thread.
 */
#ifndef RESTANTE_REFUSAL_H
#define RESTANTE_REFUSAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "net/peer.h"

struct refusals {
	_Atomic uint64_t all;
	_Atomic uint64_t untold; /* since the last line */
	_Atomic int64_t told;    /* when that was; monotonic ms */
};

void refusal_note(struct refusals *refusals, const struct peer *peer, const char *reason);

#endif
