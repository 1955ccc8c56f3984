/*
 * What commands ask for, said to the server in words of the control protocol or to the store in
 * calls. Rows of the protocol become the same structures that the store fills in.
 */
#include <inttypes.h>
#include <stdio.h>

#include "backend.h"
#include "base/number.h"
#include "complain.h"
#include "control_client.h"

/* What a row function gets: where its results go, and whether a row could not be read. */
struct rows {
	void *context;
	bool malformed;
};

int backend_request(struct backend *backend, const char *const *words, size_t count,
		    backend_row *row, void *context)
{
	struct fault fault = { "" };
	int code;
	switch (control_request(backend->server, words, count, row, context, &code, &fault)) {
	case CONTROL_DONE:
		return EX_OK;
	case CONTROL_REFUSED:
		return complain(code, "the server says: %s", fault.text);
	case CONTROL_NO_SERVER:
	case CONTROL_DENIED:
	case CONTROL_BROKEN:
		break;
	}
	return complain(EX_UNAVAILABLE, "%s", fault.text);
}

/* A request about one maildrop; `more` are the words behind shard and key. */
static int request_maildrop(struct backend *backend, const char *verb,
			    const struct maildrop_key *key, const char *const more[2],
			    backend_row *row, void *context)
{
	char shard[16];
	const char *words[5] = { verb, shard, key->id, more[0], more[1] };
	snprintf(shard, sizeof shard, "%u", key->shard);
	size_t count = more[0] == NULL ? 3 : more[1] == NULL ? 4 : 5;
	return backend_request(backend, words, count, row, context);
}

static bool word_u64(const char *word, uint64_t *value)
{
	return number_parse(str_of(word), UINT64_MAX, value);
}

static bool word_time(const char *word, int64_t *value)
{
	uint64_t number;
	if (!number_parse(str_of(word), INT64_MAX, &number))
		return false;
	*value = (int64_t)number;
	return true;
}

static int complain_malformed(void)
{
	return complain(EX_SOFTWARE,
			"the server's answer cannot be read; are server and tool of the "
			"same version?");
}

static bool usage_row(void *context, char *const *words, int count)
{
	struct rows *rows = context;
	struct maildrop_usage *usage = rows->context;
	rows->malformed = count < 3 || !word_u64(words[0], &usage->messages) ||
			  !word_u64(words[1], &usage->octets) ||
			  !word_time(words[2], &usage->last_login);
	return false;
}

int backend_usage(struct backend *backend, const struct maildrop_key *key,
		  struct maildrop_usage *usage)
{
	struct fault fault = { "" };
	*usage = (struct maildrop_usage){ 0 };
	if (backend->server != NULL) {
		const char *more[2] = { NULL, NULL };
		struct rows rows = { .context = usage };
		int code = request_maildrop(backend, "maildrop-usage", key, more, usage_row,
					    &rows);
		return code == EX_OK && rows.malformed ? complain_malformed() : code;
	}
	enum store_status status = maildrop_usage(backend->reader, key, usage, &fault);
	/* A maildrop that nothing was ever delivered to has no row. */
	if (status == STORE_OK || status == STORE_NOT_FOUND)
		return EX_OK;
	return complain_store(status, &fault, "read the maildrop's counters", NULL);
}

/* Rows of maildrop-list; the visitor's type does not fit through a void pointer. */
struct listing {
	message_visit *visit;
	void *context;
	bool malformed;
};

static bool message_row(void *context, char *const *words, int count)
{
	struct listing *listing = context;
	struct message_info info = { 0 };
	uint64_t longest = 0;
	if (count < 8 || !word_u64(words[0], &info.message.uid) ||
	    strlen(words[1]) >= sizeof info.message.uidl ||
	    !word_u64(words[2], &info.message.octets) ||
	    !word_time(words[3], &info.message.received) ||
	    !word_time(words[4], &info.deleted_at) ||
	    !word_u64(words[5], &info.deleted_session) ||
	    !number_parse(str_of(words[7]), UINT32_MAX, &longest)) {
		listing->malformed = true;
		return false;
	}
	info.message.longest_line = (uint32_t)longest;
	memcpy(info.message.uidl, words[1], strlen(words[1]) + 1);
	snprintf(info.deleted_peer, sizeof info.deleted_peer, "%s", words[6]);
	return listing->visit(listing->context, &info);
}

int backend_visit(struct backend *backend, const struct maildrop_key *key, bool deleted,
		  message_visit *visit, void *context)
{
	struct fault fault = { "" };
	if (backend->server != NULL) {
		const char *more[2] = { deleted ? "deleted" : "live", NULL };
		struct listing listing = { visit, context, false };
		int code = request_maildrop(backend, "maildrop-list", key, more, message_row,
					    &listing);
		return code == EX_OK && listing.malformed ? complain_malformed() : code;
	}
	enum store_status status =
		maildrop_visit(backend->reader, key, deleted, visit, context, &fault);
	if (status == STORE_OK || status == STORE_NOT_FOUND)
		return EX_OK;
	return complain_store(status, &fault, "list the maildrop", NULL);
}

static bool count_row(void *context, char *const *words, int count)
{
	struct rows *rows = context;
	rows->malformed = count < 1 || !word_u64(words[0], rows->context);
	return false;
}

static int request_selection(struct backend *backend, const char *verb,
			     const struct maildrop_key *key,
			     const struct deleted_selection *which, uint64_t *changed)
{
	char uid[24];
	char session[24];
	const char *more[2] = { uid, session };
	struct rows rows = { .context = changed };
	snprintf(uid, sizeof uid, "%" PRIu64, which->uid);
	snprintf(session, sizeof session, "%" PRIu64, which->session);
	int code = request_maildrop(backend, verb, key, more, count_row, &rows);
	return code == EX_OK && rows.malformed ? complain_malformed() : code;
}

int backend_undelete(struct backend *backend, const struct maildrop_key *key,
		     const struct deleted_selection *which, uint64_t *restored)
{
	struct fault fault = { "" };
	*restored = 0;
	if (backend->server != NULL)
		return request_selection(backend, "maildrop-undelete", key, which, restored);
	enum store_status status =
		maildrop_undelete(backend->store, key, which, restored, &fault);
	if (status == STORE_OK || status == STORE_NOT_FOUND)
		return EX_OK;
	return complain_store(status, &fault, "bring messages back", NULL);
}

int backend_delete(struct backend *backend, const struct maildrop_key *key, uint64_t uid,
		   uint64_t *deleted)
{
	struct fault fault = { "" };
	*deleted = 0;
	if (backend->server != NULL) {
		char text[24];
		const char *more[2] = { text, NULL };
		struct rows rows = { .context = deleted };
		snprintf(text, sizeof text, "%" PRIu64, uid);
		int code = request_maildrop(backend, "maildrop-delete", key, more, count_row,
					    &rows);
		return code == EX_OK && rows.malformed ? complain_malformed() : code;
	}
	enum store_status status = maildrop_delete(backend->store, key, uid, deleted, &fault);
	if (status == STORE_OK || status == STORE_NOT_FOUND)
		return EX_OK;
	return complain_store(status, &fault, "delete the message", NULL);
}

int backend_purge(struct backend *backend, const struct maildrop_key *key,
		  const struct deleted_selection *which, uint64_t *purged)
{
	struct fault fault = { "" };
	*purged = 0;
	if (backend->server != NULL)
		return request_selection(backend, "maildrop-purge", key, which, purged);
	enum store_status status = maildrop_purge(backend->store, key, which, purged, &fault);
	if (status == STORE_OK || status == STORE_NOT_FOUND)
		return EX_OK;
	return complain_store(status, &fault, "purge messages", NULL);
}

/* store_check hands one context to both of its calls. */
struct checking {
	check_report *report;
	void *context;
	struct accounts *accounts;
};

static void checking_report(void *context, const char *sentence)
{
	struct checking *checking = context;
	checking->report(checking->context, sentence);
}

/*
 * The mail of a removed user waits to be reaped: that is no fault. An account that cannot be looked
 * up now is taken for known as well: no false alarm about its mail.
 */
static bool checking_known(void *context, const char *key_id)
{
	struct checking *checking = context;
	struct fault fault;
	return account_key_recorded(checking->accounts, key_id, &fault) != ACCOUNTS_NOT_FOUND;
}

int backend_check(struct backend *backend, struct accounts *accounts, check_report *report,
		  void *context, uint64_t *findings)
{
	struct fault fault = { "" };
	struct checking checking = { report, context, accounts };
	*findings = 0;
	enum store_status status = store_check(backend->reader, checking_known, checking_report,
					       &checking, findings, &fault);
	return status == STORE_OK ? EX_OK
				  : complain_store(status, &fault, "check the store", NULL);
}

/* store-figures: shard, then struct store_figures in order. */
#define FIGURES_WORDS 11

struct figuring {
	backend_figures_visit *visit;
	void *context;
	bool malformed;
};

static bool figures_row(void *context, char *const *words, int count)
{
	struct figuring *figuring = context;
	uint64_t number[FIGURES_WORDS] = { 0 };
	for (int i = 0; i < FIGURES_WORDS; i++) {
		if (i >= count || !word_u64(words[i], &number[i])) {
			figuring->malformed = true;
			return false;
		}
	}
	struct store_figures figures = {
		.maildrops = number[1],
		.messages = number[2],
		.octets = number[3],
		.deleted = number[4],
		.bodies = number[5],
		.file_octets = number[6],
		.queued_jobs = number[7],
		.commits = number[8],
		.jobs = number[9],
		.in_service = number[10] != 0,
	};
	figuring->visit(figuring->context, (unsigned)number[0], &figures);
	return true;
}

int backend_figures(struct backend *backend, backend_figures_visit *visit, void *context)
{
	struct fault fault = { "" };
	struct store_figures figures;
	if (backend->server != NULL) {
		const char *words[] = { "store-figures" };
		struct figuring figuring = { visit, context, false };
		int code = backend_request(backend, words, 1, figures_row, &figuring);
		return code == EX_OK && figuring.malformed ? complain_malformed() : code;
	}
	for (unsigned shard = 0; shard < store_shards(backend->store); shard++) {
		enum store_status status =
			store_figures(backend->store, backend->reader, shard, &figures, &fault);
		if (status != STORE_OK)
			return complain_store(status, &fault, "read the store's figures", NULL);
		visit(context, shard, &figures);
	}
	return EX_OK;
}
