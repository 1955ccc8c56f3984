/*
 * The end of service: sessions that rest are ended at once, the others get a bounded time to come
 * to rest, and whoever is left then is ended as well - all without UPDATE, except a QUIT that is
 * already with its writer.
 */
#ifndef RESTANTE_DRAIN_H
#define RESTANTE_DRAIN_H

#include "acceptor.h"

/* Returns when no connection is left, or a little after `seconds`: false when some are. */
bool drain(struct server *server, struct acceptor *acceptor, unsigned seconds);

#endif
