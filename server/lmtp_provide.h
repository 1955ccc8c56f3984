/*
 * Recipients whose mailbox is made by their first message (option pam_create_mailbox): between the
 * resolving of RCPT and its reply, a hasher asks the backends about addresses that have none.
 */
#ifndef RESTANTE_LMTP_PROVIDE_H
#define RESTANTE_LMTP_PROVIDE_H

#include "lmtp_connection.h"
#include "restante/auth.h"

/*
 * True: c->provision holds the addresses among `targets->missing` whom a backend may know, and the
 * connection is to be parked with lmtp_provide_park. False: none, or no memory for it.
 */
MUST_USE bool lmtp_provide_needed(struct lmtp_connection *c,
				  const struct recipient_targets *targets);
void lmtp_provide_park(struct lmtp_connection *c);
/* After the park, once: AUTH_UNAVAILABLE means that nobody could be asked (logged). */
enum auth_verdict lmtp_provide_end(struct lmtp_connection *c);

#endif
