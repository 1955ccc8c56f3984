/*
 * SASL's frame, and the mechanisms that show the server a password or one digest: PLAIN (RFC
 * 4616), LOGIN (as its clients do it), CRAM-MD5 (RFC 2195). SCRAM is in sasl_scram.c.
 */
#include "sasl_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

static enum sasl_step plain_respond(struct sasl_exchange *x, const struct str *response);
static enum sasl_step login_respond(struct sasl_exchange *x, const struct str *response);
static enum sasl_step cram_respond(struct sasl_exchange *x, const struct str *response);

/*
 * What is overheard of CRAM-MD5 can be guessed at by the million a second, as with APOP. SCRAM's
 * rounds make that as slow as with a stolen hash.
 */
static const struct sasl_mechanism_row rows[] = {
	[SASL_SCRAM_SHA_256_PLUS] = { "scram-sha-256-plus", AUTH_SCRAM_SHA_256, .channel = true,
				      .respond = scram_respond, .worked = scram_worked },
	[SASL_SCRAM_SHA_1_PLUS] = { "scram-sha-1-plus", AUTH_SCRAM_SHA_1, .channel = true,
				    .respond = scram_respond, .worked = scram_worked },
	[SASL_SCRAM_SHA_256] = { "scram-sha-256", AUTH_SCRAM_SHA_256, .respond = scram_respond,
				 .worked = scram_worked },
	[SASL_SCRAM_SHA_1] = { "scram-sha-1", AUTH_SCRAM_SHA_1, .respond = scram_respond,
			       .worked = scram_worked },
	[SASL_CRAM_MD5] = { "cram-md5", AUTH_CRAM_MD5, .clear = true, .respond = cram_respond },
	[SASL_PLAIN] = { "plain", AUTH_PLAIN, .clear = true, .respond = plain_respond },
	[SASL_LOGIN] = { "login", AUTH_LOGIN, .clear = true, .respond = login_respond },
};
static_assert(ARRAY_SIZE(rows) == SASL_MECHANISM_COUNT, "mechanism missing");

unsigned sasl_offered(unsigned configured, bool clear_password, bool channel)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if ((rows[i].clear && !clear_password) || (rows[i].channel && !channel))
			configured &= ~SASL_BIT(i);
	return configured;
}

unsigned sasl_withheld(unsigned configured, bool clear_password)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!rows[i].clear || clear_password)
			configured &= ~SASL_BIT(i);
	return configured;
}

/* --- for the mechanisms ---------------------------------------------------------------------- */

enum sasl_step sasl_challenge_with(struct sasl_exchange *x, struct str text)
{
	assert(text.n <= SASL_CHALLENGE_MAX);
	memcpy(x->challenge, text.p, text.n);
	x->challenge[text.n] = '\0';
	x->challenge_n = text.n;
	return SASL_CHALLENGE;
}

enum sasl_step sasl_refuse(struct sasl_exchange *x, const char *reason)
{
	x->result.reason = reason;
	return SASL_REFUSED;
}

bool sasl_take_user(struct sasl_exchange *x, struct str name)
{
	return saslprep_user(name, x->user, sizeof x->user);
}

bool sasl_may_act_as(const struct sasl_exchange *x, struct str other)
{
	char prepared[ADDRESS_MAX + 1];

	if (other.n == 0)
		return true;
	return saslprep_user(other, prepared, sizeof prepared) &&
	       str_equal_nocase(str_of(prepared), str_of(x->user));
}

static enum sasl_step ask(struct sasl_exchange *x, struct str secret)
{
	x->secret = secret;
	return SASL_WORK;
}

/* --- PLAIN: [authzid] NUL authcid NUL passwd ------------------------------------------------- */

static bool take_until_nul(struct str *text, struct str *field)
{
	const char *end = text->n == 0 ? NULL : memchr(text->p, '\0', text->n);

	if (end == NULL)
		return false;
	*field = (struct str){ text->p, (size_t)(end - text->p) };
	*text = str_from(*text, field->n + 1);
	return true;
}

static enum sasl_step plain_respond(struct sasl_exchange *x, const struct str *response)
{
	struct str authzid;
	struct str authcid;
	struct str rest;

	if (response == NULL)
		return sasl_challenge_with(x, STR(""));
	rest = *response;
	if (!take_until_nul(&rest, &authzid) || !take_until_nul(&rest, &authcid))
		return sasl_refuse(x, "ill-formed-response");
	if (!sasl_take_user(x, authcid))
		return sasl_refuse(x, "bad-user-name");
	if (!sasl_may_act_as(x, authzid))
		return sasl_refuse(x, "other-authzid");
	return ask(x, rest);
}

/* --- LOGIN ----------------------------------------------------------------------------------- */

/* No RFC has it. Some clients send the name along with AUTH, some wait for this very prompt. */
static enum sasl_step login_respond(struct sasl_exchange *x, const struct str *response)
{
	if (response == NULL)
		return sasl_challenge_with(x, STR("Username:"));
	if (x->stage == STAGE_PASSWORD)
		return ask(x, *response);
	if (!sasl_take_user(x, *response))
		return sasl_refuse(x, "bad-user-name");
	x->stage = STAGE_PASSWORD;
	return sasl_challenge_with(x, STR("Password:"));
}

/* --- CRAM-MD5 -------------------------------------------------------------------------------- */

/* RFC 2195 section 2: random digits, a time, and the name of the host; never the same again. */
static enum sasl_step cram_challenge(struct sasl_exchange *x)
{
	char text[512];
	uint64_t random[2];

	if (x->nonce[0] != '\0')
		return sasl_challenge_with(x, str_of(x->nonce));
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return SASL_UNAVAILABLE;
	(void)snprintf(text, sizeof text, "<%016llx%016llx.%lld@%s>",
		       (unsigned long long)random[0], (unsigned long long)random[1],
		       (long long)clock_wall_seconds(), x->hostname);
	return sasl_challenge_with(x, str_of(text));
}

/* The name may have blanks in it, the digest behind it has none. */
static enum sasl_step cram_respond(struct sasl_exchange *x, const struct str *response)
{
	const char *blank;
	size_t n;

	if (response == NULL) {
		x->stage = STAGE_DIGEST;
		return cram_challenge(x);
	}
	/* RFC 5034 section 4: "does not support an initial client send". */
	if (x->stage != STAGE_DIGEST)
		return sasl_refuse(x, "unwanted-initial-response");
	blank = response->n == 0 ? NULL : memrchr(response->p, ' ', response->n);
	if (blank == NULL)
		return sasl_refuse(x, "ill-formed-response");
	n = (size_t)(blank - response->p);
	if (!sasl_take_user(x, (struct str){ response->p, n }))
		return sasl_refuse(x, "bad-user-name");
	return ask(x, str_from(*response, n + 1));
}

/* --- the exchange ---------------------------------------------------------------------------- */

bool sasl_open(const struct sasl_terms *terms, struct sasl_exchange **exchange)
{
	struct sasl_exchange *x = calloc(1, sizeof *x);

	*exchange = x;
	if (x == NULL)
		return false;
	x->row = &rows[terms->mechanism];
	x->mechanism = terms->mechanism;
	x->offered = terms->offered;
	x->has_channel = terms->channel != NULL;
	if (x->has_channel)
		memcpy(x->channel, terms->channel, sizeof x->channel);
	x->has_address = terms->from != NULL;
	if (x->has_address)
		x->from = *terms->from;
	(void)snprintf(x->hostname, sizeof x->hostname, "%s", terms->hostname);
	if (terms->peer != NULL)
		(void)snprintf(x->peer, sizeof x->peer, "%s", terms->peer);
	if (terms->nonce != NULL)
		(void)snprintf(x->nonce, sizeof x->nonce, "%s", terms->nonce);
	return true;
}

enum sasl_step sasl_respond(struct sasl_exchange *x, const struct str *response)
{
	return x->row->respond(x, response);
}

static enum sasl_step verdict_step(enum auth_verdict verdict)
{
	switch (verdict) {
	case AUTH_OK:
		return SASL_ACCEPTED;
	case AUTH_REFUSED:
		return SASL_REFUSED;
	case AUTH_WAITS:
		return SASL_WORK;
	case AUTH_UNAVAILABLE:
	case AUTH_VERDICT_COUNT:
		break;
	}
	return SASL_UNAVAILABLE;
}

enum sasl_step sasl_work(struct sasl_exchange *x, struct auth_backend *backends, size_t count,
			 int64_t now)
{
	struct auth_request request = {
		.method = x->row->method,
		.user = str_of(x->user),
		.secret = x->secret,
		.challenge = { x->challenge, x->challenge_n },
		.peer = str_of(x->peer),
		.from = x->has_address ? &x->from : NULL,
	};
	enum auth_verdict verdict;

	if (x->row->worked == NULL)
		return verdict_step(
			auth_verify(backends, count, &request, now, &x->result, &x->fault));
	verdict = auth_scram(backends, count, &request, now, &x->scram.keys, &x->result,
			     &x->fault);
	return verdict == AUTH_UNAVAILABLE ? SASL_UNAVAILABLE : x->row->worked(x, verdict);
}

struct str sasl_challenge(const struct sasl_exchange *x)
{
	return (struct str){ x->challenge, x->challenge_n };
}

struct str sasl_user(const struct sasl_exchange *x)
{
	return str_of(x->user);
}

struct str sasl_password(const struct sasl_exchange *x)
{
	bool shown = x->row->method == AUTH_PLAIN || x->row->method == AUTH_LOGIN;

	return shown && x->secret.n > 0 ? x->secret : STR("");
}

const char *sasl_word(const struct sasl_exchange *x)
{
	return x->row->word;
}

const struct auth_result *sasl_result(const struct sasl_exchange *x)
{
	return &x->result;
}

const struct fault *sasl_fault(const struct sasl_exchange *x)
{
	return &x->fault;
}

void sasl_close(struct sasl_exchange **exchange)
{
	if (*exchange == NULL)
		return;
	explicit_bzero(*exchange, sizeof **exchange);
	free(*exchange);
	*exchange = NULL;
}
