/*
 * The commands about the messages of one maildrop.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "ask.h"
#include "backend.h"
#include "base/number.h"
#include "commands.h"
#include "complain.h"
#include "output.h"

static int open_maildrop(struct tool *tool, struct account *account)
{
	int code = tool_accounts(tool, false);
	return code == EX_OK ? tool_account(tool, tool_name(tool->args[0]), account) : code;
}

static int parse_number(const char *what, const char *text, uint64_t *number)
{
	if (number_parse(str_of(text), INT64_MAX, number) && *number > 0)
		return EX_OK;
	return complain(EX_USAGE, "%s \"%s\" is not a number from 1 on", what, text);
}

/* --- list --------------------------------------------------------------------------- */

static const struct output_column live_columns[] = {
	{ "uid", OUTPUT_NUMBER },
	{ "octets", OUTPUT_NUMBER },
	{ "received", OUTPUT_TIME },
	{ "uidl", OUTPUT_TEXT },
};
static const struct output_column deleted_columns[] = {
	{ "uid", OUTPUT_NUMBER }, { "octets", OUTPUT_NUMBER }, { "received", OUTPUT_TIME },
	{ "uidl", OUTPUT_TEXT },  { "deleted", OUTPUT_TIME },  { "session", OUTPUT_NUMBER },
	{ "peer", OUTPUT_TEXT },
};

static bool print_message(void *context, const struct message_info *info)
{
	char uid[OUTPUT_NUMBER_MAX];
	char octets[OUTPUT_NUMBER_MAX];
	char received[OUTPUT_NUMBER_MAX];
	char deleted[OUTPUT_NUMBER_MAX];
	char session[OUTPUT_NUMBER_MAX];
	const char *values[ARRAY_SIZE(deleted_columns)] = {
		output_u64(uid, info->message.uid),
		output_u64(octets, info->message.octets),
		output_i64(received, info->message.received),
		info->message.uidl,
		output_i64(deleted, info->deleted_at),
		output_u64(session, info->deleted_session),
		info->deleted_peer,
	};
	output_row(context, values);
	return true;
}

int command_maildrop_list(struct tool *tool)
{
	struct account account;
	struct backend backend;
	bool deleted = tool_has(tool, OPTION_DELETED);
	int code = open_maildrop(tool, &account);
	if (code == EX_OK)
		code = backend_open(tool, BACKEND_READ, &backend);
	if (code != EX_OK)
		return code;
	struct output *output =
		output_begin(tool, "messages", OUTPUT_ROWS,
			     deleted ? deleted_columns : live_columns,
			     deleted ? ARRAY_SIZE(deleted_columns) : ARRAY_SIZE(live_columns));
	code = backend_visit(&backend, &account.key, deleted, print_message, output);
	output_end(&output);
	backend_close(&backend);
	return code;
}

/* --- show --------------------------------------------------------------------------- */

struct search {
	uint64_t uid;
	bool found;
	struct message_info info;
};

static bool search_uid(void *context, const struct message_info *info)
{
	struct search *search = context;
	if (info->message.uid == search->uid) {
		search->info = *info;
		search->found = true;
	}
	return !search->found && info->message.uid < search->uid;
}

static void print_facts(const struct tool *tool, const struct message_info *info)
{
	static const struct output_column columns[] = {
		{ "uid", OUTPUT_NUMBER },          { "uidl", OUTPUT_TEXT },
		{ "octets", OUTPUT_NUMBER },       { "header_octets", OUTPUT_NUMBER },
		{ "longest_line", OUTPUT_NUMBER }, { "received", OUTPUT_TIME },
		{ "needs_stuffing", OUTPUT_BOOL }, { "smtputf8", OUTPUT_BOOL },
		{ "has_nul", OUTPUT_BOOL },        { "has_8bit", OUTPUT_BOOL },
		{ "deleted", OUTPUT_TIME },        { "deleted_session", OUTPUT_NUMBER },
		{ "deleted_peer", OUTPUT_TEXT },
	};
	const struct message *message = &info->message;
	char text[7][OUTPUT_NUMBER_MAX];
	bool gone = info->deleted_at != 0;
	const char *values[] = {
		output_u64(text[0], message->uid),
		message->uidl,
		output_u64(text[1], message->octets),
		output_u64(text[2], message->header_octets),
		output_u64(text[3], message->longest_line),
		output_i64(text[4], message->received),
		(message->flags & MESSAGE_NEEDS_STUFFING) != 0 ? "1" : "0",
		(message->flags & MESSAGE_SMTPUTF8) != 0 ? "1" : "0",
		(message->flags & MESSAGE_HAS_NUL) != 0 ? "1" : "0",
		(message->flags & MESSAGE_HAS_8BIT) != 0 ? "1" : "0",
		output_i64(text[5], info->deleted_at),
		gone ? output_u64(text[6], info->deleted_session) : NULL,
		gone ? info->deleted_peer : NULL,
	};
	static_assert(ARRAY_SIZE(values) == ARRAY_SIZE(columns), "value missing");
	struct output *output =
		output_begin(tool, "messages", OUTPUT_FACTS, columns, ARRAY_SIZE(columns));
	output_row(output, values);
	output_end(&output);
}

static enum store_status find_live(struct backend *backend, struct maildrop *maildrop,
				   uint64_t uid, struct message *found, struct fault *fault)
{
	struct listed rows[64];
	uint64_t from = 1;
	size_t count;
	for (;;) {
		enum store_status status = maildrop_list(backend->reader, maildrop, &from, rows,
							 ARRAY_SIZE(rows), &count, fault);
		if (status != STORE_OK || count == 0)
			return status != STORE_OK ? status : STORE_NOT_FOUND;
		for (size_t i = 0; i < count; i++) {
			if (rows[i].uid == uid)
				return maildrop_message(backend->reader, maildrop,
							rows[i].msgno, found, fault);
		}
	}
}

static enum store_status copy_text(struct backend *backend, struct maildrop *maildrop,
				   const struct message *message, struct fault *fault)
{
	static char octets[65536];
	uint64_t offset = 0;
	size_t n;
	for (;;) {
		enum store_status status =
			message_read(backend->reader, maildrop, message, offset, octets,
				     sizeof octets, &n, fault);
		if (status != STORE_OK || n == 0 || fwrite(octets, 1, n, stdout) != n)
			return status;
		offset += n;
	}
}

static int print_text(struct backend *backend, const struct maildrop_key *key, uint64_t uid)
{
	struct fault fault = { "" };
	struct maildrop *maildrop = NULL;
	struct message message;
	enum store_status status = maildrop_open(backend->reader, key, &maildrop, &fault);
	if (status == STORE_OK)
		status = find_live(backend, maildrop, uid, &message, &fault);
	if (status == STORE_OK)
		status = copy_text(backend, maildrop, &message, &fault);
	maildrop_close(&maildrop);
	return status == STORE_OK ? EX_OK
				  : complain_store(status, &fault, "read the message", NULL);
}

static int complain_no_message(const struct tool *tool, uint64_t uid)
{
	return complain(EX_NOUSER,
			"there is no message with uid %" PRIu64
			"; see: restante maildrop list %s",
			uid, tool->args[0]);
}

static int show_message(struct tool *tool, struct backend *backend,
			const struct maildrop_key *key, uint64_t uid)
{
	struct search search = { .uid = uid };
	int code = backend_visit(backend, key, false, search_uid, &search);
	if (code == EX_OK && !search.found)
		code = backend_visit(backend, key, true, search_uid, &search);
	if (code != EX_OK)
		return code;
	if (!search.found)
		return complain_no_message(tool, uid);
	if (!tool_has(tool, OPTION_TEXT)) {
		print_facts(tool, &search.info);
		return EX_OK;
	}
	if (search.info.deleted_at != 0)
		return complain(EX_DATAERR,
				"message %" PRIu64 " is deleted; bring it back first: restante "
				"maildrop undelete %s --uid %" PRIu64,
				uid, tool->args[0], uid);
	return print_text(backend, key, uid);
}

int command_maildrop_show(struct tool *tool)
{
	struct account account;
	struct backend backend;
	uint64_t uid;
	int code = parse_number("uid", tool->args[1], &uid);
	if (code == EX_OK)
		code = open_maildrop(tool, &account);
	/* Text and flags do not travel over the control socket. */
	if (code == EX_OK)
		code = backend_open_reader(tool, &backend);
	if (code != EX_OK)
		return code;
	code = show_message(tool, &backend, &account.key, uid);
	backend_close(&backend);
	return code;
}

/* --- rm ----------------------------------------------------------------------------- */

int command_maildrop_rm(struct tool *tool)
{
	struct account account;
	struct backend backend;
	uint64_t deleted = 0;
	uint64_t uid;
	int code = parse_number("uid", tool->args[1], &uid);
	if (code == EX_OK)
		code = open_maildrop(tool, &account);
	/* It can be brought back, and so nobody is asked, but where nothing is kept. */
	if (code == EX_OK && account.undelete_seconds == 0)
		code = ask_confirm(tool,
				   "Remove message %" PRIu64
				   " of %s for good? Its deleted messages are not kept.",
				   uid, account.address);
	if (code == EX_OK)
		code = backend_open(tool, BACKEND_CHANGE, &backend);
	if (code != EX_OK)
		return code;
	code = backend_delete(&backend, &account.key, uid, &deleted);
	backend_close(&backend);
	if (code == EX_OK && deleted == 0)
		return complain_no_message(tool, uid);
	if (code == EX_OK && account.undelete_seconds == 0)
		tool_say(tool, "Deleted message %" PRIu64 " of %s", uid, account.address);
	else if (code == EX_OK)
		tool_say(tool,
			 "Deleted message %" PRIu64
			 " of %s; until it is purged this brings it back: restante maildrop "
			 "undelete %s --uid %" PRIu64,
			 uid, account.address, account.address, uid);
	return code;
}

/* --- undelete and purge ------------------------------------------------------------- */

static int parse_selection(const struct tool *tool, struct deleted_selection *which)
{
	int code = EX_OK;
	*which = (struct deleted_selection){ 0 };
	bool some = tool_has(tool, OPTION_UID) || tool_has(tool, OPTION_SESSION);
	if (some == tool_has(tool, OPTION_ALL))
		return complain(EX_USAGE, "which messages? give --uid or --session, or --all");
	if (tool_has(tool, OPTION_UID))
		code = parse_number("uid", tool->option[OPTION_UID], &which->uid);
	if (code == EX_OK && tool_has(tool, OPTION_SESSION))
		code = parse_number("session", tool->option[OPTION_SESSION], &which->session);
	return code;
}

struct counting {
	const struct deleted_selection *which;
	uint64_t messages;
	uint64_t octets;
};

static bool count_message(void *context, const struct message_info *info)
{
	struct counting *counting = context;
	const struct deleted_selection *which = counting->which;
	if (which->uid != 0 && info->message.uid != which->uid)
		return true;
	if (which->session != 0 && info->deleted_session != which->session)
		return true;
	counting->messages++;
	counting->octets += info->message.octets;
	return true;
}

static int complain_nothing(const struct tool *tool)
{
	return complain(
		EX_NOUSER,
		"no such deleted message is kept; see: restante maildrop list --deleted %s",
		tool->args[0]);
}

int command_maildrop_undelete(struct tool *tool)
{
	struct deleted_selection which;
	struct account account;
	struct backend backend;
	uint64_t restored = 0;
	int code = parse_selection(tool, &which);
	if (code == EX_OK)
		code = open_maildrop(tool, &account);
	if (code == EX_OK)
		code = backend_open(tool, BACKEND_CHANGE, &backend);
	if (code != EX_OK)
		return code;
	code = backend_undelete(&backend, &account.key, &which, &restored);
	backend_close(&backend);
	if (code == EX_OK && restored == 0)
		return complain_nothing(tool);
	if (code == EX_OK)
		tool_say(tool, "Brought back %" PRIu64 " message%s of %s", restored,
			 plural_s(restored), account.address);
	return code;
}

/*
 * Opens and closes a backend of its own: a question may stand for an hour, and nothing is to be
 * kept for it, neither the store nor a connection that the server would close meanwhile.
 */
static int confirm_purge(struct tool *tool, const struct account *account,
			 const struct deleted_selection *which)
{
	struct counting counting = { which, 0, 0 };
	struct backend backend;
	int code = backend_open(tool, BACKEND_READ, &backend);
	if (code != EX_OK)
		return code;
	code = backend_visit(&backend, &account->key, true, count_message, &counting);
	backend_close(&backend);
	if (code != EX_OK)
		return code;
	if (counting.messages == 0)
		return complain_nothing(tool);
	return ask_confirm(tool,
			   "Remove %" PRIu64 " deleted message%s (%" PRIu64
			   " octets) of %s for good?",
			   counting.messages, plural_s(counting.messages), counting.octets,
			   account->address);
}

int command_maildrop_purge(struct tool *tool)
{
	struct deleted_selection which;
	struct account account;
	struct backend backend;
	uint64_t purged = 0;
	int code = parse_selection(tool, &which);
	if (code == EX_OK)
		code = open_maildrop(tool, &account);
	if (code == EX_OK)
		code = confirm_purge(tool, &account, &which);
	if (code == EX_OK)
		code = backend_open(tool, BACKEND_CHANGE, &backend);
	if (code != EX_OK)
		return code;
	code = backend_purge(&backend, &account.key, &which, &purged);
	backend_close(&backend);
	if (code == EX_OK && purged == 0)
		return complain_nothing(tool);
	if (code == EX_OK)
		tool_say(tool, "Removed %" PRIu64 " deleted message%s of %s", purged,
			 plural_s(purged), account.address);
	return code;
}
