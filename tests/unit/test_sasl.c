/*
 * sasl.h over the `sql` backend: the exchanges that the RFCs print, libgsasl as a client that
 * somebody else wrote, what must be refused and how it looks, and that nobody's exchange tells
 * whether there is such a user.
 */
#include "accounts_fixture.h"

#include <gsasl.h>
#include <sqlite3.h>

#include "base/encoding.h"
#include "base/log.h"
#include "restante/passwords.h"
#include "restante/sasl.h"

#define NOW 1800000000
#define ALL 0x7fU

static const unsigned char channel[SASL_CHANNEL_OCTETS] = "octets that TLS has exported";

struct room {
	struct fixture *f;
	struct secret_key *key;
	struct auth_backend backend;
	struct sasl_exchange *x;
};

static int room_open(void **state)
{
	struct room *room = calloc(1, sizeof *room);
	void *f = NULL;

	if (room == NULL || fixture_open(&f) != 0)
		return -1;
	room->f = f;
	*state = room;
	if (!secret_key_create(room->f->key_path, &room->f->fault) ||
	    !secret_key_open(room->f->key_path, &room->key, &room->f->fault))
		return -1;
	const struct auth_sql with = { .accounts = room->f->accounts, .key = room->key };
	if (auth_sql_open(&with, &room->backend, &room->f->fault) != AUTH_OK)
		return -1;
	add_domain(room->f, "example.org");
	return 0;
}

static int room_close(void **state)
{
	struct room *room = *state;
	void *f = room->f;

	sasl_close(&room->x);
	room->backend.close(room->backend.self);
	secret_key_close(&room->key);
	free(room);
	return fixture_close(&f);
}

static void set(struct room *room, const char *address, const char *column, const char *value)
{
	set_column(room->f, TABLE_MAILBOX, address, column, value);
}

/* A mailbox with all that the tool stores of a password. */
static void add_prepared(struct room *room, const char *address, const char *password)
{
	struct new_password prepared;

	add_mailbox(room->f, address, NULL);
	assert_true(password_prepare(str_of(password), &prepared, &room->f->fault));
	expect_status(room->f,
		      account_set_password(room->f->accounts, address, &prepared,
					   &room->f->fault),
		      ACCOUNTS_OK);
}

static void begin_with(struct room *room, enum sasl_mechanism mechanism, unsigned offered,
		       const char *nonce)
{
	struct sasl_terms terms = { .mechanism = mechanism,
				    .offered = offered,
				    .channel = channel,
				    .hostname = "mx.example.org",
				    .nonce = nonce };

	sasl_close(&room->x);
	assert_true(sasl_open(&terms, &room->x));
}

static void begin(struct room *room, enum sasl_mechanism mechanism)
{
	begin_with(room, mechanism, ALL, NULL);
}

/* A response, worked off; NULL = none given. */
static enum sasl_step respond_str(struct room *room, struct str text)
{
	enum sasl_step step = sasl_respond(room->x, &text);

	return step == SASL_WORK ? sasl_work(room->x, &room->backend, 1, NOW) : step;
}

static enum sasl_step respond(struct room *room, const char *text)
{
	return respond_str(room, str_of(text));
}

static void expect_challenge(struct room *room, enum sasl_step step, const char *challenge)
{
	struct str said = sasl_challenge(room->x);

	if (step != SASL_CHALLENGE)
		fail_msg("step %d: %s", (int)step, sasl_result(room->x)->reason);
	if (!str_equal(said, str_of(challenge)))
		fail_msg("\"%.*s\" and not \"%s\"", STR_ARG(said), challenge);
}

static void expect_refused(struct room *room, enum sasl_step step, const char *reason)
{
	if (step != SASL_REFUSED)
		fail_msg("step %d and not refused: %s", (int)step, reason);
	assert_string_equal(sasl_result(room->x)->reason, reason);
}

static void expect_accepted(struct room *room, enum sasl_step step, const char *address)
{
	if (step != SASL_ACCEPTED)
		fail_msg("step %d: %s", (int)step, sasl_result(room->x)->reason);
	assert_string_equal(sasl_result(room->x)->account.address, address);
}

/* --- the RFCs' own exchanges ----------------------------------------------------------------- */

/* The RFCs' user has no domain: a backend that knows him alone. */
static const char *rfc_keys;

static enum auth_verdict rfc_scram(void *self, const struct auth_request *request, bool *known,
				   struct scram_keys *keys, struct auth_result *found,
				   struct fault *fault)
{
	(void)self, (void)fault;
	*known = str_equal(request->user, STR("user"));
	assert_true(*known);
	assert_true(scram_keys_parse(
		str_of(rfc_keys),
		request->method == AUTH_SCRAM_SHA_1 ? SCRAM_SHA_1 : SCRAM_SHA_256, keys));
	found->account.active = true;
	found->account.switches = 0x1ff;
	(void)snprintf(found->account.address, sizeof found->account.address, "user");
	return AUTH_OK;
}

static enum sasl_step rfc_respond(struct room *room, const char *text)
{
	struct auth_backend rfc = { .name = "rfc", .scram = rfc_scram };
	struct str response = str_of(text);
	enum sasl_step step = sasl_respond(room->x, &response);

	return step == SASL_WORK ? sasl_work(room->x, &rfc, 1, NOW) : step;
}

/* RFC 5802 section 5. */
static void scram_sha_1_of_rfc_5802(void **state)
{
	struct room *room = *state;

	rfc_keys = "4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,D+CSWLOshSulAsxiupA+qs2/"
		   "fTE=";
	begin_with(room, SASL_SCRAM_SHA_1, 0, "3rfcNHYJY1ZVvWVs7j");
	expect_challenge(room, sasl_respond(room->x, NULL), "");
	expect_challenge(room, rfc_respond(room, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"),
			 "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,"
			 "i=4096");
	expect_challenge(room,
			 rfc_respond(room,
				     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
				     "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="),
			 "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
	expect_accepted(room, rfc_respond(room, ""), "user");
}

/* RFC 7677 section 3. */
static void scram_sha_256_of_rfc_7677(void **state)
{
	struct room *room = *state;

	rfc_keys = "4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
		   "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
	begin_with(room, SASL_SCRAM_SHA_256, 0, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
	expect_challenge(room, rfc_respond(room, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
			 "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			 "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	expect_challenge(room,
			 rfc_respond(room,
				     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)"
				     "hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
			 "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	/* Something in place of nothing is no end of an exchange. */
	expect_refused(room, rfc_respond(room, "x"), "unwanted-response");
}

/* RFC 2195 section 2: its very challenge and digest, of the secret "tanstaaftanstaaf". */
static void cram_md5_of_rfc_2195(void **state)
{
	static const char *const stored[] = {
		"{PLAIN}tanstaaftanstaaf",
		/* the states of the same key, as Dovecot keeps them */
		"{CRAM-MD5}d06d4e1b26fccaa4b0b61801132340a354b21152711fb604ca3e035e7015116b"
	};
	struct room *room = *state;

	add_mailbox(room->f, "tim@example.org", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
		set(room, "tim@example.org", "password", stored[i]);
		begin_with(room, SASL_CRAM_MD5, ALL,
			   "<1896.697170952@postoffice.reston.mci.net>");
		expect_challenge(room, sasl_respond(room->x, NULL),
				 "<1896.697170952@postoffice.reston.mci.net>");
		expect_accepted(
			room, respond(room, "tim@example.org b913a602c7eda7a495b4e6e7334d3890"),
			"tim@example.org");
		begin_with(room, SASL_CRAM_MD5, ALL,
			   "<1896.697170953@postoffice.reston.mci.net>");
		assert_int_equal(sasl_respond(room->x, NULL), SASL_CHALLENGE);
		expect_refused(
			room, respond(room, "tim@example.org b913a602c7eda7a495b4e6e7334d3890"),
			"bad-digest");
	}
}

/* RFC 4616 section 4. */
static void plain_of_rfc_4616(void **state)
{
	struct room *room = *state;

	add_prepared(room, "tim@example.org", "tanstaaftanstaaf");
	begin(room, SASL_PLAIN);
	expect_challenge(room, sasl_respond(room->x, NULL), "");
	expect_accepted(room, respond_str(room, STR("\0tim@example.org\0tanstaaftanstaaf")),
			"tim@example.org");
	/* The second example: Ursel acts for Kurt, which nobody may here. */
	begin(room, SASL_PLAIN);
	expect_refused(room, respond_str(room, STR("Ursel\0tim@example.org\0tanstaaftanstaaf")),
		       "other-authzid");
}

/* --- PLAIN and LOGIN ------------------------------------------------------------------------- */

static void plain_messages(void **state)
{
	static const struct {
		struct str message;
		const char *reason; /* NULL: accepted */
	} rows[] = {
		{ STR_INIT("\0ann@example.org\0secret"), NULL },
		{ STR_INIT("ann@example.org\0ann@example.org\0secret"), NULL },
		{ STR_INIT("ANN@example.org\0Ann@Example.org\0secret"), NULL },
		{ STR_INIT("bob@example.org\0ann@example.org\0secret"), "other-authzid" },
		{ STR_INIT("\0ann@example.org\0wrong"), "bad-password" },
		{ STR_INIT("\0ann@example.org\0"), "empty-password" },
		{ STR_INIT("\0ann@example.org\0secret\0"), "unusable-password" },
		{ STR_INIT("\0ann@example.org\0sec\0ret"), "unusable-password" },
		{ STR_INIT("\0\0secret"), "bad-user-name" },
		{ STR_INIT("\0ann\x01@example.org\0secret"), "bad-user-name" },
		{ STR_INIT("\0ann\xff@example.org\0secret"), "bad-user-name" },
		{ STR_INIT("\0nobody@example.org\0secret"), "unknown-user" },
		{ STR_INIT("\0ann@example.org"), "ill-formed-response" },
		{ STR_INIT("ann@example.org secret"), "ill-formed-response" },
		{ STR_INIT("\0"), "ill-formed-response" },
		{ STR_INIT(""), "ill-formed-response" },
	};
	struct room *room = *state;

	add_prepared(room, "ann@example.org", "secret");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum sasl_step step;

		begin(room, SASL_PLAIN);
		step = respond_str(room, rows[i].message);
		if (rows[i].reason == NULL)
			expect_accepted(room, step, "ann@example.org");
		else
			expect_refused(room, step, rows[i].reason);
	}
}

/* RFC 4616 section 2: "up to 255 octets" of each must be taken. */
static void plain_255_octets_each_taken(void **state)
{
	struct room *room = *state;
	char message[3 * 256];
	char password[256];

	memset(password, 'p', 255);
	password[255] = '\0';
	add_prepared(room, "ann@example.org", password);
	memset(message, 'a', 255);
	message[255] = '\0';
	memcpy(message + 256, "ann@example.org", 16);
	memcpy(message + 272, password, 255);
	begin(room, SASL_PLAIN);
	expect_refused(room, respond_str(room, (struct str){ message, 272 + 255 }),
		       "other-authzid");
	begin(room, SASL_PLAIN);
	expect_accepted(room, respond_str(room, (struct str){ message + 255, 17 + 255 }),
			"ann@example.org");
}

static void login_prompts_or_takes_the_name_at_once(void **state)
{
	struct room *room = *state;

	add_prepared(room, "ann@example.org", "secret");
	begin(room, SASL_LOGIN);
	expect_challenge(room, sasl_respond(room->x, NULL), "Username:");
	expect_challenge(room, respond(room, "ann@example.org"), "Password:");
	expect_accepted(room, respond(room, "secret"), "ann@example.org");
	begin(room, SASL_LOGIN);
	expect_challenge(room, respond(room, "ann@example.org"), "Password:");
	expect_refused(room, respond(room, "wrong"), "bad-password");
	begin(room, SASL_LOGIN);
	expect_refused(room, respond(room, ""), "bad-user-name");
	begin(room, SASL_LOGIN);
	expect_challenge(room, respond(room, "nobody@example.org"), "Password:");
	expect_refused(room, respond(room, ""), "empty-password");
}

static void cram_md5_ill_formed_refused(void **state)
{
	struct room *room = *state;

	/* RFC 5034 section 4: no initial response to a mechanism that begins itself. */
	begin(room, SASL_CRAM_MD5);
	expect_refused(room, respond(room, "tim 00000000000000000000000000000000"),
		       "unwanted-initial-response");
	begin(room, SASL_CRAM_MD5);
	assert_int_equal(sasl_respond(room->x, NULL), SASL_CHALLENGE);
	expect_refused(room, respond(room, "tim"), "ill-formed-response");
	begin(room, SASL_CRAM_MD5);
	assert_int_equal(sasl_respond(room->x, NULL), SASL_CHALLENGE);
	expect_refused(room, respond(room, " digest"), "bad-user-name");
}

static void cram_md5_challenges_differ(void **state)
{
	struct room *room = *state;
	char first[SASL_CHALLENGE_MAX + 1];

	begin(room, SASL_CRAM_MD5);
	assert_int_equal(sasl_respond(room->x, NULL), SASL_CHALLENGE);
	(void)snprintf(first, sizeof first, "%s", sasl_challenge(room->x).p);
	assert_non_null(strstr(first, "@mx.example.org>"));
	begin(room, SASL_CRAM_MD5);
	assert_int_equal(sasl_respond(room->x, NULL), SASL_CHALLENGE);
	assert_string_not_equal(first, sasl_challenge(room->x).p);
}

/* --- the matrix ------------------------------------------------------------------------------ */

/* Every scheme against every mechanism: only these pairs may ever be answered. */
static void matrix_is_closed(void **state)
{
	static const struct {
		const char *scheme;
		bool cram, scram_1, scram_256;
	} open[] = {
		{ "PLAIN", true, false, false },         { "CLEAR", true, false, false },
		{ "CLEARTEXT", true, false, false },     { "CRAM-MD5", true, false, false },
		{ "HMAC-MD5", true, false, false },      { "SCRAM-SHA-1", false, true, false },
		{ "SCRAM-SHA-256", false, false, true },
	};
	struct fault fault;
	struct scram_keys keys;
	char stored[128];

	(void)state;
	for (const char *const *name = password_schemes(); *name != NULL; name++) {
		enum password_verdict cram, scram[SCRAM_HASH_COUNT];
		size_t row = 0;

		while (row < ARRAY_SIZE(open) && strcmp(open[row].scheme, *name) != 0)
			row++;
		/* Hexadecimal and base64 at once, so that every form decodes or fails itself. */
		(void)snprintf(stored, sizeof stored,
			       "{%s}0123456789abcdef0123456789abcdef"
			       "0123456789abcdef0123456789abcdef",
			       *name);
		cram = password_cram_md5(stored, STR("<1@x>"),
					 STR("00000000000000000000000000000000"), &fault);
		scram[0] = password_scram(stored, SCRAM_SHA_1, &keys, &fault);
		scram[1] = password_scram(stored, SCRAM_SHA_256, &keys, &fault);
		assert_int_not_equal(cram, PASSWORD_MATCHES);
		assert_int_not_equal(scram[0], PASSWORD_MATCHES);
		assert_int_not_equal(scram[1], PASSWORD_MATCHES);
		if (row == ARRAY_SIZE(open)) {
			assert_true(cram == PASSWORD_UNFIT || cram == PASSWORD_MALFORMED);
			assert_true(scram[0] == PASSWORD_UNFIT ||
				    scram[0] == PASSWORD_MALFORMED);
			assert_true(scram[1] == PASSWORD_UNFIT ||
				    scram[1] == PASSWORD_MALFORMED);
			continue;
		}
		assert_true((cram == PASSWORD_DIFFERS) == open[row].cram);
		assert_true((scram[0] == PASSWORD_MALFORMED) == open[row].scram_1);
		assert_true((scram[1] == PASSWORD_MALFORMED) == open[row].scram_256);
	}
	assert_int_equal(password_cram_md5("{NEW}x", STR("<1@x>"), STR("00"), &fault),
			 PASSWORD_UNKNOWN_SCHEME);
}

static void cram_md5_of_a_malformed_value_fails_closed(void **state)
{
	static const char *const stored[] = { "{PLAIN}", "{CRAM-MD5}", "{CRAM-MD5}00" };
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++)
		assert_int_equal(password_cram_md5(stored[i], STR("<1@x>"),
						   STR("00000000000000000000000000000000"),
						   &fault),
				 PASSWORD_MALFORMED);
}

static void no_scram_keys_of_what_saslprep_forbids(void **state)
{
	struct room *room = *state;
	char keys[SCRAM_KEYS_TEXT_MAX] = "before";

	assert_false(scram_keys_make(SCRAM_SHA_256, STR("a\tb"), keys, sizeof keys,
				     &room->f->fault));
	assert_string_equal(keys, "");
	assert_non_null(strstr(room->f->fault.text, "RFC 4013"));
}

/* DBMail's fault: with a hash in place of a secret another check took over. */
static void hash_never_answers_a_challenge(void **state)
{
	struct room *room = *state;
	char keys[SCRAM_KEYS_TEXT_MAX];

	add_prepared(room, "ann@example.org", "secret");
	begin_with(room, SASL_CRAM_MD5, ALL, "<1@x>");
	assert_int_equal(sasl_respond(room->x, NULL), SASL_CHALLENGE);
	/* HMAC-MD5 of the challenge under "secret" and under nothing. */
	expect_refused(room, respond(room, "ann@example.org 00000000000000000000000000000000"),
		       "scheme-without-cram-md5");
	/* Keys of the other hash are no keys of this one. */
	assert_true(scram_keys_make(SCRAM_SHA_1, STR("secret"), keys, sizeof keys,
				    &room->f->fault));
	set(room, "ann@example.org", "scram_sha256", keys);
	begin(room, SASL_SCRAM_SHA_256);
	assert_int_equal(respond(room, "n,,n=ann@example.org,r=abc"), SASL_CHALLENGE);
	expect_refused(room, respond(room, "c=biws,r=abc,p=AAAA"), "malformed-scram-keys");
}

/* --- a client of somebody else's ------------------------------------------------------------- */

static struct {
	const char *user, *password, *authzid;
	bool bind;
} client;

static int client_property(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	char encoded[64];

	(void)context;
	switch ((int)property) {
	case GSASL_AUTHID:
		return gsasl_property_set(session, property, client.user);
	case GSASL_PASSWORD:
		return gsasl_property_set(session, property, client.password);
	case GSASL_AUTHZID:
		return gsasl_property_set(session, property, client.authzid);
	case GSASL_CB_TLS_EXPORTER:
		if (!client.bind)
			return GSASL_NO_CALLBACK;
		assert_true(base64_encode(channel, sizeof channel, encoded, sizeof encoded));
		return gsasl_property_set(session, property, encoded);
	}
	return GSASL_NO_CALLBACK;
}

/* Runs an exchange to its end; the client must think of it what the server does. */
static enum sasl_step converse(struct room *room, const char *mechanism, bool client_first)
{
	Gsasl *context;
	Gsasl_session *session;
	enum sasl_step step = SASL_CHALLENGE;
	bool begun = client_first;
	int code;

	assert_int_equal(gsasl_init(&context), GSASL_OK);
	gsasl_callback_set(context, client_property);
	assert_int_equal(gsasl_client_start(context, mechanism, &session), GSASL_OK);
	if (!begun)
		step = sasl_respond(room->x, NULL);
	while (step == SASL_CHALLENGE) {
		struct str said = sasl_challenge(room->x);
		char *output = NULL;
		size_t n = 0;

		code = gsasl_step(session, said.p, said.n, &output, &n);
		if (code != GSASL_OK && code != GSASL_NEEDS_MORE)
			fail_msg("%s: the client: %s", mechanism, gsasl_strerror(code));
		step = respond_str(room, (struct str){ output == NULL ? "" : output, n });
		gsasl_free(output);
	}
	gsasl_finish(session);
	gsasl_done(context);
	return step;
}

static void gsasl_logs_in_by_each_mechanism(void **state)
{
	static const struct {
		const char *name;
		enum sasl_mechanism mechanism;
		bool bind;
	} rows[] = {
		{ "SCRAM-SHA-256-PLUS", SASL_SCRAM_SHA_256_PLUS, true },
		{ "SCRAM-SHA-1-PLUS", SASL_SCRAM_SHA_1_PLUS, true },
		{ "SCRAM-SHA-256", SASL_SCRAM_SHA_256, false },
		{ "SCRAM-SHA-1", SASL_SCRAM_SHA_1, false },
		{ "PLAIN", SASL_PLAIN, false },
		{ "LOGIN", SASL_LOGIN, false },
	};
	/* A name that SCRAM has to escape, and a password that SASLprep changes. */
	static const char *const users[] = { "ann@example.org", "a=n,n@example.org" };
	struct room *room = *state;

	add_prepared(room, "ann@example.org",
		     "se\xc2\xad"
		     "cret \xe2\x85\xa8");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		client.user = users[0];
		client.password = "se\xc2\xad"
				  "cret \xe2\x85\xa8";
		client.authzid = NULL;
		client.bind = rows[i].bind;
		begin(room, rows[i].mechanism);
		expect_accepted(room, converse(room, rows[i].name, false), users[0]);
		client.authzid = rows[i].mechanism == SASL_LOGIN ? NULL : users[0];
		begin(room, rows[i].mechanism);
		expect_accepted(room, converse(room, rows[i].name, false), users[0]);
		client.password = "wrong";
		begin(room, rows[i].mechanism);
		assert_int_equal(converse(room, rows[i].name, false), SASL_REFUSED);
		client.user = users[1];
		client.authzid = NULL;
		begin(room, rows[i].mechanism);
		expect_refused(room, converse(room, rows[i].name, false), "unknown-user");
		assert_true(str_equal(sasl_user(room->x), str_of(users[1])));
	}
}

/* --- SCRAM: what must fail ------------------------------------------------------------------- */

static void scram_first_messages(void **state)
{
	static const struct {
		enum sasl_mechanism mechanism;
		unsigned offered;
		struct str message;
		const char *reason; /* NULL: goes on */
	} rows[] = {
#define PLAINLY SASL_SCRAM_SHA_256, SASL_BIT(SASL_SCRAM_SHA_256)
#define BESIDE_PLUS SASL_SCRAM_SHA_256, ALL
#define PLUS SASL_SCRAM_SHA_256_PLUS, ALL
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,r=abc"), NULL },
		{ PLAINLY, STR_INIT("y,,n=ann@example.org,r=abc"), NULL },
		{ PLAINLY, STR_INIT("n,a=ann@example.org,n=ann@example.org,r=abc"), NULL },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,r=abc,x=unknown,y=too"), NULL },
		/* RFC 5802 section 6: "y" where -PLUS is offered is a downgrade. */
		{ BESIDE_PLUS, STR_INIT("y,,n=ann@example.org,r=abc"), "binding-downgrade" },
		{ BESIDE_PLUS, STR_INIT("n,,n=ann@example.org,r=abc"), NULL },
		{ PLAINLY, STR_INIT("p=tls-exporter,,n=ann@example.org,r=abc"),
		  "binding-without-plus" },
		{ PLUS, STR_INIT("p=tls-exporter,,n=ann@example.org,r=abc"), NULL },
		{ PLUS, STR_INIT("p=tls-unique,,n=ann@example.org,r=abc"),
		  "unsupported-binding-type" },
		{ PLUS, STR_INIT("p=,,n=ann@example.org,r=abc"), "unsupported-binding-type" },
		{ PLUS, STR_INIT("n,,n=ann@example.org,r=abc"), "plus-without-binding" },
		{ PLUS, STR_INIT("y,,n=ann@example.org,r=abc"), "plus-without-binding" },
		{ PLAINLY, STR_INIT("n,a=bob@example.org,n=ann@example.org,r=abc"),
		  "other-authzid" },
		{ PLAINLY, STR_INIT("n,a=,n=ann@example.org,r=abc"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,b=x,n=ann@example.org,r=abc"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,m=x,n=ann@example.org,r=abc"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,r="), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,r=a b"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,r=a\x7f"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,r=abc,"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,r=abc,xy"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann@example.org,x=1,r=abc"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,n=ann=40example.org,r=abc"), "bad-user-name" },
		{ PLAINLY, STR_INIT("n,,n=ann=,r=abc"), "bad-user-name" },
		{ PLAINLY, STR_INIT("n,,n=ann=2c,r=abc"), "bad-user-name" },
		{ PLAINLY, STR_INIT("n,,n=,r=abc"), "bad-user-name" },
		{ PLAINLY, STR_INIT("n,,n=\xff,r=abc"), "bad-user-name" },
		{ PLAINLY, STR_INIT("n,,n=ann\0,r=abc"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("x,,n=ann@example.org,r=abc"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("nn,,n=ann@example.org,r=abc"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,"), "ill-formed-response" },
		{ PLAINLY, STR_INIT("n,,"), "ill-formed-response" },
		{ PLAINLY, STR_INIT(","), "ill-formed-response" },
		{ PLAINLY, STR_INIT(""), "ill-formed-response" },
	};
	struct room *room = *state;

	add_prepared(room, "ann@example.org", "secret");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum sasl_step step;

		begin_with(room, rows[i].mechanism, rows[i].offered, NULL);
		step = respond_str(room, rows[i].message);
		if (rows[i].reason != NULL)
			expect_refused(room, step, rows[i].reason);
		else if (step != SASL_CHALLENGE)
			fail_msg("row %zu: %s", i, sasl_result(room->x)->reason);
	}
}

/* Without a channel -PLUS binds to nothing, whatever is offered. */
static void scram_plus_without_channel_refused(void **state)
{
	struct room *room = *state;
	struct sasl_terms terms = { .mechanism = SASL_SCRAM_SHA_256_PLUS,
				    .offered = ALL,
				    .hostname = "mx" };

	assert_true(sasl_open(&terms, &room->x));
	expect_refused(room, respond(room, "p=tls-exporter,,n=ann@example.org,r=abc"),
		       "unsupported-binding-type");
}

static void scram_final_messages(void **state)
{
	static const struct {
		const char *message;
		const char *reason;
	} rows[] = {
		{ "c=biws,r=abcNONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "bad-proof" },
		{ "c=biws,r=abcNONCE,x=ext,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "bad-proof" },
		{ "c=eSws,r=abcNONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "bad-binding" },
		{ "c=biwsAAAA,r=abcNONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "bad-binding" },
		{ "c=biw,r=abcNONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "bad-binding" },
		{ "c=,r=abcNONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "bad-binding" },
		{ "c=biws,r=abcNONCF,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "bad-nonce" },
		{ "c=biws,r=abc,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "bad-nonce" },
		{ "c=biws,r=abcNONCE,p=AAAA", "ill-formed-response" },
		{ "c=biws,r=abcNONCE,p=", "ill-formed-response" },
		{ "c=biws,r=abcNONCE", "ill-formed-response" },
		{ "r=abcNONCE,c=biws,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "ill-formed-response" },
		{ "c=biws,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "ill-formed-response" },
		{ "", "ill-formed-response" },
	};
	struct room *room = *state;

	add_prepared(room, "ann@example.org", "secret");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin_with(room, SASL_SCRAM_SHA_256, SASL_BIT(SASL_SCRAM_SHA_256), "NONCE");
		assert_int_equal(respond(room, "n,,n=ann@example.org,r=abc"), SASL_CHALLENGE);
		expect_refused(room, respond(room, rows[i].message), rows[i].reason);
	}
}

static void scram_long_messages_refused(void **state)
{
	struct room *room = *state;
	char message[SCRAM_MESSAGE_MAX + 2];
	int n = snprintf(message, sizeof message, "n,,n=ann@example.org,r=");

	add_prepared(room, "ann@example.org", "secret");
	memset(message + n, 'r', sizeof message - (size_t)n);
	begin(room, SASL_SCRAM_SHA_256);
	expect_refused(room, respond_str(room, (struct str){ message, sizeof message - 1 }),
		       "ill-formed-response");
	begin(room, SASL_SCRAM_SHA_256);
	expect_refused(room,
		       respond_str(room,
				   (struct str){ message, (size_t)n + SCRAM_NONCE_MAX + 1 }),
		       "ill-formed-response");
	begin(room, SASL_SCRAM_SHA_256);
	assert_int_equal(respond_str(room,
				     (struct str){ message, (size_t)n + SCRAM_NONCE_MAX }),
			 SASL_CHALLENGE);
}

/* --- nobody ---------------------------------------------------------------------------------- */

/* ",s=...,i=..." of the answer to a name. */
static void salt_of(struct room *room, enum sasl_mechanism mechanism, const char *user,
		    char salt[128])
{
	char message[128];
	const char *at;

	(void)snprintf(message, sizeof message, "n,,n=%s,r=abc", user);
	begin(room, mechanism);
	assert_int_equal(respond(room, message), SASL_CHALLENGE);
	at = strstr(sasl_challenge(room->x).p, ",s=");
	assert_non_null(at);
	(void)snprintf(salt, 128, "%s", at);
}

static void scram_salt_of_nobody_is_stable(void **state)
{
	struct room *room = *state;
	char first[128], again[128], other[128], known[128];

	add_prepared(room, "ann@example.org", "secret");
	salt_of(room, SASL_SCRAM_SHA_256, "nobody@example.org", first);
	salt_of(room, SASL_SCRAM_SHA_256, "Nobody@Example.ORG", again);
	assert_string_equal(first, again);
	salt_of(room, SASL_SCRAM_SHA_256, "nobody2@example.org", other);
	assert_string_not_equal(first, other);
	salt_of(room, SASL_SCRAM_SHA_1, "nobody@example.org", other);
	assert_string_not_equal(first, other);
	salt_of(room, SASL_SCRAM_SHA_256, "ann@example.org", known);
	assert_int_equal(strlen(first), strlen(known));
	/* The same rounds as those that the tool makes. */
	assert_string_equal(strstr(first, ",i="), strstr(known, ",i="));
	/* Somebody without keys looks like nobody. */
	add_mailbox(room->f, "bob@example.org", "{PLAIN}secret");
	salt_of(room, SASL_SCRAM_SHA_256, "bob@example.org", first);
	salt_of(room, SASL_SCRAM_SHA_256, "BOB@example.org", again);
	assert_string_equal(first, again);
}

static void scram_bars_are_told_at_the_end_only(void **state)
{
	static const struct {
		const char *column, *value, *reason;
	} rows[] = {
		{ "active", "0", "inactive" },
		{ "expires_at", "2001-01-01", "expired" },
		{ "pop3_enabled", "0", "pop3-disabled" },
		{ "scram_sha256_enabled", "0", "scram-sha-256-disabled" },
		{ "allow_nets", "192.0.2.0/24", "network-not-allowed" },
	};
	struct room *room = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char address[64];

		(void)snprintf(address, sizeof address, "u%zu@example.org", i);
		add_prepared(room, address, "secret");
		set(room, address, rows[i].column, rows[i].value);
		client.user = address;
		client.password = "secret";
		client.authzid = NULL;
		begin(room, SASL_SCRAM_SHA_256);
		expect_refused(room, converse(room, "SCRAM-SHA-256", false), rows[i].reason);
	}
}

/* --- a backend that cannot tell --------------------------------------------------------------- */

static struct {
	char peer[64];
	bool has_address;
} asked;

static enum auth_verdict away(const struct auth_request *request, bool *known,
			      struct fault *fault)
{
	(void)snprintf(asked.peer, sizeof asked.peer, "%.*s", STR_ARG(request->peer));
	asked.has_address = request->from != NULL;
	*known = true;
	fault_set(fault, "the backend is away");
	return AUTH_UNAVAILABLE;
}

static enum auth_verdict away_verify(void *self, const struct auth_request *request,
				     bool *known, struct auth_result *result,
				     struct fault *fault)
{
	(void)self, (void)result;
	return away(request, known, fault);
}

static enum auth_verdict away_scram(void *self, const struct auth_request *request, bool *known,
				    struct scram_keys *keys, struct auth_result *result,
				    struct fault *fault)
{
	(void)self, (void)keys, (void)result;
	return away(request, known, fault);
}

static void backend_that_cannot_tell_refuses_nobody(void **state)
{
	static const struct {
		enum sasl_mechanism mechanism;
		struct str response, password;
		const char *word;
	} rows[] = {
		{ SASL_PLAIN, STR_INIT("\0ann\0secret"), STR_INIT("secret"), "plain" },
		{ SASL_SCRAM_SHA_256, STR_INIT("y,,n=ann,r=abc"), STR_INIT(""),
		  "scram-sha-256" },
	};
	struct auth_backend backend = { .name = "away",
					.verify = away_verify,
					.scram = away_scram };
	struct network_address from;
	struct sasl_terms terms = { .offered =
					    SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_SCRAM_SHA_256),
				    .hostname = "mx.example.org",
				    .peer = "192.0.2.7",
				    .from = &from };

	(void)state;
	memset(&from, 0, sizeof from);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sasl_exchange *x;
		struct str response = rows[i].response;

		terms.mechanism = rows[i].mechanism;
		asked.peer[0] = '\0';
		assert_true(sasl_open(&terms, &x));
		assert_int_equal(sasl_respond(x, &response), SASL_WORK);
		assert_int_equal(sasl_work(x, &backend, 1, NOW), SASL_UNAVAILABLE);
		assert_string_equal(asked.peer, "192.0.2.7");
		assert_true(asked.has_address);
		assert_string_equal(sasl_fault(x)->text, "the backend is away");
		assert_string_equal(sasl_word(x), rows[i].word);
		assert_true(str_equal(sasl_user(x), STR("ann")));
		assert_true(str_equal(sasl_password(x), rows[i].password));
		sasl_close(&x);
	}
}

static void offers_follow_the_connection(void **state)
{
	const unsigned scram = SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_1);
	const unsigned plus =
		SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS);
	const unsigned clear =
		SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_LOGIN) | SASL_BIT(SASL_CRAM_MD5);

	(void)state;
	assert_int_equal(sasl_offered(ALL, false, false), scram);
	assert_int_equal(sasl_offered(ALL, true, false), scram | clear);
	assert_int_equal(sasl_offered(ALL, true, true), ALL);
	assert_int_equal(sasl_offered(SASL_BIT(SASL_PLAIN), true, true), SASL_BIT(SASL_PLAIN));
	assert_int_equal(sasl_offered(plus, true, false), 0);
	assert_int_equal(sasl_withheld(ALL, false), clear);
	assert_int_equal(sasl_withheld(ALL, true), 0);
	assert_int_equal(sasl_withheld(plus, false), 0);
}

#define ROOM_TEST(function) cmocka_unit_test_setup_teardown(function, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(scram_sha_1_of_rfc_5802),
		ROOM_TEST(scram_sha_256_of_rfc_7677),
		ROOM_TEST(cram_md5_of_rfc_2195),
		ROOM_TEST(plain_of_rfc_4616),
		ROOM_TEST(plain_messages),
		ROOM_TEST(plain_255_octets_each_taken),
		ROOM_TEST(login_prompts_or_takes_the_name_at_once),
		ROOM_TEST(cram_md5_ill_formed_refused),
		ROOM_TEST(cram_md5_challenges_differ),
		cmocka_unit_test(matrix_is_closed),
		cmocka_unit_test(cram_md5_of_a_malformed_value_fails_closed),
		ROOM_TEST(no_scram_keys_of_what_saslprep_forbids),
		ROOM_TEST(hash_never_answers_a_challenge),
		ROOM_TEST(gsasl_logs_in_by_each_mechanism),
		ROOM_TEST(scram_first_messages),
		ROOM_TEST(scram_plus_without_channel_refused),
		ROOM_TEST(scram_final_messages),
		ROOM_TEST(scram_long_messages_refused),
		ROOM_TEST(scram_salt_of_nobody_is_stable),
		ROOM_TEST(scram_bars_are_told_at_the_end_only),
		cmocka_unit_test(backend_that_cannot_tell_refuses_nobody),
		cmocka_unit_test(offers_follow_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
