/*
 * The command line of restante-pam, read once.
 */
#ifndef RESTANTE_PAM_SETTINGS_H
#define RESTANTE_PAM_SETTINGS_H

#include <stdbool.h>
#include <sys/types.h>

#include "restante/pam_helper.h"

#define SETTINGS_SERVICES_MAX 8

struct settings {
	const char *socket_path;
	const char *user; /* the server's: who may ask, beside root */
	uid_t uid;
	gid_t gid;
	const char *services[SETTINGS_SERVICES_MAX]; /* who may be asked about */
	size_t service_count;
	uid_t uid_min; /* users below are unknown; at least 1 */
	unsigned workers;
	unsigned requests; /* of one worker, then it is renewed */
	unsigned seconds;  /* for one request, then its worker is killed */
	bool keep_capabilities;
};

#endif
