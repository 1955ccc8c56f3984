/* One LMTP mail transaction: see transaction.h. */
#include "transaction.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const enum lmtp_status status_of[] = {
	[STORE_OK] = LMTP_ACCEPTED,          [STORE_NOT_FOUND] = LMTP_TROUBLE,
	[STORE_IN_USE] = LMTP_TROUBLE,       [STORE_LOST] = LMTP_TROUBLE,
	[STORE_GONE] = LMTP_TROUBLE,         [STORE_OVER_QUOTA] = LMTP_QUOTA,
	[STORE_TOO_LARGE] = LMTP_QUOTA_HARD, [STORE_FULL] = LMTP_NO_ROOM,
	[STORE_UNAVAILABLE] = LMTP_TROUBLE,  [STORE_FOREIGN] = LMTP_TROUBLE,
};
static_assert(ARRAY_SIZE(status_of) == STORE_STATUS_COUNT, "status without a reply");

static void copy_text(char *to, size_t cap, struct str text)
{
	size_t n = text.n < cap ? text.n : cap - 1;

	memcpy(to, text.p, n);
	to[n] = '\0';
}

struct transaction *transaction_open(const struct lmtp_action *mail)
{
	struct transaction *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	copy_text(t->sender, sizeof t->sender, mail->sender);
	copy_text(t->client, sizeof t->client, mail->client);
	t->smtputf8 = mail->smtputf8;
	t->size = mail->size;
	return t;
}

static void free_prefix(const char *prefix)
{
	union {
		const char *borrowed;
		char *owned;
	} p = { .borrowed = prefix };

	free(p.owned);
}

void transaction_close(struct transaction **transaction)
{
	struct transaction *t = *transaction;

	if (t == NULL)
		return;
	delivery_close(&t->delivery);
	EVP_MD_CTX_free(t->hash);
	for (size_t i = 0; i < t->target_count; i++)
		free_prefix(t->targets[i].prefix);
	free(t->targets);
	free(t->addresses);
	free(t->links);
	free(t);
	*transaction = NULL;
}

/* Room for one more in an array that doubles; false when out of memory. */
static bool grow(void **array, size_t *cap, size_t n, size_t element)
{
	size_t wanted = *cap == 0 ? 4 : *cap * 2;
	void *moved;

	if (n < *cap)
		return true;
	moved = realloc(*array, wanted * element);
	if (moved == NULL)
		return false;
	*array = moved;
	*cap = wanted;
	return true;
}

/*
 * The trace lines that name one recipient (RFC 5321 section 4.4; RFC 9228 for Delivered-To). A
 * message that did not come as SMTPUTF8 has an ASCII header, and keeps it: where the mailbox's own
 * address would spoil that, the recipient stands there, which was ASCII too.
 */
static char *make_prefix(const struct transaction *t, struct str recipient,
			 const struct account *account)
{
	char *prefix = malloc(STORE_PREFIX_MAX);
	struct str address = str_of(account->address);

	if (!t->smtputf8 && !str_is_ascii(address))
		address = recipient;
	if (prefix != NULL)
		snprintf(prefix, STORE_PREFIX_MAX,
			 "Return-Path: <%s>\r\nDelivered-To: %.*s\r\n", t->sender,
			 STR_ARG(address));
	return prefix;
}

static bool find_target(const struct transaction *t, const struct account *account, size_t *at)
{
	for (size_t i = 0; i < t->target_count; i++) {
		if (t->targets[i].key.shard == account->key.shard &&
		    strcmp(t->targets[i].key.id, account->key.id) == 0) {
			*at = i;
			return true;
		}
	}
	return false;
}

static bool add_target(struct transaction *t, struct str recipient,
		       const struct account *account)
{
	struct delivery_target *target;
	size_t addresses_cap = t->target_cap;
	void *targets = t->targets;
	void *addresses = t->addresses;
	bool room = grow(&addresses, &addresses_cap, t->target_count, sizeof t->addresses[0]);

	t->addresses = addresses;
	room = room && grow(&targets, &t->target_cap, t->target_count, sizeof t->targets[0]);
	t->targets = targets;
	if (!room)
		return false;
	target = &t->targets[t->target_count];
	*target = (struct delivery_target){
		.key = account->key,
		.quota_octets = account->quota_octets,
		.quota_messages = account->quota_messages,
		.prefix = make_prefix(t, recipient, account),
	};
	if (target->prefix == NULL)
		return false;
	snprintf(t->addresses[t->target_count], sizeof t->addresses[0], "%s", account->address);
	t->target_count++;
	return true;
}

enum lmtp_status transaction_add(struct transaction *t, struct str recipient,
				 const struct account *accounts, size_t n)
{
	size_t links_before = t->link_count;
	void *links = t->links;

	for (size_t i = 0; i < n; i++) {
		size_t at = t->target_count;

		if (!grow(&links, &t->link_cap, t->link_count, sizeof t->links[0]))
			goto undo;
		t->links = links;
		if (!find_target(t, &accounts[i], &at) &&
		    (t->target_count >= LMTP_TARGETS_MAX ||
		     !add_target(t, recipient, &accounts[i])))
			goto undo;
		t->links[t->link_count++] = (uint16_t)at;
	}
	t->ends[t->recipients++] = t->link_count;
	return LMTP_ACCEPTED;
undo:
	/*
	 * A target that only this recipient wanted stays out of every link but would still get
	 * its copy: take back the targets as well.
	 */
	t->link_count = links_before;
	while (t->target_count > 0) {
		size_t last = t->target_count - 1;
		bool wanted = false;

		for (size_t i = 0; i < t->link_count; i++)
			wanted = wanted || t->links[i] == last;
		if (wanted)
			break;
		free_prefix(t->targets[last].prefix);
		t->target_count--;
	}
	return LMTP_TROUBLE;
}

enum lmtp_status transaction_begin(struct transaction *t, struct store *store,
				   struct str received)
{
	t->hash = EVP_MD_CTX_new();
	if (t->hash == NULL || EVP_DigestInit_ex(t->hash, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(t->hash, t->sender, strlen(t->sender) + 1) != 1)
		return LMTP_TROUBLE;
	if (delivery_begin(store, t->targets, t->target_count,
			   t->smtputf8 ? MESSAGE_SMTPUTF8 : 0, &t->delivery) != STORE_OK)
		return LMTP_TROUBLE;
	/* A new delivery's chunk has room for one header field. */
	if (delivery_append(t->delivery, &received) != DELIVERY_TAKEN)
		return LMTP_TROUBLE;
	return LMTP_ACCEPTED;
}

void transaction_undo_begin(struct transaction *t)
{
	delivery_close(&t->delivery);
	EVP_MD_CTX_free(t->hash);
	t->hash = NULL;
}

static const struct str trace_field = STR_INIT("Received:");

/* Does the message begin with its MTA's trace field? It may come in any number of pieces. */
static void match_trace(struct transaction *t, struct str octets)
{
	for (size_t i = 0; i < octets.n && !t->no_trace && t->trace_matched < trace_field.n;
	     i++) {
		struct str expected = { trace_field.p + t->trace_matched, 1 };

		t->no_trace = !str_equal_nocase((struct str){ octets.p + i, 1 }, expected);
		t->trace_matched++;
	}
}

enum delivery_taken transaction_append(struct transaction *t, struct str *octets)
{
	struct str given = *octets;
	enum delivery_taken taken = delivery_append(t->delivery, octets);

	given.n -= octets->n;
	match_trace(t, given);
	message_id_watch(&t->message_id, given);
	/* A digest that fails is never offered: see transaction_digest. */
	if (EVP_DigestUpdate(t->hash, given.p, given.n) != 1)
		t->no_trace = true;
	return taken;
}

const unsigned char *transaction_digest(struct transaction *t)
{
	unsigned n = 0;

	/* Without the MTA's own trace line two equal messages may be two messages. */
	if (t->no_trace || t->trace_matched < trace_field.n ||
	    EVP_DigestFinal_ex(t->hash, t->digest, &n) != 1)
		return NULL;
	return t->digest;
}

void transaction_outcome(const struct transaction *t, enum lmtp_status over_quota,
			 enum lmtp_status *status)
{
	size_t from = 0;

	for (size_t r = 0; r < t->recipients; r++) {
		bool several = t->ends[r] - from > 1;

		status[r] = LMTP_ACCEPTED;
		for (size_t i = from; i < t->ends[r]; i++) {
			enum lmtp_status one = status_of[t->targets[t->links[i]].status];

			if (one == LMTP_QUOTA)
				one = over_quota;
			/* Some have it, some do not: the MTA comes again, and those who have it
			 * recognise it. */
			if (one != LMTP_ACCEPTED)
				status[r] = several ? LMTP_TROUBLE : one;
		}
		from = t->ends[r];
	}
}
