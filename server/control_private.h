/*
 * Between the control thread (control.c), its lines (control_lines.c) and what it can do
 * (control_verbs.c).
 */
#ifndef RESTANTE_CONTROL_PRIVATE_H
#define RESTANTE_CONTROL_PRIVATE_H

#include "control.h"

/* Rows are collected and sent together, so that a reading of the store rarely waits for a tool. */
#define CONTROL_REPLY_OCTETS 65536
/* A tool that takes no octet for so long loses its answer. */
#define CONTROL_STALL_MS 5000

struct control_reply {
	int fd;
	int wake;    /* readable: the server is stopping */
	bool broken; /* nothing more can be sent */
	size_t n;
	char memory[CONTROL_REPLY_OCTETS];
};

/* False when the tool is gone; whoever makes rows may stop then. */
bool reply_row(struct control_reply *reply, const char *const *words, size_t n);
/* `code` is one of sysexits.h. */
void reply_error(struct control_reply *reply, int code, const char *sentence);
void reply_ok(struct control_reply *reply);
void reply_flush(struct control_reply *reply);

struct control_request {
	struct store *store;
	struct store_reader *reader;
	const struct control_hooks *hooks;
	struct control_reply *reply;
	char **words; /* the verb first */
	int n;
};

/* Does what the request says and writes the whole answer. */
void control_perform(struct control_request *request);

/* What has come of a connection and was not served yet. */
struct control_input {
	size_t n;
	char line[CONTROL_LINE_MAX];
};
/*
 * Serves every whole line that there is; of *request, words and n are its own to set. False when
 * the connection is of no more use.
 */
MUST_USE bool control_serve(struct control_input *input, struct control_request *request);

#endif
