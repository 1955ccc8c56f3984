/*
 * What a session says: the commands of the command line, expanded once, the same for all. Logging
 * in comes before (login.h); it is each user's own.
 */
#ifndef RESTANTE_BENCH_POP3_SCRIPT_H
#define RESTANTE_BENCH_POP3_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

enum reply_kind {
	REPLY_OK,       /* one line, "+OK" */
	REPLY_CONTINUE, /* one line, "+ " */
	REPLY_STAT,
	REPLY_LIST,
	REPLY_UIDL,
	REPLY_RETR,
};

struct step {
	enum reply_kind reply;
	uint64_t msgno; /* of RETR */
	size_t at, n;   /* its line in the text */
};

struct script {
	char *text;
	size_t text_n, text_cap;
	struct step *steps;
	size_t count, cap;
};

/*
 * Adds "STAT", "LIST", "UIDL", "NOOP", "RETR 1-20", "DELE 1-20", "FETCH 1-20" (RETR and DELE of each)
 * or "QUIT". Ends the program when it is none of them.
 */
void script_add(struct script *script, const char *command);
void script_free(struct script *script);

#endif
