/*
 * What the limiter says to the logins of a POP3 connection: the one place that asks it, for every
 * way of logging in. Connections of networks that are never limited are not brought before it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "pop3_connection.h"
#include "server.h"

static struct limiter_rule rule_of(const struct server *server)
{
	const struct config *config = server_config(server);

	return (struct limiter_rule){
		.failures = config->limiter_failures,
		.delay_ms = (int64_t)config->limiter_delay_seconds * 1000,
	};
}

static struct limiter_login login_of(const struct pop3_connection *c, struct str user,
				     struct str secret)
{
	return (struct limiter_login){
		.source = peer_source(&c->base.peer),
		.local = peer_is_local(&c->base.peer),
		.user = user,
		.secret = secret,
	};
}

static void log_delay(const struct pop3_connection *c, struct str user, int64_t ms)
{
	struct log_line line;
	char peer[PEER_TEXT_MAX];

	peer_text(&c->base.peer, peer, sizeof peer);
	log_begin(&line, LOG_LEVEL_INFO, "auth-delayed");
	log_word(&line, "protocol", "pop3");
	log_word(&line, "peer", peer);
	log_number(&line, "session", c->base.session);
	log_number(&line, "ms", (uint64_t)ms);
	log_quoted(&line, "user", user);
	log_end(&line);
}

int64_t pop3_limit_ask(const struct pop3_connection *c, struct str user)
{
	struct server *server = c->base.server;
	const struct limiter_rule rule = rule_of(server);
	const struct limiter_login login = login_of(c, user, STR(""));
	int64_t ms = 0;

	if (!c->base.exempt)
		ms = limiter_ask(&server->limiter, &rule, &login, clock_monotonic_ms());
	if (ms > 0)
		log_delay(c, user, ms);
	return ms;
}

bool pop3_limit_failed(const struct pop3_connection *c, struct str user, struct str secret)
{
	struct server *server = c->base.server;
	const struct limiter_rule rule = rule_of(server);
	const struct limiter_login login = login_of(c, user, secret);

	return c->base.exempt ||
	       limiter_failed(&server->limiter, &rule, &login, clock_monotonic_ms());
}

void pop3_limit_succeeded(const struct pop3_connection *c, struct str user)
{
	const struct limiter_login login = login_of(c, user, STR(""));

	if (!c->base.exempt)
		limiter_succeeded(&c->base.server->limiter, &login, clock_monotonic_ms());
}

/* What this connection was told by CAPA, whatever the configuration has become since. */
static int64_t login_delay_ms(const struct pop3_connection *c)
{
	return (int64_t)c->machine.policy.login_delay_seconds * 1000;
}

bool pop3_login_too_soon(const struct pop3_connection *c)
{
	int64_t ms = limiter_login_wait(&c->base.server->limiter, &c->mailbox->key,
					login_delay_ms(c), clock_monotonic_ms());
	struct log_line line;

	if (ms == 0)
		return false;
	log_begin(&line, LOG_LEVEL_INFO, "login-too-soon");
	log_number(&line, "session", c->base.session);
	log_number(&line, "ms", (uint64_t)ms);
	log_quoted(&line, "user", str_of(c->mailbox->address));
	log_end(&line);
	return true;
}

void pop3_note_login(const struct pop3_connection *c)
{
	if (login_delay_ms(c) > 0)
		limiter_note_login(&c->base.server->limiter, &c->mailbox->key,
				   clock_monotonic_ms());
}
