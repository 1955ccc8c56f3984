/*
 * The supervisor: forks workers, renews those that have ended, kills those that hang. Never calls
 * NSS, PAM or anything else that could keep it waiting, and reads no octet from a connection.
 */
#ifndef RESTANTE_PAM_SUPERVISOR_H
#define RESTANTE_PAM_SUPERVISOR_H

#include "restante/fault.h"
#include "settings.h"

/*
 * Returns after SIGTERM or SIGINT, when no worker is left; a login under way gets its time. False:
 * could not begin. Blocks and takes SIGCHLD, SIGTERM and SIGINT.
 */
MUST_USE bool supervise(const struct settings *settings, int listening, struct fault *fault);

#endif
