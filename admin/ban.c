/*
 * The commands about bans: networks that the running server takes no connection from.
 */
#include <inttypes.h>
#include <stdio.h>

#include "backend.h"
#include "base/number.h"
#include "commands.h"
#include "complain.h"
#include "output.h"

#define DURATION_DEFAULT "1h"

/* "90", "90s", "15m", "12h", "7d". */
static bool duration_parse(const char *text, uint64_t *seconds)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct str digits = str_of(text);
	uint64_t unit = 1;
	for (size_t i = 0; i < ARRAY_SIZE(units) && digits.n > 0; i++) {
		if (digits.p[digits.n - 1] != units[i].letter)
			continue;
		unit = units[i].seconds;
		digits.n--;
		break;
	}
	if (!number_parse(digits, BAN_SECONDS_MAX / unit, seconds) || *seconds == 0)
		return false;
	*seconds *= unit;
	return true;
}

static bool ban_row(void *context, char *const *words, int count)
{
	const char *values[2] = { NULL };
	for (int i = 0; i < 2 && i < count; i++)
		values[i] = words[i];
	output_row(context, values);
	return true;
}

int command_ban_list(struct tool *tool)
{
	static const struct output_column columns[] = { { "network", OUTPUT_TEXT },
							{ "until", OUTPUT_TIME } };
	static const char *const words[] = { "ban-list" };
	struct backend backend;
	int code = backend_open_server(tool, &backend);
	if (code != EX_OK)
		return code;
	struct output *output =
		output_begin(tool, "bans", OUTPUT_ROWS, columns, ARRAY_SIZE(columns));
	code = backend_request(&backend, words, ARRAY_SIZE(words), ban_row, output);
	output_end(&output);
	backend_close(&backend);
	return code;
}

static bool count_row(void *context, char *const *words, int count)
{
	if (count < 1 || !number_parse(str_of(words[0]), UINT64_MAX, context))
		*(uint64_t *)context = 0;
	return false;
}

/* A request that is answered with a number. */
static int request_count(struct tool *tool, const char *const *words, size_t n, uint64_t *count)
{
	struct backend backend;
	int code = backend_open_server(tool, &backend);
	*count = 0;
	if (code != EX_OK)
		return code;
	code = backend_request(&backend, words, n, count_row, count);
	backend_close(&backend);
	return code;
}

int command_ban_add(struct tool *tool)
{
	const char *duration = tool->count > 1 ? tool->args[1] : DURATION_DEFAULT;
	char seconds_text[OUTPUT_NUMBER_MAX];
	uint64_t seconds, ended;
	if (!duration_parse(duration, &seconds))
		return complain(EX_USAGE,
				"\"%s\" is no time: write 90s, 15m, 12h or 7d, a year at most",
				duration);
	const char *const words[] = { "ban-add", tool->args[0],
				      output_u64(seconds_text, seconds) };
	int code = request_count(tool, words, ARRAY_SIZE(words), &ended);
	if (code == EX_OK)
		tool_say(tool, "Banned %s for %s; ended %" PRIu64 " connection%s",
			 tool->args[0], duration, ended, plural_s(ended));
	return code;
}

int command_ban_clear(struct tool *tool)
{
	bool all = tool_has(tool, OPTION_ALL);
	uint64_t cleared;
	if (all == (tool->count > 0))
		return complain(EX_USAGE, "name a network, or say --all");
	const char *const words[] = { "ban-clear", all ? "all" : tool->args[0] };
	int code = request_count(tool, words, ARRAY_SIZE(words), &cleared);
	if (code == EX_OK && cleared == 0 && !all)
		return complain(EX_NOUSER, "\"%s\" is not banned; see: restante ban list",
				tool->args[0]);
	if (code == EX_OK)
		tool_say(tool, "Removed %" PRIu64 " ban%s", cleared, plural_s(cleared));
	return code;
}
