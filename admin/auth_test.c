/*
 * `restante auth test`: would a password be accepted, in which way and from where. Methods that do
 * not show it are tried with what a client makes of it, so that the account's own secret for the
 * method decides. What a server decides by itself is not asked: limits, bans, encryption.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "commands.h"
#include "complain.h"
#include "output.h"
#include "restante/auth.h"
#include "restante/passwords.h"

#define MD5_OCTETS 16

static const struct str challenge = STR_INIT("<1.1@restante>");

struct attempt {
	struct auth_request request;
	struct network from;
	char user[ADDRESS_MAX + 1];      /* as auth_scram wants it */
	char password[PASSWORD_MAX + 1]; /* as a client prepares it before it makes a digest */
	char digest[2 * MD5_OCTETS + 1];
	enum auth_verdict verdict;
	struct auth_result result;
	struct fault fault;
};

static int print_verdict(const struct tool *tool, const struct attempt *attempt)
{
	static const struct output_column columns[] = {
		{ "user", OUTPUT_TEXT },
		{ "accepted", OUTPUT_BOOL },
		{ "backend", OUTPUT_TEXT },
		{ "reason", OUTPUT_TEXT },
	};
	static const int codes[] = {
		[AUTH_OK] = EX_OK,
		[AUTH_REFUSED] = EX_NOPERM,
		[AUTH_UNAVAILABLE] = EX_TEMPFAIL,
	};
	const struct auth_result *result = &attempt->result;
	const char *reason = result->reason != NULL ? result->reason : "";
	const char *values[] = { tool->args[0], attempt->verdict == AUTH_OK ? "1" : "0",
				 result->backend, reason };
	struct output *output =
		output_begin(tool, "logins", OUTPUT_FACTS, columns, ARRAY_SIZE(columns));
	output_row(output, values);
	output_end(&output);
	return codes[attempt->verdict];
}

/* --- what is asked ------------------------------------------------------------------ */

static int take_method(const char *word, enum auth_method *method)
{
	char list[256] = "";
	size_t used = 0;
	for (int i = 0; i < AUTH_METHOD_COUNT; i++) {
		if (word == NULL || strcmp(word, auth_method_word((enum auth_method)i)) == 0) {
			*method = (enum auth_method)i;
			return EX_OK;
		}
		int n = snprintf(list + used, sizeof list - used, " %s",
				 auth_method_word((enum auth_method)i));
		used += n > 0 ? (size_t)n : 0;
	}
	return complain(EX_USAGE, "\"%s\" is no method to log in by; there are:%s", word, list);
}

static int take_from(const char *text, struct attempt *attempt)
{
	if (text == NULL)
		return EX_OK;
	if (strchr(text, '/') != NULL || !network_read(str_of(text), &attempt->from))
		return complain(EX_USAGE, "\"%s\" is no IP address", text);
	attempt->request.from = &attempt->from.first;
	attempt->request.peer = str_of(text);
	return EX_OK;
}

/* --- what a client would make of the password --------------------------------------- */

static bool prepare_names(struct attempt *attempt)
{
	return saslprep_user(attempt->request.user, attempt->user, sizeof attempt->user) &&
	       saslprep(attempt->request.secret, false, attempt->password,
			sizeof attempt->password);
}

static bool apop_digest(const char *password, unsigned char digest[EVP_MAX_MD_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context != NULL && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
		    EVP_DigestUpdate(context, challenge.p, challenge.n) == 1 &&
		    EVP_DigestUpdate(context, password, strlen(password)) == 1 &&
		    EVP_DigestFinal_ex(context, digest, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

static bool cram_digest(const char *password, unsigned char digest[EVP_MAX_MD_SIZE])
{
	return HMAC(EVP_md5(), password, (int)strlen(password),
		    (const unsigned char *)challenge.p, challenge.n, digest, NULL) != NULL;
}

static bool make_digest(struct attempt *attempt)
{
	unsigned char octets[EVP_MAX_MD_SIZE];
	if (!(attempt->request.method == AUTH_APOP ? apop_digest(attempt->password, octets)
						   : cram_digest(attempt->password, octets)) ||
	    !hex_encode(octets, MD5_OCTETS, attempt->digest, sizeof attempt->digest))
		return false;
	attempt->request.secret = str_of(attempt->digest);
	attempt->request.challenge = challenge;
	return true;
}

/* --- the attempt -------------------------------------------------------------------- */

static void refuse(struct attempt *attempt, const char *reason)
{
	attempt->verdict = AUTH_REFUSED;
	attempt->result.reason = reason;
}

/* A proof can be made by whoever has the keys: whether the password leads to them says it all. */
static void try_scram(struct auth_backends *backends, struct attempt *attempt)
{
	enum scram_hash hash =
		attempt->request.method == AUTH_SCRAM_SHA_1 ? SCRAM_SHA_1 : SCRAM_SHA_256;
	struct scram_keys keys;
	attempt->request.user = str_of(attempt->user);
	attempt->verdict =
		auth_scram(backends->backend, backends->count, &attempt->request,
			   clock_wall_seconds(), &keys, &attempt->result, &attempt->fault);
	if (attempt->verdict == AUTH_OK &&
	    scram_keys_match(hash, &keys, str_of(attempt->password)) != PASSWORD_MATCHES)
		refuse(attempt, "bad-proof");
	explicit_bzero(&keys, sizeof keys);
}

static void try_password(struct auth_backends *backends, struct attempt *attempt)
{
	attempt->verdict = auth_verify(backends->backend, backends->count, &attempt->request,
				       clock_wall_seconds(), &attempt->result, &attempt->fault);
}

static void try_method(struct auth_backends *backends, struct attempt *attempt)
{
	switch (attempt->request.method) {
	case AUTH_PASS:
	case AUTH_PLAIN:
	case AUTH_LOGIN:
	case AUTH_METHOD_COUNT:
		break;
	case AUTH_APOP:
	case AUTH_CRAM_MD5:
		if (!prepare_names(attempt) || !make_digest(attempt)) {
			refuse(attempt, "unusable-password");
			return;
		}
		break;
	case AUTH_SCRAM_SHA_1:
	case AUTH_SCRAM_SHA_256:
		if (prepare_names(attempt))
			try_scram(backends, attempt);
		else
			refuse(attempt, "unusable-password");
		return;
	}
	try_password(backends, attempt);
}

static int try_and_print(struct tool *tool, struct attempt *attempt)
{
	struct auth_backends backends;
	int code = tool_key(tool);
	if (code != EX_OK)
		return code;
	/* Trying makes no mailboxes. */
	const struct auth_means means = { .accounts = tool->accounts, .key = tool->key };
	if (auth_open(tool->config, &means, &backends, &attempt->fault) != AUTH_OK)
		return complain(EX_TEMPFAIL, "cannot open the backends: %s",
				attempt->fault.text);
	try_method(&backends, attempt);
	auth_close(&backends);
	code = print_verdict(tool, attempt);
	if (attempt->verdict != AUTH_OK && attempt->fault.text[0] != '\0')
		complain(code, "%s", attempt->fault.text);
	return code;
}

int command_auth_test(struct tool *tool)
{
	struct attempt attempt = { 0 };
	struct password password;
	int code = take_method(tool->option[OPTION_METHOD], &attempt.request.method);
	if (code == EX_OK)
		code = take_from(tool->option[OPTION_FROM], &attempt);
	if (code == EX_OK)
		code = tool_accounts(tool, false);
	if (code == EX_OK)
		code = password_get(tool, "Password", PASSWORD_TRIED, &password);
	if (code != EX_OK)
		return code;
	/* As a client would write it: nothing is put into lower case here. */
	attempt.request.user = str_of(tool->args[0]);
	attempt.request.secret = (struct str){ password.text, password.n };
	code = try_and_print(tool, &attempt);
	password_wipe(&password);
	explicit_bzero(&attempt, sizeof attempt);
	return code;
}
