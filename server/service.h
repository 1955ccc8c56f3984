/*
 * The service as a whole: everything set up in order, and taken down in the opposite one.
 */
#ifndef RESTANTE_SERVICE_H
#define RESTANTE_SERVICE_H

#include "acceptor.h"
#include "control.h"
#include "housekeeper.h"
#include "server.h"
#include "worker.h"

struct service {
	struct server server;
	struct pool pool;
	struct acceptor acceptor;
	struct acceptor_listener *accepting;
	struct control *control;
	struct housekeeper *housekeeper;
};

/*
 * Binds, becomes the configured user, opens (or makes) the data, starts the threads. The
 * configuration must outlive the service.
 */
MUST_USE bool service_start(struct service *service, const struct config *config,
			    struct fault *fault);
/* Another configuration for everything that is not fixed at start. */
void service_reload(struct service *service, const struct config *config);
/* Drains and takes everything down. */
void service_stop(struct service *service);

#endif
