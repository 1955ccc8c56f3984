/*
 * Runs a dialogue script against one protocol machine, three ways: the client's input of a turn at
 * once, one octet at a time, and all turns pipelined in one piece (unless the script's header says
 * `pipelined: no`). What the server sends must be as written, and the same octets each time.
 *
 * A protocol gives a `struct dialogue_peer` and a main() that calls dialogue_main.
 */
#ifndef RESTANTE_TESTS_DIALOGUE_H
#define RESTANTE_TESTS_DIALOGUE_H

#include "script.h"

struct dialogue {
	const struct script *script;
	struct str in; /* what the client has sent and the machine has not taken */
	bool tight;  /* the machine gets the smallest output buffer that its contract allows */
	bool closed; /* set by the peer: the machine asked to close */
	bool close_said; /* ... and the script says so */
	size_t answers;  /* steps looked at for answers */
	char *out;       /* all that the server has sent */
	size_t out_n, out_cap;
};

struct dialogue_peer {
	/* A machine set up as the script's headers say, its greeting sent. */
	void *(*open)(struct dialogue *run);
	/* Works off run->in until the machine needs more or closes. */
	void (*feed)(void *self, struct dialogue *run);
	/* Checks what must hold at the end, frees. False: something did not (and was printed). */
	bool (*close)(void *self, struct dialogue *run);
};

/* The peer's output. */
void dialogue_send(struct dialogue *run, struct str octets);
/*
 * The script's `A:` for this action: what stands behind the action's name, NULL = none, do as
 * usual. Call it once per action, before performing it.
 */
const char *dialogue_answer(struct dialogue *run, const char *action);
/* Runs every script named in argv; the exit status. */
int dialogue_main(int argc, char **argv, const struct dialogue_peer *peer);

#endif
