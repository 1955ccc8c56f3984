/*
 * The commands about the running server: who is connected, and how it is.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend.h"
#include "base/number.h"
#include "commands.h"
#include "complain.h"
#include "output.h"

/* --- sessions ----------------------------------------------------------------------- */

/* In the order of the control protocol. */
static const struct output_column session_columns[] = {
	{ "session", OUTPUT_NUMBER }, { "protocol", OUTPUT_TEXT },
	{ "peer", OUTPUT_TEXT },      { "user", OUTPUT_TEXT },
	{ "state", OUTPUT_TEXT },     { "since", OUTPUT_TIME },
	{ "idle", OUTPUT_NUMBER },    { "messages", OUTPUT_NUMBER },
	{ "octets", OUTPUT_NUMBER },
};

static const struct output_column certificate_columns[] = {
	{ "certificate", OUTPUT_TEXT }, { "key", OUTPUT_TEXT },  { "expires", OUTPUT_TIME },
	{ "default", OUTPUT_BOOL },     { "kept", OUTPUT_BOOL }, { "names", OUTPUT_TEXT },
};

#define COLUMNS_MAX 16
static_assert(ARRAY_SIZE(session_columns) <= COLUMNS_MAX &&
		      ARRAY_SIZE(certificate_columns) <= COLUMNS_MAX,
	      "a row of an answer does not fit");

static bool copy_row(void *context, char *const *words, int count)
{
	const char *values[COLUMNS_MAX] = { NULL };
	for (size_t i = 0; i < ARRAY_SIZE(values) && i < (size_t)count; i++)
		values[i] = words[i][0] != '\0' ? words[i] : NULL;
	output_row(context, values);
	return true;
}

/* The rows of a request without arguments, whose words are the columns. */
static int list_from_server(struct tool *tool, const char *request, const char *name,
			    const struct output_column *columns, size_t count)
{
	struct backend backend;
	int code = backend_open_server(tool, &backend);
	if (code != EX_OK)
		return code;
	struct output *output = output_begin(tool, name, OUTPUT_ROWS, columns, count);
	code = backend_request(&backend, &request, 1, copy_row, output);
	output_end(&output);
	backend_close(&backend);
	return code;
}

int command_session_list(struct tool *tool)
{
	return list_from_server(tool, "session-list", "sessions", session_columns,
				ARRAY_SIZE(session_columns));
}

int command_tls_status(struct tool *tool)
{
	return list_from_server(tool, "tls-status", "certificates", certificate_columns,
				ARRAY_SIZE(certificate_columns));
}

static bool kicked_row(void *context, char *const *words, int count)
{
	if (count < 1 || !number_parse(str_of(words[0]), UINT64_MAX, context))
		*(uint64_t *)context = 0;
	return false;
}

int command_session_kick(struct tool *tool)
{
	const char *words[] = { "session-kick", tool_name(tool->args[0]) };
	struct backend backend;
	uint64_t kicked = 0;
	int code = backend_open_server(tool, &backend);
	if (code != EX_OK)
		return code;
	code = backend_request(&backend, words, ARRAY_SIZE(words), kicked_row, &kicked);
	backend_close(&backend);
	if (code == EX_OK && kicked == 0)
		return complain(EX_NOUSER,
				"there is no session \"%s\"; see: restante session list",
				tool->args[0]);
	if (code == EX_OK)
		tool_say(tool, "Ended %" PRIu64 " session%s", kicked, plural_s(kicked));
	return code;
}

/* --- status ------------------------------------------------------------------------- */

#define FACTS_MAX 64

/* Names come from the server, so the columns are made when all are known. */
struct facts {
	struct output_column column[FACTS_MAX];
	char *name[FACTS_MAX];
	char *value[FACTS_MAX];
	size_t count;
};

static void facts_add(struct facts *facts, const char *name, const char *value)
{
	size_t at = facts->count;
	uint64_t number;
	if (at == FACTS_MAX)
		return;
	facts->name[at] = strdup(name);
	facts->value[at] = strdup(value);
	if (facts->name[at] == NULL || facts->value[at] == NULL)
		exit(complain(EX_OSERR, "out of memory"));
	bool is_number = number_parse(str_of(value), UINT64_MAX, &number);
	facts->column[at] = (struct output_column){ facts->name[at],
						    is_number ? OUTPUT_NUMBER : OUTPUT_TEXT };
	facts->count++;
}

static bool fact_row(void *context, char *const *words, int count)
{
	if (count >= 2)
		facts_add(context, words[0], words[1]);
	return true;
}

static void facts_print(const struct tool *tool, struct facts *facts)
{
	const char *values[FACTS_MAX];
	struct output *output =
		output_begin(tool, "status", OUTPUT_FACTS, facts->column, facts->count);
	for (size_t i = 0; i < facts->count; i++)
		values[i] = facts->value[i];
	output_row(output, values);
	output_end(&output);
	for (size_t i = 0; i < facts->count; i++) {
		free(facts->name[i]);
		free(facts->value[i]);
	}
}

static int status_of_server(struct tool *tool)
{
	static const char *const words[] = { "status" };
	struct facts facts = { .count = 0 };
	struct backend backend;
	int code = tool_become_owner(tool);
	if (code != EX_OK)
		return code;
	bool running = backend_server_runs(tool);
	facts_add(&facts, "server", running ? "running" : "not running");
	if (running)
		code = backend_open_server(tool, &backend);
	if (running && code == EX_OK) {
		code = backend_request(&backend, words, ARRAY_SIZE(words), fact_row, &facts);
		backend_close(&backend);
	}
	facts_print(tool, &facts);
	return running ? code : EX_UNAVAILABLE;
}

struct shards {
	struct output *output;
	bool served; /* without a server no database is in service, nor out of it */
};

static void figures_row(void *context, unsigned shard, const struct store_figures *figures)
{
	const struct shards *shards = context;
	const uint64_t numbers[] = { shard,
				     figures->maildrops,
				     figures->messages,
				     figures->octets,
				     figures->deleted,
				     figures->bodies,
				     figures->file_octets,
				     figures->queued_jobs,
				     figures->commits,
				     figures->jobs };
	char text[ARRAY_SIZE(numbers)][OUTPUT_NUMBER_MAX];
	const char *values[ARRAY_SIZE(numbers) + 1];
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		values[i] = output_u64(text[i], numbers[i]);
	values[ARRAY_SIZE(numbers)] = !shards->served ? NULL : figures->in_service ? "1" : "0";
	output_row(shards->output, values);
}

static int status_of_shards(struct tool *tool)
{
	static const struct output_column columns[] = {
		{ "shard", OUTPUT_NUMBER },       { "maildrops", OUTPUT_NUMBER },
		{ "messages", OUTPUT_NUMBER },    { "octets", OUTPUT_NUMBER },
		{ "deleted", OUTPUT_NUMBER },     { "bodies", OUTPUT_NUMBER },
		{ "file_octets", OUTPUT_NUMBER }, { "queued_jobs", OUTPUT_NUMBER },
		{ "commits", OUTPUT_NUMBER },     { "jobs", OUTPUT_NUMBER },
		{ "in_service", OUTPUT_BOOL },
	};
	struct backend backend;
	int code = backend_open(tool, BACKEND_READ, &backend);
	if (code != EX_OK)
		return code;
	struct shards shards = {
		output_begin(tool, "shards", OUTPUT_ROWS, columns, ARRAY_SIZE(columns)),
		backend.server != NULL,
	};
	code = backend_figures(&backend, figures_row, &shards);
	output_end(&shards.output);
	backend_close(&backend);
	return code;
}

int command_status(struct tool *tool)
{
	return tool_has(tool, OPTION_SHARDS) ? status_of_shards(tool) : status_of_server(tool);
}
