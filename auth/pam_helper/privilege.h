/*
 * What restante-pam takes off before it serves: descriptors, environment, capabilities, cores.
 */
#ifndef RESTANTE_PAM_PRIVILEGE_H
#define RESTANTE_PAM_PRIVILEGE_H

#include "restante/fault.h"
#include "settings.h"

/* Everything but standard error and, if `kept` >= 0, that one; 0 and 1 become /dev/null. */
MUST_USE bool privilege_close_descriptors(int kept, struct fault *fault);
/* An environment of PATH and the variables named: modules see nothing of whoever started us. */
MUST_USE bool privilege_clean_environment(const char *const *kept, size_t n,
					  struct fault *fault);
/*
 * No new privileges, no cores, and of root's capabilities those alone that pam_unix needs: to read
 * /etc/shadow where even root may not, and to write the audit trail (CAP_AUDIT_WRITE: without it
 * PAM calls every login a system error where the kernel audits). `keep`: all capabilities stay.
 */
MUST_USE bool privilege_reduce(bool keep, struct fault *fault);

#endif
