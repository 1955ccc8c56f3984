/*
 * One turn of a worker with one connection: flush what is held, read, run the protocol, flush,
 * and pass the connection on - armed, parked or closed.
 */
#ifndef RESTANTE_TURN_H
#define RESTANTE_TURN_H

#include "worker.h"

void turn_run(struct worker *worker, struct connection *connection);

#endif
