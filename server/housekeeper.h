/*
 * The housekeeping thread: purges what is past its undelete window, shard by shard, and seals
 * APOP secrets that an administrator wrote in clear; once a round it lets the server look after
 * what else wants looking after. Opens its own connection to accounts.db.
 */
#ifndef RESTANTE_HOUSEKEEPER_H
#define RESTANTE_HOUSEKEEPER_H

#include "restante/accounts.h"
#include "restante/passwords.h"

/* Between two rounds: how late a purge may be. The manuals say "within a minute". */
#define HOUSEKEEPER_INTERVAL_MS 60000

struct housekeeper_options {
	struct store *store;
	const struct secret_key *key;
	const char *accounts_path;
	unsigned interval_ms;              /* 0 = HOUSEKEEPER_INTERVAL_MS */
	void (*each_round)(void *context); /* beside the store; may be NULL */
	void *context;
};

struct housekeeper;

/* Copies *options; the store and the key must outlive it. The first round begins at once. */
MUST_USE bool housekeeper_start(const struct housekeeper_options *options,
				struct housekeeper **housekeeper, struct fault *fault);
/* Waits for the shard under way. Accepts NULL. */
void housekeeper_stop(struct housekeeper **housekeeper);

#endif
