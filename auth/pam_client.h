/*
 * One question to restante-pam: connect, send, receive, all within a deadline.
 */
#ifndef RESTANTE_AUTH_PAM_CLIENT_H
#define RESTANTE_AUTH_PAM_CLIENT_H

#include "restante/fault.h"
#include "restante/pam_helper.h"

/*
 * False: no answer, fault says why (restante-pam does not run, its worker died or hangs, what it
 * said makes no sense). Blocks for `seconds` at most. Keeps no copy of the password.
 */
MUST_USE bool pam_client_ask(const char *socket_path, unsigned seconds,
			     const struct helper_request *request, struct helper_reply *reply,
			     struct fault *fault);

#endif
