/*
 * The memory of the line that a session reads: each worker has it for one, which goes from session
 * to session. A session whose line is half read, or whose login waits for its verdict, keeps it.
 */
#include <stdlib.h>

#include "pop3_connection.h"
#include "server.h"
#include "worker.h"

static void put_back(struct worker *worker, char *memory)
{
	if (worker != NULL && worker->line == NULL)
		worker->line = memory;
	else
		free(memory);
}

bool pop3_line_lend(struct worker *worker, struct pop3_connection *c)
{
	char *memory;

	if (c->machine.line != NULL)
		return true;
	memory = worker->line != NULL ? worker->line : malloc(POP3_LINE_MAX);
	worker->line = NULL;
	if (memory != NULL)
		pop3_lend_line(&c->machine, memory);
	return memory != NULL;
}

/*
 * Only so many at a time, all connections together, so that ten thousand of them cannot hold
 * 16 KiB each. Who gets none has a line that is too long.
 */
void pop3_line_lend_more(struct worker *worker, struct pop3_connection *c)
{
	atomic_uint *lent = &c->base.server->auth_lines;
	char *memory = NULL;
	char *before;

	if (atomic_fetch_add(lent, 1) < POP3_AUTH_LINES)
		memory = malloc(POP3_AUTH_LINE_MAX);
	if (memory == NULL)
		atomic_fetch_sub(lent, 1);
	before = pop3_report_line(&c->machine, memory);
	if (before != NULL)
		put_back(worker, before);
}

void pop3_line_take_back(struct worker *worker, struct pop3_connection *c)
{
	bool more = c->machine.line_cap == POP3_AUTH_LINE_MAX;
	char *memory = pop3_take_line(&c->machine);

	if (memory == NULL)
		return;
	if (!more) {
		put_back(worker, memory);
		return;
	}
	free(memory);
	atomic_fetch_sub(&c->base.server->auth_lines, 1);
}
