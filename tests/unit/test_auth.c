/*
 * auth.h over the `sql` backend: who gets in, who does not and why, that a mechanism never falls
 * back to another one's secret, and that one user is never taken for another.
 */
#include "accounts_fixture.h"

#include <sqlite3.h>

#include "restante/auth.h"
#include "restante/passwords.h"

#define CHALLENGE "<1896.697170952@dbc.mtview.ca.us>"
/* MD5 of the challenge and "tanstaaf" (RFC 1939 section 7), and of the challenge and "". */
#define DIGEST "c4c9334bac560ecc979e58001b3e22fb"
#define DIGEST_OF_NOTHING "6d7379174f7df9fb329480e5c47c1f1a"
#define NOW 1800000000

struct room {
	struct fixture *f;
	struct secret_key *key;
	struct auth_backend backend;
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
	return auth_sql_open(&with, &room->backend, &room->f->fault) == AUTH_OK ? 0 : -1;
}

static int room_close(void **state)
{
	struct room *room = *state;
	void *f = room->f;

	room->backend.close(room->backend.self);
	secret_key_close(&room->key);
	free(room);
	return fixture_close(&f);
}

static struct auth_result result;

static enum auth_verdict attempt(struct room *room, enum auth_method method, struct str user,
				 struct str secret)
{
	struct auth_request request = { method, user, secret, STR(CHALLENGE) };

	memset(&result, '#', sizeof result);
	return auth_verify(&room->backend, 1, &request, NOW, &result, &room->f->fault);
}

static void expect(struct room *room, enum auth_method method, const char *user,
		   const char *secret, const char *reason)
{
	enum auth_verdict verdict = attempt(room, method, str_of(user), str_of(secret));
	enum auth_verdict expected = strcmp(reason, "ok") == 0 ? AUTH_OK : AUTH_REFUSED;

	if (verdict != expected || strcmp(result.reason, reason) != 0)
		fail_msg("%s with \"%s\": %d, %s and not %s (%s)", user, secret, (int)verdict,
			 result.reason, reason, room->f->fault.text);
	/* Nothing of the account is left for a caller who forgets to look at the verdict. */
	if (expected != AUTH_OK) {
		assert_int_equal(result.account.id, 0);
		assert_string_equal(result.account.address, "");
		assert_string_equal(result.account.key.id, "");
	}
}

static void pass(struct room *room, const char *user, const char *secret, const char *reason)
{
	expect(room, AUTH_PASS, user, secret, reason);
}

static void apop(struct room *room, const char *user, const char *digest, const char *reason)
{
	expect(room, AUTH_APOP, user, digest, reason);
}

static void populate(struct room *room)
{
	add_domain(room->f, "example.org");
	add_mailbox(room->f, "ann@example.org", "{PLAIN}of ann");
	set_column(room->f, TABLE_MAILBOX, "ann@example.org", "apop_secret", "{CLEAR}tanstaaf");
}

/* Seals ann's secret as the housekeeper does. */
static bool seal(void *context, int64_t id, const char *clear)
{
	struct room *room = context;
	char sealed[512];

	assert_true(secret_seal(room->key, id, str_of(clear), sealed, sizeof sealed,
				&room->f->fault));
	expect_status(room->f,
		      account_set_apop_secret(room->f->accounts, id, sealed, &room->f->fault),
		      ACCOUNTS_OK);
	return true;
}

static void seal_all(struct room *room)
{
	expect_status(room->f,
		      accounts_visit_clear_secrets(room->f->accounts, seal, room,
						   &room->f->fault),
		      ACCOUNTS_OK);
}

static void right_password_lets_in(void **state)
{
	struct room *room = *state;

	populate(room);
	pass(room, "ann@example.org", "of ann", "ok");
	assert_string_equal(result.account.address, "ann@example.org");
	assert_int_equal(strlen(result.account.key.id), 32);
	pass(room, "ANN@Example.ORG", "of ann", "ok");
	assert_string_equal(result.account.address, "ann@example.org");
	pass(room, "ann@example.org", "of Ann", "bad-password");
	/* A scheme with the name in it: as it is stored, however it was typed. */
	set_column(room->f, TABLE_MAILBOX, "ann@example.org", "password",
		   "{DIGEST-MD5}6b193711446bad11e347c101e4e97bf4");
	pass(room, "Ann@Example.org", "secret", "ok");
	pass(room, "bob@example.org", "of ann", "unknown-user");
	pass(room, "ann", "of ann", "unknown-user");
}

static void right_digest_lets_in(void **state)
{
	struct room *room = *state;

	populate(room);
	for (unsigned i = 0; i < 2; i++) {
		apop(room, "ann@example.org", DIGEST, "ok");
		assert_string_equal(result.account.address, "ann@example.org");
		apop(room, "ann@example.org", "c4c9334bac560ecc979e58001b3e22fc", "bad-digest");
		apop(room, "bob@example.org", DIGEST, "unknown-user");
		/* The second time with the sealed secret. */
		seal_all(room);
	}
}

/* RFC 6856 section 2.2. Composed and not, a soft hyphen: what is prepared is the same. */
static void names_and_secrets_are_prepared(void **state)
{
	struct room *room = *state;
	const char *const names[] = { "j\xc3\xbcrgen@example.org", "ju\xcc\x88rgen@example.org",
				      "j\xc3\xbcr\xc2\xadgen@EXAMPLE.org" };

	add_domain(room->f, "example.org");
	add_mailbox(room->f, names[0], "{PLAIN}gr\xc3\xbcn");
	set_column(room->f, TABLE_MAILBOX, names[0], "apop_secret", "{CLEAR}tan\xc2\xadstaaf");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		pass(room, names[i], "gr\xc3\xbcn", "ok");
		assert_string_equal(result.account.address, names[0]);
		pass(room, names[i], "gru\xcc\x88n", "ok");
		pass(room, names[i], "gru\xcc\x88nn", "bad-password");
		apop(room, names[i], DIGEST, "ok");
	}
	/* A stored string must not hold what Unicode 3.2 had not assigned. */
	set_column(room->f, TABLE_MAILBOX, names[0], "apop_secret", "{CLEAR}t\xc8\xa1");
	apop(room, names[0], DIGEST, "unusable-apop-secret");
}

static void changed_password_counts_at_once(void **state)
{
	struct room *room = *state;

	populate(room);
	pass(room, "ann@example.org", "of ann", "ok");
	set_column(room->f, TABLE_MAILBOX, "ann@example.org", "password", "{PLAIN}new");
	pass(room, "ann@example.org", "of ann", "bad-password");
	pass(room, "ann@example.org", "new", "ok");
}

/* Every cell of method and stored columns: what is not listed as ok is refused. */
static void no_method_uses_the_secret_of_another(void **state)
{
	static const char *const passwords[] = {
		NULL,
		"{PLAIN}tanstaaf",
		"{CLEAR}tanstaaf",
		"{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56",
		"{PLAIN-MD5}" DIGEST,
		"{SCRAM-SHA-1}4096,OkqzuBtea+9XJATAeGJlsA==,Sy/y+8cfZpOvFZEf4YTAh9+Mlzs=,VxRZwl"
		"sPko/PTN1dOOYdcHwIseo=",
		"{NONSENSE}tanstaaf",
		"{SSHA}broken",
	};
	static const char *const secrets[] = { "tanstaaf",        DIGEST,
					       DIGEST_OF_NOTHING, CHALLENGE,
					       "{PLAIN}tanstaaf", "{CLEAR}tanstaaf" };
	struct room *room = *state;

	add_domain(room->f, "example.org");
	add_mailbox(room->f, "ann@example.org", NULL);
	/* APOP without an APOP secret: never, whatever the password is. */
	for (size_t i = 0; i < ARRAY_SIZE(passwords); i++) {
		set_column(room->f, TABLE_MAILBOX, "ann@example.org", "password", passwords[i]);
		for (size_t k = 0; k < ARRAY_SIZE(secrets); k++)
			apop(room, "ann@example.org", secrets[k], "no-apop-secret");
	}
	/* PASS without a password: never, whatever the APOP secret is. */
	set_column(room->f, TABLE_MAILBOX, "ann@example.org", "password", NULL);
	set_column(room->f, TABLE_MAILBOX, "ann@example.org", "apop_secret", "{CLEAR}tanstaaf");
	for (size_t k = 0; k < ARRAY_SIZE(secrets); k++)
		pass(room, "ann@example.org", secrets[k], "no-password");
	/* With both, each to its own. */
	set_column(room->f, TABLE_MAILBOX, "ann@example.org", "password", "{PLAIN}of ann");
	pass(room, "ann@example.org", "tanstaaf", "bad-password");
	pass(room, "ann@example.org", DIGEST, "bad-password");
	apop(room, "ann@example.org", "of ann", "bad-digest");
	apop(room, "ann@example.org", DIGEST, "ok");
}

static void unusable_stored_password_refused_and_said(void **state)
{
	static const struct {
		const char *stored;
		const char *reason;
		const char *fault;
	} rows[] = {
		{ "{NONSENSE}of ann", "unknown-scheme", "unknown scheme {NONSENSE}" },
		{ "{OTP}of ann", "unknown-scheme", "unknown scheme {OTP}" },
		{ "{SSHA}of ann", "malformed-password", "not a value of {SSHA}" },
		{ "$9$of$ann", "malformed-password", "not a value of {CRYPT}" },
	};
	struct room *room = *state;

	populate(room);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_column(room->f, TABLE_MAILBOX, "ann@example.org", "password",
			   rows[i].stored);
		pass(room, "ann@example.org", "of ann", rows[i].reason);
		if (strstr(room->f->fault.text, rows[i].fault) == NULL)
			fail_msg("%s: %s", rows[i].stored, room->f->fault.text);
		assert_null(strstr(room->f->fault.text, "of ann"));
	}
}

static void secret_sealed_for_another_refused_and_said(void **state)
{
	struct room *room = *state;
	struct account account;
	struct account_secrets secrets;

	populate(room);
	add_mailbox(room->f, "bob@example.org", "{PLAIN}of bob");
	seal_all(room);
	expect_status(room->f,
		      account_find(room->f->accounts, STR("ann@example.org"), &account,
				   &secrets, &room->f->fault),
		      ACCOUNTS_OK);
	/* Somebody who may write rows copies ann's secret to bob, to log in as bob with it. */
	set_column(room->f, TABLE_MAILBOX, "bob@example.org", "apop_secret",
		   secrets.apop_secret);
	apop(room, "bob@example.org", DIGEST, "unreadable-apop-secret");
	assert_non_null(strstr(room->f->fault.text, "does not open"));
	apop(room, "ann@example.org", DIGEST, "ok");
}

static void sealed_secret_without_a_key_refused(void **state)
{
	struct room *room = *state;
	struct auth_backend keyless;
	struct auth_request request = { AUTH_APOP, STR("ann@example.org"), STR(DIGEST),
					STR(CHALLENGE) };

	populate(room);
	const struct auth_sql with = { .accounts = room->f->accounts };
	assert_int_equal(auth_sql_open(&with, &keyless, &room->f->fault), AUTH_OK);
	assert_int_equal(auth_verify(&keyless, 1, &request, NOW, &result, &room->f->fault),
			 AUTH_OK);
	seal_all(room);
	assert_int_equal(auth_verify(&keyless, 1, &request, NOW, &result, &room->f->fault),
			 AUTH_REFUSED);
	assert_string_equal(result.reason, "no-secret-key");
	request.user = STR("nobody@example.org");
	assert_int_equal(auth_verify(&keyless, 1, &request, NOW, &result, &room->f->fault),
			 AUTH_REFUSED);
	keyless.close(keyless.self);
}

/* The state of the account is looked at after the password: a wrong one tells nothing of it. */
static void account_state_after_the_password(void **state)
{
	static const struct {
		enum accounts_table table;
		const char *column;
		const char *bad;
		const char *good;
		const char *pass_reason;
		const char *apop_reason;
	} rows[] = {
		{ TABLE_MAILBOX, "active", "0", "1", "inactive", "inactive" },
		{ TABLE_DOMAIN, "active", "0", "1", "inactive", "inactive" },
		{ TABLE_MAILBOX, "pop3_enabled", "0", "1", "pop3-disabled", "pop3-disabled" },
		{ TABLE_MAILBOX, "pass_enabled", "0", "1", "pass-disabled", "ok" },
		{ TABLE_MAILBOX, "apop_enabled", "0", "1", "ok", "apop-disabled" },
		{ TABLE_MAILBOX, "lmtp_enabled", "0", "1", "ok", "ok" },
		/* 1800000000 is 2027-01-15 08:00:00 UTC. */
		{ TABLE_MAILBOX, "expires_at", "2027-01-15 08:00:00", "2027-01-15 08:00:01",
		  "expired", "expired" },
		{ TABLE_MAILBOX, "expires_at", "1970-01-01", NULL, "expired", "expired" },
	};
	struct room *room = *state;

	populate(room);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *name =
			rows[i].table == TABLE_DOMAIN ? "example.org" : "ann@example.org";

		set_column(room->f, rows[i].table, name, rows[i].column, rows[i].bad);
		pass(room, "ann@example.org", "of ann", rows[i].pass_reason);
		apop(room, "ann@example.org", DIGEST, rows[i].apop_reason);
		pass(room, "ann@example.org", "wrong", "bad-password");
		apop(room, "ann@example.org", "wrong", "bad-digest");
		set_column(room->f, rows[i].table, name, rows[i].column, rows[i].good);
		pass(room, "ann@example.org", "of ann", "ok");
		apop(room, "ann@example.org", DIGEST, "ok");
	}
}

/* --- what no backend may see ------------------------------------------------------------------ */

struct spy {
	unsigned calls;
	enum auth_verdict verdict;
	bool known;
};

static enum auth_verdict spy_verify(void *self, const struct auth_request *request, bool *known,
				    struct auth_result *into, struct fault *fault)
{
	struct spy *spy = self;

	(void)request;
	(void)fault;
	spy->calls++;
	*known = spy->known;
	into->reason = "spy";
	into->account.id = 7;
	into->account.active = true;
	into->account.switches = ACCOUNT_POP3 | ACCOUNT_PASS | ACCOUNT_APOP;
	return spy->verdict;
}

static void flawed_request_never_reaches_a_backend(void **state)
{
	static char long_text[PASSWORD_MAX + 1];
	static const struct {
		struct auth_request request;
		const char *reason;
	} rows[] = {
		{ { AUTH_PASS, STR_INIT("ann@example.org"), STR_INIT(""), STR_INIT("") },
		  "empty-password" },
		{ { AUTH_APOP, STR_INIT("ann@example.org"), STR_INIT(""), STR_INIT("<a@b>") },
		  "empty-password" },
		{ { AUTH_PASS, STR_INIT(""), STR_INIT(""), STR_INIT("") }, "empty-password" },
		{ { AUTH_PASS, STR_INIT(""), STR_INIT("x"), STR_INIT("") }, "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann\0@example.org"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann@example.org\0"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann@example.org\r"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann@example.org\n"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann\t@example.org"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("\x1b[2J@example.org"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann\x7f@example.org"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("an\xfc@example.org"), STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_APOP, STR_INIT("an\xfc@example.org"), STR_INIT(DIGEST),
		    STR_INIT("<a@b>") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann@example.org"), STR_INIT("gr\xfc\xdf"),
		    STR_INIT("") },
		  "unusable-password" },
		{ { AUTH_PASS, STR_INIT("ann@example.org"), STR_INIT("a\tb"), STR_INIT("") },
		  "unusable-password" },
		{ { AUTH_PASS, { long_text, ADDRESS_MAX + 1 }, STR_INIT("x"), STR_INIT("") },
		  "bad-user-name" },
		{ { AUTH_PASS, STR_INIT("ann@example.org"), STR_INIT("a\0b"), STR_INIT("") },
		  "unusable-password" },
		{ { AUTH_PASS, STR_INIT("ann@example.org"), STR_INIT("\0"), STR_INIT("") },
		  "unusable-password" },
		{ { AUTH_PASS,
		    STR_INIT("ann@example.org"),
		    { long_text, PASSWORD_MAX + 1 },
		    STR_INIT("") },
		  "unusable-password" },
		{ { AUTH_APOP, STR_INIT("ann@example.org"), STR_INIT(DIGEST), STR_INIT("") },
		  "no-challenge" },
	};
	struct spy spy = { 0, AUTH_OK, true };
	struct auth_backend backend = { "spy", spy_verify, NULL, &spy };
	struct fault fault;

	(void)state;
	memset(long_text, 'x', sizeof long_text);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (auth_verify(&backend, 1, &rows[i].request, NOW, &result, &fault) !=
			    AUTH_REFUSED ||
		    strcmp(result.reason, rows[i].reason) != 0)
			fail_msg("row %zu: %s", i, result.reason);
		assert_int_equal(spy.calls, 0);
		assert_int_equal(result.account.id, 0);
	}
}

static void first_backend_that_knows_decides(void **state)
{
	static const struct {
		struct spy first;
		struct spy second;
		enum auth_verdict expected;
		unsigned second_calls;
	} rows[] = {
		{ { 0, AUTH_OK, true }, { 0, AUTH_REFUSED, true }, AUTH_OK, 0 },
		/* a wrong password never falls through to the next */
		{ { 0, AUTH_REFUSED, true }, { 0, AUTH_OK, true }, AUTH_REFUSED, 0 },
		{ { 0, AUTH_REFUSED, false }, { 0, AUTH_OK, true }, AUTH_OK, 1 },
		{ { 0, AUTH_REFUSED, false }, { 0, AUTH_REFUSED, true }, AUTH_REFUSED, 1 },
		{ { 0, AUTH_REFUSED, false }, { 0, AUTH_REFUSED, false }, AUTH_REFUSED, 1 },
		/* one that cannot tell might know the user */
		{ { 0, AUTH_UNAVAILABLE, false }, { 0, AUTH_OK, true }, AUTH_UNAVAILABLE, 0 },
		{ { 0, AUTH_UNAVAILABLE, true }, { 0, AUTH_OK, true }, AUTH_UNAVAILABLE, 0 },
		/* a backend's own mistake: a good verdict on somebody it does not know */
		{ { 0, AUTH_OK, false }, { 0, AUTH_REFUSED, false }, AUTH_REFUSED, 1 },
	};
	struct auth_request request = { AUTH_PASS, STR("ann@example.org"), STR("x"), STR("") };
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spy first = rows[i].first;
		struct spy second = rows[i].second;
		struct auth_backend backends[] = { { "first", spy_verify, NULL, &first },
						   { "second", spy_verify, NULL, &second } };

		if (auth_verify(backends, 2, &request, NOW, &result, &fault) !=
		    rows[i].expected)
			fail_msg("row %zu", i);
		assert_int_equal(second.calls, rows[i].second_calls);
		assert_int_equal(result.account.id != 0, rows[i].expected == AUTH_OK);
	}
	assert_int_equal(auth_verify(NULL, 0, &request, NOW, &result, &fault), AUTH_REFUSED);
	assert_string_equal(result.reason, "unknown-user");
}

static void refuse_name(struct room *room, struct str name, const char *reason)
{
	assert_int_equal(attempt(room, AUTH_PASS, name, STR("of ann")), AUTH_REFUSED);
	assert_string_equal(result.reason, reason);
	assert_int_equal(attempt(room, AUTH_APOP, name, STR(DIGEST)), AUTH_REFUSED);
	assert_string_equal(result.reason, reason);
}

static void hostile_user_name_refused(void **state)
{
	static const struct str names[] = {
		STR_INIT("%u"),
		STR_INIT("%s%s%s%n"),
		STR_INIT("="),
		STR_INIT("\"\""),
		STR_INIT("."),
		STR_INIT(".."),
		STR_INIT("/"),
		STR_INIT("../../etc/passwd"),
		STR_INIT("+"),
		STR_INIT(" "),
		STR_INIT("ann@example.org "),
		STR_INIT(" ann@example.org"),
		STR_INIT("*"),
		STR_INIT("*@example.org"),
		STR_INIT("%@example.org"),
		STR_INIT("' OR '1'='1"),
		STR_INIT("ann@example.org' --"),
		STR_INIT("ann@example.org'; UPDATE mailbox SET password = '{PLAIN}x'; --"),
		STR_INIT("' UNION SELECT 1, 'ann@example.org', 'example.org', 0 --"),
		STR_INIT("ann@ex\xc3\xa4mple.org"),
	};
	static const struct str prohibited[] = {
		STR_INIT("\x80"),
		STR_INIT("\xbf\x27 OR 1=1"),
		STR_INIT("\xc0\x80"),
		STR_INIT("\xe2\x80\xae"
			 "gro.elpmaxe@nna"),
		STR_INIT("ann@example.org\xff"),
	};
	struct room *room = *state;

	populate(room);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		refuse_name(room, names[i], "unknown-user");
	for (size_t i = 0; i < ARRAY_SIZE(prohibited); i++)
		refuse_name(room, prohibited[i], "bad-user-name");
	pass(room, "ann@example.org", "of ann", "ok");
}

/* Two users in every order, with their own and with the other's secret. */
static void one_user_is_never_another(void **state)
{
	static const char *const users[] = { "ann@example.org", "bob@example.org" };
	static const char *const passwords[] = { "of ann", "of bob" };
	struct room *room = *state;

	populate(room);
	add_mailbox(room->f, "bob@example.org", "{PLAIN}of bob");
	for (unsigned order = 0; order < 64; order++)
		for (unsigned step = 0; step < 3; step++) {
			unsigned user = order >> (2 * step) & 1;
			unsigned secret = order >> (2 * step + 1) & 1;

			pass(room, users[user], passwords[secret],
			     user == secret ? "ok" : "bad-password");
			if (user == secret)
				assert_string_equal(result.account.address, users[user]);
			apop(room, users[user], DIGEST, user == 0 ? "ok" : "no-apop-secret");
		}
}

/* Trouble with the database is never a wrong password. */
static void broken_accounts_are_unavailable(void **state)
{
	struct room *room = *state;
	sqlite3 *db;

	populate(room);
	pass(room, "ann@example.org", "of ann", "ok");
	assert_int_equal(sqlite3_open(room->f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE mailbox", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(attempt(room, AUTH_PASS, STR("ann@example.org"), STR("of ann")),
			 AUTH_UNAVAILABLE);
	assert_string_equal(result.reason, "accounts-unavailable");
	assert_non_null(strstr(room->f->fault.text, "no such table"));
	assert_int_equal(attempt(room, AUTH_APOP, STR("ann@example.org"), STR(DIGEST)),
			 AUTH_UNAVAILABLE);
	assert_int_equal(result.account.id, 0);
}

#define ROOM_TEST(function) cmocka_unit_test_setup_teardown(function, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(right_password_lets_in),
		ROOM_TEST(right_digest_lets_in),
		ROOM_TEST(names_and_secrets_are_prepared),
		ROOM_TEST(changed_password_counts_at_once),
		ROOM_TEST(no_method_uses_the_secret_of_another),
		ROOM_TEST(unusable_stored_password_refused_and_said),
		ROOM_TEST(secret_sealed_for_another_refused_and_said),
		ROOM_TEST(sealed_secret_without_a_key_refused),
		ROOM_TEST(account_state_after_the_password),
		cmocka_unit_test(flawed_request_never_reaches_a_backend),
		cmocka_unit_test(first_backend_that_knows_decides),
		ROOM_TEST(hostile_user_name_refused),
		ROOM_TEST(one_user_is_never_another),
		ROOM_TEST(broken_accounts_are_unavailable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
