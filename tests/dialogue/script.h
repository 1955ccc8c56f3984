/*
 * Dialogue scripts: a conversation written down, whatever the protocol.
 *
 *	# a comment, anywhere
 *	key: value          headers, up to the first blank line (which every script has)
 *
 *	C: text             the client sends text CRLF
 *	C> octets           the client sends octets as written, no CRLF; \r \n \t \\ \0 \xNN
 *	S: text             the server sends exactly this line, CRLF at its end
 *	S~ regex            the server sends a line that matches (POSIX extended, whole line)
 *	S> octets           the server sends exactly these octets; escapes as for C>
 *	A: action answer    what the fake world answers to the next such action
 *	X:                  the server closes the connection here
 *
 * One space behind the mark belongs to the mark; all others count. `A:` holds for the first action
 * of that name which comes of octets standing after it, so that a script means the same however
 * its input is cut.
 */
#ifndef RESTANTE_TESTS_SCRIPT_H
#define RESTANTE_TESTS_SCRIPT_H

#include "restante/compiler.h"
#include "restante/str.h"

enum script_kind {
	SCRIPT_CLIENT,
	SCRIPT_LINE,    /* S: */
	SCRIPT_PATTERN, /* S~ */
	SCRIPT_OCTETS,  /* S> */
	SCRIPT_ANSWER,  /* A: */
	SCRIPT_CLOSE    /* X: */
};

struct script_step {
	enum script_kind kind;
	unsigned line;   /* of the file */
	struct str text; /* NUL-terminated too; CLIENT: part of the script's `client` */
	size_t at;       /* client octets before this step */
};

struct script_header {
	const char *key, *value;
};

struct script {
	const char *path;
	struct script_header *headers;
	size_t header_count;
	struct script_step *steps;
	size_t step_count;
	char *client; /* all that the client sends */
	size_t client_n;
	char *file; /* what the slices point into */
};

/* False (and a line on standard error) when there is no such file or it is no script. */
MUST_USE bool script_read(const char *path, struct script *script);
void script_free(struct script *script);
/* The nth value (from 0) of a header, NULL = none. */
const char *script_header(const struct script *script, const char *key, size_t nth);
/* "yes" or "no"; `otherwise` when the header is missing. */
bool script_flag(const struct script *script, const char *key, bool otherwise);
/* A decimal value; `otherwise` when the header is missing. */
unsigned long script_number(const struct script *script, const char *key,
			    unsigned long otherwise);
/* Decodes escapes in place; returns the number of octets, SIZE_MAX when ill-formed. */
size_t script_unescape(char *text);

#endif
