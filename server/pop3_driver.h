/*
 * POP3 sessions: performs the actions of the pure machine (pop3/pop3.h) on accounts and store.
 */
#ifndef RESTANTE_POP3_DRIVER_H
#define RESTANTE_POP3_DRIVER_H

#include "connection.h"

extern const struct protocol pop3_protocol;

#endif
