/*
 * The order of authentication: what no backend may see is refused first, the rest is prepared, then
 * the backends are asked, then the account's state decides. The only place that knows this order.
 */
#include "restante/auth.h"

#include <assert.h>
#include <sys/socket.h>

#include "base/log.h"
#include "restante/config.h"
#include "restante/passwords.h"

static_assert(AUTH_BACKENDS_MAX == CONFIG_BACKEND_COUNT, "each backend once");

/* A request in the form that backends are shown; wiped when the verdict is known. */
struct prepared {
	struct auth_request request;
	char user[ADDRESS_MAX + 1];
	char password[PASSWORD_MAX + 1];
};

/* How each way to log in is named and switched. */
static const struct {
	const char *word;
	unsigned needed; /* enum account_switch */
	const char *disabled;
} methods[] = {
	[AUTH_PASS] = { "pass", ACCOUNT_PASS, "pass-disabled" },
	[AUTH_APOP] = { "apop", ACCOUNT_APOP, "apop-disabled" },
	[AUTH_PLAIN] = { "plain", ACCOUNT_PLAIN, "plain-disabled" },
	[AUTH_LOGIN] = { "login", ACCOUNT_LOGIN, "login-disabled" },
	[AUTH_CRAM_MD5] = { "cram-md5", ACCOUNT_CRAM_MD5, "cram-md5-disabled" },
	[AUTH_SCRAM_SHA_1] = { "scram-sha-1", ACCOUNT_SCRAM_SHA_1, "scram-sha-1-disabled" },
	[AUTH_SCRAM_SHA_256] = { "scram-sha-256", ACCOUNT_SCRAM_SHA_256,
				 "scram-sha-256-disabled" },
};
static_assert(ARRAY_SIZE(methods) == AUTH_METHOD_COUNT, "method missing");

const char *auth_method_word(enum auth_method method)
{
	return methods[method].word;
}

/*
 * SASLprep, both as queries (RFC 6856 section 2.2). NULL, or why no backend may see this: it
 * depends on the client's octets alone, so that a refusal here tells nothing of any account.
 */
static const char *prepare(const struct auth_request *request, struct prepared *to)
{
	to->request = *request;
	/* Some backends take an empty password for "no authentication wanted" (LDAP does). */
	if (request->secret.n == 0)
		return "empty-password";
	if (!saslprep_user(request->user, to->user, sizeof to->user))
		return "bad-user-name";
	to->request.user = str_of(to->user);
	switch (request->method) {
	case AUTH_PASS:
	case AUTH_PLAIN:
	case AUTH_LOGIN:
		if (!saslprep(request->secret, false, to->password, sizeof to->password))
			return "unusable-password";
		to->request.secret = str_of(to->password);
		return NULL;
	case AUTH_APOP:
	case AUTH_CRAM_MD5:
		return request->challenge.n == 0 ? "no-challenge" : NULL;
	case AUTH_SCRAM_SHA_1:
	case AUTH_SCRAM_SHA_256:
	case AUTH_METHOD_COUNT:
		break;
	}
	return "unknown-method";
}

/* What cannot be read lets nobody in: half of a list is not what somebody meant. */
static const char *network_bar(const struct auth_result *result,
			       const struct auth_request *request, struct fault *fault)
{
	/* A peer of this machine is where its loopback is. */
	static const struct network_address local = { AF_INET, { 127, 0, 0, 1 } };
	const struct network_address *from = request->from == NULL ? &local : request->from;
	struct str list = str_of(result->allow_nets);
	struct str bad;

	if (list.n == 0)
		return NULL;
	if (!networks_parse(list, &bad)) {
		fault_set(fault, "mailbox %lld: allow_nets holds what is no network",
			  (long long)result->account.id);
		return "unreadable-networks";
	}
	return networks_have(list, from) ? NULL : "network-not-allowed";
}

/* NULL when this account may log in now, in this way, from there. */
static const char *account_bar(const struct auth_result *result,
			       const struct auth_request *request, int64_t now,
			       struct fault *fault)
{
	const struct account *account = &result->account;

	if (!account->active)
		return "inactive";
	if (account->expires_at != 0 && account->expires_at <= now)
		return "expired";
	if ((account->switches & ACCOUNT_POP3) == 0)
		return "pop3-disabled";
	if ((account->switches & methods[request->method].needed) == 0)
		return methods[request->method].disabled;
	return network_bar(result, request, fault);
}

/* The first backend that knows the user decides; so does one that cannot tell. */
static enum auth_verdict ask_backends(struct auth_backend *backends, size_t count,
				      const struct auth_request *request,
				      struct auth_result *result, struct fault *fault)
{
	const char *reason = "unknown-user";

	for (size_t i = 0; i < count; i++) {
		bool known = false;
		enum auth_verdict verdict;

		result->reason = reason;
		verdict = backends[i].verify(backends[i].self, request, &known, result, fault);
		if (known || verdict == AUTH_UNAVAILABLE) {
			result->backend = backends[i].name;
			return verdict;
		}
		/* For the log: "no-password" tells more than "unknown-user". */
		if (strcmp(result->reason, "unknown-user") != 0)
			reason = result->reason;
	}
	result->reason = reason;
	return AUTH_REFUSED;
}

/* The credentials are good or not; now what the account's row says. */
static enum auth_verdict settle(const struct auth_request *request, enum auth_verdict verdict,
				int64_t now, struct auth_result *result, struct fault *fault)
{
	const char *bar = verdict == AUTH_OK ? account_bar(result, request, now, fault) : NULL;

	if (verdict == AUTH_OK)
		result->reason = bar == NULL ? "ok" : bar;
	if (bar != NULL)
		verdict = AUTH_REFUSED;
	if (verdict != AUTH_OK) {
		memset(&result->account, 0, sizeof result->account);
		memset(result->app_password, 0, sizeof result->app_password);
	}
	return verdict;
}

enum auth_verdict auth_verify(struct auth_backend *backends, size_t count,
			      const struct auth_request *request, int64_t now,
			      struct auth_result *result, struct fault *fault)
{
	enum auth_verdict verdict = AUTH_REFUSED;
	struct prepared prepared;

	memset(result, 0, sizeof *result);
	fault->text[0] = '\0';
	result->reason = prepare(request, &prepared);
	if (result->reason == NULL)
		verdict = ask_backends(backends, count, &prepared.request, result, fault);
	explicit_bzero(&prepared, sizeof prepared);
	return settle(request, verdict, now, result, fault);
}

static enum auth_verdict ask_for_keys(struct auth_backend *backends, size_t count,
				      const struct auth_request *request,
				      struct scram_keys *keys, struct auth_result *result,
				      struct fault *fault)
{
	bool asked = false;

	for (size_t i = 0; i < count; i++) {
		bool known = false;
		enum auth_verdict verdict;

		if (backends[i].scram == NULL)
			continue;
		asked = true;
		verdict = backends[i].scram(backends[i].self, request, &known, keys, result,
					    fault);
		if (known || verdict == AUTH_UNAVAILABLE) {
			result->backend = backends[i].name;
			return verdict;
		}
	}
	result->reason = asked ? "unknown-user" : "no-backend-for-scram";
	return asked ? AUTH_REFUSED : AUTH_UNAVAILABLE;
}

enum auth_verdict auth_scram(struct auth_backend *backends, size_t count,
			     const struct auth_request *request, int64_t now,
			     struct scram_keys *keys, struct auth_result *result,
			     struct fault *fault)
{
	enum auth_verdict verdict;

	memset(result, 0, sizeof *result);
	fault->text[0] = '\0';
	verdict = ask_for_keys(backends, count, request, keys, result, fault);
	return settle(request, verdict, now, result, fault);
}

enum auth_verdict auth_provide(struct auth_backend *backends, size_t count, struct str address,
			       struct fault *fault)
{
	fault->text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		enum auth_verdict verdict = AUTH_REFUSED;

		if (backends[i].provide != NULL)
			verdict = backends[i].provide(backends[i].self, address, fault);
		if (verdict != AUTH_REFUSED)
			return verdict;
	}
	return AUTH_REFUSED;
}

/* --- the configured ones --------------------------------------------------------------------- */

static enum auth_verdict open_sql(const struct auth_means *means, bool quick,
				  struct auth_backend *backend, struct fault *fault)
{
	const struct auth_sql with = {
		.accounts = means->accounts,
		.key = means->key,
		.cache = means->cache,
		.quick = quick,
	};

	return auth_sql_open(&with, backend, fault);
}

static enum auth_verdict open_one(enum config_backend which, const struct config *config,
				  const struct auth_means *means, struct auth_backend *backend,
				  struct fault *fault)
{
	switch (which) {
	case CONFIG_SQL:
		return open_sql(means, false, backend, fault);
	case CONFIG_PAM:
		return auth_pam_open(config, means->accounts, means->accounts_path, backend,
				     fault);
	case CONFIG_BACKEND_COUNT:
		break;
	}
	return AUTH_UNAVAILABLE;
}

enum auth_verdict auth_open(const struct config *config, const struct auth_means *means,
			    struct auth_backends *backends, struct fault *fault)
{
	const struct config_backends *wanted = &config->auth_backends;
	enum auth_verdict verdict = AUTH_OK;

	memset(backends, 0, sizeof *backends);
	while (verdict == AUTH_OK && backends->count < wanted->count) {
		verdict = open_one(wanted->order[backends->count], config, means,
				   &backends->backend[backends->count], fault);
		if (verdict == AUTH_OK)
			backends->count++;
	}
	if (verdict != AUTH_OK)
		auth_close(backends);
	return verdict;
}

enum auth_verdict auth_open_quick(const struct config *config, const struct auth_means *means,
				  struct auth_backends *backends, struct fault *fault)
{
	enum auth_verdict verdict = AUTH_OK;

	memset(backends, 0, sizeof *backends);
	if (config->auth_backends.order[0] != CONFIG_SQL)
		return AUTH_OK;
	verdict = open_sql(means, true, &backends->backend[0], fault);
	backends->count = verdict == AUTH_OK ? 1 : 0;
	return verdict;
}

void auth_stop_short(struct auth_backends *backends)
{
	for (size_t i = 0; i < backends->count; i++)
		if (backends->backend[i].verify_at_once != NULL)
			backends->backend[i].verify = backends->backend[i].verify_at_once;
}

void auth_go_on(struct auth_backends *backends)
{
	struct auth_backend *all = backends->backend;
	size_t first = 0;

	while (first < backends->count && all[first].verify_at_once == NULL) {
		all[first].close(all[first].self);
		first++;
	}
	backends->count -= first;
	memmove(all, all + first, backends->count * sizeof all[0]);
}

void auth_close(struct auth_backends *backends)
{
	while (backends->count > 0) {
		struct auth_backend *last = &backends->backend[--backends->count];

		last->close(last->self);
	}
}
