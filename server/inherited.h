/*
 * Sockets handed over by a service manager, by its plain protocol: LISTEN_FDS of them from
 * descriptor 3 on, for the process LISTEN_PID, with names in LISTEN_FDNAMES.
 */
#ifndef RESTANTE_INHERITED_H
#define RESTANTE_INHERITED_H

#include "config_address.h"
#include "restante/compiler.h"
#include "restante/fault.h"
#include "restante/limits.h"

#define INHERITED_MAX 64

struct inherited {
	struct {
		int fd;                           /* -1 = taken */
		char name[LISTENER_NAME_MAX + 1]; /* "" = none */
	} sockets[INHERITED_MAX];
	size_t n;
};

/*
 * Reads the environment, and removes it there: it is for this process alone, once. False: it is
 * meant for us and cannot be followed; no socket has been touched.
 */
MUST_USE bool inherited_open(struct inherited *inherited, struct fault *fault);
/*
 * The next one named `name`, else the next nameless or foreign-named one bound to `address`; -1
 * when there is none. It is the caller's then: nonblocking, close-on-exec, listening.
 */
int inherited_take(struct inherited *inherited, const char *name,
		   const struct config_address *address);
bool inherited_is_tcp(int fd);
/* Closes what nobody took, with a warning for each. */
void inherited_close(struct inherited *inherited);

#endif
