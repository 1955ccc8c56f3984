/*
 * What the control socket can do: a table of verbs. Each handler checks its words, acts through
 * the hooks or the store, and writes the answer. Runs on the control thread only.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/number.h"
#include "control_private.h"
#include "restante/limits.h"
#include "restante/store_admin.h"

/* Room for a 64-bit number as text. */
struct number_text {
	char p[24];
};

static const char *number(struct number_text *text, uint64_t value)
{
	(void)snprintf(text->p, sizeof text->p, "%" PRIu64, value);
	return text->p;
}

static const char *seconds(struct number_text *text, int64_t value)
{
	(void)snprintf(text->p, sizeof text->p, "%" PRId64, value);
	return text->p;
}

/* The sysexits code of a store's refusal. */
static int exit_code(enum store_status status)
{
	static const int codes[] = {
		[STORE_OK] = EX_OK,
		[STORE_NOT_FOUND] = EX_NOUSER,
		[STORE_IN_USE] = EX_TEMPFAIL,
		[STORE_LOST] = EX_TEMPFAIL,
		[STORE_GONE] = EX_TEMPFAIL,
		[STORE_OVER_QUOTA] = EX_TEMPFAIL,
		[STORE_TOO_LARGE] = EX_DATAERR,
		[STORE_FULL] = EX_TEMPFAIL,
		[STORE_UNAVAILABLE] = EX_TEMPFAIL,
		[STORE_FOREIGN] = EX_DATAERR,
	};
	static_assert(ARRAY_SIZE(codes) == STORE_STATUS_COUNT, "a status has no code");

	return codes[status];
}

/* The last line of an answer that came from the store. */
static void conclude(struct control_request *request, enum store_status status,
		     const struct fault *fault)
{
	if (status == STORE_OK)
		reply_ok(request->reply);
	else
		reply_error(request->reply, exit_code(status),
			    fault->text[0] != '\0' ? fault->text : store_status_text(status));
}

static void row_of_one(struct control_request *request, uint64_t value)
{
	struct number_text text;
	const char *const words[] = { number(&text, value) };

	(void)reply_row(request->reply, words, 1);
}

/* "<shard> <key>"; answers and returns false when they are none. */
static bool take_key(struct control_request *request, struct maildrop_key *key)
{
	const char *id = request->words[2];
	uint64_t shard;

	if (!number_parse(str_of(request->words[1]), UINT32_MAX, &shard) ||
	    shard >= store_shards(request->store)) {
		reply_error(request->reply, EX_USAGE, "there is no such shard");
		return false;
	}
	if (strlen(id) != sizeof key->id - 1 ||
	    strspn(id, "0123456789abcdef") != sizeof key->id - 1) {
		reply_error(request->reply, EX_USAGE, "that is not a maildrop's key");
		return false;
	}
	key->shard = (unsigned)shard;
	memcpy(key->id, id, sizeof key->id);
	return true;
}

static bool take_number(struct control_request *request, int at, uint64_t *value)
{
	if (number_parse(str_of(request->words[at]), UINT64_MAX, value))
		return true;
	reply_error(request->reply, EX_USAGE, "a number is expected");
	return false;
}

static bool take_selection(struct control_request *request, struct deleted_selection *which)
{
	return take_number(request, 3, &which->uid) && take_number(request, 4, &which->session);
}

/* --- sessions ---------------------------------------------------------------------------- */

static void figure_row(void *to, const char *name, const char *value)
{
	struct control_request *request = to;
	const char *const words[] = { name, value };

	(void)reply_row(request->reply, words, ARRAY_SIZE(words));
}

static void do_status(struct control_request *request)
{
	request->hooks->status(request->hooks->context, figure_row, request);
	reply_ok(request->reply);
}

static void session_row(void *to, const struct control_session *session)
{
	struct control_request *request = to;
	struct number_text id, since, idle, messages, octets;
	const char *const words[] = {
		number(&id, session->session),
		session->protocol,
		session->peer,
		session->user,
		session->state,
		seconds(&since, session->since),
		number(&idle, session->idle_seconds),
		number(&messages, session->messages),
		number(&octets, session->octets),
	};

	(void)reply_row(request->reply, words, ARRAY_SIZE(words));
}

static void do_session_list(struct control_request *request)
{
	request->hooks->session_list(request->hooks->context, session_row, request);
	reply_ok(request->reply);
}

static void do_session_kick(struct control_request *request)
{
	const char *who = request->words[1];
	uint64_t session = 0;
	uint64_t ended;

	if (who[0] == '\0') {
		reply_error(request->reply, EX_USAGE, "name a session or an address");
		return;
	}
	if (!number_parse(str_of(who), UINT64_MAX, &session))
		session = 0;
	ended = request->hooks->session_kick(request->hooks->context, session,
					     session == 0 ? who : NULL);
	row_of_one(request, ended);
	reply_ok(request->reply);
}

static void certificate_row(void *to, const struct control_certificate *certificate)
{
	struct control_request *request = to;
	struct number_text end;
	const char *const words[] = {
		certificate->pair,
		certificate->key,
		seconds(&end, certificate->not_after),
		certificate->is_default ? "1" : "0",
		certificate->kept ? "1" : "0",
		certificate->names,
	};

	(void)reply_row(request->reply, words, ARRAY_SIZE(words));
}

static void do_tls_status(struct control_request *request)
{
	request->hooks->certificates(request->hooks->context, certificate_row, request);
	reply_ok(request->reply);
}

/* --- bans -------------------------------------------------------------------------------- */

static void ban_row(void *to, const char *network, int64_t until)
{
	struct control_request *request = to;
	struct number_text text;
	const char *const words[] = { network, seconds(&text, until) };

	(void)reply_row(request->reply, words, ARRAY_SIZE(words));
}

static void do_ban_list(struct control_request *request)
{
	request->hooks->ban_list(request->hooks->context, ban_row, request);
	reply_ok(request->reply);
}

/* A hook's count, or its sentence why not. */
static void conclude_ban(struct control_request *request, bool done, uint64_t count,
			 const struct fault *fault)
{
	if (!done) {
		reply_error(request->reply, EX_USAGE, fault->text);
		return;
	}
	row_of_one(request, count);
	reply_ok(request->reply);
}

static void do_ban_add(struct control_request *request)
{
	struct fault fault = { "" };
	uint64_t duration;
	uint64_t ended = 0;
	bool done;

	if (!number_parse(str_of(request->words[2]), BAN_SECONDS_MAX, &duration) ||
	    duration == 0) {
		reply_error(request->reply, EX_USAGE,
			    "a ban lasts from one second to one year");
		return;
	}
	done = request->hooks->ban_add(request->hooks->context, request->words[1], duration,
				       &ended, &fault);
	conclude_ban(request, done, ended, &fault);
}

static void do_ban_clear(struct control_request *request)
{
	const char *network = request->words[1];
	struct fault fault = { "" };
	uint64_t cleared = 0;
	bool done = request->hooks->ban_clear(request->hooks->context,
					      strcmp(network, "all") == 0 ? NULL : network,
					      &cleared, &fault);

	conclude_ban(request, done, cleared, &fault);
}

/* --- maildrops --------------------------------------------------------------------------- */

static bool message_row(void *context, const struct message_info *info)
{
	struct control_request *request = context;
	const struct message *message = &info->message;
	struct number_text uid, octets, received, deleted_at, session, longest;
	const char *const words[] = {
		number(&uid, message->uid),
		message->uidl,
		number(&octets, message->octets),
		seconds(&received, message->received),
		seconds(&deleted_at, info->deleted_at),
		number(&session, info->deleted_session),
		info->deleted_peer,
		number(&longest, message->longest_line),
	};

	return reply_row(request->reply, words, ARRAY_SIZE(words));
}

static void do_maildrop_list(struct control_request *request)
{
	bool deleted = strcmp(request->words[3], "deleted") == 0;
	struct fault fault = { "" };
	struct maildrop_key key;

	if (!deleted && strcmp(request->words[3], "live") != 0) {
		reply_error(request->reply, EX_USAGE, "\"live\" or \"deleted\" is expected");
		return;
	}
	if (take_key(request, &key))
		conclude(request,
			 maildrop_visit(request->reader, &key, deleted, message_row, request,
					&fault),
			 &fault);
}

static void do_maildrop_undelete(struct control_request *request)
{
	struct fault fault = { "" };
	struct deleted_selection which;
	struct maildrop_key key;
	enum store_status status;
	uint64_t restored = 0;

	if (!take_key(request, &key) || !take_selection(request, &which))
		return;
	status = maildrop_undelete(request->store, &key, &which, &restored, &fault);
	if (status == STORE_OK)
		row_of_one(request, restored);
	conclude(request, status, &fault);
}

static void do_maildrop_delete(struct control_request *request)
{
	struct fault fault = { "" };
	struct maildrop_key key;
	enum store_status status;
	uint64_t uid, deleted = 0;

	if (!take_key(request, &key) || !take_number(request, 3, &uid))
		return;
	status = maildrop_delete(request->store, &key, uid, &deleted, &fault);
	if (status == STORE_OK)
		row_of_one(request, deleted);
	conclude(request, status, &fault);
}

static void do_maildrop_purge(struct control_request *request)
{
	struct fault fault = { "" };
	struct deleted_selection which;
	struct maildrop_key key;
	enum store_status status;
	uint64_t purged = 0;

	if (!take_key(request, &key) || !take_selection(request, &which))
		return;
	status = maildrop_purge(request->store, &key, &which, &purged, &fault);
	if (status == STORE_OK)
		row_of_one(request, purged);
	conclude(request, status, &fault);
}

static void do_maildrop_usage(struct control_request *request)
{
	struct fault fault = { "" };
	struct maildrop_usage usage = { 0 };
	struct maildrop_key key;
	enum store_status status;

	if (!take_key(request, &key))
		return;
	status = maildrop_usage(request->reader, &key, &usage, &fault);
	if (status == STORE_OK) {
		struct number_text messages, octets, login;
		const char *const words[] = { number(&messages, usage.messages),
					      number(&octets, usage.octets),
					      seconds(&login, usage.last_login) };

		(void)reply_row(request->reply, words, ARRAY_SIZE(words));
	}
	conclude(request, status, &fault);
}

/* --- the store --------------------------------------------------------------------------- */

static bool figures_row(struct control_request *request, unsigned shard,
			const struct store_figures *figures)
{
	struct number_text texts[10];
	const char *const words[] = {
		number(&texts[0], shard),
		number(&texts[1], figures->maildrops),
		number(&texts[2], figures->messages),
		number(&texts[3], figures->octets),
		number(&texts[4], figures->deleted),
		number(&texts[5], figures->bodies),
		number(&texts[6], figures->file_octets),
		number(&texts[7], figures->queued_jobs),
		number(&texts[8], figures->commits),
		number(&texts[9], figures->jobs),
		figures->in_service ? "1" : "0",
	};

	return reply_row(request->reply, words, ARRAY_SIZE(words));
}

static void do_store_figures(struct control_request *request)
{
	enum store_status status = STORE_OK;
	struct fault fault = { "" };

	for (unsigned shard = 0; shard < store_shards(request->store); shard++) {
		struct store_figures figures = { 0 };

		status =
			store_figures(request->store, request->reader, shard, &figures, &fault);
		if (status != STORE_OK || !figures_row(request, shard, &figures))
			break;
	}
	conclude(request, status, &fault);
}

/* --- all of them ------------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	int arguments;
	bool changes; /* worth a line in the log */
	void (*perform)(struct control_request *request);
} verbs[] = {
	{ "status", 0, false, do_status },
	{ "session-list", 0, false, do_session_list },
	{ "session-kick", 1, true, do_session_kick },
	{ "tls-status", 0, false, do_tls_status },
	/* These log what they did themselves. */
	{ "ban-list", 0, false, do_ban_list },
	{ "ban-add", 2, false, do_ban_add },
	{ "ban-clear", 1, false, do_ban_clear },
	{ "maildrop-list", 3, false, do_maildrop_list },
	{ "maildrop-undelete", 4, true, do_maildrop_undelete },
	{ "maildrop-delete", 3, true, do_maildrop_delete },
	{ "maildrop-purge", 4, true, do_maildrop_purge },
	{ "maildrop-usage", 2, false, do_maildrop_usage },
	{ "store-figures", 0, false, do_store_figures },
};

static void log_request(const struct control_request *request)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_NOTICE, "control");
	log_word(&line, "verb", request->words[0]);
	for (int i = 1; i < request->n; i++)
		log_quoted(&line, "word", str_of(request->words[i]));
	log_end(&line);
}

void control_perform(struct control_request *request)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(request->words[0], verbs[i].name) != 0)
			continue;
		if (request->n - 1 != verbs[i].arguments) {
			reply_error(request->reply, EX_USAGE, "wrong number of words");
			return;
		}
		if (verbs[i].changes)
			log_request(request);
		verbs[i].perform(request);
		return;
	}
	reply_error(request->reply, EX_USAGE, "there is no such request");
}
