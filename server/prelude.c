/* Before the protocol: see prelude.h. */
#include "prelude.h"

#include "base/clock.h"
#include "base/log.h"
#include "proxied.h"
#include "server.h"

#define GREETING_ROOM 1024

static void log_failure(const struct connection *c, const char *event, const char *why)
{
	struct log_line line;
	char peer[PEER_TEXT_MAX];

	peer_text(&c->peer, peer, sizeof peer);
	log_begin(&line, connection_idle_level(c), event);
	log_word(&line, "protocol", c->protocol->name);
	log_number(&line, "session", c->session);
	log_word(&line, "peer", peer);
	log_quoted(&line, "why", str_of(why));
	log_end(&line);
}

static void hurry(struct connection *c, int seconds)
{
	int64_t limit = clock_monotonic_ms() + seconds * INT64_C(1000);

	c->deadline_after = atomic_load(&c->deadline);
	if (limit < c->deadline_after)
		atomic_store(&c->deadline, limit);
}

static void hurry_no_more(struct connection *c)
{
	atomic_store(&c->deadline, c->deadline_after);
}

void prelude_expect_proxy(struct connection *c)
{
	c->awaits_proxy = true;
	hurry(c, PROXY_HEADER_SECONDS);
}

void prelude_expect_tls(struct connection *c)
{
	c->handshaking = true;
	hurry(c, TLS_HANDSHAKE_SECONDS);
}

bool prelude_start_tls(struct connection *c, struct str behind)
{
	if (behind.n > 0) {
		log_failure(c, "tls-injection", "octets in clear behind the command for TLS");
		c->why = ENDING_TLS;
		return false;
	}
	prelude_expect_tls(c);
	return true;
}

static enum prelude_status fail(struct connection *c, const char *why)
{
	log_failure(c, "tls-failed", why);
	c->why = ENDING_TLS;
	return PRELUDE_FAILED;
}

static enum prelude_status shake_hands(struct connection *c)
{
	struct fault fault;

	if (c->tls == NULL) {
		c->tls = tls_accept(c->server->tls, c->polled.fd, c->protocol->alpn);
		if (c->tls == NULL)
			return fail(c, "out of memory");
	}
	switch (tls_handshake(c->tls)) {
	case STREAM_OK:
		c->handshaking = false;
		c->secure = c->clear_password = true;
		hurry_no_more(c);
		return PRELUDE_DONE;
	case STREAM_WAIT:
		return tls_wants_room(c->tls) ? PRELUDE_WAITS_FOR_ROOM
					      : PRELUDE_WAITS_FOR_INPUT;
	case STREAM_END:
	case STREAM_BROKEN:
		break;
	}
	tls_fault(c->tls, &fault);
	return fail(c, fault.text);
}

/* The header, from which on nobody but the client is heard. */
static enum prelude_status meet_client(struct connection *c)
{
	enum prelude_status status = proxied_meet_client(c);

	if (status != PRELUDE_DONE)
		return status;
	c->awaits_proxy = false;
	hurry_no_more(c);
	if (c->tls_first)
		prelude_expect_tls(c);
	return PRELUDE_DONE;
}

enum prelude_status prelude_run(struct connection *c)
{
	enum prelude_status status = c->awaits_proxy ? meet_client(c) : PRELUDE_DONE;

	if (status == PRELUDE_DONE && c->handshaking)
		status = shake_hands(c);
	if (status == PRELUDE_DONE && !c->greeted && !prelude_greet(c)) {
		c->why = ENDING_HANGUP;
		return PRELUDE_FAILED;
	}
	return status;
}

bool prelude_greet(struct connection *c)
{
	char memory[GREETING_ROOM];
	struct buf out = buf_over(memory, sizeof memory);
	struct str rest;

	c->greeted = true;
	c->protocol->start(c, &out);
	rest = buf_str(&out);
	if (stream_write(connection_stream(c), &rest) == STREAM_BROKEN)
		return false;
	c->octets_out = out.n - rest.n;
	return held_keep(&c->out, rest);
}
