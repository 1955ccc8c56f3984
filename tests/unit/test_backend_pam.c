/*
 * The `pam` backend, and the order of backends: who is known, what never falls through, when a
 * mailbox is made. restante-pam is replaced by the few users of a fake client.
 */
#include "accounts_fixture.h"
#include "base/log.h"
#include "restante/auth.h"
#include "restante/config.h"
#include "restante/pam_helper.h"

#include "../../auth/pam_client.h"

#define NOW 1800000000

static char domain[] = "example.org", service[] = "restante", socket_path[] = "/nowhere";
static unsigned asked;
static bool helper_is_down;
static struct helper_request last;
static struct auth_result result;

/* Users ann (password "of the system") and old (may not log in). */
bool pam_client_ask(const char *path, unsigned seconds, const struct helper_request *request,
		    struct helper_reply *reply, struct fault *fault)
{
	bool ann = str_equal(request->user, STR("ann"));
	bool old = str_equal(request->user, STR("old"));
	bool login = request->kind == HELPER_LOG_IN;
	bool right = str_equal(request->password, STR("of the system"));

	assert_string_equal(path, socket_path);
	assert_int_equal(seconds, 7);
	asked++;
	last = *request;
	if (helper_is_down) {
		fault_set(fault, "it is down");
		return false;
	}
	*reply = (struct helper_reply){ HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0 };
	if (str_equal(request->user, STR("trouble")))
		reply->verdict = HELPER_TROUBLE;
	if ((ann || old) && !login)
		reply->verdict = HELPER_YES;
	if ((ann || old) && login)
		*reply = right ? (struct helper_reply){ ann ? HELPER_YES : HELPER_NO,
							HELPER_AT_ACCOUNT, ann ? 0 : 13 }
			       : (struct helper_reply){ HELPER_NO, HELPER_AT_AUTHENTICATE, 7 };
	return true;
}

struct room {
	struct fixture *f;
	struct config config;
	struct auth_backends backends;
};

static int room_open(void **state)
{
	struct room *room = calloc(1, sizeof *room);
	void *fixture;

	if (room == NULL || fixture_open(&fixture) != 0)
		return -1;
	room->f = fixture;
	room->config = (struct config){
		.auth_backends = { { CONFIG_SQL, CONFIG_PAM }, 2 },
		.pam_domain = domain,
		.pam_socket = socket_path,
		.pam_service = service,
		.pam_seconds = 7,
		.pam_create_mailbox = true,
	};
	add_domain(room->f, "example.org");
	add_domain(room->f, "example.net");
	helper_is_down = false;
	asked = 0;
	*state = room;
	return 0;
}

static int room_close(void **state)
{
	struct room *room = *state;
	void *fixture = room->f;
	int code;

	auth_close(&room->backends);
	code = fixture_close(&fixture);
	free(room);
	return code;
}

static void open_backends(struct room *room)
{
	auth_close(&room->backends);
	const struct auth_means means = { .accounts = room->f->accounts,
					  .accounts_path = room->f->path };
	assert_int_equal(auth_open(&room->config, &means, &room->backends, &room->f->fault),
			 AUTH_OK);
	assert_int_equal(room->backends.count, room->config.auth_backends.count);
}

static enum auth_verdict attempt(struct room *room, enum auth_method method, const char *user,
				 const char *secret)
{
	struct auth_request request = { method, str_of(user), str_of(secret), STR("<x@y>"),
					STR("192.0.2.1") };

	return auth_verify(room->backends.backend, room->backends.count, &request, NOW, &result,
			   &room->f->fault);
}

static void expect(struct room *room, const char *user, const char *secret, const char *backend,
		   const char *reason)
{
	enum auth_verdict verdict = attempt(room, AUTH_PASS, user, secret);

	if ((verdict == AUTH_OK) != (strcmp(reason, "ok") == 0) ||
	    strcmp(result.reason, reason) != 0)
		fail_msg("%s with %s: %s and not %s (%s)", user, secret, result.reason, reason,
			 room->f->fault.text);
	if (backend == NULL)
		assert_null(result.backend);
	else
		assert_string_equal(result.backend, backend);
}

static bool has_mailbox(struct room *room, const char *address)
{
	struct account account;

	return account_find(room->f->accounts, str_of(address), &account, NULL,
			    &room->f->fault) == ACCOUNTS_OK;
}

static void system_user_is_let_in_and_gets_a_mailbox(void **state)
{
	struct room *room = *state;

	open_backends(room);
	expect(room, "ann@example.org", "wrong", "pam", "bad-password");
	assert_false(has_mailbox(room, "ann@example.org"));
	expect(room, "ann@example.org", "of the system", "pam", "ok");
	assert_string_equal(result.account.address, "ann@example.org");
	assert_true(has_mailbox(room, "ann@example.org"));
	expect(room, "ann@example.org", "of the system", "pam", "ok");
	expect(room, "ann@example.org", "wrong", "pam", "bad-password");
	expect(room, "old@example.org", "of the system", "pam", "pam-account");
	assert_false(has_mailbox(room, "old@example.org"));
}

static void helper_is_told_user_address_and_service(void **state)
{
	struct room *room = *state;

	open_backends(room);
	(void)attempt(room, AUTH_PASS, "ann@example.org", "of the system");
	assert_int_equal(last.kind, HELPER_LOG_IN);
	assert_true(str_equal(last.address, STR("192.0.2.1")));
	assert_true(str_equal(last.service, STR("restante")));
}

static void address_without_regard_to_case_is_one_user(void **state)
{
	struct room *room = *state;

	open_backends(room);
	expect(room, "Ann@Example.ORG", "of the system", "pam", "ok");
	assert_string_equal(result.account.address, "ann@example.org");
	expect(room, "ANN@example.org", "of the system", "pam", "ok");
}

/* No second name of a mailbox leads around the backend that decides about the first. */
static void other_names_are_nobody_and_ask_nobody(void **state)
{
	static const char *const names[] = {
		"ann",
		"ann@example.net",
		"ann@xexample.org",
		"ann@example.org.",
		"ann@ann@example.org",
		"ann+x@example.org",
		"../ann@example.org",
		"-ann@example.org",
		".@example.org",
		"%u@example.org",
		"a nn@example.org",
		"\xc3\xa4@example.org",
		"example.org",
	};
	struct room *room = *state;

	open_backends(room);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		expect(room, names[i], "of the system", NULL, "unknown-user");
	/* An address without one of its halves is no name. */
	expect(room, "@example.org", "of the system", NULL, "bad-user-name");
	expect(room, "ann@", "of the system", NULL, "bad-user-name");
	assert_int_equal(asked, 0);
}

static void wrong_password_never_falls_through(void **state)
{
	struct room *room = *state;

	add_mailbox(room->f, "ann@example.org", "{PLAIN}of the table");
	open_backends(room);
	/* sql, pam: the table knows ann. */
	expect(room, "ann@example.org", "of the table", "sql", "ok");
	expect(room, "ann@example.org", "of the system", "sql", "bad-password");
	assert_int_equal(asked, 0);
	/* pam, sql: the system does. */
	room->config.auth_backends = (struct config_backends){ { CONFIG_PAM, CONFIG_SQL }, 2 };
	open_backends(room);
	expect(room, "ann@example.org", "of the system", "pam", "ok");
	expect(room, "ann@example.org", "of the table", "pam", "bad-password");
}

static void user_unknown_to_the_first_is_the_seconds(void **state)
{
	struct room *room = *state;

	add_mailbox(room->f, "bob@example.org", "{PLAIN}of the table");
	add_mailbox(room->f, "bob@example.net", "{PLAIN}of the table");
	room->config.auth_backends = (struct config_backends){ { CONFIG_PAM, CONFIG_SQL }, 2 };
	open_backends(room);
	expect(room, "bob@example.org", "of the table", "sql", "ok");
	expect(room, "bob@example.org", "of the system", "sql", "bad-password");
	asked = 0;
	expect(room, "bob@example.net", "of the table", "sql", "ok");
	assert_int_equal(asked, 0);
	expect(room, "nobody@example.org", "x", NULL, "unknown-user");
}

/* The row says where the mail is and what is allowed; PAM who may read it. */
static void mailbox_without_a_password_is_left_to_pam(void **state)
{
	struct room *room = *state;

	add_mailbox(room->f, "ann@example.org", NULL);
	add_mailbox(room->f, "eve@example.net", NULL);
	open_backends(room);
	expect(room, "ann@example.org", "of the system", "pam", "ok");
	expect(room, "eve@example.net", "of the system", NULL, "no-password");
	set_column(room->f, TABLE_MAILBOX, "ann@example.org", "active", "0");
	expect(room, "ann@example.org", "of the system", "pam", "inactive");
	expect(room, "ann@example.org", "wrong", "pam", "bad-password");
}

static void without_creation_only_mailboxes_are_known(void **state)
{
	struct room *room = *state;

	room->config.pam_create_mailbox = false;
	open_backends(room);
	/* Whoever has no mailbox is asked about for the time that it takes. */
	expect(room, "ann@example.org", "of the system", NULL, "unknown-user");
	assert_int_equal(asked, 1);
	assert_int_equal(last.kind, HELPER_PRETEND);
	helper_is_down = true;
	assert_int_equal(attempt(room, AUTH_PASS, "ann@example.org", "x"), AUTH_UNAVAILABLE);
	helper_is_down = false;
	asked = 0;
	assert_int_equal(auth_provide(room->backends.backend, room->backends.count,
				      STR("ann@example.org"), &room->f->fault),
			 AUTH_REFUSED);
	assert_int_equal(asked, 0);
	add_mailbox(room->f, "ann@example.org", NULL);
	expect(room, "ann@example.org", "of the system", "pam", "ok");
}

static void helper_that_is_down_is_no_wrong_password(void **state)
{
	struct room *room = *state;

	add_mailbox(room->f, "bob@example.org", "{PLAIN}of the table");
	open_backends(room);
	helper_is_down = true;
	assert_int_equal(attempt(room, AUTH_PASS, "ann@example.org", "x"), AUTH_UNAVAILABLE);
	assert_string_equal(result.reason, "pam-unavailable");
	assert_string_equal(room->f->fault.text, "it is down");
	/* Whom an earlier backend knows is served as ever. */
	expect(room, "bob@example.org", "of the table", "sql", "ok");
	expect(room, "bob@example.org", "x", "sql", "bad-password");
	helper_is_down = false;
	assert_int_equal(attempt(room, AUTH_PASS, "trouble@example.org", "x"),
			 AUTH_UNAVAILABLE);
}

static void apop_is_never_pams(void **state)
{
	struct room *room = *state;

	open_backends(room);
	assert_int_equal(attempt(room, AUTH_APOP, "ann@example.org",
				 "0123456789abcdef0123456789abcdef"),
			 AUTH_REFUSED);
	assert_string_equal(result.reason, "unknown-user");
	assert_int_equal(asked, 0);
}

static void mailbox_that_cannot_be_made_is_temporary(void **state)
{
	struct room *room = *state;

	set_column(room->f, TABLE_DOMAIN, "example.org", "max_mailboxes", "1");
	add_mailbox(room->f, "bob@example.org", "{PLAIN}x");
	open_backends(room);
	assert_int_equal(attempt(room, AUTH_PASS, "ann@example.org", "of the system"),
			 AUTH_UNAVAILABLE);
	assert_string_equal(result.reason, "mailbox-not-created");
	assert_non_null(strstr(room->f->fault.text, "max_mailboxes"));
	assert_int_equal(auth_provide(room->backends.backend, room->backends.count,
				      STR("ann@example.org"), &room->f->fault),
			 AUTH_UNAVAILABLE);
}

static void recipient_of_the_system_gets_a_mailbox(void **state)
{
	struct room *room = *state;

	open_backends(room);
	assert_int_equal(auth_provide(room->backends.backend, room->backends.count,
				      STR("Ann@example.org"), &room->f->fault),
			 AUTH_OK);
	assert_int_equal(last.kind, HELPER_LOOK_UP);
	assert_true(has_mailbox(room, "ann@example.org"));
	/* Two at once: the second finds it made. */
	assert_int_equal(auth_provide(room->backends.backend, room->backends.count,
				      STR("ann@example.org"), &room->f->fault),
			 AUTH_OK);
	assert_int_equal(auth_provide(room->backends.backend, room->backends.count,
				      STR("nobody@example.org"), &room->f->fault),
			 AUTH_REFUSED);
	assert_int_equal(auth_provide(room->backends.backend, room->backends.count,
				      STR("ann@example.net"), &room->f->fault),
			 AUTH_REFUSED);
	assert_false(has_mailbox(room, "ann@example.net"));
	helper_is_down = true;
	assert_int_equal(auth_provide(room->backends.backend, room->backends.count,
				      STR("old@example.org"), &room->f->fault),
			 AUTH_UNAVAILABLE);
}

static void stopping_short_asks_only_who_answers_at_once(void **state)
{
	struct room *room = *state;

	add_mailbox(room->f, "bob@example.org", "{PLAIN}of the table");
	add_mailbox(room->f, "ann@example.org", NULL);
	room->config.pam_create_mailbox = false;
	open_backends(room);
	auth_stop_short(&room->backends);
	expect(room, "bob@example.org", "of the table", "sql", "ok");
	expect(room, "bob@example.org", "of the system", "sql", "bad-password");
	expect(room, "ann@example.net", "x", NULL, "unknown-user");
	assert_int_equal(attempt(room, AUTH_PASS, "ann@example.org", "of the system"),
			 AUTH_WAITS);
	assert_int_equal(attempt(room, AUTH_PASS, "nobody@example.org", "x"), AUTH_WAITS);
	assert_int_equal(result.account.id, 0);
	assert_int_equal(asked, 0);
}

static void going_on_asks_those_that_wait_and_who_follows(void **state)
{
	struct room *room = *state;

	add_mailbox(room->f, "bob@example.org", "{PLAIN}of the table");
	open_backends(room);
	auth_go_on(&room->backends);
	assert_int_equal(room->backends.count, 1);
	expect(room, "ann@example.org", "of the system", "pam", "ok");
	expect(room, "bob@example.org", "of the table", NULL, "unknown-user");
	/* The other way round PAM is the first that waits, and everybody is asked. */
	room->config.auth_backends =
		(struct config_backends){ .order = { CONFIG_PAM, CONFIG_SQL }, .count = 2 };
	open_backends(room);
	auth_go_on(&room->backends);
	assert_int_equal(room->backends.count, 2);
	expect(room, "bob@example.org", "of the table", "sql", "ok");
	auth_stop_short(&room->backends);
	add_mailbox(room->f, "eve@example.net", "{PLAIN}of the table");
	expect(room, "eve@example.net", "of the table", "sql", "ok");
}

#define ROOM_TEST(function) cmocka_unit_test_setup_teardown(function, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(system_user_is_let_in_and_gets_a_mailbox),
		ROOM_TEST(helper_is_told_user_address_and_service),
		ROOM_TEST(address_without_regard_to_case_is_one_user),
		ROOM_TEST(other_names_are_nobody_and_ask_nobody),
		ROOM_TEST(wrong_password_never_falls_through),
		ROOM_TEST(user_unknown_to_the_first_is_the_seconds),
		ROOM_TEST(mailbox_without_a_password_is_left_to_pam),
		ROOM_TEST(without_creation_only_mailboxes_are_known),
		ROOM_TEST(helper_that_is_down_is_no_wrong_password),
		ROOM_TEST(apop_is_never_pams),
		ROOM_TEST(mailbox_that_cannot_be_made_is_temporary),
		ROOM_TEST(recipient_of_the_system_gets_a_mailbox),
		ROOM_TEST(stopping_short_asks_only_who_answers_at_once),
		ROOM_TEST(going_on_asks_those_that_wait_and_who_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
