/*
 * `restante deliver`: a message from standard input to the server's own LMTP listener, for MTAs
 * that deliver through a pipe. Says nothing when all went well; the exit status is what the MTA
 * reads.
 */
#include <stdlib.h>

#include "commands.h"
#include "complain.h"
#include "lmtp_client.h"
#include "output.h"

/* Unix sockets first: they are meant for programs of this machine. */
static const char *find_server(const struct config *config)
{
	const char *found = NULL;
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];
		if (listener->protocol != CONFIG_LMTP)
			continue;
		if (strncmp(listener->address, "unix:", 5) == 0)
			return listener->address;
		if (found == NULL)
			found = listener->address;
	}
	return found;
}

/* What would end a command line or a path early must not get into one. */
static bool is_plausible(const char *address)
{
	if (strlen(address) > ADDRESS_MAX)
		return false;
	for (const char *p = address; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		if (c <= ' ' || c == 0x7F || c == '<' || c == '>')
			return false;
	}
	return true;
}

static int check_addresses(const struct tool *tool, const char *sender)
{
	if (tool->count > LMTP_RECIPIENTS_MAX)
		return complain(EX_USAGE, "more than %d recipients at once",
				LMTP_RECIPIENTS_MAX);
	if (!is_plausible(sender))
		return complain(EX_USAGE, "the sender is no address");
	for (int i = 0; i < tool->count; i++) {
		if (tool->args[i][0] == '\0' || !is_plausible(tool->args[i]))
			return complain(EX_USAGE, "recipient %d is no address", i + 1);
	}
	return EX_OK;
}

static int report(const struct tool *tool, const struct lmtp_recipient *recipients,
		  size_t count)
{
	static const struct output_column columns[] = {
		{ "recipient", OUTPUT_TEXT },
		{ "delivered", OUTPUT_BOOL },
		{ "reply", OUTPUT_TEXT },
	};
	int worst = EX_OK;
	struct output *output =
		output_begin(tool, "recipients", OUTPUT_ROWS, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < count; i++) {
		int code = lmtp_reply_exit(&recipients[i].reply);
		const char *values[] = { recipients[i].address, code == EX_OK ? "1" : "0",
					 recipients[i].reply.text };
		if (tool_has(tool, OPTION_JSON))
			output_row(output, values);
		else if (code != EX_OK)
			complain(code, "%s: %s", recipients[i].address,
				 recipients[i].reply.text);
		worst = lmtp_worse_exit(worst, code);
	}
	output_end(&output);
	return worst;
}

static int deliver_to(const struct tool *tool, const char *server, const char *sender,
		      struct lmtp_recipient *recipients)
{
	struct lmtp_reply whole = { 0 };
	size_t count = (size_t)tool->count;
	for (size_t i = 0; i < count; i++)
		recipients[i].address = tool->args[i];
	if (lmtp_deliver(server, tool->config->hostname, sender, recipients, count, stdin,
			 &whole))
		return report(tool, recipients, count);
	if (whole.code == 0)
		return complain(EX_TEMPFAIL, "the server cannot be reached: %s", whole.text);
	return complain(lmtp_reply_exit(&whole), "the server refused: %s", whole.text);
}

int command_deliver(struct tool *tool)
{
	const char *sender = tool_has(tool, OPTION_SENDER) ? tool->option[OPTION_SENDER] : "";
	int code = tool_config(tool);
	if (strcmp(sender, "<>") == 0)
		sender = "";
	if (code == EX_OK)
		code = check_addresses(tool, sender);
	if (code != EX_OK)
		return code;
	const char *server = find_server(tool->config);
	if (server == NULL)
		return complain(EX_CONFIG,
				"the configuration %s has no listener with protocol = lmtp",
				tool->config->path);
	struct lmtp_recipient *recipients = calloc((size_t)tool->count, sizeof *recipients);
	if (recipients == NULL)
		return complain(EX_TEMPFAIL, "out of memory");
	code = deliver_to(tool, server, sender, recipients);
	free(recipients);
	return code;
}
