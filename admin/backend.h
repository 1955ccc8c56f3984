/*
 * Where maildrop commands go: to the running server through its control socket, or, when there
 * is none, to the store itself. This is the one place that decides; commands see no difference.
 */
#ifndef RESTANTE_ADMIN_BACKEND_H
#define RESTANTE_ADMIN_BACKEND_H

#include "restante/store_admin.h"
#include "tool.h"

enum backend_need {
	BACKEND_READ,
	BACKEND_CHANGE /* without a server the store is then owned for as long as it is open */
};

struct control_client;

struct backend {
	struct control_client *server; /* NULL: the store is open */
	struct store *store;
	struct store_reader *reader;
};

/* All return an exit status and have said what went wrong. */
MUST_USE int backend_open(struct tool *tool, enum backend_need need, struct backend *backend);
/*
 * The store itself, beside a server or not, for reading what the control socket does not
 * offer.
 */
MUST_USE int backend_open_reader(struct tool *tool, struct backend *backend);
/* The server or EX_UNAVAILABLE, for what only a server has. */
MUST_USE int backend_open_server(struct tool *tool, struct backend *backend);
/* Whether one answers at the control socket; says nothing. */
bool backend_server_runs(struct tool *tool);
void backend_close(struct backend *backend);

MUST_USE int backend_usage(struct backend *backend, const struct maildrop_key *key,
			   struct maildrop_usage *usage);
MUST_USE int backend_visit(struct backend *backend, const struct maildrop_key *key,
			   bool deleted, message_visit *visit, void *context);
MUST_USE int backend_undelete(struct backend *backend, const struct maildrop_key *key,
			      const struct deleted_selection *which, uint64_t *restored);
/* Flags one live message deleted, as QUIT does. */
MUST_USE int backend_delete(struct backend *backend, const struct maildrop_key *key,
			    uint64_t uid, uint64_t *deleted);
MUST_USE int backend_purge(struct backend *backend, const struct maildrop_key *key,
			   const struct deleted_selection *which, uint64_t *purged);
/* Of backend_open_reader only. */
MUST_USE int backend_check(struct backend *backend, struct accounts *accounts,
			   check_report *report, void *context, uint64_t *findings);

/* One request to the server; rows go to `row`. */
typedef bool backend_row(void *context, char *const *words, int count);
MUST_USE int backend_request(struct backend *backend, const char *const *words, size_t count,
			     backend_row *row, void *context);

/* The store's figures, shard by shard. */
typedef void backend_figures_visit(void *context, unsigned shard,
				   const struct store_figures *figures);
MUST_USE int backend_figures(struct backend *backend, backend_figures_visit *visit,
			     void *context);

#endif
