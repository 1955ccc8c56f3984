/*
 * The driver of the LMTP machine: see lmtp_driver.h. Recipients are resolved here; messages are
 * lmtp_deliver.c's.
 */
#include "lmtp_driver.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "lmtp_client.h"
#include "prelude.h"
#include "lmtp_provide.h"
#include "server.h"
#include "worker.h"

static void start(struct connection *connection, struct buf *out)
{
	struct lmtp_connection *c = lmtp_of(connection);
	const struct config *config = server_config(connection->server);
	struct lmtp_policy policy = {
		.hostname = config->hostname,
		.message_octets = config->message_octets,
		.reject_nul = config->reject_nul,
		.errors = LMTP_ERRORS,
		.starttls = connection->tls_offered,
		.xclient = lmtp_client_trusted(connection),
	};

	lmtp_start(&c->machine, &policy, out);
}

static void do_mail(struct lmtp_connection *c, const struct lmtp_action *action,
		    struct buf *out)
{
	enum lmtp_status status = LMTP_ACCEPTED;

	lmtp_forget(c);
	c->transaction = transaction_open(action);
	if (c->transaction == NULL)
		status = LMTP_TROUBLE;
	lmtp_report_mail(&c->machine, status, out);
}

/* Whether this one has room for a message of the size announced. */
static enum lmtp_status admit_size(struct worker *worker, const struct lmtp_connection *c,
				   const struct account *account, struct fault *fault)
{
	struct maildrop_usage usage;
	uint64_t octets;

	if (account->quota_octets == 0 && account->quota_messages == 0)
		return LMTP_ACCEPTED;
	if (account->quota_octets != 0 && c->transaction->size > account->quota_octets) {
		fault_set(fault, "the message is larger than the quota of %s",
			  account->address);
		return LMTP_QUOTA_HARD;
	}
	if (maildrop_usage(worker->reader, &account->key, &usage, fault) != STORE_OK) {
		lmtp_log_usage_failed(c, fault);
		return LMTP_TROUBLE;
	}
	if (__builtin_add_overflow(usage.octets, c->transaction->size, &octets))
		octets = UINT64_MAX;
	if ((account->quota_octets != 0 &&
	     (octets > account->quota_octets || usage.octets >= account->quota_octets)) ||
	    (account->quota_messages != 0 && usage.messages >= account->quota_messages)) {
		fault_set(fault, "%s is over quota", account->address);
		return lmtp_over_quota(c);
	}
	return LMTP_ACCEPTED;
}

/* Whether this one may get mail now; if not, *fault tells why, and which one of an alias it is. */
static enum lmtp_status admit(struct worker *worker, const struct lmtp_connection *c,
			      const struct account *account, int64_t now, struct fault *fault)
{
	if (!account->active)
		fault_set(fault, "%s or its domain is not active", account->address);
	else if ((account->switches & ACCOUNT_LMTP) == 0)
		fault_set(fault, "%s takes no mail: lmtp_enabled is 0", account->address);
	else if (account->expires_at != 0 && account->expires_at <= now)
		fault_set(fault, "%s has expired", account->address);
	else
		return admit_size(worker, c, account, fault);
	return LMTP_DISABLED;
}

static const enum lmtp_status resolve_status[] = {
	[ACCOUNTS_OK] = LMTP_ACCEPTED,     [ACCOUNTS_NOT_FOUND] = LMTP_NO_USER,
	[ACCOUNTS_EXISTS] = LMTP_TROUBLE,  [ACCOUNTS_REFUSED] = LMTP_NO_USER,
	[ACCOUNTS_LOOP] = LMTP_LOOP,       [ACCOUNTS_UNAVAILABLE] = LMTP_TROUBLE,
	[ACCOUNTS_FOREIGN] = LMTP_TROUBLE,
};
static_assert(ARRAY_SIZE(resolve_status) == ACCOUNTS_STATUS_COUNT, "status without a reply");

/* A refusal, or an alias that names somebody who does not exist. */
static void log_recipient(const struct lmtp_connection *c, enum lmtp_status status,
			  const struct fault *fault)
{
	struct log_line line;

	if (status == LMTP_ACCEPTED)
		log_begin(&line, LOG_LEVEL_WARNING, "alias-incomplete");
	else
		log_begin(&line, LOG_LEVEL_INFO, "recipient-refused");
	log_number(&line, "session", c->base.session);
	log_quoted(&line, "why", str_of(fault->text));
	log_quoted(&line, "from", str_of(c->transaction->sender));
	log_quoted(&line, "recipient", c->recipient);
	log_end(&line);
}

/* The postmaster of the configuration in force, which a reload may have changed. */
static bool know_postmaster(struct worker *worker, const struct config *config)
{
	const char *address = config->postmaster[0] != '\0' ? config->postmaster : NULL;

	if (worker->postmaster_of == config)
		return true;
	if (!accounts_set_postmaster(worker->accounts, address))
		return false;
	worker->postmaster_of = config;
	return true;
}

/* What c->recipient stands for, in worker->targets. */
static enum lmtp_status resolve(struct worker *worker, const struct lmtp_connection *c,
				struct fault *fault)
{
	const struct config *config = server_config(c->base.server);
	enum lmtp_status status;

	worker->targets->count = worker->targets->missing_count = 0;
	if (!store_has_room(c->base.server->store)) {
		fault_set(fault, "less than min_free left on the disk");
		return LMTP_NO_ROOM;
	}
	if (!know_postmaster(worker, config)) {
		fault_set(fault, "option postmaster is not an address: %s", config->postmaster);
		return LMTP_TROUBLE;
	}
	status = resolve_status[recipient_resolve(worker->accounts, c->recipient,
						  config->detail_separator, worker->targets,
						  fault)];
	if (status == LMTP_NO_USER && fault->text[0] == '\0')
		fault_set(fault, "nobody has this address");
	return status;
}

/* All of them, or none and why. */
static enum lmtp_status add_targets(struct worker *worker, struct lmtp_connection *c,
				    struct fault *fault)
{
	const struct recipient_targets *targets = worker->targets;
	enum lmtp_status status = LMTP_ACCEPTED;
	int64_t now = clock_wall_seconds();

	for (size_t i = 0; i < targets->count && status == LMTP_ACCEPTED; i++)
		status = admit(worker, c, &targets->account[i], now, fault);
	if (status != LMTP_ACCEPTED)
		return status;
	status =
		transaction_add(c->transaction, c->recipient, targets->account, targets->count);
	if (status != LMTP_ACCEPTED)
		fault_set(fault, "out of memory, or more than %d maildrops for one message",
			  LMTP_TARGETS_MAX);
	return status;
}

static void report_rcpt(struct worker *worker, struct lmtp_connection *c,
			enum lmtp_status status, struct fault *fault, struct buf *out)
{
	if (status == LMTP_ACCEPTED)
		status = add_targets(worker, c, fault);
	if (status != LMTP_ACCEPTED || fault->text[0] != '\0')
		log_recipient(c, status, fault);
	lmtp_report_rcpt(&c->machine, status, out);
}

static enum run_status do_rcpt(struct worker *worker, struct lmtp_connection *c,
			       const struct lmtp_action *action, struct buf *out)
{
	struct fault fault = { "" };
	enum lmtp_status status;

	c->recipient = action->address;
	status = resolve(worker, c, &fault);
	if (lmtp_provide_needed(c, worker->targets)) {
		c->phase = LMTP_PROVIDING;
		return RUN_PARK;
	}
	report_rcpt(worker, c, status, &fault, out);
	return RUN_NEED_INPUT;
}

/* Who can have a mailbox has one now: RCPT is answered from what there is. */
static enum run_status end_provision(struct worker *worker, struct lmtp_connection *c,
				     struct buf *out)
{
	struct fault fault = { "" };
	enum lmtp_status status;

	c->phase = LMTP_RUNNING;
	if (lmtp_provide_end(c) == AUTH_UNAVAILABLE) {
		lmtp_report_rcpt(&c->machine, LMTP_TROUBLE, out);
		return RUN_NEED_INPUT;
	}
	status = resolve(worker, c, &fault);
	report_rcpt(worker, c, status, &fault, out);
	return RUN_NEED_INPUT;
}

/* The reply goes out in clear before the next turn begins with the handshake. */
static enum run_status start_tls(struct lmtp_connection *c, struct str behind, struct buf *out)
{
	if (!prelude_start_tls(&c->base, behind))
		return RUN_CLOSE;
	lmtp_client_forget(c);
	lmtp_report_tls(&c->machine, out);
	return RUN_TURN_OVER;
}

/* One action; `behind` is the input after it. RUN_NEED_INPUT: done, go on stepping. */
static enum run_status perform(struct worker *worker, struct lmtp_connection *c,
			       const struct lmtp_action *action, struct str behind,
			       struct buf *out)
{
	switch (action->kind) {
	case LMTP_NEED_INPUT:
		break;
	case LMTP_MAIL:
		do_mail(c, action, out);
		break;
	case LMTP_RCPT:
		return do_rcpt(worker, c, action, out);
	case LMTP_BEGIN:
		return lmtp_begin(c, out);
	case LMTP_APPEND:
		return lmtp_append(c, action->octets, out);
	case LMTP_FINISH:
		return lmtp_finish(c);
	case LMTP_ABORT:
		if (action->failed != LMTP_ACCEPTED)
			lmtp_log_refused(c, action->failed);
		lmtp_forget(c);
		break;
	case LMTP_START_TLS:
		return start_tls(c, behind, out);
	case LMTP_XCLIENT:
		if (lmtp_client_told(c, &action->xclient, out))
			break;
		c->base.why = ENDING_BROKEN;
		return RUN_CLOSE;
	case LMTP_CLOSE:
		c->base.why = c->machine.draining     ? ENDING_DRAIN
			      : c->machine.errors > 0 ? ENDING_ERRORS
						      : ENDING_QUIT;
		return RUN_CLOSE;
	}
	return RUN_NEED_INPUT;
}

static enum run_status run(struct worker *worker, struct connection *connection, struct str *in,
			   struct buf *out)
{
	struct lmtp_connection *c = lmtp_of(connection);
	enum run_status status = c->phase == LMTP_PROVIDING ? end_provision(worker, c, out)
							    : lmtp_resume(c, out);

	if (atomic_load(&connection->server->draining))
		lmtp_drain(&c->machine);
	while (status == RUN_NEED_INPUT) {
		struct lmtp_action action;

		if (buf_room(out) < LMTP_STEP_ROOM)
			return RUN_NEED_ROOM;
		if (worker->commands == 0)
			return RUN_TURN_OVER;
		action = lmtp_step(&c->machine, in, out);
		if (action.kind == LMTP_NEED_INPUT && in->n == 0)
			return RUN_NEED_INPUT;
		/* Octets of a message are counted as such. */
		worker->commands -= action.kind != LMTP_APPEND;
		status = perform(worker, c, &action, *in, out);
	}
	return status;
}

static void park(struct worker *worker, struct connection *connection)
{
	(void)worker;
	lmtp_park(lmtp_of(connection));
}

static bool at_rest(const struct connection *connection)
{
	const struct lmtp_connection *c = (const struct lmtp_connection *)connection;

	return lmtp_at_rest(&c->machine);
}

static int64_t inactivity_seconds(const struct connection *connection)
{
	return server_config(connection->server)->lmtp_inactivity_seconds;
}

static bool revoke(struct connection *connection)
{
	(void)connection;
	return true;
}

static void finish(struct connection *connection, enum ending why)
{
	struct lmtp_connection *c = lmtp_of(connection);
	struct log_line line;
	char peer[PEER_TEXT_MAX];

	lmtp_settle(c);
	lmtp_forget(c);
	peer_text(&connection->peer, peer, sizeof peer);
	log_begin(&line, c->messages > 0 ? LOG_LEVEL_INFO : connection_idle_level(connection),
		  "session");
	log_word(&line, "protocol", "lmtp");
	log_number(&line, "session", connection->session);
	log_word(&line, "peer", peer);
	lmtp_client_log(c, &line);
	log_word(&line, "end", ending_word(why));
	log_number(&line, "in", connection->octets_in);
	log_number(&line, "out", connection->octets_out);
	connection_log_way(connection, &line);
	log_number(&line, "delivered", c->messages);
	log_number(&line, "delivered-octets", c->message_octets);
	connection_log_told(connection, &line);
	log_end(&line);
	free(c->client);
}

static void describe(const struct connection *connection, struct session_row *row)
{
	(void)connection;
	row->state = "lmtp";
}

const struct protocol lmtp_protocol = {
	.name = "lmtp",
	.size = sizeof(struct lmtp_connection),
	.read_size = LMTP_READ_OCTETS,
	.start = start,
	.run = run,
	.park = park,
	.at_rest = at_rest,
	.inactivity_seconds = inactivity_seconds,
	.says_goodbye = true,
	.revoke = revoke,
	.finish = finish,
	.describe = describe,
	.refusal = "421 4.3.2 too many connections, please wait and try again\r\n",
};
