/*
 * The driver of the POP3 machine: see pop3_driver.h. Every action becomes one call through the
 * store's seam and one report; what takes long becomes a park.
 */
#include "pop3_driver.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "pop3_connection.h"
#include "prelude.h"
#include "server.h"
#include "worker.h"

#define ROWS_AT_ONCE 32 /* on the stack, and touched for the shortest list */
#define CHALLENGE_HOST_MAX 64

/* What a trouble of the store is for the client. */
static const enum pop3_status status_of[] = {
	[STORE_OK] = POP3_DONE,
	[STORE_NOT_FOUND] = POP3_NO_MESSAGE,
	[STORE_IN_USE] = POP3_IN_USE,
	[STORE_LOST] = POP3_TEMPORARY,
	[STORE_GONE] = POP3_NO_MESSAGE,
	[STORE_OVER_QUOTA] = POP3_TEMPORARY,
	[STORE_TOO_LARGE] = POP3_PERMANENT,
	[STORE_FULL] = POP3_TEMPORARY,
	[STORE_UNAVAILABLE] = POP3_TEMPORARY,
	[STORE_FOREIGN] = POP3_PERMANENT,
};
static_assert(ARRAY_SIZE(status_of) == STORE_STATUS_COUNT, "status without a reply");

/*
 * "<random.time@host>": 128 random bits make it differ for every greeting (RFC 1939 section 7). A
 * name too long for it is left out, not cut: "host." is no domain to RFC 822.
 */
static struct str make_challenge(const struct server *server, char *text, size_t cap)
{
	const char *host = server_config(server)->hostname;
	uint64_t random[2];
	int n;

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return STR("");
	n = snprintf(text, cap, "<%016llx%016llx.%lld@%s>", (unsigned long long)random[0],
		     (unsigned long long)random[1], (long long)clock_wall_seconds(),
		     strlen(host) <= CHALLENGE_HOST_MAX ? host : "localhost");
	return (struct str){ text, n > 0 && (size_t)n < cap ? (size_t)n : 0 };
}

static void start(struct connection *connection, struct buf *out)
{
	struct pop3_connection *c = pop3_of(connection);
	const struct config *config = server_config(connection->server);
	char text[POP3_CHALLENGE_MAX];
	struct str challenge =
		config->apop ? make_challenge(connection->server, text, sizeof text) : STR("");
	struct pop3_policy policy = {
		.apop = challenge.n > 0,
		.clear_password = connection->clear_password,
		.stls = connection->tls_offered,
		.secure = connection->secure,
		.implementation = config->announce_implementation ? "restante" : NULL,
		.errors_before_login = config->errors_before_login,
		.errors_after_login = config->errors_after_login,
		.login_attempts = config->login_attempts,
		.login_delay_seconds = config->login_delay_seconds,
	};

	pop3_sasl_offer(c, &policy);
	pop3_start(&c->machine, &policy, challenge, out);
}

static struct pop3_message message_for_machine(const struct message *message)
{
	/* Some MTAs say SMTPUTF8 with every message: all in ASCII, it is as any other. */
	unsigned utf8 = MESSAGE_SMTPUTF8 | MESSAGE_HAS_8BIT;

	return (struct pop3_message){
		.msgno = message->msgno,
		.octets = message->octets,
		.header_octets = message->header_octets,
		.needs_stuffing = (message->flags & MESSAGE_NEEDS_STUFFING) != 0,
		.needs_utf8 = (message->flags & utf8) == utf8,
		.uidl = str_of(message->uidl),
	};
}

static enum store_status find(struct worker *worker, struct pop3_connection *c, uint64_t msgno)
{
	struct fault fault = { "" };
	enum store_status status = maildrop_message(worker->reader, c->mailbox->maildrop, msgno,
						    &c->mailbox->message, &fault);

	if (status != STORE_OK && status != STORE_NOT_FOUND)
		pop3_log_trouble(c, "maildrop-trouble", &fault);
	return status;
}

static void do_find(struct worker *worker, struct pop3_connection *c,
		    const struct pop3_action *action, struct buf *out)
{
	enum store_status status = find(worker, c, action->msgno);
	struct pop3_message message = message_for_machine(&c->mailbox->message);

	pop3_report_message(&c->machine, status_of[status], &message, out);
}

static void do_mark(struct worker *worker, struct pop3_connection *c,
		    const struct pop3_action *action, struct buf *out)
{
	struct pop3_mailbox *mailbox = c->mailbox;
	enum store_status status = find(worker, c, action->msgno);
	struct pop3_message message = message_for_machine(&mailbox->message);

	if (status == STORE_OK)
		status = maildrop_mark(mailbox->maildrop, &mailbox->message);
	if (status == STORE_OK) {
		atomic_store(&c->base.marked, true);
		if (mailbox->marked == NULL)
			mailbox->marked = calloc(1, sizeof *mailbox->marked);
		if (mailbox->marked != NULL)
			uid_runs_add(mailbox->marked, mailbox->message.uid);
	}
	pop3_report_message(&c->machine, status_of[status], &message, out);
}

static void do_totals(struct pop3_connection *c, const struct pop3_action *action,
		      struct buf *out)
{
	struct pop3_mailbox *mailbox = c->mailbox;
	uint64_t messages;
	uint64_t octets;

	if (action->reset) {
		maildrop_unmark_all(mailbox->maildrop);
		atomic_store(&c->base.marked, false);
		free(mailbox->marked);
		mailbox->marked = NULL;
	}
	maildrop_totals(mailbox->maildrop, &messages, &octets);
	pop3_report_totals(&c->machine, POP3_DONE, messages, octets, out);
}

static void do_rows(struct worker *worker, struct pop3_connection *c,
		    const struct pop3_action *action, struct buf *out)
{
	struct listed found[ROWS_AT_ONCE];
	struct pop3_message rows[ROWS_AT_ONCE];
	struct fault fault = { "" };
	uint64_t next = action->msgno;
	size_t n = 0;
	enum store_status status =
		maildrop_list(worker->reader, c->mailbox->maildrop, &next, found,
			      action->max < ROWS_AT_ONCE ? action->max : ROWS_AT_ONCE, &n,
			      &fault);

	c->broken = status != STORE_OK;
	if (status != STORE_OK)
		pop3_log_trouble(c, "maildrop-trouble", &fault);
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct pop3_message){ .msgno = found[i].msgno,
						 .octets = found[i].octets,
						 .uidl = str_of(found[i].uidl) };
	/* The list's first line has promised all of it: trouble now ends the session. */
	pop3_report_rows(&c->machine, status == STORE_OK ? POP3_DONE : POP3_BROKEN, rows, n,
			 next, out);
}

static void do_octets(struct worker *worker, struct pop3_connection *c,
		      const struct pop3_action *action, struct buf *out)
{
	struct pop3_mailbox *mailbox = c->mailbox;
	struct fault fault = { "" };
	char *to = action->verbatim ? out->p + out->n : worker->body;
	size_t n = 0;
	enum store_status status = message_read(
		worker->reader, mailbox->maildrop, &mailbox->message, action->offset, to,
		action->max < WORKER_OUTPUT ? action->max : WORKER_OUTPUT, &n, &fault);

	c->broken = status != STORE_OK;
	if (status != STORE_OK)
		pop3_log_trouble(c, "message-trouble", &fault);
	pop3_report_octets(&c->machine, status == STORE_OK ? POP3_DONE : POP3_BROKEN,
			   (struct str){ to, n }, out);
	/* TOP may have sent less than was read for it. */
	if (pop3_message_sent(&c->machine)) {
		mailbox->retrieved++;
		mailbox->retrieved_octets += mailbox->message.octets;
	}
}

/* The writer's thread: the outcome is durable, the lock released. */
static void update_done(struct store_job *job)
{
	struct pop3_connection *c = job->context;

	atomic_store(&c->mailbox->updated, true);
	poller_arm(&c->base.server->poller, &c->base.polled, POLL_ROOM);
}

static enum run_status begin_update(struct pop3_connection *c, struct buf *out)
{
	struct pop3_mailbox *mailbox = c->mailbox;
	struct maildrop_update *update;

	if (maildrop_marked(mailbox->maildrop) == 0) {
		pop3_mailbox_release(c);
		pop3_report_update(&c->machine, POP3_DONE, out);
		return RUN_NEED_INPUT;
	}
	update = calloc(1, sizeof *update);
	if (update == NULL) {
		pop3_mailbox_release(c);
		pop3_report_update(&c->machine, POP3_TEMPORARY, out);
		return RUN_NEED_INPUT;
	}
	update->job.done = update_done;
	update->job.context = c;
	update->maildrop = mailbox->maildrop;
	update->by.session = c->base.session;
	update->by.started = c->base.started;
	update->by.retrieved = mailbox->retrieved;
	peer_text(&c->base.peer, update->by.peer, sizeof update->by.peer);
	atomic_store(&mailbox->updated, false);
	mailbox->update = update;
	return RUN_PARK;
}

void pop3_account_for_update(struct pop3_connection *c)
{
	const struct maildrop_update *update = c->mailbox->update;

	c->mailbox->deleted = update->job.status == STORE_OK ? update->deleted : 0;
	if (update->job.status != STORE_OK)
		pop3_log_trouble(c, "update-failed", &update->job.fault);
}

/* Back from the writer. A session that had lost its maildrop says nothing: it has been ended. */
static enum run_status end_update(struct pop3_connection *c, struct buf *out)
{
	struct pop3_mailbox *mailbox = c->mailbox;
	struct maildrop_update *update = mailbox->update;
	enum store_status status = update->job.status;

	pop3_account_for_update(c);
	mailbox->update = NULL;
	free(update);
	pop3_mailbox_release(c);
	if (status == STORE_LOST)
		return RUN_CLOSE;
	pop3_report_update(&c->machine, status_of[status], out);
	return RUN_NEED_INPUT;
}

/* The reply goes out in clear before the next turn begins with the handshake. */
static enum run_status start_tls(struct pop3_connection *c, struct str behind, struct buf *out)
{
	if (!prelude_start_tls(&c->base, behind))
		return RUN_CLOSE;
	pop3_report_tls(&c->machine, POP3_DONE, out);
	c->offer_anew = true;
	return RUN_TURN_OVER;
}

static enum ending ending_of(const struct pop3_connection *c)
{
	if (c->machine.quit)
		return ENDING_QUIT;
	return c->broken ? ENDING_BROKEN : ENDING_ERRORS;
}

/* One action; `behind` is the input after it. RUN_NEED_INPUT: reported, go on stepping. */
static enum run_status perform(struct worker *worker, struct pop3_connection *c,
			       const struct pop3_action *action, struct str behind,
			       struct buf *out)
{
	switch (action->kind) {
	case POP3_NEED_INPUT:
		break;
	case POP3_LOGIN:
		return pop3_login_begin(worker, c, action, out);
	case POP3_SASL:
		return pop3_sasl_step(worker, c, action, out);
	case POP3_SASL_OVER:
		pop3_sasl_over(c);
		break;
	case POP3_MORE_LINE:
		pop3_line_lend_more(worker, c);
		break;
	case POP3_TOTALS:
		do_totals(c, action, out);
		break;
	case POP3_FIND:
		do_find(worker, c, action, out);
		break;
	case POP3_MARK:
		do_mark(worker, c, action, out);
		break;
	case POP3_ROWS:
		do_rows(worker, c, action, out);
		break;
	case POP3_OCTETS:
		do_octets(worker, c, action, out);
		break;
	case POP3_START_TLS:
		return start_tls(c, behind, out);
	case POP3_UPDATE:
		return begin_update(c, out);
	case POP3_CLOSE:
		c->base.why = ending_of(c);
		return RUN_CLOSE;
	}
	return RUN_NEED_INPUT;
}

/* What a parked session came back with. RUN_NEED_INPUT: answered, go on. */
static enum run_status resume(struct worker *worker, struct pop3_connection *c, struct buf *out)
{
	if (c->phase != LOGIN_NONE)
		return pop3_login_continue(worker, c, out);
	if (c->mailbox != NULL && c->mailbox->update != NULL)
		return end_update(c, out);
	return RUN_NEED_INPUT;
}

static enum run_status run(struct worker *worker, struct connection *connection, struct str *in,
			   struct buf *out)
{
	struct pop3_connection *c = pop3_of(connection);
	enum run_status status = resume(worker, c, out);

	pop3_line_take_back(worker, c);
	/* The handshake is over: now there may be a channel to bind to. */
	if (c->offer_anew)
		pop3_sasl_offer(c, &c->machine.policy);
	c->offer_anew = false;
	while (status == RUN_NEED_INPUT) {
		struct pop3_action action;

		if (c->mailbox != NULL && c->mailbox->lock != NULL &&
		    maildrop_lock_lost(c->mailbox->lock))
			return RUN_CLOSE;
		if (buf_room(out) < POP3_STEP_ROOM)
			return RUN_NEED_ROOM;
		if (worker->commands == 0)
			return RUN_TURN_OVER;
		if (!pop3_line_lend(worker, c)) {
			c->base.why = ENDING_BROKEN;
			return RUN_CLOSE;
		}
		action = pop3_step(&c->machine, in, out);
		if (action.kind == POP3_NEED_INPUT && in->n == 0) {
			pop3_line_take_back(worker, c);
			return RUN_NEED_INPUT;
		}
		worker->commands--;
		status = perform(worker, c, &action, *in, out);
		pop3_line_take_back(worker, c);
	}
	return status;
}

static void park(struct worker *worker, struct connection *connection)
{
	struct pop3_connection *c = pop3_of(connection);

	(void)worker;
	if (c->phase != LOGIN_NONE)
		pop3_login_park(c);
	else
		maildrop_update_submit(connection->server->store, c->mailbox->update,
				       &c->mailbox->lock);
}

static bool at_rest(const struct connection *connection)
{
	const struct pop3_connection *c = (const struct pop3_connection *)connection;

	return pop3_at_rest(&c->machine);
}

static int64_t inactivity_seconds(const struct connection *connection)
{
	/* Before login the deadline is absolute. */
	return atomic_load(&connection->logged_in)
		       ? server_config(connection->server)->pop3_inactivity_seconds
		       : 0;
}

static bool revoke(struct connection *connection)
{
	struct pop3_mailbox *mailbox;

	/* Its worker may be making the mailbox just now: looked at only once that is said. */
	if (!atomic_load(&connection->logged_in))
		return true;
	mailbox = pop3_of(connection)->mailbox;
	/* After the update only a reply is left, which may be cut off at any time. */
	if (atomic_load(&mailbox->updated))
		return true;
	return maildrop_lock_revoke(connection->server->store, &mailbox->key,
				    connection->session);
}

static void describe(const struct connection *connection, struct session_row *row)
{
	const struct pop3_connection *c = (const struct pop3_connection *)connection;

	row->state = "authorization";
	if (!atomic_load(&connection->logged_in))
		return;
	row->state = atomic_load(&connection->marked) ? "transaction-marked" : "transaction";
	snprintf(row->user, sizeof row->user, "%s", c->mailbox->address);
	row->messages = c->mailbox->messages;
	row->octets = c->mailbox->octets;
}

const struct protocol pop3_protocol = {
	.name = "pop3",
	.size = sizeof(struct pop3_connection),
	.read_size = POP3_READ_OCTETS,
	.start = start,
	.run = run,
	.park = park,
	.at_rest = at_rest,
	.inactivity_seconds = inactivity_seconds,
	.says_goodbye = false,
	.logs_in = true,
	.revoke = revoke,
	.finish = pop3_finish,
	.describe = describe,
	.alpn = "pop3",
	.refusal = "-ERR [SYS/TEMP] too many connections, please wait and try again\r\n",
};
