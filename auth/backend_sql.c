/*
 * The `sql` backend: credentials of table mailbox. PASS looks at the password column only, APOP
 * at apop_secret only; neither ever stands in for the other.
 *
 * Whoever has no credential of the kind asked for (no such user, no password, a scheme that we do
 * not know) costs the same work as one who has.
 *
 * A mailbox without a password is not known to this backend: the row then says where the mail is,
 * and another backend says who may read it.
 */
#include <stdlib.h>

#include "base/log.h"
#include "restante/auth.h"
#include "restante/passwords.h"

#define SECRET_MAX 512

struct sql_backend {
	struct accounts *accounts;
	const struct secret_key *key;
	char dummy[SECRET_MAX]; /* a sealed secret of nobody's, "" without a key */
};

/* Nobody's id: AUTOINCREMENT begins at 1. */
#define NOBODY 0

static enum auth_verdict refuse(struct auth_result *result, const char *reason)
{
	result->reason = reason;
	return AUTH_REFUSED;
}

static enum auth_verdict unavailable(struct auth_result *result, const char *reason)
{
	result->reason = reason;
	return AUTH_UNAVAILABLE;
}

/* --- PASS ------------------------------------------------------------------------------------ */

static enum auth_verdict verify_pass(const struct auth_request *request,
				     const struct account_secrets *secrets,
				     struct auth_result *result, struct fault *fault)
{
	if (secrets->password[0] == '\0') {
		password_burn(request->secret);
		return refuse(result, "no-password");
	}
	switch (password_verify(secrets->password, str_of(result->account.address),
				request->secret, fault)) {
	case PASSWORD_MATCHES:
		return AUTH_OK;
	case PASSWORD_DIFFERS:
		return refuse(result, "bad-password");
	case PASSWORD_UNKNOWN_SCHEME:
		password_burn(request->secret);
		return refuse(result, "unknown-scheme");
	case PASSWORD_MALFORMED:
		password_burn(request->secret);
		return refuse(result, "malformed-password");
	case PASSWORD_UNAVAILABLE:
		break;
	}
	return unavailable(result, "password-unavailable");
}

/* --- APOP ------------------------------------------------------------------------------------ */

/* The secret as it is stored into clear; NULL, or why there is none. */
static const char *open_apop_secret(const struct sql_backend *self, int64_t account,
				    const char *stored, char *clear, size_t *n,
				    struct fault *fault)
{
	static const char prefix[] = "{CLEAR}";

	*n = 0;
	if (stored[0] == '\0')
		return "no-apop-secret";
	if (strncmp(stored, prefix, sizeof prefix - 1) == 0) {
		*n = strlen(stored) - (sizeof prefix - 1);
		memcpy(clear, stored + sizeof prefix - 1, *n + 1);
		return *n == 0 ? "no-apop-secret" : NULL;
	}
	if (self->key == NULL) {
		fault_set(fault, "mailbox %lld: its APOP secret is sealed and there is no key",
			  (long long)account);
		return "no-secret-key";
	}
	return secret_open(self->key, account, stored, clear, SECRET_MAX, n, fault)
		       ? NULL
		       : "unreadable-apop-secret";
}

/* RFC 6856 section 2.2: the secret that a digest is made of is prepared as a stored string. */
static const char *apop_secret(const struct sql_backend *self, int64_t account,
			       const char *stored, char *clear, size_t *n, struct fault *fault)
{
	char opened[SECRET_MAX];
	const char *flaw = open_apop_secret(self, account, stored, opened, n, fault);

	if (flaw == NULL && !saslprep((struct str){ opened, *n }, true, clear, SECRET_MAX))
		flaw = "unusable-apop-secret";
	explicit_bzero(opened, sizeof opened);
	*n = flaw == NULL ? strlen(clear) : 0;
	return flaw;
}

static void burn_apop(const struct sql_backend *self, const struct auth_request *request)
{
	struct fault ignored;
	char clear[SECRET_MAX];
	size_t n;

	/* A digest of nobody's secret: it differs, and that is all the same. */
	if (apop_secret(self, NOBODY, self->dummy, clear, &n, &ignored) != NULL)
		n = 0;
	if (apop_matches(request->challenge, (struct str){ clear, n }, request->secret))
		n = 0;
	explicit_bzero(clear, sizeof clear);
}

static enum auth_verdict verify_apop(const struct sql_backend *self,
				     const struct auth_request *request,
				     const struct account_secrets *secrets,
				     struct auth_result *result, struct fault *fault)
{
	char clear[SECRET_MAX];
	size_t n;
	const char *flaw =
		apop_secret(self, result->account.id, secrets->apop_secret, clear, &n, fault);
	bool matches;

	if (flaw != NULL) {
		burn_apop(self, request);
		return refuse(result, flaw);
	}
	matches = apop_matches(request->challenge, (struct str){ clear, n }, request->secret);
	explicit_bzero(clear, sizeof clear);
	return matches ? AUTH_OK : refuse(result, "bad-digest");
}

/* --- the backend ----------------------------------------------------------------------------- */

static void burn(const struct sql_backend *self, const struct auth_request *request)
{
	switch (request->method) {
	case AUTH_PASS:
		password_burn(request->secret);
		break;
	case AUTH_APOP:
		burn_apop(self, request);
		break;
	}
}

static enum auth_verdict sql_verify(void *context, const struct auth_request *request,
				    bool *known, struct auth_result *result,
				    struct fault *fault)
{
	const struct sql_backend *self = context;
	struct account_secrets secrets;
	enum accounts_status found =
		account_find(self->accounts, request->user, &result->account, &secrets, fault);
	enum auth_verdict verdict = AUTH_REFUSED;

	*known = found == ACCOUNTS_OK &&
		 !(request->method == AUTH_PASS && secrets.password[0] == '\0');
	if (found == ACCOUNTS_NOT_FOUND) {
		burn(self, request);
		return refuse(result, "unknown-user");
	}
	if (found != ACCOUNTS_OK)
		return unavailable(result, "accounts-unavailable");
	switch (request->method) {
	case AUTH_PASS:
		verdict = verify_pass(request, &secrets, result, fault);
		break;
	case AUTH_APOP:
		verdict = verify_apop(self, request, &secrets, result, fault);
		break;
	}
	account_secrets_wipe(&secrets);
	return verdict;
}

static void sql_close(void *context)
{
	free(context);
}

enum auth_verdict auth_sql_open(struct accounts *accounts, const struct secret_key *key,
				struct auth_backend *backend, struct fault *fault)
{
	struct sql_backend *self = calloc(1, sizeof *self);

	if (self == NULL) {
		fault_set(fault, "out of memory");
		return AUTH_UNAVAILABLE;
	}
	self->accounts = accounts;
	self->key = key;
	if (key != NULL && !secret_seal(key, NOBODY, STR("nobody's secret"), self->dummy,
					sizeof self->dummy, fault)) {
		free(self);
		return AUTH_UNAVAILABLE;
	}
	*backend = (struct auth_backend){
		.name = "sql",
		.verify = sql_verify,
		.close = sql_close,
		.self = self,
	};
	return AUTH_OK;
}
