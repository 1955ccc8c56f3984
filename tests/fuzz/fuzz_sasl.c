/*
 * SASL exchanges. Input: a line of settings (mechanism, what is offered, channel or not, help or
 * not), and then the client's responses, a line each ("\0" is NUL).
 *
 * What must hold: one user exists, and nobody else gets in; PLAIN, LOGIN and CRAM-MD5 let him in
 * exactly when a naive reading finds his password; SCRAM never by what the fuzzer makes up, and
 * always when it is helped to the right proof; a challenge is printable and short; an exchange
 * ends; the same input ends the same way.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "base/encoding.h"
#include "fuzz.h"
#include "restante/sasl.h"

#define USER "ann"
#define SECRET "secret"
#define NONCE "ours"
#define CRAM_CHALLENGE NONCE /* the nonce of the terms is the whole challenge */
#define ROUNDS_MAX 8

static const unsigned char channel[SASL_CHANNEL_OCTETS] = "exported";
static struct scram_keys keys[SCRAM_HASH_COUNT], nobodys[SCRAM_HASH_COUNT];
static unsigned char salted[SCRAM_HASH_COUNT]
			   [SCRAM_KEY_MAX]; /* the slow part of a client's work */

static void make_keys(enum scram_hash hash, const char *password, struct scram_keys *made)
{
	char text[SCRAM_KEYS_TEXT_MAX];
	struct fault fault;

	if (!scram_keys_make(hash, str_of(password), text, sizeof text, &fault) ||
	    !scram_keys_parse(str_of(text), hash, made))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	for (enum scram_hash hash = SCRAM_SHA_1; hash < SCRAM_HASH_COUNT; hash++) {
		make_keys(hash, SECRET, &keys[hash]);
		make_keys(hash, "nobody's", &nobodys[hash]);
		if (PKCS5_PBKDF2_HMAC(SECRET, sizeof SECRET - 1, keys[hash].salt,
				      (int)keys[hash].salt_n, (int)keys[hash].rounds,
				      hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256(),
				      (int)scram_key_octets(hash), salted[hash]) != 1)
			abort();
	}
	return 0;
}

/* --- the one user ------------------------------------------------------------------------------ */

static bool is_user(const struct auth_request *request, struct auth_result *result)
{
	if (!str_equal_nocase(request->user, STR(USER)))
		return false;
	result->account.active = true;
	result->account.switches = UINT32_MAX;
	return true;
}

static enum auth_verdict verify(void *self, const struct auth_request *request, bool *known,
				struct auth_result *result, struct fault *fault)
{
	enum password_verdict verdict;

	(void)self;
	*known = is_user(request, result);
	result->reason = "fuzz";
	verdict = request->method == AUTH_CRAM_MD5
			  ? password_cram_md5("{PLAIN}" SECRET, request->challenge,
					      request->secret, fault)
			  : password_verify("{PLAIN}" SECRET, request->user, request->secret,
					    fault);
	return *known && verdict == PASSWORD_MATCHES ? AUTH_OK : AUTH_REFUSED;
}

static enum auth_verdict scram(void *self, const struct auth_request *request, bool *known,
			       struct scram_keys *found, struct auth_result *result,
			       struct fault *fault)
{
	enum scram_hash hash =
		request->method == AUTH_SCRAM_SHA_1 ? SCRAM_SHA_1 : SCRAM_SHA_256;

	(void)self, (void)fault;
	*known = is_user(request, result);
	result->reason = "fuzz";
	*found = *known ? keys[hash] : nobodys[hash];
	return *known ? AUTH_OK : AUTH_REFUSED;
}

static struct auth_backend backend = { .name = "fuzz", .verify = verify, .scram = scram };

/* --- the naive readings ------------------------------------------------------------------------ */

static bool plain_good(struct str message)
{
	struct str field[3] = { STR(""), STR(""), STR("") };
	size_t n = 0, from = 0;

	for (size_t i = 0; i <= message.n; i++) {
		if (i < message.n && message.p[i] != '\0')
			continue;
		if (n == ARRAY_SIZE(field))
			return false;
		field[n++] = (struct str){ message.p + from, i - from };
		from = i + 1;
	}
	return n == 3 && (field[0].n == 0 || str_equal_nocase(field[0], STR(USER))) &&
	       str_equal_nocase(field[1], STR(USER)) && str_equal(field[2], STR(SECRET));
}

static bool cram_good(struct str message)
{
	unsigned char octets[EVP_MAX_MD_SIZE];
	char expected[64];

	if (HMAC(EVP_md5(), SECRET, sizeof SECRET - 1, (const unsigned char *)CRAM_CHALLENGE,
		 sizeof CRAM_CHALLENGE - 1, octets, NULL) == NULL)
		abort();
	memcpy(expected, USER " ", sizeof USER);
	if (!hex_encode(octets, 16, expected + sizeof USER, sizeof expected - sizeof USER))
		abort();
	return message.n == sizeof USER + 32 &&
	       str_equal_nocase((struct str){ message.p, sizeof USER },
				(struct str){ expected, sizeof USER }) &&
	       memcmp(message.p + sizeof USER, expected + sizeof USER, 32) == 0;
}

/* client-final for client-first and server-first, of whom knows the password. */
static void right_final(enum scram_hash hash, struct str first, struct str said, bool bind,
			struct fuzz_text *final)
{
	const EVP_MD *digest = hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
	int n = (int)scram_key_octets(hash);
	unsigned char key[32], stored[32], signature[32];
	char text[4096];
	struct fuzz_text message = { 0 }, header = { 0 };
	const char *comma = memchr(first.p, ',', first.n);
	size_t bare = (size_t)((const char *)memchr(comma + 1, ',',
						    first.n - (size_t)(comma + 1 - first.p)) -
			       first.p) +
		      1;
	const char *nonce_end = memchr(said.p, ',', said.n);

	fuzz_add(&header, (struct str){ first.p, bare });
	if (bind)
		fuzz_add(&header, (struct str){ (const char *)channel, sizeof channel });
	if (!base64_encode((const unsigned char *)header.p, header.n, text, sizeof text))
		abort();
	fuzz_print(final, "c=%s,%.*s", text, (int)(nonce_end - said.p), said.p);
	fuzz_add(&message, str_from(first, bare));
	fuzz_print(&message, ",%.*s,%.*s", STR_ARG(said), (int) final->n, final->p);
	if (HMAC(digest, salted[hash], n, (const unsigned char *)"Client Key", 10, key, NULL) ==
		    NULL ||
	    EVP_Digest(key, (size_t)n, stored, NULL, digest, NULL) != 1 ||
	    HMAC(digest, stored, n, (const unsigned char *)message.p, message.n, signature,
		 NULL) == NULL)
		abort();
	for (int i = 0; i < n; i++)
		key[i] ^= signature[i];
	if (!base64_encode(key, (size_t)n, text, sizeof text))
		abort();
	fuzz_print(final, ",p=%s", text);
	free(message.p);
	free(header.p);
}

/* --- an exchange ------------------------------------------------------------------------------- */

struct run {
	enum sasl_mechanism mechanism;
	bool help, has_channel;
	struct str first;       /* the client's first response */
	bool login_name, naive; /* LOGIN's name was right; what a naive reading says */
	struct fuzz_text said;
};

static bool is_scram(enum sasl_mechanism mechanism)
{
	return mechanism <= SASL_SCRAM_SHA_1;
}

static void read_naively(struct run *run, size_t round, struct str response)
{
	if (round == 0)
		run->first = response;
	if (run->mechanism == SASL_PLAIN)
		run->naive = plain_good(response);
	else if (run->mechanism == SASL_CRAM_MD5)
		run->naive = cram_good(response);
	else if (run->mechanism == SASL_LOGIN && round == 0)
		run->login_name = str_equal_nocase(response, STR(USER));
	else if (run->mechanism == SASL_LOGIN)
		run->naive = run->login_name && str_equal(response, STR(SECRET));
}

static void check_challenge(struct run *run, struct sasl_exchange *x)
{
	struct str said = sasl_challenge(x);

	FUZZ_CHECK(said.n <= SASL_CHALLENGE_MAX);
	for (size_t i = 0; i < said.n; i++)
		FUZZ_CHECK(said.p[i] >= 0x20 && said.p[i] < 0x7f);
	fuzz_add(&run->said, said);
	fuzz_add(&run->said, STR("\n"));
}

static enum sasl_step answer(struct sasl_exchange *x, struct str response)
{
	char *copy = fuzz_copy(response);
	struct str mine = { copy, response.n };
	enum sasl_step step = sasl_respond(x, &mine);

	if (step == SASL_WORK)
		step = sasl_work(x, &backend, 1, 1800000000);
	FUZZ_CHECK(step != SASL_WORK && step != SASL_UNAVAILABLE);
	free(copy);
	return step;
}

/* The proof of whom knows the password: it is taken, if the name was the user's. */
static void help(struct run *run, struct sasl_exchange *x)
{
	enum scram_hash hash =
		run->mechanism == SASL_SCRAM_SHA_1 || run->mechanism == SASL_SCRAM_SHA_1_PLUS
			? SCRAM_SHA_1
			: SCRAM_SHA_256;
	bool known = str_equal_nocase(sasl_user(x), STR(USER));
	struct fuzz_text final = { 0 };
	enum sasl_step step;

	right_final(hash, run->first, sasl_challenge(x), run->first.p[0] == 'p', &final);
	/* Longer than a client-first may be, with the nonce of both and the header once more. */
	if (final.n <= SCRAM_MESSAGE_MAX) {
		step = answer(x, fuzz_str(&final));
		FUZZ_CHECK(step == (known ? SASL_CHALLENGE : SASL_REFUSED));
		FUZZ_CHECK(!known || answer(x, STR("")) == SASL_ACCEPTED);
	}
	free(final.p);
}

static enum sasl_step converse(struct run *run, struct str settings, struct str lines)
{
	struct sasl_terms terms = {
		.mechanism = run->mechanism,
		.offered = fuzz_setting(settings, 1),
		.channel = run->has_channel ? channel : NULL,
		.hostname = "mx",
		.nonce = NONCE,
	};
	struct sasl_exchange *x;
	enum sasl_step step = SASL_CHALLENGE;

	FUZZ_CHECK(sasl_open(&terms, &x));
	if (run->mechanism == SASL_CRAM_MD5)
		step = sasl_respond(x, NULL);
	for (size_t round = 0; round < ROUNDS_MAX && step == SASL_CHALLENGE; round++) {
		struct str response;

		check_challenge(run, x);
		if (is_scram(run->mechanism) && round == 1 && run->help) {
			help(run, x);
			break;
		}
		response = fuzz_line(&lines);
		read_naively(run, round, response);
		step = answer(x, response);
	}
	if (step == SASL_REFUSED)
		FUZZ_CHECK(sasl_result(x)->reason != NULL);
	sasl_close(&x);
	FUZZ_CHECK(x == NULL);
	return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run once, again;
	struct str in = fuzz_input(data, size), settings = fuzz_line(&in);
	struct run fresh = {
		.mechanism = fuzz_setting(settings, 0) % SASL_MECHANISM_COUNT,
		.has_channel = (fuzz_setting(settings, 2) & 1) != 0,
		.help = (fuzz_setting(settings, 2) & 2) != 0,
	};
	enum sasl_step step;

	fresh.said = once.said;
	once = fresh;
	fresh.said = again.said;
	again = fresh;
	once.said.n = again.said.n = 0;
	step = converse(&once, settings, in);
	FUZZ_CHECK(converse(&again, settings, in) == step);
	FUZZ_CHECK(str_equal(fuzz_str(&once.said), fuzz_str(&again.said)));
	if (is_scram(fresh.mechanism))
		FUZZ_CHECK(step != SASL_ACCEPTED);
	else
		FUZZ_CHECK((step == SASL_ACCEPTED) == once.naive);
	return 0;
}
