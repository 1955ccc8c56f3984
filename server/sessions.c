/* Running sessions for the operator: see sessions.h. */
#include "sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certificates.h"

/* Rows are copied under the table's mutex and sent after it: the tool may be slow. */
struct copied {
	uint64_t session;
	const char *protocol;
	char peer[PEER_TEXT_MAX];
	int64_t since;
	int64_t idle_ms;
	struct session_row row;
};

struct copying {
	struct copied *rows;
	size_t n, cap;
	int64_t now;
};

static void copy_one(void *context, struct connection *connection)
{
	struct copying *copying = context;
	struct copied *to;

	if (copying->n == copying->cap)
		return;
	to = &copying->rows[copying->n++];
	to->session = connection->session;
	to->protocol = connection->protocol->name;
	peer_text(&connection->peer, to->peer, sizeof to->peer);
	to->since = connection->started;
	to->idle_ms = copying->now - atomic_load(&connection->active);
	connection->protocol->describe(connection, &to->row);
}

static void list(void *context, control_session_row *row, void *to)
{
	struct server *server = context;
	struct copying copying = { .cap = table_used(&server->table),
				   .now = clock_monotonic_ms() };

	copying.rows = calloc(copying.cap + 1, sizeof copying.rows[0]);
	if (copying.rows == NULL)
		return;
	table_each(&server->table, copy_one, &copying);
	for (size_t i = 0; i < copying.n; i++) {
		const struct copied *from = &copying.rows[i];
		struct control_session session = {
			.session = from->session,
			.protocol = from->protocol,
			.peer = from->peer,
			.user = from->row.user,
			.state = from->row.state,
			.since = from->since,
			.idle_seconds = from->idle_ms > 0 ? (uint64_t)from->idle_ms / 1000 : 0,
			.messages = from->row.messages,
			.octets = from->row.octets,
		};

		row(to, &session);
	}
	free(copying.rows);
}

struct kicking {
	uint64_t session;
	const char *address;
	uint64_t ended;
};

static void kick_one(void *context, struct connection *connection)
{
	struct kicking *kicking = context;
	struct session_row row = { .user = "" };

	if (kicking->session != 0) {
		if (connection->session != kicking->session)
			return;
	} else {
		connection->protocol->describe(connection, &row);
		if (strcasecmp(row.user, kicking->address) != 0 || row.user[0] == '\0')
			return;
	}
	kicking->ended += connection_end(connection, ENDING_KICK);
}

static uint64_t kick(void *context, uint64_t session, const char *address)
{
	struct server *server = context;
	struct kicking kicking = { .session = session, .address = address };

	table_each(&server->table, kick_one, &kicking);
	return kicking.ended;
}

static void figure(control_figure *row, void *to, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	row(to, name, text);
}

static void status(void *context, control_figure *row, void *to)
{
	struct server *server = context;

	row(to, "version", RESTANTE_VERSION);
	row(to, "state", atomic_load(&server->draining) ? "draining" : "serving");
	figure(row, to, "uptime", (uint64_t)(clock_wall_seconds() - server->started));
	figure(row, to, "connections", table_used(&server->table));
	figure(row, to, "connections-max", server->table.capacity);
	figure(row, to, "accepted", atomic_load(&server->accepted));
	figure(row, to, "refused", atomic_load(&server->refusals.all));
	figure(row, to, "logins", atomic_load(&server->logins));
	figure(row, to, "quick-logins", atomic_load(&server->quick_logins));
	figure(row, to, "failed-logins", atomic_load(&server->failed_logins));
	figure(row, to, "limited-logins", atomic_load(&server->limited_logins));
	figure(row, to, "delivered", atomic_load(&server->delivered));
	for (size_t i = 0; i < server->listeners.n; i++)
		row(to, server->listeners.items[i].config->name,
		    server->listeners.items[i].address);
}

void sessions_hooks(struct server *server, struct control_hooks *hooks)
{
	*hooks = (struct control_hooks){
		.context = server,
		.status = status,
		.session_list = list,
		.session_kick = kick,
		.certificates = certificates_rows,
	};
	ban_hooks(hooks);
}
