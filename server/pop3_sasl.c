/*
 * AUTH's exchanges between the machine and the mechanisms (restante/sasl.h): which are offered on
 * a connection, and the way of a message. What needs accounts or passwords goes to a hasher; a
 * refusal waits for its time as that of PASS does.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/tls.h"
#include "pop3_connection.h"
#include "server.h"

static const char *const names[] = { SASL_NAMES, NULL };
static_assert(ARRAY_SIZE(names) == SASL_MECHANISM_COUNT + 1, "name missing");
static_assert(SASL_CHANNEL_OCTETS == TLS_EXPORTER_OCTETS, "as TLS exports it");
static_assert(SASL_CHALLENGE_MAX <= POP3_CHALLENGE_OCTETS_MAX, "a challenge must fit");

/* Whoever is in no database of ours has a password to show, and nothing to answer a challenge with. */
static unsigned sasl_configured(const struct config *config)
{
	unsigned passwords = SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_LOGIN);

	return config_uses(config, CONFIG_SQL) ? config->sasl_mechanisms
					       : config->sasl_mechanisms & passwords;
}

void pop3_sasl_offer(const struct pop3_connection *c, struct pop3_policy *policy)
{
	unsigned configured = sasl_configured(server_config(c->base.server));
	unsigned plus = SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS);
	unsigned char channel[TLS_EXPORTER_OCTETS];
	/* Some hashes for each connection, where they are of use at all. */
	bool bound = (configured & plus) != 0 && tls_exporter(c->base.tls, channel);

	policy->mechanisms = names;
	policy->offered = sasl_offered(configured, c->base.clear_password, bound);
	policy->withheld = sasl_withheld(configured, c->base.clear_password);
}

static bool open_exchange(struct pop3_connection *c, unsigned mechanism)
{
	unsigned char channel[TLS_EXPORTER_OCTETS];
	char peer[PEER_TEXT_MAX];
	struct network_address from;
	struct sasl_terms terms = {
		.mechanism = (enum sasl_mechanism)mechanism,
		.offered = c->machine.policy.offered,
		.channel = tls_exporter(c->base.tls, channel) ? channel : NULL,
		.from = peer_network_address(&c->base.peer, &from) ? &from : NULL,
		.peer = peer,
		.hostname = server_config(c->base.server)->hostname,
	};

	peer_text(&c->base.peer, peer, sizeof peer);
	return sasl_open(&terms, &c->sasl);
}

/* A hasher's thread. */
static bool work(struct login_job *job, struct auth_backends *backends)
{
	job->step =
		sasl_work(job->sasl, backends->backend, backends->count, clock_wall_seconds());
	return job->step != SASL_WORK;
}

/* A step that is the worker's own to take further. */
static enum run_status carry_on(struct worker *worker, struct pop3_connection *c,
				enum sasl_step step, struct buf *out)
{
	struct login_job *job;

	if (step == SASL_CHALLENGE) {
		pop3_report_challenge(&c->machine, sasl_challenge(c->sasl), out);
		return RUN_NEED_INPUT;
	}
	job = pop3_login_job(c);
	if (job == NULL) {
		sasl_close(&c->sasl);
		pop3_report_login(&c->machine, POP3_TEMPORARY, 0, 0, NULL, out);
		return RUN_NEED_INPUT;
	}
	job->sasl = c->sasl;
	job->step = step;
	job->work = work;
	job->request.user = sasl_user(c->sasl);
	job->request.secret = sasl_password(c->sasl);
	if (step == SASL_WORK)
		return pop3_login_go(worker, c, out);
	c->phase = LOGIN_DECIDED;
	return RUN_PARK;
}

enum run_status pop3_sasl_step(struct worker *worker, struct pop3_connection *c,
			       const struct pop3_action *action, struct buf *out)
{
	if (action->begins && !open_exchange(c, action->mechanism)) {
		pop3_report_login(&c->machine, POP3_TEMPORARY, 0, 0, NULL, out);
		return RUN_NEED_INPUT;
	}
	return carry_on(worker, c,
			sasl_respond(c->sasl, action->has_response ? &action->secret : NULL),
			out);
}

enum run_status pop3_sasl_continue(struct worker *worker, struct pop3_connection *c,
				   struct buf *out)
{
	return carry_on(worker, c, SASL_CHALLENGE, out);
}

/* No auth-fail: nothing has been tried that could have been right. */
void pop3_sasl_over(struct pop3_connection *c)
{
	struct log_line line;

	pop3_log_failure_begin(c, &line, LOG_LEVEL_INFO, "auth-given-up", sasl_word(c->sasl));
	log_quoted(&line, "user", sasl_user(c->sasl));
	log_end(&line);
	sasl_close(&c->sasl);
}
