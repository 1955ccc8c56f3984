/*
 * LMTP sessions: performs the actions of the pure machine (lmtp/lmtp.h) on accounts and store.
 */
#ifndef RESTANTE_LMTP_DRIVER_H
#define RESTANTE_LMTP_DRIVER_H

#include "connection.h"

extern const struct protocol lmtp_protocol;

#endif
