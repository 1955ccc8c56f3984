/*
 * SCRAM (RFC 5802, RFC 7677), with -PLUS and tls-exporter (RFC 9266):
 *
 *	C: n,,n=user,r=nonce				client-first
 *	S: r=nonce ours,s=salt,i=rounds			server-first, after a hasher's look
 *	C: c=binding,r=nonce ours,p=proof		client-final
 *	S: v=signature					server-final
 *	C: (nothing)					POP3 has no data with success
 *
 * Nobody learns before client-final whether there is such a user, for nobody has keys too
 * (secret_scram_keys). A message that is not of the grammar fails the exchange; so does one that is
 * longer than any client's. No slow work here: rounds are the client's.
 *
 * scram.message holds the GS2 header and then AuthMessage, as it grows.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "base/encoding.h"
#include "sasl_private.h"

/* 24 characters of base64, no "=". */
#define NONCE_OCTETS 18

static const struct str binding_type = STR_INIT("tls-exporter");

static enum scram_hash hash_of(const struct sasl_exchange *x)
{
	return x->row->method == AUTH_SCRAM_SHA_1 ? SCRAM_SHA_1 : SCRAM_SHA_256;
}

static const EVP_MD *digest_of(enum scram_hash hash)
{
	return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

/* --- the grammar ----------------------------------------------------------------------------- */

/* Takes one comma-separated field off; *last: no comma was behind it. */
static struct str take_field(struct str *text, bool *last)
{
	const char *comma = text->n == 0 ? NULL : memchr(text->p, ',', text->n);
	struct str field = { text->p, comma == NULL ? text->n : (size_t)(comma - text->p) };

	*last = comma == NULL;
	*text = str_from(*text, field.n + 1);
	return field;
}

/* The value of "x=value" for this x; NULL: another attribute. */
static bool value_of(struct str field, char attribute, struct str *value)
{
	if (field.n < 2 || field.p[0] != attribute || field.p[1] != '=')
		return false;
	*value = str_from(field, 2);
	return true;
}

/* RFC 5802 section 7: extensions = attr-val *("," attr-val); none of them is known to us. */
static bool extensions_good(struct str rest)
{
	bool last = false;

	while (!last) {
		struct str field = take_field(&rest, &last);
		char c = field.n == 0 ? '\0' : field.p[0];

		if (field.n < 3 || field.p[1] != '=' ||
		    !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	return true;
}

/* "=2C" and "=3D" stand for "," and "="; no other "=" may be there. */
static bool saslname_decode(struct str name, char *to, size_t cap, struct str *decoded)
{
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (n == cap)
			return false;
		if (c == '=') {
			if (name.n - i < 3)
				return false;
			if (memcmp(name.p + i, "=2C", 3) == 0)
				c = ',';
			else if (memcmp(name.p + i, "=3D", 3) != 0)
				return false;
			i += 2;
		}
		to[n++] = c;
	}
	*decoded = (struct str){ to, n };
	return n > 0;
}

static bool nonce_good(struct str nonce)
{
	for (size_t i = 0; i < nonce.n; i++)
		if (nonce.p[i] < 0x21 || nonce.p[i] > 0x7e)
			return false;
	return nonce.n > 0 && nonce.n <= SCRAM_NONCE_MAX;
}

/* --- client-first ---------------------------------------------------------------------------- */

/* gs2-cbind-flag; NULL, or why it will not do. */
static const char *check_flag(struct sasl_exchange *x, struct str flag)
{
	const unsigned plus =
		SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS);
	struct str type;

	if (value_of(flag, 'p', &type)) {
		if (!x->row->channel)
			return "binding-without-plus";
		x->scram.binding = 'p';
		return x->has_channel && str_equal(type, binding_type)
			       ? NULL
			       : "unsupported-binding-type";
	}
	if (flag.n != 1 || (flag.p[0] != 'n' && flag.p[0] != 'y'))
		return "ill-formed-response";
	if (x->row->channel)
		return "plus-without-binding";
	/* Section 6: it would have used -PLUS, had it seen the list that we sent. */
	if (flag.p[0] == 'y' && (x->offered & plus) != 0)
		return "binding-downgrade";
	x->scram.binding = flag.p[0];
	return NULL;
}

/* username "," nonce ["," extensions] */
static const char *parse_bare(struct sasl_exchange *x, struct str rest)
{
	char decoded[ADDRESS_MAX * 3];
	struct str name, user, nonce;
	bool last;

	/* "m=" is for extensions that must be understood: none is. */
	if (!value_of(take_field(&rest, &last), 'n', &name) || last)
		return "ill-formed-response";
	if (!saslname_decode(name, decoded, sizeof decoded, &user) || !sasl_take_user(x, user))
		return "bad-user-name";
	if (!value_of(take_field(&rest, &last), 'r', &nonce) || !nonce_good(nonce) ||
	    (!last && !extensions_good(rest)))
		return "ill-formed-response";
	x->scram.client_nonce = nonce;
	return NULL;
}

static const char *parse_first(struct sasl_exchange *x)
{
	struct str whole = buf_str(&x->scram.message), rest = whole, authzid = STR("");
	char decoded[ADDRESS_MAX * 3];
	struct str field, other = STR("");
	bool last;
	const char *flaw = check_flag(x, take_field(&rest, &last));

	if (flaw != NULL)
		return flaw;
	if (last)
		return "ill-formed-response";
	field = take_field(&rest, &last);
	if (last || (field.n > 0 && !value_of(field, 'a', &authzid)) ||
	    (field.n > 0 && !saslname_decode(authzid, decoded, sizeof decoded, &other)))
		return "ill-formed-response";
	x->scram.bare = (size_t)(rest.p - whole.p);
	x->scram.header = (struct str){ whole.p, x->scram.bare };
	flaw = parse_bare(x, rest);
	if (flaw == NULL && !sasl_may_act_as(x, other))
		flaw = "other-authzid";
	return flaw;
}

static enum sasl_step client_first(struct sasl_exchange *x, struct str response)
{
	const char *flaw;

	x->scram.message = buf_over(x->scram.message_memory, sizeof x->scram.message_memory);
	if (response.n > SCRAM_MESSAGE_MAX || !buf_add(&x->scram.message, response) ||
	    (response.n > 0 && memchr(response.p, '\0', response.n) != NULL))
		return sasl_refuse(x, "ill-formed-response");
	flaw = parse_first(x);
	return flaw == NULL ? SASL_WORK : sasl_refuse(x, flaw);
}

/* --- server-first ---------------------------------------------------------------------------- */

static bool make_nonce(struct sasl_exchange *x)
{
	unsigned char random[NONCE_OCTETS];

	return x->nonce[0] != '\0' ||
	       (RAND_bytes(random, sizeof random) == 1 &&
		base64_encode(random, sizeof random, x->nonce, sizeof x->nonce));
}

enum sasl_step scram_worked(struct sasl_exchange *x, enum auth_verdict verdict)
{
	struct scram *scram = &x->scram;
	char salt[96], text[SASL_CHALLENGE_MAX];
	int n = 0;

	scram->may_succeed = verdict == AUTH_OK;
	if (make_nonce(x) &&
	    base64_encode(scram->keys.salt, scram->keys.salt_n, salt, sizeof salt))
		n = snprintf(text, sizeof text, "r=%.*s%s,s=%s,i=%u",
			     STR_ARG(scram->client_nonce), x->nonce, salt, scram->keys.rounds);
	if (n <= 0 || (size_t)n >= sizeof text || !buf_add_char(&scram->message, ',') ||
	    !buf_add(&scram->message, str_of(text)) || !buf_add_char(&scram->message, ','))
		return SASL_UNAVAILABLE;
	scram->nonce_n = scram->client_nonce.n + strlen(x->nonce);
	x->stage = STAGE_PROOF;
	return sasl_challenge_with(x, str_of(text));
}

/* --- client-final ---------------------------------------------------------------------------- */

/* "c=": base64 of the GS2 header, and with -PLUS of the channel's octets behind it. */
static bool binding_good(const struct sasl_exchange *x, struct str encoded)
{
	unsigned char given[SCRAM_MESSAGE_MAX];
	struct str header = x->scram.header;
	size_t channel_n = x->scram.binding == 'p' ? sizeof x->channel : 0;
	size_t n;

	return base64_decode_strict(encoded, given, sizeof given, &n) &&
	       n == header.n + channel_n && memcmp(given, header.p, header.n) == 0 &&
	       CRYPTO_memcmp(given + header.n, x->channel, channel_n) == 0;
}

/* Cuts client-final into AuthMessage's last part and the proof. */
static const char *parse_final(const struct sasl_exchange *x, struct str response,
			       struct str *without_proof, unsigned char proof[SCRAM_KEY_MAX])
{
	const char *comma = response.n == 0 ? NULL : memrchr(response.p, ',', response.n);
	struct str expected = { x->challenge + 2, x->scram.nonce_n };
	struct str rest, binding, nonce, encoded;
	bool last;
	size_t n;

	if (comma == NULL || response.n > SCRAM_MESSAGE_MAX ||
	    memchr(response.p, '\0', response.n) != NULL)
		return "ill-formed-response";
	rest = *without_proof = (struct str){ response.p, (size_t)(comma - response.p) };
	if (!value_of(str_from(response, rest.n + 1), 'p', &encoded) ||
	    !base64_decode_strict(encoded, proof, SCRAM_KEY_MAX, &n) ||
	    n != scram_key_octets(hash_of(x)) ||
	    !value_of(take_field(&rest, &last), 'c', &binding) || last ||
	    !value_of(take_field(&rest, &last), 'r', &nonce) ||
	    (!last && !extensions_good(rest)))
		return "ill-formed-response";
	if (!str_equal(nonce, expected))
		return "bad-nonce";
	return binding_good(x, binding) ? NULL : "bad-binding";
}

static bool sign(const EVP_MD *digest, const unsigned char *key, size_t n, struct str message,
		 unsigned char signature[SCRAM_KEY_MAX])
{
	return HMAC(digest, key, (int)n, (const unsigned char *)message.p, message.n, signature,
		    NULL) != NULL;
}

/* ClientKey = ClientProof XOR HMAC(StoredKey, AuthMessage); H(ClientKey) must be StoredKey. */
static bool proof_good(struct sasl_exchange *x, struct str message,
		       const unsigned char proof[SCRAM_KEY_MAX])
{
	enum scram_hash hash = hash_of(x);
	const EVP_MD *digest = digest_of(hash);
	size_t n = scram_key_octets(hash);
	unsigned char client_key[SCRAM_KEY_MAX], stored_key[SCRAM_KEY_MAX];
	bool good = sign(digest, x->scram.keys.stored_key, n, message, client_key);

	for (size_t i = 0; i < n; i++)
		client_key[i] ^= proof[i];
	good = good && EVP_Digest(client_key, n, stored_key, NULL, digest, NULL) == 1 &&
	       CRYPTO_memcmp(stored_key, x->scram.keys.stored_key, n) == 0;
	explicit_bzero(client_key, sizeof client_key);
	return good;
}

static enum sasl_step server_final(struct sasl_exchange *x, struct str message)
{
	enum scram_hash hash = hash_of(x);
	size_t n = scram_key_octets(hash);
	unsigned char signature[SCRAM_KEY_MAX];
	char text[64] = "v=";

	if (!sign(digest_of(hash), x->scram.keys.server_key, n, message, signature) ||
	    !base64_encode(signature, n, text + 2, sizeof text - 2))
		return SASL_UNAVAILABLE;
	x->stage = STAGE_NOTHING;
	return sasl_challenge_with(x, str_of(text));
}

static enum sasl_step client_final(struct sasl_exchange *x, struct str response)
{
	unsigned char proof[SCRAM_KEY_MAX];
	struct str without_proof, message;
	const char *flaw = parse_final(x, response, &without_proof, proof);
	bool good;

	if (flaw != NULL)
		return sasl_refuse(x, x->scram.may_succeed ? flaw : x->result.reason);
	if (!buf_add(&x->scram.message, without_proof))
		return sasl_refuse(x, "ill-formed-response");
	message = str_from(buf_str(&x->scram.message), x->scram.bare);
	good = proof_good(x, message, proof);
	/* The reason is of the look at the account, if that was what failed. */
	if (!x->scram.may_succeed)
		return sasl_refuse(x, x->result.reason);
	return good ? server_final(x, message) : sasl_refuse(x, "bad-proof");
}

enum sasl_step scram_respond(struct sasl_exchange *x, const struct str *response)
{
	if (response == NULL)
		return sasl_challenge_with(x, STR(""));
	switch (x->stage) {
	case STAGE_FIRST:
		return client_first(x, *response);
	case STAGE_PROOF:
		return client_final(x, *response);
	case STAGE_NOTHING:
		return response->n == 0 ? SASL_ACCEPTED : sasl_refuse(x, "unwanted-response");
	case STAGE_PASSWORD:
	case STAGE_DIGEST:
		break;
	}
	return sasl_refuse(x, "unwanted-response");
}
