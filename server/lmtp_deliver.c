/*
 * One message on its way from an LMTP connection into the store. The connection first gets a place
 * (admission.h), so memory stays bounded; then octets go into the delivery, which is flushed to
 * the writers chunk by chunk; the replies come after the commit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "lmtp_client.h"
#include "lmtp_provide.h"
#include "server.h"

#define RECEIVED_MAX 1024

/* RFC 5321 section 4.4 and RFC 3848; without "for", which would tell a Bcc. */
static struct str received_field(const struct lmtp_connection *c, char *text, size_t cap)
{
	const struct transaction *t = c->transaction;
	char from[2 * LMTP_DOMAIN_MAX + PEER_TEXT_MAX + 16];
	char date[64];
	struct tm tm;
	time_t now = (time_t)clock_wall_seconds();
	int n;

	gmtime_r(&now, &tm);
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	lmtp_client_trace(c, t->client, from, sizeof from);
	/* The id leads to the log's lines. It is an atom: no dot. */
	n = snprintf(text, cap, "Received: from %s\r\n\tby %s with %s%s\r\n\tid %llu; %s\r\n",
		     from, server_config(c->base.server)->hostname,
		     t->smtputf8 ? "UTF8LMTP" : "LMTP", c->base.secure ? "S" : "",
		     (unsigned long long)c->base.session, date);
	return (struct str){ text, n > 0 && (size_t)n < cap ? (size_t)n : 0 };
}

static void leave_place(struct lmtp_connection *c)
{
	if (c->has_place)
		admission_leave(&c->base.server->deliveries);
	c->has_place = false;
}

void lmtp_forget(struct lmtp_connection *c)
{
	transaction_close(&c->transaction);
	held_free(&c->rest);
	leave_place(c);
}

static enum run_status begin_with_place(struct lmtp_connection *c, struct buf *out)
{
	char text[RECEIVED_MAX];
	struct str received = received_field(c, text, sizeof text);
	enum lmtp_status status =
		transaction_begin(c->transaction, c->base.server->store, received);

	c->has_place = true;
	c->phase = LMTP_RUNNING;
	if (status != LMTP_ACCEPTED) {
		transaction_undo_begin(c->transaction);
		leave_place(c);
	}
	lmtp_report_begin(&c->machine, status, out);
	return RUN_NEED_INPUT;
}

enum run_status lmtp_begin(struct lmtp_connection *c, struct buf *out)
{
	if (admission_try(&c->base.server->deliveries))
		return begin_with_place(c, out);
	c->phase = LMTP_WAITS_FOR_PLACE;
	c->waiter.granted = false;
	c->waiter.polled = &c->base.polled;
	return RUN_PARK;
}

/* Until they answer nothing is written, whatever an earlier part came to. */
static enum run_status wait_for_writers(struct lmtp_connection *c, enum lmtp_phase phase)
{
	c->phase = phase;
	c->written = false;
	return RUN_PARK;
}

/* Puts octets into the delivery until they are all in, or the chunk is full. */
static enum run_status append_rest(struct lmtp_connection *c, struct str octets,
				   struct buf *out)
{
	enum delivery_taken taken = transaction_append(c->transaction, &octets);

	switch (taken) {
	case DELIVERY_TAKEN:
		lmtp_report_append(&c->machine, LMTP_ACCEPTED, out);
		return RUN_NEED_INPUT;
	case DELIVERY_FLUSH:
		if (held_keep(&c->rest, octets))
			return wait_for_writers(c, LMTP_FLUSHING);
		break;
	case DELIVERY_NO_MEMORY:
		break;
	}
	lmtp_report_append(&c->machine, LMTP_TROUBLE, out);
	return RUN_NEED_INPUT;
}

enum run_status lmtp_append(struct lmtp_connection *c, struct str octets, struct buf *out)
{
	return append_rest(c, octets, out);
}

enum run_status lmtp_finish(struct lmtp_connection *c)
{
	return wait_for_writers(c, LMTP_FINISHING);
}

/* A writer's thread: the outcome is there. */
static void written(void *context, enum store_status status, const struct fault *fault)
{
	struct lmtp_connection *c = context;

	c->written = true;
	c->outcome = status;
	c->fault = *fault;
	poller_arm(&c->base.server->poller, &c->base.polled, POLL_ROOM);
}

void lmtp_park(struct lmtp_connection *c)
{
	switch (c->phase) {
	case LMTP_PROVIDING:
		lmtp_provide_park(c);
		return;
	case LMTP_WAITS_FOR_PLACE:
		admission_park(&c->base.server->deliveries, &c->waiter);
		return;
	case LMTP_FLUSHING:
		delivery_flush(c->transaction->delivery, written, c);
		return;
	case LMTP_FINISHING:
		delivery_finish(c->transaction->delivery, transaction_digest(c->transaction),
				written, c);
		return;
	case LMTP_RUNNING:
		return;
	}
}

static void log_begin_message(struct log_line *line, const struct lmtp_connection *c,
			      enum log_level level, const char *event)
{
	char peer[PEER_TEXT_MAX];

	peer_text(&c->base.peer, peer, sizeof peer);
	log_begin(line, level, event);
	log_number(line, "session", c->base.session);
	log_word(line, "peer", peer);
	lmtp_client_log(c, line);
}

static void log_end_message(struct log_line *line, const struct transaction *t)
{
	log_quoted(line, "from", str_of(t->sender));
	log_quoted(line, "client", str_of(t->client));
	log_quoted(line, "message-id", (struct str){ t->message_id.text, t->message_id.n });
	log_end(line);
}

void lmtp_log_usage_failed(const struct lmtp_connection *c, const struct fault *fault)
{
	struct log_line line;

	log_begin_message(&line, c, LOG_LEVEL_ERROR, "usage-failed");
	log_quoted(&line, "why", str_of(fault->text));
	log_end(&line);
}

static void log_staging_failed(const struct lmtp_connection *c)
{
	struct log_line line;

	log_begin_message(&line, c, LOG_LEVEL_ERROR, "staging-failed");
	log_quoted(&line, "why", str_of(c->fault.text));
	log_end_message(&line, c->transaction);
}

void lmtp_log_refused(const struct lmtp_connection *c, enum lmtp_status status)
{
	struct log_line line;

	log_begin_message(&line, c, LOG_LEVEL_INFO, "message-refused");
	log_quoted(&line, "why", lmtp_status_text(status));
	log_end_message(&line, c->transaction);
}

static void log_delivery(const struct lmtp_connection *c, size_t i)
{
	const struct transaction *t = c->transaction;
	const struct delivery_target *target = &t->targets[i];
	bool stored = target->status == STORE_OK;
	struct log_line line;

	log_begin_message(&line, c, stored ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
			  stored ? "delivery" : "delivery-failed");
	if (stored) {
		log_number(&line, "uid", target->uid);
		log_number(&line, "octets", target->octets);
		if (target->duplicate)
			log_word(&line, "duplicate", "yes");
	} else {
		log_quoted(&line, "why", str_of(store_status_text(target->status)));
		log_quoted(&line, "fault", str_of(c->fault.text));
	}
	log_quoted(&line, "maildrop", str_of(t->addresses[i]));
	log_end_message(&line, t);
}

/* One line for each maildrop, whether or not anybody is left to hear of it; copies are counted. */
static void account_for(struct lmtp_connection *c)
{
	const struct transaction *t = c->transaction;

	for (size_t i = 0; i < t->target_count; i++) {
		log_delivery(c, i);
		if (t->targets[i].status == STORE_OK && !t->targets[i].duplicate) {
			atomic_fetch_add(&c->base.server->delivered, 1);
			c->messages++;
			c->message_octets += t->targets[i].octets;
		}
	}
}

void lmtp_settle(struct lmtp_connection *c)
{
	if (c->phase == LMTP_WAITS_FOR_PLACE)
		c->has_place = c->waiter.granted;
	else if (c->phase == LMTP_FINISHING && c->written)
		account_for(c);
	else if (c->phase == LMTP_PROVIDING)
		(void)lmtp_provide_end(c);
	c->phase = LMTP_RUNNING;
}

enum lmtp_status lmtp_over_quota(const struct lmtp_connection *c)
{
	return server_config(c->base.server)->quota_is_permanent ? LMTP_QUOTA_HARD : LMTP_QUOTA;
}

static enum run_status end_message(struct lmtp_connection *c, struct buf *out)
{
	enum lmtp_status status[LMTP_RECIPIENTS_MAX];
	size_t n = c->transaction->recipients;

	account_for(c);
	transaction_outcome(c->transaction, lmtp_over_quota(c), status);
	lmtp_forget(c);
	lmtp_report_finish(&c->machine, status, n, out);
	return RUN_NEED_INPUT;
}

static enum run_status end_flush(struct lmtp_connection *c, struct buf *out)
{
	struct held rest = c->rest;
	enum run_status status = RUN_NEED_INPUT;

	c->rest = (struct held){ 0 };
	if (c->outcome == STORE_OK) {
		status = append_rest(c, held_rest(&rest), out);
	} else {
		log_staging_failed(c);
		lmtp_report_append(&c->machine,
				   c->outcome == STORE_FULL ? LMTP_NO_ROOM : LMTP_TROUBLE, out);
	}
	held_free(&rest);
	return status;
}

enum run_status lmtp_resume(struct lmtp_connection *c, struct buf *out)
{
	enum lmtp_phase phase = c->phase;

	switch (phase) {
	case LMTP_RUNNING:
	case LMTP_PROVIDING:
		return RUN_NEED_INPUT;
	case LMTP_WAITS_FOR_PLACE:
		return begin_with_place(c, out);
	case LMTP_FLUSHING:
		c->phase = LMTP_RUNNING;
		return end_flush(c, out);
	case LMTP_FINISHING:
		c->phase = LMTP_RUNNING;
		return end_message(c, out);
	}
	return RUN_NEED_INPUT;
}
