/*
 * `restante check`: the key file, accounts.db and the store, each finding in a sentence.
 */
#include <inttypes.h>

#include "backend.h"
#include "commands.h"
#include "complain.h"
#include "output.h"
#include "restante/passwords.h"

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

static int check_key(struct tool *tool, struct findings *findings, uint64_t *count)
{
	struct fault fault = { "" };
	char path[4096];
	int code = tool_path(tool, CONFIG_SECRET_KEY, path, sizeof path);
	if (code != EX_OK || secret_key_open(path, &tool->key, &fault))
		return code;
	findings->where = "key";
	print_finding(findings, fault.text);
	*count = 1;
	return EX_OK;
}

static int check_accounts(struct tool *tool, struct findings *findings, uint64_t *count)
{
	struct fault fault = { "" };
	struct accounts_checking how = {
		.key = tool->key,
		.detail_separator = tool->config->detail_separator,
		.report = print_finding,
		.context = findings,
	};
	findings->where = "accounts";
	enum accounts_status status = accounts_check(tool->accounts, &how, count, &fault);
	return status == ACCOUNTS_OK
		       ? EX_OK
		       : complain_accounts(status, &fault, "check", "accounts.db");
}

static int check_all(struct tool *tool, struct findings *findings, uint64_t *count)
{
	uint64_t in_key = 0;
	uint64_t in_accounts = 0;
	uint64_t in_store = 0;
	int code = check_key(tool, findings, &in_key);
	if (code == EX_OK)
		code = check_accounts(tool, findings, &in_accounts);
	if (code == EX_OK)
		code = check_store(tool, findings, &in_store);
	*count = in_key + in_accounts + in_store;
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
	code = check_all(tool, &findings, &count);
	output_end(&findings.output);
	if (code != EX_OK)
		return code;
	if (count > 0)
		return complain(EX_DATAERR,
				"%" PRIu64
				" finding%s; keep a copy of the data directory before "
				"anything is repaired",
				count, plural_s(count));
	tool_say(tool, "Key file, accounts and store are sound");
	return EX_OK;
}
