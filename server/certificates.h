/*
 * The certificates that restanted serves: read at start and again when a file changes (the
 * housekeeper looks, SIGHUP asks), with a line in the log for what cannot be used and for what ends
 * soon.
 */
#ifndef RESTANTE_CERTIFICATES_H
#define RESTANTE_CERTIFICATES_H

#include "control.h"
#include "server.h"

/* At start: server->tls, NULL where the configuration wants none. */
MUST_USE bool certificates_open(struct server *server, const struct config *config,
				struct fault *fault);
/* Looks for changes. Any thread; context is the server. */
void certificates_look(void *context);
/* For the tool: calls row(to, ...) for each pair. */
void certificates_rows(void *context, control_certificate_row *row, void *to);

#endif
