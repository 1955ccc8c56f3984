/*
 * The `pam` backend: users of the system. The user ann is the address ann@pam_domain, and nothing
 * else is: no name without a domain, no other domain, so that no second name of a mailbox leads
 * around the backend that decides about the first.
 *
 * Known is whom the system knows (NSS, asked by restante-pam before PAM is), never whom PAM
 * accepts: PAM's codes for an unknown user and a wrong password can be told apart with some stacks
 * of modules only, and what is known must not depend on the password (docs/adr/0020).
 *
 * The mailbox is a row of accounts.db as everybody's is. Where the configuration says so, it is
 * made at the first login or message; this alone is written here (docs/adr/0021).
 */
#include <stdlib.h>

#include "base/log.h"
#include "pam_client.h"
#include "restante/auth.h"
#include "restante/config.h"
#include "restante/passwords.h"

struct pam_backend {
	const struct config *config;
	struct accounts *accounts;
	const char *accounts_path; /* NULL = makes no mailboxes */
};

/* A user of the system, and the one spelling of their address. */
struct person {
	char address[ADDRESS_MAX + 1];
	struct str user; /* in address */
	bool ours;       /* has a mailbox, or may get one */
};

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

/* False: this address stands for no user of the system. Addresses have no case, users have. */
static bool person_of(const struct pam_backend *self, struct str address, struct person *person)
{
	struct str domain = str_of(self->config->pam_domain);
	size_t at = address.n - domain.n - 1;

	if (address.n <= domain.n + 1 || address.n > ADDRESS_MAX || address.p[at] != '@' ||
	    !str_equal_nocase(str_from(address, at + 1), domain))
		return false;
	for (size_t i = 0; i < address.n; i++) {
		char c = address.p[i];

		person->address[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	person->address[address.n] = '\0';
	person->user = (struct str){ person->address, at };
	return helper_user_possible(person->user);
}

/* AUTH_OK: the row is there now, by us or by somebody else. */
static enum auth_verdict make_mailbox(const struct pam_backend *self,
				      const struct person *person, struct fault *fault)
{
	struct accounts *accounts = NULL;
	struct log_line line;
	enum accounts_status status =
		accounts_open(self->accounts_path, true, &accounts, fault);

	if (status == ACCOUNTS_OK)
		status = accounts_add(accounts, TABLE_MAILBOX, person->address, NULL, 0, fault);
	accounts_close(&accounts);
	if (status == ACCOUNTS_EXISTS)
		return AUTH_OK;
	if (status != ACCOUNTS_OK)
		return AUTH_UNAVAILABLE;
	log_begin(&line, LOG_LEVEL_NOTICE, "mailbox-created");
	log_word(&line, "backend", "pam");
	log_quoted(&line, "maildrop", str_of(person->address));
	log_end(&line);
	return AUTH_OK;
}

static bool ask(const struct pam_backend *self, const struct helper_request *request,
		struct helper_reply *reply, struct fault *fault)
{
	if (!pam_client_ask(self->config->pam_socket, self->config->pam_seconds, request, reply,
			    fault))
		return false;
	if (reply->verdict == HELPER_TROUBLE)
		fault_set(fault, "restante-pam: code %u at stage %d; its log says more",
			  reply->code, (int)reply->stage);
	return reply->verdict != HELPER_TROUBLE;
}

/* --- a login --------------------------------------------------------------------------------- */

static const char *refusal(const struct helper_reply *reply)
{
	switch (reply->stage) {
	case HELPER_AT_ACCOUNT:
		return "pam-account";
	case HELPER_AT_USER:
		return "pam-user-changed";
	case HELPER_AT_LOOK_UP:
	case HELPER_AT_START:
	case HELPER_AT_AUTHENTICATE:
	case HELPER_STAGE_END:
		break;
	}
	return "bad-password";
}

/* The account, and where it may log in from. */
static enum accounts_status find_account(const struct pam_backend *self, struct str address,
					 struct auth_result *result, struct fault *fault)
{
	struct account_secrets secrets;
	enum accounts_status found =
		account_find(self->accounts, address, &result->account, &secrets, fault);

	memcpy(result->allow_nets, secrets.allow_nets, sizeof result->allow_nets);
	account_secrets_wipe(&secrets);
	return found;
}

/* Whom PAM let in gets their account; what that may is auth.c's business. */
static enum auth_verdict let_in(const struct pam_backend *self, const struct person *person,
				struct auth_result *result, struct fault *fault)
{
	struct str address = str_of(person->address);
	enum accounts_status found = find_account(self, address, result, fault);

	if (found == ACCOUNTS_NOT_FOUND && self->accounts_path != NULL) {
		if (make_mailbox(self, person, fault) != AUTH_OK)
			return unavailable(result, "mailbox-not-created");
		found = find_account(self, address, result, fault);
	}
	if (found == ACCOUNTS_NOT_FOUND)
		return refuse(result, "no-mailbox");
	return found == ACCOUNTS_OK ? AUTH_OK : unavailable(result, "accounts-unavailable");
}

static enum auth_verdict log_in(const struct pam_backend *self, const struct person *person,
				const struct auth_request *request, bool *known,
				struct auth_result *result, struct fault *fault)
{
	struct helper_reply reply;
	struct helper_request login = {
		.kind = person->ours ? HELPER_LOG_IN : HELPER_PRETEND,
		.user = person->user,
		.password = request->secret,
		.address = request->peer,
		.service = str_of(self->config->pam_service),
	};

	if (!ask(self, &login, &reply, fault))
		return unavailable(result, "pam-unavailable");
	if (!person->ours)
		return refuse(result, "unknown-user");
	*known = reply.verdict != HELPER_UNKNOWN;
	switch (reply.verdict) {
	case HELPER_YES:
		return let_in(self, person, result, fault);
	case HELPER_NO:
		fault_set(fault, "PAM's code %u", reply.code);
		return refuse(result, refusal(&reply));
	case HELPER_UNKNOWN:
	case HELPER_TROUBLE:
	case HELPER_VERDICT_END:
		break;
	}
	return refuse(result, "unknown-user");
}

/* AUTH_OK: somebody to ask restante-pam about. */
static enum auth_verdict find_person(const struct pam_backend *self,
				     const struct auth_request *request, struct person *person,
				     struct auth_result *result, struct fault *fault)
{
	enum accounts_status found;

	if (request->method != AUTH_PASS && request->method != AUTH_PLAIN &&
	    request->method != AUTH_LOGIN)
		return refuse(result, "unknown-user");
	if (!person_of(self, request->user, person))
		return refuse(result, "unknown-user");
	/*
	 * Users of the system who are none of ours are nobody's to try passwords on, but it takes
	 * as long to say so, and as long as PAM is down nothing is said of anybody.
	 */
	found = account_find(self->accounts, str_of(person->address), &result->account, NULL,
			     fault);
	person->ours = found == ACCOUNTS_OK || self->accounts_path != NULL;
	if (found != ACCOUNTS_OK && found != ACCOUNTS_NOT_FOUND)
		return unavailable(result, "accounts-unavailable");
	return AUTH_OK;
}

static enum auth_verdict pam_verify_at_once(void *context, const struct auth_request *request,
					    bool *known, struct auth_result *result,
					    struct fault *fault)
{
	struct person person;
	enum auth_verdict verdict = find_person(context, request, &person, result, fault);

	/* Nobody is asked behind this one before it has been asked itself. */
	*known = verdict == AUTH_OK;
	return verdict == AUTH_OK ? AUTH_WAITS : verdict;
}

static enum auth_verdict pam_verify(void *context, const struct auth_request *request,
				    bool *known, struct auth_result *result,
				    struct fault *fault)
{
	const struct pam_backend *self = context;
	struct person person;
	enum auth_verdict verdict = find_person(self, request, &person, result, fault);

	*known = false;
	return verdict == AUTH_OK ? log_in(self, &person, request, known, result, fault)
				  : verdict;
}

/* --- a recipient ----------------------------------------------------------------------------- */

static enum auth_verdict pam_provide(void *context, struct str address, struct fault *fault)
{
	const struct pam_backend *self = context;
	struct person person;
	struct helper_reply reply;
	struct helper_request look_up = { .kind = HELPER_LOOK_UP };

	if (!person_of(self, address, &person))
		return AUTH_REFUSED;
	look_up.user = person.user;
	if (!ask(self, &look_up, &reply, fault))
		return AUTH_UNAVAILABLE;
	return reply.verdict == HELPER_YES ? make_mailbox(self, &person, fault) : AUTH_REFUSED;
}

/* --- the backend ----------------------------------------------------------------------------- */

static void pam_close(void *context)
{
	free(context);
}

enum auth_verdict auth_pam_open(const struct config *config, struct accounts *accounts,
				const char *accounts_path, struct auth_backend *backend,
				struct fault *fault)
{
	struct pam_backend *self = calloc(1, sizeof *self);

	if (self == NULL) {
		fault_set(fault, "out of memory");
		return AUTH_UNAVAILABLE;
	}
	self->config = config;
	self->accounts = accounts;
	self->accounts_path = config->pam_create_mailbox ? accounts_path : NULL;
	*backend = (struct auth_backend){
		.name = "pam",
		.verify = pam_verify,
		.verify_at_once = pam_verify_at_once,
		.close = pam_close,
		.self = self,
		.provide = self->accounts_path != NULL ? pam_provide : NULL,
	};
	return AUTH_OK;
}
