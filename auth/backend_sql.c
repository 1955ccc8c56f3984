/*
 * The `sql` backend: credentials of tables mailbox and app_password. Each method looks at its own
 * columns only; none ever stands in for another's:
 *
 *	PASS, PLAIN, LOGIN	password, app_password
 *	APOP			apop_secret
 *	CRAM-MD5		password, where its scheme can answer
 *	SCRAM			scram_sha1 or scram_sha256, else password, where its scheme can answer
 *
 * Whoever has no credential of the kind asked for (no such user, no password, a scheme that we do
 * not know) costs the same work as one who has.
 *
 * A mailbox without a password is not known to this backend: the row then says where the mail is,
 * and another backend says who may read it.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "restante/auth.h"
#include "restante/credential_cache.h"
#include "restante/passwords.h"

#define SECRET_MAX 512

struct sql_backend {
	struct auth_sql with;
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

/* --- PASS, PLAIN, LOGIN ---------------------------------------------------------------------- */

/*
 * One password of an account, remembered or by its hash. The quick one looks into the cache alone:
 * what is not there differs, as far as it can tell.
 */
static enum password_verdict check(const struct sql_backend *self,
				   const struct auth_request *request,
				   const struct account *account, const char *label,
				   const char *stored, struct fault *fault)
{
	const struct credential credential = { account->id, label, stored, request->secret };
	struct credential_cache *cache = self->with.cache;
	enum password_verdict verdict;

	if (cache != NULL && credential_cache_has(cache, &credential, clock_monotonic_ms()))
		return PASSWORD_MATCHES;
	if (self->with.quick)
		return PASSWORD_DIFFERS;
	verdict = password_verify(stored, str_of(account->address), request->secret, fault);
	if (cache != NULL && verdict == PASSWORD_MATCHES)
		credential_cache_add(cache, &credential, clock_monotonic_ms());
	return verdict;
}

/* Work in place of a hash that there is none of; a quick answer has nothing to hide. */
static void burn(const struct sql_backend *self, const struct auth_request *request)
{
	if (!self->with.quick)
		password_burn(request->secret);
}

/* A password of the row against what is stored; AUTH_OK when they match. */
static enum auth_verdict verify_stored(const struct sql_backend *self,
				       const struct auth_request *request, const char *stored,
				       struct auth_result *result, struct fault *fault)
{
	if (stored[0] == '\0') {
		burn(self, request);
		return refuse(result, "no-password");
	}
	switch (check(self, request, &result->account, "", stored, fault)) {
	case PASSWORD_MATCHES:
		return AUTH_OK;
	case PASSWORD_DIFFERS:
		return refuse(result, "bad-password");
	case PASSWORD_UNKNOWN_SCHEME:
		burn(self, request);
		return refuse(result, "unknown-scheme");
	case PASSWORD_MALFORMED:
	case PASSWORD_UNFIT:
		burn(self, request);
		return refuse(result, "malformed-password");
	case PASSWORD_UNAVAILABLE:
		break;
	}
	return unavailable(result, "password-unavailable");
}

struct app_search {
	const struct sql_backend *self;
	const struct auth_request *request;
	struct auth_result *result;
	bool found;
};

static bool try_app_password(void *context, const char *label, const char *stored)
{
	struct app_search *search = context;
	struct fault ignored;

	search->found = check(search->self, search->request, &search->result->account, label,
			      stored, &ignored) == PASSWORD_MATCHES;
	if (search->found) {
		size_t n = strlen(label);

		memcpy(search->result->app_password, label,
		       n < sizeof search->result->app_password ? n + 1 : 0);
	}
	return !search->found;
}

static enum auth_verdict verify_pass(const struct sql_backend *self,
				     const struct auth_request *request,
				     const struct account_secrets *secrets,
				     struct auth_result *result, struct fault *fault)
{
	struct app_search search = { self, request, result, false };
	enum auth_verdict verdict =
		verify_stored(self, request, secrets->password, result, fault);
	struct fault trouble;

	if (verdict == AUTH_OK)
		return verdict;
	if (app_passwords_visit(self->with.accounts, &result->account, try_app_password,
				&search, &trouble) != ACCOUNTS_OK) {
		*fault = trouble;
		return unavailable(result, "accounts-unavailable");
	}
	return search.found ? AUTH_OK : verdict;
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
	if (self->with.key == NULL) {
		fault_set(fault, "mailbox %lld: its APOP secret is sealed and there is no key",
			  (long long)account);
		return "no-secret-key";
	}
	return secret_open(self->with.key, account, stored, clear, SECRET_MAX, n, fault)
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

/* --- CRAM-MD5 -------------------------------------------------------------------------------- */

/* The work of one answer, where there is nothing to answer with. */
static void burn_cram(const struct auth_request *request)
{
	struct fault ignored;
	enum password_verdict verdict = password_cram_md5(
		"{PLAIN}nobody's secret", request->challenge, request->secret, &ignored);

	(void)verdict;
}

static enum auth_verdict verify_cram(const struct auth_request *request,
				     const struct account_secrets *secrets,
				     struct auth_result *result, struct fault *fault)
{
	enum password_verdict verdict;

	if (secrets->password[0] == '\0') {
		burn_cram(request);
		return refuse(result, "no-password");
	}
	verdict = password_cram_md5(secrets->password, request->challenge, request->secret,
				    fault);
	if (verdict != PASSWORD_MATCHES && verdict != PASSWORD_DIFFERS)
		burn_cram(request);
	switch (verdict) {
	case PASSWORD_MATCHES:
		return AUTH_OK;
	case PASSWORD_DIFFERS:
		return refuse(result, "bad-digest");
	case PASSWORD_UNKNOWN_SCHEME:
		return refuse(result, "unknown-scheme");
	case PASSWORD_MALFORMED:
		return refuse(result, "malformed-password");
	case PASSWORD_UNFIT:
		return refuse(result, "scheme-without-cram-md5");
	case PASSWORD_UNAVAILABLE:
		break;
	}
	return unavailable(result, "password-unavailable");
}

/* --- SCRAM ----------------------------------------------------------------------------------- */

/* The account's keys into *keys; why there are none, or NULL. */
static const char *account_keys(const struct account_secrets *secrets, enum scram_hash hash,
				struct scram_keys *keys, struct fault *fault)
{
	const char *own = hash == SCRAM_SHA_1 ? secrets->scram_sha1 : secrets->scram_sha256;

	if (own[0] != '\0')
		return scram_keys_parse(str_of(own), hash, keys) ? NULL
								 : "malformed-scram-keys";
	if (secrets->password[0] == '\0')
		return "no-scram-keys";
	return password_scram(secrets->password, hash, keys, fault) == PASSWORD_MATCHES
		       ? NULL
		       : "no-scram-keys";
}

/*
 * Nobody's keys are made in any case, and in the end either these or the account's are copied: so
 * all users cost the same.
 */
static enum auth_verdict sql_scram(void *context, const struct auth_request *request,
				   bool *known, struct scram_keys *keys,
				   struct auth_result *result, struct fault *fault)
{
	const struct sql_backend *self = context;
	enum scram_hash hash =
		request->method == AUTH_SCRAM_SHA_1 ? SCRAM_SHA_1 : SCRAM_SHA_256;
	struct account_secrets secrets;
	struct scram_keys own = { 0 };
	enum accounts_status found = account_find(self->with.accounts, request->user,
						  &result->account, &secrets, fault);
	const char *flaw = found == ACCOUNTS_OK ? account_keys(&secrets, hash, &own, fault)
						: "unknown-user";

	*known = found == ACCOUNTS_OK;
	memcpy(result->allow_nets, secrets.allow_nets, sizeof result->allow_nets);
	account_secrets_wipe(&secrets);
	if (found != ACCOUNTS_OK && found != ACCOUNTS_NOT_FOUND)
		return unavailable(result, "accounts-unavailable");
	if (self->with.key == NULL ||
	    !secret_scram_keys(self->with.key, hash, request->user, keys))
		return unavailable(result, "no-secret-key");
	if (flaw == NULL)
		*keys = own;
	explicit_bzero(&own, sizeof own);
	return flaw == NULL ? AUTH_OK : refuse(result, flaw);
}

/* --- the backend ----------------------------------------------------------------------------- */

/* The work of the method, for nobody: `secrets` is empty. */
static enum auth_verdict verify(const struct sql_backend *self,
				const struct auth_request *request,
				const struct account_secrets *secrets,
				struct auth_result *result, struct fault *fault)
{
	switch (request->method) {
	case AUTH_PASS:
	case AUTH_PLAIN:
	case AUTH_LOGIN:
		return verify_pass(self, request, secrets, result, fault);
	case AUTH_APOP:
		return verify_apop(self, request, secrets, result, fault);
	case AUTH_CRAM_MD5:
		return verify_cram(request, secrets, result, fault);
	case AUTH_SCRAM_SHA_1:
	case AUTH_SCRAM_SHA_256:
	case AUTH_METHOD_COUNT:
		break;
	}
	return refuse(result, "unknown-method");
}

static bool shows_password(enum auth_method method)
{
	return method == AUTH_PASS || method == AUTH_PLAIN || method == AUTH_LOGIN;
}

static enum auth_verdict sql_verify(void *context, const struct auth_request *request,
				    bool *known, struct auth_result *result,
				    struct fault *fault)
{
	const struct sql_backend *self = context;
	struct account_secrets secrets;
	enum accounts_status found = account_find(self->with.accounts, request->user,
						  &result->account, &secrets, fault);
	enum auth_verdict verdict;

	*known = false;
	if (found != ACCOUNTS_OK && found != ACCOUNTS_NOT_FOUND)
		return unavailable(result, "accounts-unavailable");
	memcpy(result->allow_nets, secrets.allow_nets, sizeof result->allow_nets);
	/* Nobody has empty secrets, and costs what somebody without them does. */
	verdict = verify(self, request, &secrets, result, fault);
	/* Without a password of its own a mailbox is known by an app password only. */
	*known = found == ACCOUNTS_OK && !(shows_password(request->method) &&
					   secrets.password[0] == '\0' && verdict != AUTH_OK);
	account_secrets_wipe(&secrets);
	if (found == ACCOUNTS_NOT_FOUND && verdict != AUTH_UNAVAILABLE)
		return refuse(result, "unknown-user");
	return verdict;
}

static void sql_close(void *context)
{
	free(context);
}

enum auth_verdict auth_sql_open(const struct auth_sql *with, struct auth_backend *backend,
				struct fault *fault)
{
	struct sql_backend *self = calloc(1, sizeof *self);

	if (self == NULL) {
		fault_set(fault, "out of memory");
		return AUTH_UNAVAILABLE;
	}
	self->with = *with;
	if (with->key != NULL && !secret_seal(with->key, NOBODY, STR("nobody's secret"),
					      self->dummy, sizeof self->dummy, fault)) {
		free(self);
		return AUTH_UNAVAILABLE;
	}
	*backend = (struct auth_backend){
		.name = "sql",
		.verify = sql_verify,
		.scram = with->quick ? NULL : sql_scram, /* which may have to make keys */
		.close = sql_close,
		.self = self,
	};
	return AUTH_OK;
}
