/*
 * The state of one LMTP connection, shared by lmtp_driver.c (actions) and lmtp_deliver.c (from the
 * first octet of a message to its replies).
 */
#ifndef RESTANTE_LMTP_CONNECTION_H
#define RESTANTE_LMTP_CONNECTION_H

#include "admission.h"
#include "connection.h"
#include "transaction.h"

struct lmtp_client;

/* What the connection is parked for. */
enum lmtp_phase {
	LMTP_RUNNING,
	LMTP_PROVIDING,       /* a hasher asks about a recipient: lmtp_provide.h */
	LMTP_WAITS_FOR_PLACE, /* to receive a message: admission.h */
	LMTP_FLUSHING,        /* a full chunk is with the writers */
	LMTP_FINISHING        /* the whole message is */
};

struct lmtp_connection {
	struct connection base;
	enum lmtp_phase phase;
	bool has_place;
	struct admission_waiter waiter;
	struct transaction *transaction;
	struct str recipient;        /* LMTP_PROVIDING: whom RCPT named; the machine's text */
	struct provision *provision; /* LMTP_PROVIDING */
	struct held rest;            /* octets of the message that wait for the flush */
	bool written;                /* what it was parked for with the writers is there ... */
	enum store_status outcome;   /* ... and came to this */
	struct fault fault;
	struct lmtp_client *client; /* whom XCLIENT has told (lmtp_client.h); NULL = nobody */
	uint64_t messages, message_octets; /* for the session's line */
	struct lmtp_session machine;
};

static inline struct lmtp_connection *lmtp_of(struct connection *connection)
{
	return (struct lmtp_connection *)connection;
}

/* BEGIN, APPEND, FINISH and what comes after a park. RUN_NEED_INPUT: reported, go on. */
enum run_status lmtp_begin(struct lmtp_connection *c, struct buf *out);
enum run_status lmtp_append(struct lmtp_connection *c, struct str octets, struct buf *out);
enum run_status lmtp_finish(struct lmtp_connection *c);
enum run_status lmtp_resume(struct lmtp_connection *c, struct buf *out);
void lmtp_park(struct lmtp_connection *c);
/* The connection ends while it was parked: takes what it would have been given, logs the rest. */
void lmtp_settle(struct lmtp_connection *c);
/* A quota could not be looked up: one line. */
void lmtp_log_usage_failed(const struct lmtp_connection *c, const struct fault *fault);
/* The message was not taken: one line. */
void lmtp_log_refused(const struct lmtp_connection *c, enum lmtp_status status);
/* What a recipient hears whose maildrop is full. */
enum lmtp_status lmtp_over_quota(const struct lmtp_connection *c);
/* Forgets the transaction: nothing of it is kept. */
void lmtp_forget(struct lmtp_connection *c);

#endif
