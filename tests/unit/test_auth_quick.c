/*
 * auth_open_quick: what a worker may be told without a hasher, and that everything which makes a
 * credential worthless counts at once, however well it is remembered.
 */
#include "accounts_fixture.h"

#include "restante/auth.h"
#include "restante/config.h"
#include "restante/credential_cache.h"
#include "restante/passwords.h"

#define NOW 1800000000
#define CHALLENGE "<1896.697170952@dbc.mtview.ca.us>"
#define DIGEST "c4c9334bac560ecc979e58001b3e22fb" /* RFC 1939 section 7 */
#define ANN "ann@example.org"

struct room {
	struct fixture *f;
	struct credential_cache *cache;
	struct config config;
	struct auth_backends slow, quick;
};

static struct auth_result result;

static int room_open(void **state)
{
	struct room *room = calloc(1, sizeof *room);
	void *f = NULL;

	if (room == NULL || fixture_open(&f) != 0)
		return -1;
	*state = room;
	room->f = f;
	room->cache = credential_cache_new(64, 600);
	room->config = (struct config){ .auth_backends = { { CONFIG_SQL }, 1 } };
	const struct auth_means means = { .accounts = room->f->accounts, .cache = room->cache };
	add_domain(room->f, "example.org");
	add_mailbox(room->f, ANN, "{PLAIN}of ann");
	set_column(room->f, TABLE_MAILBOX, ANN, "apop_secret", "{CLEAR}tanstaaf");
	return auth_open(&room->config, &means, &room->slow, &room->f->fault) == AUTH_OK &&
			       auth_open_quick(&room->config, &means, &room->quick,
					       &room->f->fault) == AUTH_OK
		       ? 0
		       : -1;
}

static int room_close(void **state)
{
	struct room *room = *state;
	void *f = room->f;

	auth_close(&room->quick);
	auth_close(&room->slow);
	credential_cache_free(&room->cache);
	free(room);
	return fixture_close(&f);
}

static bool lets_in(struct room *room, struct auth_backends *backends, enum auth_method method,
		    const char *secret)
{
	const struct auth_request request = { method, STR(ANN), str_of(secret),
					      STR(CHALLENGE) };

	return auth_verify(backends->backend, backends->count, &request, NOW, &result,
			   &room->f->fault) == AUTH_OK;
}

static bool quick(struct room *room, const char *password)
{
	return lets_in(room, &room->quick, AUTH_PASS, password);
}

static void learn(struct room *room, const char *password)
{
	assert_true(lets_in(room, &room->slow, AUTH_PASS, password));
	assert_true(quick(room, password));
}

static void knows_what_was_verified(void **state)
{
	struct room *room = *state;

	assert_false(quick(room, "of ann"));
	assert_false(lets_in(room, &room->slow, AUTH_PASS, "wrong"));
	assert_false(quick(room, "wrong"));
	learn(room, "of ann");
	assert_string_equal(result.account.address, ANN);
	assert_string_equal(result.backend, "sql");
	/* Whatever way it is shown. */
	assert_true(lets_in(room, &room->quick, AUTH_PLAIN, "of ann"));
	assert_false(quick(room, "of an"));
	assert_false(quick(room, "wrong"));
	assert_false(quick(room, ""));
}

static void a_new_hash_counts_at_once(void **state)
{
	struct room *room = *state;

	learn(room, "of ann");
	set_column(room->f, TABLE_MAILBOX, ANN, "password", "{PLAIN}another");
	assert_false(quick(room, "of ann"));
	assert_false(quick(room, "another"));
	set_column(room->f, TABLE_MAILBOX, ANN, "password", NULL);
	assert_false(quick(room, "of ann"));
}

static void the_account_s_state_counts_at_once(void **state)
{
	static const struct {
		enum accounts_table table;
		const char *name, *column, *bad, *good;
	} rows[] = {
		{ TABLE_MAILBOX, ANN, "active", "0", "1" },
		{ TABLE_DOMAIN, "example.org", "active", "0", "1" },
		{ TABLE_MAILBOX, ANN, "pop3_enabled", "0", "1" },
		{ TABLE_MAILBOX, ANN, "pass_enabled", "0", "1" },
		{ TABLE_MAILBOX, ANN, "expires_at", "1970-01-01", NULL },
		{ TABLE_MAILBOX, ANN, "allow_nets", "192.0.2.0/24", NULL },
	};
	struct room *room = *state;

	learn(room, "of ann");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_column(room->f, rows[i].table, rows[i].name, rows[i].column, rows[i].bad);
		assert_false(quick(room, "of ann"));
		set_column(room->f, rows[i].table, rows[i].name, rows[i].column, rows[i].good);
		assert_true(quick(room, "of ann"));
	}
}

static void app_passwords_have_their_own(void **state)
{
	struct room *room = *state;
	struct field fields[] = { { "label", "phone" }, { "password", "{PLAIN}of the phone" } };

	expect_status(room->f,
		      accounts_add(room->f->accounts, TABLE_APP_PASSWORD, ANN, fields, 2,
				   &room->f->fault),
		      ACCOUNTS_OK);
	assert_false(quick(room, "of the phone"));
	learn(room, "of the phone");
	assert_string_equal(result.app_password, "phone");
	expect_status(room->f,
		      accounts_remove(room->f->accounts, TABLE_APP_PASSWORD, ANN, "phone",
				      &room->f->fault),
		      ACCOUNTS_OK);
	assert_false(quick(room, "of the phone"));
}

/* Two digests cost less than another thread: there is nothing to remember. */
static void digests_are_verified_at_once(void **state)
{
	struct room *room = *state;

	assert_true(lets_in(room, &room->quick, AUTH_APOP, DIGEST));
	assert_false(
		lets_in(room, &room->quick, AUTH_APOP, "0123456789abcdef0123456789abcdef"));
}

/* Keys for SCRAM may have to be made of a password, at the cost of one. */
static void scram_is_left_to_the_hashers(void **state)
{
	struct room *room = *state;

	assert_int_equal(room->quick.count, 1);
	assert_null(room->quick.backend[0].scram);
}

static void another_backend_s_users_are_its_own(void **state)
{
	struct room *room = *state;
	const struct auth_means means = { .accounts = room->f->accounts, .cache = room->cache };
	struct auth_backends none;

	room->config.auth_backends = (struct config_backends){ { CONFIG_PAM, CONFIG_SQL }, 2 };
	assert_int_equal(auth_open_quick(&room->config, &means, &none, &room->f->fault),
			 AUTH_OK);
	assert_int_equal(none.count, 0);
	auth_close(&none);
}

#define ROOM_TEST(function) cmocka_unit_test_setup_teardown(function, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(knows_what_was_verified),
		ROOM_TEST(a_new_hash_counts_at_once),
		ROOM_TEST(the_account_s_state_counts_at_once),
		ROOM_TEST(app_passwords_have_their_own),
		ROOM_TEST(digests_are_verified_at_once),
		ROOM_TEST(scram_is_left_to_the_hashers),
		ROOM_TEST(another_backend_s_users_are_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
