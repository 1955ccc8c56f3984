/* What an operator does with bans, for the control socket: see bans.h. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "restante/limits.h"
#include "sessions.h"

static void list(void *context, control_ban_row *row, void *to)
{
	struct server *server = context;
	int64_t now = clock_monotonic_ms();
	int64_t wall = clock_wall_seconds();
	size_t n = 0;
	/* A copy: the tool may be slow, and each new connection looks at the bans. */
	struct ban *bans = bans_copy(&server->bans, now, &n);

	for (size_t i = 0; i < n; i++) {
		char network[NETWORK_TEXT_MAX];

		network_format(&bans[i].network, network, sizeof network);
		row(to, network, wall + (bans[i].until - now + 999) / 1000);
	}
	free(bans);
}

struct banning {
	const struct network *network;
	uint64_t ended;
};

static void end_if_banned(void *context, struct connection *connection)
{
	struct banning *banning = context;

	if (!connection->exempt && ban_holds(banning->network, &connection->peer))
		banning->ended += connection_end(connection, ENDING_BANNED);
}

static bool take_network(const char *text, struct network *network, struct fault *fault)
{
	struct reason reason;

	if (network_parse_masked(text, network, &reason))
		return true;
	fault_set(fault, "\"%.64s\" %s", text, reason.text);
	return false;
}

static void log_ban(const char *event, const char *network, const char *key, uint64_t number,
		    uint64_t ended)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_NOTICE, event);
	log_word(&line, "network", network);
	log_number(&line, key, number);
	if (ended > 0)
		log_number(&line, "ended", ended);
	log_end(&line);
}

static bool add(void *context, const char *text, uint64_t seconds, uint64_t *ended,
		struct fault *fault)
{
	struct server *server = context;
	int64_t now = clock_monotonic_ms();
	char network_text[NETWORK_TEXT_MAX];
	struct network network;
	struct banning banning = { .network = &network };

	*ended = 0;
	if (!take_network(text, &network, fault))
		return false;
	if (!bans_add(&server->bans, &network, now + (int64_t)seconds * 1000, now)) {
		fault_set(fault, "there are %d bans already, and that is all there may be",
			  BANS_MAX);
		return false;
	}
	table_each(&server->table, end_if_banned, &banning);
	network_format(&network, network_text, sizeof network_text);
	log_ban("ban", network_text, "seconds", seconds, banning.ended);
	*ended = banning.ended;
	return true;
}

static bool clear(void *context, const char *text, uint64_t *cleared, struct fault *fault)
{
	struct server *server = context;
	int64_t now = clock_monotonic_ms();
	char network_text[NETWORK_TEXT_MAX] = "all";
	struct network network;

	*cleared = 0;
	if (text != NULL) {
		if (!take_network(text, &network, fault))
			return false;
		network_format(&network, network_text, sizeof network_text);
	}
	*cleared = bans_clear(&server->bans, text != NULL ? &network : NULL, now);
	log_ban("ban-clear", network_text, "bans", *cleared, 0);
	return true;
}

void ban_hooks(struct control_hooks *hooks)
{
	hooks->ban_list = list;
	hooks->ban_add = add;
	hooks->ban_clear = clear;
}
