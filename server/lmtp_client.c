/* Whose mail it is: see lmtp_client.h. */
#include "lmtp_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/number.h"
#include "server.h"

struct lmtp_client {
	struct peer connected; /* who told us */
	/* Of the client; "" = unknown. */
	char name[LMTP_DOMAIN_MAX + 1];
	char hello[LMTP_DOMAIN_MAX + 1];
	bool hello_told; /* instead of LHLO's argument, which is the connected one's */
};

bool lmtp_client_trusted(const struct connection *connection)
{
	struct sockaddr_storage address;

	peer_to_sockaddr(&connection->peer, &address);
	return config_networks_hold(&server_config(connection->server)->xclient_networks,
				    (const struct sockaddr *)&address);
}

void lmtp_client_forget(struct lmtp_connection *c)
{
	if (c->client == NULL)
		return;
	table_set_peer(&c->base.server->table, &c->base, &c->client->connected);
	free(c->client);
	c->client = NULL;
}

/* "" = unknown. False: it is no address. */
static bool parse_address(struct str text, struct peer *peer)
{
	*peer = (struct peer){ .family = PEER_UNKNOWN };
	return text.n == 0 || peer_from_text(peer, text);
}

/* The peer that the client is now: what is not given stays. False: an address is none. */
static bool new_peer(const struct lmtp_connection *c, const struct lmtp_xclient *told,
		     struct peer *peer)
{
	struct peer ignored;
	uint64_t port = 0;

	*peer = c->base.peer;
	if (!parse_address(told->value[LMTP_XCLIENT_DESTADDR], &ignored) ||
	    (told->given[LMTP_XCLIENT_ADDR] &&
	     !parse_address(told->value[LMTP_XCLIENT_ADDR], peer)))
		return false;
	if (number_parse(told->value[LMTP_XCLIENT_PORT], UINT16_MAX, &port))
		peer->port = (uint16_t)port;
	return true;
}

static void keep_text(char *to, struct str text)
{
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
}

static void log_told(const struct lmtp_connection *c, const struct lmtp_xclient *told)
{
	static const char *const keys[] = {
		[LMTP_XCLIENT_NAME] = "name",         [LMTP_XCLIENT_ADDR] = "addr",
		[LMTP_XCLIENT_PORT] = "port",         [LMTP_XCLIENT_PROTO] = "proto",
		[LMTP_XCLIENT_HELO] = "helo",         [LMTP_XCLIENT_LOGIN] = "login",
		[LMTP_XCLIENT_DESTADDR] = "destaddr", [LMTP_XCLIENT_DESTPORT] = "destport",
	};
	struct log_line line;
	char peer[PEER_TEXT_MAX];

	static_assert(ARRAY_SIZE(keys) == LMTP_XCLIENT_COUNT, "attribute without a key");
	peer_text(&c->client->connected, peer, sizeof peer);
	log_begin(&line, LOG_LEVEL_INFO, "xclient");
	log_number(&line, "session", c->base.session);
	log_word(&line, "peer", peer);
	for (size_t i = 0; i < LMTP_XCLIENT_COUNT; i++)
		if (told->given[i])
			log_quoted(&line, keys[i], told->value[i]);
	log_end(&line);
}

bool lmtp_client_told(struct lmtp_connection *c, const struct lmtp_xclient *told,
		      struct buf *out)
{
	struct peer peer;

	if (!new_peer(c, told, &peer)) {
		lmtp_report_xclient(&c->machine, false, out);
		return true;
	}
	if (c->client == NULL) {
		c->client = calloc(1, sizeof *c->client);
		if (c->client == NULL)
			return false;
		c->client->connected = c->base.peer;
	}
	table_set_peer(&c->base.server->table, &c->base, &peer);
	if (told->given[LMTP_XCLIENT_NAME])
		keep_text(c->client->name, told->value[LMTP_XCLIENT_NAME]);
	if (told->given[LMTP_XCLIENT_HELO]) {
		keep_text(c->client->hello, told->value[LMTP_XCLIENT_HELO]);
		c->client->hello_told = true;
	}
	log_told(c, told);
	lmtp_report_xclient(&c->machine, true, out);
	return true;
}

void lmtp_client_log(const struct lmtp_connection *c, struct log_line *line)
{
	char peer[PEER_TEXT_MAX];

	if (c->client == NULL)
		return;
	peer_text(&c->client->connected, peer, sizeof peer);
	log_word(line, "xclient-from", peer);
}

/* " (name [address])": TCP-info, where there is an address. */
static void tcp_info(const struct peer *peer, const char *name, char *text, size_t cap)
{
	char address[PEER_TEXT_MAX];

	text[0] = '\0';
	if (peer->family != AF_INET && peer->family != AF_INET6)
		return;
	peer_text(peer, address, sizeof address);
	snprintf(text, cap, " (%s%s[%s%s])", name, name[0] != '\0' ? " " : "",
		 peer->family == AF_INET6 ? "IPv6:" : "", address);
}

void lmtp_client_trace(const struct lmtp_connection *c, const char *hello, char *text,
		       size_t cap)
{
	char info[LMTP_DOMAIN_MAX + PEER_TEXT_MAX + 16];
	const char *name = c->client != NULL ? c->client->name : "";

	tcp_info(&c->base.peer, name, info, sizeof info);
	if (c->client != NULL && c->client->hello_told)
		hello = c->client->hello[0] != '\0' ? c->client->hello : "unknown";
	snprintf(text, cap, "%s%s", hello, info);
}
