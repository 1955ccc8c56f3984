/*
 * One LMTP mail transaction: who it is from, which maildrops its recipients stand for, and the
 * delivery under way. Two recipients that end in one maildrop share one target.
 */
#ifndef RESTANTE_TRANSACTION_H
#define RESTANTE_TRANSACTION_H

#include <openssl/evp.h>

#include "lmtp/lmtp.h"
#include "message_id.h"
#include "restante/accounts.h"
#include "restante/config.h"
#include "restante/store.h"

struct transaction {
	char sender[LMTP_PATH_MAX + 1];
	char client[LMTP_DOMAIN_MAX + 1];
	bool smtputf8;
	uint64_t size; /* announced, 0 = not */

	struct delivery_target *targets;
	char (*addresses)[ADDRESS_MAX + 1]; /* of the targets, for the log */
	size_t target_count, target_cap;
	/* Recipient r stands for targets links[ends[r - 1]] to links[ends[r] - 1]. */
	uint16_t *links;
	size_t link_count, link_cap;
	size_t ends[LMTP_RECIPIENTS_MAX];
	size_t recipients;

	struct delivery *delivery;
	EVP_MD_CTX *hash; /* SHA-256 of reverse-path and octets */
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t trace_matched; /* of "Received:", at the very beginning of the octets */
	bool no_trace;        /* ... which they do not have: not a real MTA's message */
	struct message_id message_id;
};

MUST_USE struct transaction *transaction_open(const struct lmtp_action *mail);
void transaction_close(struct transaction **transaction);
/* Adds a recipient, as RCPT named it, that stands for `accounts`. */
MUST_USE enum lmtp_status transaction_add(struct transaction *transaction, struct str recipient,
					  const struct account *accounts, size_t n);
/* Opens the delivery; its first octets are the Received field `received`. */
MUST_USE enum lmtp_status transaction_begin(struct transaction *transaction,
					    struct store *store, struct str received);
/* After a begin that failed: it may be tried again. */
void transaction_undo_begin(struct transaction *transaction);
/* As delivery_append, for octets that came from the client. */
enum delivery_taken transaction_append(struct transaction *transaction, struct str *octets);
/* The digest when a repetition of this delivery can be recognised, else NULL. Once, at the end. */
const unsigned char *transaction_digest(struct transaction *transaction);
/* One status per recipient, from those of its targets; a full maildrop is `over_quota`. */
void transaction_outcome(const struct transaction *transaction, enum lmtp_status over_quota,
			 enum lmtp_status *status);

#endif
