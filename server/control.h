/*
 * The server's end of the control socket (restante/control.h): one thread that serves the tool.
 * What touches sessions goes through hooks; what touches maildrops goes to the store directly,
 * with a reader of its own. A peer must have our uid or be root.
 */
#ifndef RESTANTE_SERVER_CONTROL_H
#define RESTANTE_SERVER_CONTROL_H

#include <stdint.h>

#include "restante/control.h"
#include "restante/store.h"

struct control_session {
	uint64_t session;
	const char *protocol; /* "pop3" or "lmtp" */
	const char *peer;     /* address text */
	const char *user;     /* "" before login */
	const char *state;    /* a word for the operator */
	int64_t since;        /* seconds since 1970 */
	uint64_t idle_seconds;
	uint64_t messages, octets; /* of the maildrop, 0 before login */
};

struct control_certificate {
	const char *pair;  /* its file or folder */
	const char *names; /* whom it serves, a space between */
	const char *key;   /* "ECDSA", "RSA", "Ed25519" */
	int64_t not_after; /* seconds since 1970 */
	bool is_default;
	bool kept; /* its files cannot be used now: this was read before */
};

typedef void control_figure(void *to, const char *name, const char *value);
typedef void control_session_row(void *to, const struct control_session *session);
typedef void control_certificate_row(void *to, const struct control_certificate *certificate);
/* `until`: seconds since 1970 */
typedef void control_ban_row(void *to, const char *network, int64_t until);

/*
 * Called on the control thread. Rows may be written to the tool while a hook calls `row`: it must
 * hold no lock that a worker waits for.
 */
struct control_hooks {
	void *context;
	/* Calls row(to, name, value) for each figure of the running server. */
	void (*status)(void *context, control_figure *row, void *to);
	void (*session_list)(void *context, control_session_row *row, void *to);
	/* Ends session `session`, or with session 0 every one of `address`; how many it ended. */
	uint64_t (*session_kick)(void *context, uint64_t session, const char *address);
	/* Calls row(to, certificate) for each certificate in force. */
	void (*certificates)(void *context, control_certificate_row *row, void *to);
	void (*ban_list)(void *context, control_ban_row *row, void *to);
	/* How many connections it ended. False: *fault says why not. */
	bool (*ban_add)(void *context, const char *network, uint64_t seconds, uint64_t *ended,
			struct fault *fault);
	/* Of one network, NULL = all; how many there were. */
	bool (*ban_clear)(void *context, const char *network, uint64_t *cleared,
			  struct fault *fault);
};

struct control_options {
	const char *path; /* of the socket; its directory is made when missing */
	struct store *store;
	const struct control_hooks *hooks;
};

struct control;

/* Copies what it needs of *options; the store and the hooks' context must outlive it. */
MUST_USE bool control_start(const struct control_options *options, struct control **control,
			    struct fault *fault);
/* Ends a request under way at its next row, closes and removes the socket. Accepts NULL. */
void control_stop(struct control **control);

#endif
