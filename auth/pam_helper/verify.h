/*
 * One PAM transaction, from pam_start to pam_end. The only file that calls libpam.
 */
#ifndef RESTANTE_PAM_VERIFY_H
#define RESTANTE_PAM_VERIFY_H

#include "restante/pam_helper.h"

/* Texts without NUL, NUL-terminated. */
struct login {
	const char *user;
	const char *password;
	const char *address; /* "" = unknown */
	const char *service;
};

/*
 * Is it them (pam_authenticate), and may they log in now (pam_acct_mgmt). Never HELPER_UNKNOWN:
 * whether there is such a user was asked before.
 */
void verify_login(const struct login *login, struct helper_reply *reply);

#endif
