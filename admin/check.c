/*
 * `restante check`: accounts.db and the store, each finding in a sentence.
 */
#include <inttypes.h>

#include "backend.h"
#include "commands.h"
#include "complain.h"
#include "output.h"

struct findings {
	struct output *output;
	const char *where;
};

static void print_finding(void *context, const char *sentence)
{
	const struct findings *findings = context;
	const char *values[] = { findings->where, sentence };
	output_row(findings->output, values);
}

/*
 * Reads the store itself, also beside a server: that would answer nobody else and could not stop
 * while it checks, and a large store takes it minutes.
 */
static int check_store(struct tool *tool, struct findings *findings, uint64_t *count)
{
	struct backend backend;
	int code = backend_open_reader(tool, &backend);
	if (code != EX_OK)
		return code;
	findings->where = "store";
	code = backend_check(&backend, tool->accounts, print_finding, findings, count);
	backend_close(&backend);
	return code;
}

static int check_both(struct tool *tool, struct findings *findings, uint64_t *count)
{
	struct fault fault = { "" };
	uint64_t in_accounts = 0;
	uint64_t in_store = 0;
	findings->where = "accounts";
	enum accounts_status status =
		accounts_check(tool->accounts, print_finding, findings, &in_accounts, &fault);
	if (status != ACCOUNTS_OK)
		return complain_accounts(status, &fault, "check", "accounts.db");
	int code = check_store(tool, findings, &in_store);
	*count = in_accounts + in_store;
	return code;
}

int command_check(struct tool *tool)
{
	static const struct output_column columns[] = { { "where", OUTPUT_TEXT },
							{ "finding", OUTPUT_TEXT } };
	struct findings findings = { 0 };
	uint64_t count = 0;
	int code = tool_accounts(tool, false);
	if (code != EX_OK)
		return code;
	findings.output =
		output_begin(tool, "findings", OUTPUT_ROWS, columns, ARRAY_SIZE(columns));
	code = check_both(tool, &findings, &count);
	output_end(&findings.output);
	if (code != EX_OK)
		return code;
	if (count > 0)
		return complain(EX_DATAERR,
				"%" PRIu64
				" finding%s; keep a copy of the data directory before "
				"anything is repaired",
				count, plural_s(count));
	tool_say(tool, "Accounts and store are sound");
	return EX_OK;
}
