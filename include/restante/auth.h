/*
 * Authentication: is this who they say. Slow on purpose (password hashes): called by hashers and
 * the tool, never by a worker. Backends behind one vtable; the first that knows the user decides.
 */
#ifndef RESTANTE_AUTH_H
#define RESTANTE_AUTH_H

#include "restante/accounts.h"

enum auth_verdict {
	AUTH_OK,
	AUTH_REFUSED, /* unknown user, wrong password, not allowed: the client hears one text */
	AUTH_UNAVAILABLE, /* cannot tell now: [SYS/TEMP], never counted as a failure */
	AUTH_VERDICT_COUNT
};

enum auth_method { AUTH_PASS, AUTH_APOP };

struct auth_request {
	enum auth_method method;
	struct str user;
	struct str secret;    /* the password, or APOP's digest: 32 hexadecimal digits */
	struct str challenge; /* APOP: the greeting's timestamp with its angle brackets */
};

struct auth_result {
	struct account account; /* AUTH_OK only */
	const char *reason; /* static text for the log: "unknown-user", "bad-password", ... */
};

struct auth_backend {
	const char *name; /* "sql" */
	/*
	 * *known = false: this backend has no such user, the next one is asked. The work done for
	 * an unknown user must cost what a known one costs.
	 */
	enum auth_verdict (*verify)(void *self, const struct auth_request *request, bool *known,
				    struct auth_result *result, struct fault *fault);
	void (*close)(void *self);
	void *self;
};

/* The `sql` backend over an accounts connection and a key (both borrowed), for one thread. */
struct secret_key;
MUST_USE enum auth_verdict auth_sql_open(struct accounts *accounts,
					 const struct secret_key *key,
					 struct auth_backend *backend, struct fault *fault);

/*
 * Asks the backends in order. Refuses an empty password, a user name with control characters and
 * an over-long one before any backend sees it. Checks active, expires_at and switches after the
 * password, so that the answer tells nothing. Wipes nothing of the request: the caller does.
 */
MUST_USE enum auth_verdict auth_verify(struct auth_backend *backends, size_t count,
				       const struct auth_request *request, int64_t now,
				       struct auth_result *result, struct fault *fault);

#endif
