/*
 * Authentication: is this who they say. Slow on purpose (password hashes): called by hashers and
 * the tool. Only what auth_open_quick opens is for a worker. Backends behind one vtable; the first
 * that knows the user decides.
 */
#ifndef RESTANTE_AUTH_H
#define RESTANTE_AUTH_H

#include "restante/accounts.h"
#include "restante/network.h"
#include "restante/passwords.h"

#define AUTH_BACKENDS_MAX 2

/* Memory that nobody has written to lets nobody in. */
enum auth_verdict {
	AUTH_UNAVAILABLE, /* cannot tell now: [SYS/TEMP], never counted as a failure */
	AUTH_REFUSED, /* unknown user, wrong password, not allowed: the client hears one text */
	AUTH_OK,
	AUTH_WAITS, /* after auth_stop_short only: auth_go_on's backends decide */
	AUTH_VERDICT_COUNT
};

/* Ways to log in: USER and PASS, APOP, and the mechanisms of AUTH, -PLUS or not. */
enum auth_method {
	AUTH_PASS,
	AUTH_APOP,
	AUTH_PLAIN,
	AUTH_LOGIN,
	AUTH_CRAM_MD5,
	AUTH_SCRAM_SHA_1,
	AUTH_SCRAM_SHA_256,
	AUTH_METHOD_COUNT
};
/* "pass", "apop", "scram-sha-256": for the log. */
const char *auth_method_word(enum auth_method method);

struct auth_request {
	enum auth_method method;
	struct str user;
	/* The password, or a digest of 32 hexadecimal digits; nothing for SCRAM. */
	struct str secret;
	struct str challenge; /* what the digest is of, with its angle brackets */
	struct str peer;      /* the client's address as text, for PAM; may be empty */
	const struct network_address *from; /* NULL: a peer of this machine */
};

struct auth_result {
	struct account account; /* AUTH_OK only */
	const char *reason;  /* static text for the log: "unknown-user", "bad-password", ... */
	const char *backend; /* the name of the one that decided; NULL = none knew the user */
	char app_password[64];               /* the label of the one that matched; "" = none */
	char allow_nets[ALLOW_NETS_MAX + 1]; /* set by the backend; "" = anywhere */
};

struct auth_backend {
	const char *name; /* "sql", "pam" */
	/*
	 * *known = false: this backend has no such user, the next one is asked. Whether it knows a
	 * user must not depend on the password, or a wrong one would fall through to the next. The
	 * work done for an unknown user must cost what a known one costs.
	 */
	enum auth_verdict (*verify)(void *self, const struct auth_request *request, bool *known,
				    struct auth_result *result, struct fault *fault);
	void (*close)(void *self);
	void *self;
	/* As auth_provide, for this backend's users; NULL: it never makes mailboxes. */
	enum auth_verdict (*provide)(void *self, struct str address, struct fault *fault);
	/*
	 * The keys for SCRAM. NULL = has none of anybody, and then the next one is asked. Keys of
	 * nobody are always there; AUTH_OK: these are the account's.
	 */
	enum auth_verdict (*scram)(void *self, const struct auth_request *request, bool *known,
				   struct scram_keys *keys, struct auth_result *result,
				   struct fault *fault);
	/*
	 * As verify, but AUTH_WAITS where that would keep the thread waiting for another program.
	 * NULL: it never does.
	 */
	enum auth_verdict (*verify_at_once)(void *self, const struct auth_request *request,
					    bool *known, struct auth_result *result,
					    struct fault *fault);
};

/*
 * The `sql` backend, for one thread. Everything is borrowed; without a key there is no APOP and no
 * SCRAM, without a cache no password is remembered.
 */
struct secret_key;
struct credential_cache;
struct auth_sql {
	struct accounts *accounts;
	const struct secret_key *key;
	struct credential_cache *cache;
	/* Never slow: AUTH_OK is to be trusted, and anything else means nothing at all. */
	bool quick;
};
MUST_USE enum auth_verdict auth_sql_open(const struct auth_sql *with,
					 struct auth_backend *backend, struct fault *fault);

/*
 * The `pam` backend: users of the system, whom restante-pam verifies. They are addresses in
 * config->pam_domain. `accounts_path` is where their mailboxes are made if the configuration says
 * so; NULL = nothing is written. Everything is borrowed. For one thread, which it may keep waiting
 * for config->pam_seconds.
 */
struct config;
MUST_USE enum auth_verdict auth_pam_open(const struct config *config, struct accounts *accounts,
					 const char *accounts_path,
					 struct auth_backend *backend, struct fault *fault);

/* All backends of the configuration, in its order. */
struct auth_backends {
	struct auth_backend backend[AUTH_BACKENDS_MAX];
	size_t count;
};
struct auth_means {
	struct accounts *accounts;
	const char *accounts_path; /* NULL = nothing is written */
	const struct secret_key *key;
	struct credential_cache *cache;
};
MUST_USE enum auth_verdict auth_open(const struct config *config,
				     const struct auth_means *means,
				     struct auth_backends *backends, struct fault *fault);
/*
 * What a worker may ask before it turns to a hasher: passwords that are remembered, and digests
 * that cost nothing. Only AUTH_OK is an answer. None at all where another backend than `sql` is
 * asked first, as its users are its own.
 */
MUST_USE enum auth_verdict auth_open_quick(const struct config *config,
					   const struct auth_means *means,
					   struct auth_backends *backends, struct fault *fault);
void auth_close(struct auth_backends *backends);
/*
 * One login in two threads, so that only those who must wait do. The first stops short of the
 * backend that would wait, and says AUTH_WAITS; the second goes on with that one, and the first
 * ones, who do not know the user, are not asked again.
 */
void auth_stop_short(struct auth_backends *backends);
void auth_go_on(struct auth_backends *backends);

/*
 * Asks the backends in order. User name and password are prepared by SASLprep (RFC 4013); what it
 * refuses (control characters, ill-formed UTF-8), an empty password and over-long ones no backend
 * sees. Checks active, expires_at and switches after the password, so that the answer tells
 * nothing. Wipes nothing of the request: the caller does.
 */
MUST_USE enum auth_verdict auth_verify(struct auth_backend *backends, size_t count,
				       const struct auth_request *request, int64_t now,
				       struct auth_result *result, struct fault *fault);

/*
 * Makes the mailbox of a user whom a backend knows and accounts.db does not, so that mail for them
 * can be taken. AUTH_OK: it is there now. AUTH_REFUSED: no backend knows them, or makes mailboxes.
 */
MUST_USE enum auth_verdict auth_provide(struct auth_backend *backends, size_t count,
					struct str address, struct fault *fault);

/*
 * SCRAM's half: the keys that an exchange goes on with, and whether it may succeed at all, which
 * the client is to learn at its end only. Keys are set with AUTH_OK and AUTH_REFUSED.
 */
MUST_USE enum auth_verdict auth_scram(struct auth_backend *backends, size_t count,
				      const struct auth_request *request, int64_t now,
				      struct scram_keys *keys, struct auth_result *result,
				      struct fault *fault);

#endif
