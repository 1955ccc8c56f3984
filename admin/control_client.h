/*
 * The tool's end of the control socket (include/restante/control.h).
 */
#ifndef RESTANTE_ADMIN_CONTROL_CLIENT_H
#define RESTANTE_ADMIN_CONTROL_CLIENT_H

#include "restante/control.h"

struct control_client;

enum control_answer {
	CONTROL_DONE,
	CONTROL_NO_SERVER, /* nobody listens there */
	CONTROL_DENIED,    /* not our uid */
	CONTROL_REFUSED,   /* the server said err: its exit status and sentence */
	CONTROL_BROKEN     /* the connection broke, or what came was no answer */
};

MUST_USE enum control_answer control_connect(const char *path, struct control_client **client,
					     struct fault *fault);
void control_close(struct control_client **client);

/* One row's words; false = enough, the rest is read and dropped. */
typedef bool control_row(void *context, char *const *words, int count);
/*
 * Sends one request, calls row (may be NULL) for each row of the answer. CONTROL_REFUSED sets
 * *code to the exit status that the server gave.
 */
MUST_USE enum control_answer control_request(struct control_client *client,
					     const char *const *words, size_t count,
					     control_row *row, void *context, int *code,
					     struct fault *fault);

#endif
