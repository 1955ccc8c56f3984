/*
 * What an operator sees and does to running sessions: the hooks of the control socket.
 */
#ifndef RESTANTE_SESSIONS_H
#define RESTANTE_SESSIONS_H

#include "control.h"
#include "server.h"

/* Fills the hooks; `server` must outlive them. */
void sessions_hooks(struct server *server, struct control_hooks *hooks);
/* Of these the ones about bans (ban_hooks.c); their context is the server. */
void ban_hooks(struct control_hooks *hooks);

#endif
