/*
 * The socket that workers accept on: from the service manager, or made here.
 */
#ifndef RESTANTE_PAM_LISTENING_H
#define RESTANTE_PAM_LISTENING_H

#include "restante/fault.h"
#include "settings.h"

/* Where inherited sockets begin, by the service manager's protocol. */
#define LISTENING_FIRST_FD 3

/*
 * True: descriptor LISTENING_FIRST_FD is from the service manager, for this process (LISTEN_PID,
 * LISTEN_FDS). Reads the environment.
 */
bool listening_is_inherited(void);
/* Nonblocking and close-on-exec. -1: it is not one to accept packets on; fault. */
MUST_USE int listening_take(struct fault *fault);
/*
 * Binds settings->socket_path, for root and settings' user: mode 0660, group of that user. Replaces
 * a socket that nobody listens on any more. -1 with fault.
 */
MUST_USE int listening_bind(const struct settings *settings, struct fault *fault);

#endif
