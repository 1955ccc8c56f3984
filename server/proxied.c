/*
 * Clients behind a proxy: see proxied.h.
 *
 * The header is looked at where it lies in the socket and taken out to the octet: TLS must see
 * exactly what stands behind it. What is there of an incomplete header belongs to it as a whole,
 * and is taken out and held, or the poller would tell of it again and again.
 */
#include "proxied.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/proxy.h"
#include "server.h"

struct proxied {
	struct peer proxy;
	/* As the proxy told; "" = nothing. */
	char version[16];
	char cipher[64];
	char authority[256];
};

void proxied_refused(const struct connection *c, const char *why)
{
	struct log_line line;
	char peer[PEER_TEXT_MAX];

	peer_text(&c->peer, peer, sizeof peer);
	log_begin(&line, LOG_LEVEL_WARNING, "proxy-refused");
	log_word(&line, "protocol", c->protocol->name);
	log_number(&line, "session", c->session);
	log_word(&line, "peer", peer);
	log_quoted(&line, "why", str_of(why));
	log_end(&line);
}

void proxied_log_proxy(const struct proxied *proxied, struct log_line *line)
{
	char proxy[PEER_TEXT_MAX];

	peer_text(&proxied->proxy, proxy, sizeof proxy);
	log_word(line, "proxy", proxy);
}

void proxied_log_told(const struct proxied *proxied, struct log_line *line)
{
	if (proxied->version[0] != '\0')
		log_quoted(line, "proxy-tls", str_of(proxied->version));
	if (proxied->cipher[0] != '\0')
		log_quoted(line, "proxy-cipher", str_of(proxied->cipher));
	if (proxied->authority[0] != '\0')
		log_quoted(line, "sni", str_of(proxied->authority));
}

/* For the log: what is longer is cut. */
static void keep_text(char *to, size_t cap, struct str text)
{
	size_t n = text.n < cap ? text.n : cap - 1;

	memcpy(to, text.p, n);
	to[n] = '\0';
}

static struct proxied *keep(const struct connection *c, const struct proxy_header *header)
{
	struct proxied *proxied = calloc(1, sizeof *proxied);

	if (proxied == NULL)
		return NULL;
	proxied->proxy = c->peer;
	keep_text(proxied->version, sizeof proxied->version, header->version);
	keep_text(proxied->cipher, sizeof proxied->cipher, header->cipher);
	keep_text(proxied->authority, sizeof proxied->authority, header->authority);
	return proxied;
}

static enum prelude_status fail(struct connection *c, enum ending why)
{
	c->why = why;
	return PRELUDE_FAILED;
}

static enum prelude_status refuse(struct connection *c, const char *why)
{
	proxied_refused(c, why);
	return fail(c, ENDING_PROXY);
}

/* As the acceptor does it for others: told why, where there is somebody who can read it. */
static enum prelude_status no_room(struct connection *c, const char *reason)
{
	struct str text = str_of(c->protocol->refusal);

	if (!c->tls_first) {
		enum stream_status ignored = stream_write(connection_stream(c), &text);

		(void)ignored;
	}
	refusal_note(&c->server->refusals, &c->peer, reason);
	return fail(c, ENDING_PROXY);
}

/* May the client send a password in clear? Of one that nobody knows, nobody can say yes. */
static bool clear_password_allowed(const struct connection *c,
				   const struct proxy_header *header)
{
	struct sockaddr_storage address;

	if (!header->known && !header->local)
		return false;
	peer_to_sockaddr(&c->peer, &address);
	return config_clear_password_allowed(server_config(c->server),
					     (const struct sockaddr *)&address);
}

static bool is_exempt(const struct connection *c, const struct peer *client)
{
	struct sockaddr_storage address;

	peer_to_sockaddr(client, &address);
	return config_networks_hold(&server_config(c->server)->limiter_networks,
				    (const struct sockaddr *)&address);
}

/* Whoever is banned is told nothing. */
static enum prelude_status turn_away(struct connection *c, const struct peer *client)
{
	refusal_note(&c->server->refusals, client, "banned");
	return fail(c, ENDING_BANNED);
}

static enum prelude_status take_in(struct connection *c, const struct proxy_header *header)
{
	const struct peer client = header->known ? header->client : c->peer;
	bool exempt = is_exempt(c, &client);

	c->health_check = header->local;
	if (!header->local) {
		c->proxied = keep(c, header);
		if (c->proxied == NULL)
			return fail(c, ENDING_BROKEN);
	}
	if (!exempt && bans_hold(&c->server->bans, &client, clock_monotonic_ms()))
		return turn_away(c, &client);
	switch (table_admit_client(&c->server->table, c, &client, exempt)) {
	case TABLE_FULL:
		return no_room(c, "memory");
	case TABLE_SOURCE_FULL:
		return no_room(c, "connections-per-prefix");
	case TABLE_SOURCE_LOGINS_FULL:
		return no_room(c, "connections-before-login-per-prefix");
	case TABLE_OK:
		break;
	}
	c->secure = header->tls;
	c->clear_password = header->tls || clear_password_allowed(c, header);
	/* The proxy has taken that off its hands. */
	c->tls_offered = c->tls_offered && !header->tls;
	return PRELUDE_DONE;
}

/* Takes `n` octets, which are there, out of the socket. */
static bool take_out(struct connection *c, char *to, size_t n)
{
	size_t taken;

	return n == 0 ||
	       (stream_read(connection_stream(c), to, n, &taken) == STREAM_OK && taken == n);
}

/* `octets`, of which the first `held` are out of the socket already. */
static enum prelude_status parse(struct connection *c, char *octets, size_t held, size_t n)
{
	struct proxy_header header;
	enum proxy_status status = proxy_parse((struct str){ octets, n }, &header);

	if (status == PROXY_BAD)
		return refuse(c, header.why);
	if (status == PROXY_WHOLE)
		n = header.n;
	if (!take_out(c, octets + held, n - held))
		return fail(c, ENDING_HANGUP);
	held_free(&c->in);
	if (status == PROXY_WHOLE)
		return take_in(c, &header);
	return held_keep(&c->in, (struct str){ octets, n }) ? PRELUDE_WAITS_FOR_INPUT
							    : fail(c, ENDING_BROKEN);
}

enum prelude_status proxied_meet_client(struct connection *c)
{
	char octets[PROXY_V2_MAX];
	struct str held = held_rest(&c->in);
	size_t n = 0;

	memcpy(octets, held.p, held.n);
	switch (stream_peek(c->polled.fd, octets + held.n, sizeof octets - held.n, &n)) {
	case STREAM_WAIT:
		return PRELUDE_WAITS_FOR_INPUT;
	case STREAM_OK:
		return parse(c, octets, held.n, held.n + n);
	case STREAM_END:
	case STREAM_BROKEN:
		break;
	}
	if (held.n > 0)
		return refuse(c, "PROXY header that ends early");
	/* It only wanted to know whether somebody listens. */
	c->health_check = true;
	return fail(c, ENDING_HANGUP);
}
