/*
 * `restante user undelete`: a mailbox that was removed comes back with the mail that is still kept
 * under its key. Its password and settings went with it and are given anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "ask.h"
#include "backend.h"
#include "commands.h"
#include "complain.h"
#include "output.h"
#include "user.h"

/* An address with more removed mailboxes than this has older ones that are not looked at. */
#define KEPT_MAX 32

struct kept {
	struct maildrop_key key;
	int64_t removed;
	struct maildrop_usage usage;
};

struct kept_list {
	struct kept item[KEPT_MAX];
	size_t count;
	const char *only; /* this key; NULL = any */
};

static bool keep(void *context, const struct maildrop_key *key, int64_t removed)
{
	struct kept_list *list = context;
	if (list->only == NULL || strcmp(list->only, key->id) == 0)
		list->item[list->count++] = (struct kept){ .key = *key, .removed = removed };
	return list->count < KEPT_MAX;
}

/* Drops what has been reaped: past its time, and nothing there. */
static int look_at_mail(struct tool *tool, struct kept_list *list)
{
	struct backend backend;
	size_t left = 0;
	int code = backend_open(tool, BACKEND_READ, &backend);
	if (code != EX_OK)
		return code;
	for (size_t i = 0; i < list->count && code == EX_OK; i++) {
		struct kept *item = &list->item[i];
		code = backend_usage(&backend, &item->key, &item->usage);
		if (item->usage.messages > 0 ||
		    item->removed > time(NULL) - UNDELETE_SECONDS_DEFAULT)
			list->item[left++] = *item;
	}
	backend_close(&backend);
	list->count = left;
	return code;
}

static int complain_several(const char *address, const struct kept_list *list)
{
	int code = complain(
		EX_USAGE,
		"user \"%s\" was removed more than once; say which with --key:", address);
	for (size_t i = 0; i < list->count; i++) {
		const struct kept *item = &list->item[i];
		char when[32] = "";
		struct tm utc;
		time_t removed = (time_t)item->removed;
		if (gmtime_r(&removed, &utc) != NULL)
			strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &utc);
		fprintf(stderr, "  %s removed %s UTC with %" PRIu64 " message%s\n",
			item->key.id, when, item->usage.messages,
			plural_s(item->usage.messages));
	}
	return code;
}

/* The one maildrop that is meant. */
static int find_kept(struct tool *tool, const char *address, struct kept *kept)
{
	struct fault fault = { "" };
	struct kept_list list = { .only = tool->option[OPTION_KEY] };
	enum accounts_status status =
		accounts_visit_removed(tool->accounts, address, keep, &list, &fault);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "look for the mail of", address);
	int code = look_at_mail(tool, &list);
	if (code != EX_OK)
		return code;
	if (list.count == 0)
		return complain(
			EX_NOUSER,
			"no mail of a removed user \"%s\" is kept%s; mail is reaped %d "
			"days after its user was removed; for a new user: restante user "
			"add %s",
			address, list.only != NULL ? " under that key" : "",
			UNDELETE_SECONDS_DEFAULT / 86400, address);
	if (list.count > 1)
		return complain_several(address, &list);
	*kept = list.item[0];
	return EX_OK;
}

static void say_undeleted(const struct tool *tool, const char *address, const struct kept *kept,
			  const struct password *password)
{
	static const struct output_column columns[] = {
		{ "address", OUTPUT_TEXT },  { "messages", OUTPUT_NUMBER },
		{ "octets", OUTPUT_NUMBER }, { "store_key", OUTPUT_TEXT },
		{ "password", OUTPUT_TEXT },
	};
	char text[2][OUTPUT_NUMBER_MAX];
	if (!tool_has(tool, OPTION_JSON)) {
		tool_say(tool,
			 "Put back user %s with %" PRIu64 " message%s (%" PRIu64 " octets)",
			 address, kept->usage.messages, plural_s(kept->usage.messages),
			 kept->usage.octets);
		password_show_generated(tool, "Password", address, password);
		return;
	}
	const char *values[] = { address, output_u64(text[0], kept->usage.messages),
				 output_u64(text[1], kept->usage.octets), kept->key.id,
				 tool_has(tool, OPTION_GENERATE) ? password->text : NULL };
	struct output *output =
		output_begin(tool, "users", OUTPUT_ROWS, columns, ARRAY_SIZE(columns));
	output_row(output, values);
	output_end(&output);
}

int command_user_undelete(struct tool *tool)
{
	struct assignments to;
	struct password password;
	struct kept kept;
	const char *address = tool_name(tool->args[0]);
	int code = assign_parse(TABLE_MAILBOX, "address", tool->args + 1, tool->count - 1, &to);
	if (code == EX_OK)
		code = tool_accounts(tool, true);
	if (code == EX_OK)
		code = user_check_new(tool, address);
	if (code == EX_OK)
		code = find_kept(tool, address, &kept);
	if (code == EX_OK)
		code = password_get(tool, "New password", PASSWORD_NEW, &password);
	if (code != EX_OK)
		return code;
	to.field[to.count++] = (struct field){ "store_key", kept.key.id };
	code = user_add_with_password(tool, address, &to, &password);
	if (code == EX_OK)
		say_undeleted(tool, address, &kept, &password);
	password_wipe(&password);
	return code;
}
