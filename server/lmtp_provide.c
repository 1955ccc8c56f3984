/* Mailboxes made by the first message: see lmtp_provide.h. */
#include "lmtp_provide.h"

#include <stdlib.h>

#include "base/log.h"
#include "server.h"

/* A job about addresses, for hashers who may wait. */
struct provision {
	struct login_job job;
	struct lmtp_connection *c;
	size_t count;
	char (*addresses)[ADDRESS_MAX + 1];
};

static bool in_domain(const char *address, const char *domain)
{
	const char *at = strrchr(address, '@');

	return at != NULL && str_equal_nocase(str_of(at + 1), str_of(domain));
}

bool lmtp_provide_needed(struct lmtp_connection *c, const struct recipient_targets *targets)
{
	const struct config *config = server_config(c->base.server);
	struct provision *provision;

	if (!config->pam_create_mailbox || !config_uses(config, CONFIG_PAM) ||
	    targets->missing_count == 0)
		return false;
	provision = calloc(1, sizeof *provision);
	if (provision == NULL)
		return false;
	provision->c = c;
	provision->addresses = calloc(targets->missing_count, sizeof provision->addresses[0]);
	for (size_t i = 0; provision->addresses != NULL && i < targets->missing_count; i++)
		if (in_domain(targets->missing[i], config->pam_domain))
			memcpy(provision->addresses[provision->count++], targets->missing[i],
			       sizeof targets->missing[i]);
	c->provision = provision;
	if (provision->count > 0)
		return true;
	(void)lmtp_provide_end(c);
	return false;
}

/* A hasher's thread. Each on its own: one whom nobody knows does not keep the next one out. */
static bool provide(struct login_job *job, struct auth_backends *backends)
{
	struct provision *provision = job->context;

	job->verdict = AUTH_REFUSED;
	for (size_t i = 0; i < provision->count && job->verdict != AUTH_UNAVAILABLE; i++)
		job->verdict = auth_provide(backends->backend, backends->count,
					    str_of(provision->addresses[i]), &job->fault);
	return true;
}

static void provided(struct login_job *job)
{
	struct provision *provision = job->context;
	struct connection *base = &provision->c->base;

	poller_arm(&base->server->poller, &base->polled, POLL_ROOM);
}

void lmtp_provide_park(struct lmtp_connection *c)
{
	struct login_job *job = &c->provision->job;

	job->source = peer_source(&c->base.peer);
	job->work = provide;
	job->done = provided;
	job->context = c->provision;
	hashers_submit(&c->base.server->pam_hashers, job);
}

enum auth_verdict lmtp_provide_end(struct lmtp_connection *c)
{
	struct provision *provision = c->provision;
	const struct login_job *job = &provision->job;
	enum auth_verdict verdict = job->verdict;
	struct log_line line;

	if (verdict == AUTH_UNAVAILABLE) {
		log_begin(&line, LOG_LEVEL_ERROR, "recipient-unknowable");
		log_number(&line, "session", c->base.session);
		/* A job that never had its turn has a reason only: "queue-full", "stopping". */
		log_quoted(&line, "why",
			   str_of(job->result.reason != NULL ? job->result.reason
							     : job->fault.text));
		log_end(&line);
	}
	c->provision = NULL;
	free(provision->addresses);
	free(provision);
	return verdict;
}
