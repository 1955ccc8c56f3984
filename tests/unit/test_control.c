/*
 * The server's end of the control socket, as the tool meets it: over a real socket, with fakes of
 * the store and the hooks that say what they were asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/log.h"
#include "control.h"
#include "restante/store_admin.h"
#include "scratch.h"

#define KEY "0123456789abcdef0123456789abcdef"

/* --- fakes -------------------------------------------------------------------------------- */

/* What the store was asked last, as text; and what it shall answer. */
static char asked[256];
static enum store_status answer = STORE_OK;
static const char *answer_text = "";
static bool endless;
static struct store *const the_store = (struct store *)asked;
static struct store_reader *const the_reader = (struct store_reader *)(asked + 1);

static enum store_status answer_with(struct fault *fault)
{
	fault_set(fault, "%s", answer_text);
	return answer;
}

const char *store_status_text(enum store_status status)
{
	return status == STORE_IN_USE ? "in use" : "other";
}

unsigned store_shards(const struct store *store)
{
	assert_ptr_equal(store, the_store);
	return 2;
}

enum store_status store_reader_open(struct store *store, struct store_reader **reader,
				    struct fault *fault)
{
	(void)fault;
	assert_ptr_equal(store, the_store);
	*reader = the_reader;
	return STORE_OK;
}

void store_reader_close(struct store_reader **reader)
{
	*reader = NULL;
}

enum store_status maildrop_usage(struct store_reader *reader, const struct maildrop_key *key,
				 struct maildrop_usage *usage, struct fault *fault)
{
	assert_ptr_equal(reader, the_reader);
	(void)snprintf(asked, sizeof asked, "usage %u %s", key->shard, key->id);
	*usage = (struct maildrop_usage){ 3, 4000000000, 1700000000 };
	return answer_with(fault);
}

enum store_status maildrop_visit(struct store_reader *reader, const struct maildrop_key *key,
				 bool deleted, message_visit *visit, void *context,
				 struct fault *fault)
{
	struct message_info info = { .message = { .uid = 7,
						  .octets = 1234,
						  .longest_line = 78,
						  .received = 1700000001,
						  .uidl = "u%7" },
				     .deleted_at = 1700000002,
				     .deleted_session = 9,
				     .deleted_peer = "192.0.2.1" };

	assert_ptr_equal(reader, the_reader);
	(void)snprintf(asked, sizeof asked, "visit %u %s %d", key->shard, key->id, deleted);
	do {
		if (!visit(context, &info))
			break;
	} while (endless);
	return answer_with(fault);
}

enum store_status maildrop_undelete(struct store *store, const struct maildrop_key *key,
				    const struct deleted_selection *which, uint64_t *restored,
				    struct fault *fault)
{
	assert_ptr_equal(store, the_store);
	(void)snprintf(asked, sizeof asked, "undelete %u %s %" PRIu64 " %" PRIu64, key->shard,
		       key->id, which->uid, which->session);
	*restored = 5;
	return answer_with(fault);
}

enum store_status maildrop_delete(struct store *store, const struct maildrop_key *key,
				  uint64_t uid, uint64_t *deleted, struct fault *fault)
{
	assert_ptr_equal(store, the_store);
	(void)snprintf(asked, sizeof asked, "delete %u %s %" PRIu64, key->shard, key->id, uid);
	*deleted = 6;
	return answer_with(fault);
}

enum store_status maildrop_purge(struct store *store, const struct maildrop_key *key,
				 const struct deleted_selection *which, uint64_t *purged,
				 struct fault *fault)
{
	assert_ptr_equal(store, the_store);
	(void)snprintf(asked, sizeof asked, "purge %u %s %" PRIu64 " %" PRIu64, key->shard,
		       key->id, which->uid, which->session);
	*purged = 18446744073709551615U;
	return answer_with(fault);
}

enum store_status store_figures(struct store *store, struct store_reader *reader,
				unsigned shard, struct store_figures *figures,
				struct fault *fault)
{
	assert_ptr_equal(store, the_store);
	assert_ptr_equal(reader, the_reader);
	*figures = (struct store_figures){ 1, 2, 3, 4, 5, 6, 7, 8, 9, shard == 0 };
	return answer_with(fault);
}

static void fake_status(void *context, control_figure *row, void *to)
{
	assert_ptr_equal(context, asked);
	row(to, "connections", "12");
	row(to, "version", "0 1");
}

static void fake_list(void *context, control_session_row *row, void *to)
{
	struct control_session session = { 42,         "pop3", "192.0.2.9", "a\tb\n%", "idle",
					   1700000000, 5,      6,           7 };

	assert_ptr_equal(context, asked);
	row(to, &session);
}

static uint64_t fake_kick(void *context, uint64_t session, const char *address)
{
	assert_ptr_equal(context, asked);
	(void)snprintf(asked, sizeof asked, "kick %" PRIu64 " %s", session,
		       address != NULL ? address : "-");
	return 1;
}

static void fake_certificates(void *context, control_certificate_row *row, void *to)
{
	struct control_certificate certificate = { "default", "a.test *.a.test",
						   "RSA",     1900000000,
						   true,      false };

	assert_ptr_equal(context, asked);
	row(to, &certificate);
}

static void fake_ban_list(void *context, control_ban_row *row, void *to)
{
	assert_ptr_equal(context, asked);
	row(to, "192.0.2.0/24", 1700000000);
	row(to, "2001:db8::/64", 1700000001);
}

static bool fake_ban_add(void *context, const char *network, uint64_t seconds, uint64_t *ended,
			 struct fault *fault)
{
	assert_ptr_equal(context, asked);
	*ended = 2;
	fault_set(fault, "no network");
	if (strcmp(network, "nonsense") == 0)
		return false;
	(void)snprintf(asked, sizeof asked, "ban %s %" PRIu64, network, seconds);
	return true;
}

static bool fake_ban_clear(void *context, const char *network, uint64_t *cleared,
			   struct fault *fault)
{
	assert_ptr_equal(context, asked);
	*cleared = 3;
	fault_set(fault, "no network");
	if (network != NULL && strcmp(network, "nonsense") == 0)
		return false;
	(void)snprintf(asked, sizeof asked, "clear %s", network != NULL ? network : "-");
	return true;
}

static const struct control_hooks hooks = {
	.context = asked,
	.status = fake_status,
	.session_list = fake_list,
	.session_kick = fake_kick,
	.certificates = fake_certificates,
	.ban_list = fake_ban_list,
	.ban_add = fake_ban_add,
	.ban_clear = fake_ban_clear,
};

/* --- the socket --------------------------------------------------------------------------- */

struct fixture {
	struct scratch scratch;
	struct control *control;
	char path[96];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct control_options options = { .store = the_store, .hooks = &hooks };
	struct fault fault = { "" };

	assert_non_null(f);
	answer = STORE_OK;
	answer_text = "";
	endless = false;
	asked[0] = '\0';
	scratch_make(&f->scratch);
	(void)snprintf(f->path, sizeof f->path, "%s", scratch_path(&f->scratch, "run/control"));
	options.path = f->path;
	if (!control_start(&options, &f->control, &fault))
		fail_msg("%s", fault.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_stop(&f->control);
	assert_null(f->control);
	/* The socket is gone, so the directory is empty. */
	assert_int_equal(rmdir(scratch_path(&f->scratch, "run")), 0);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static int dial(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, f->path, strlen(f->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `answers` lines other than rows have come, or the end. */
static const char *hear(int fd, int answers)
{
	static char text[8192];
	size_t n = 0, line = 0;

	while (answers > 0 && n < sizeof text - 1 && recv(fd, text + n, 1, 0) == 1) {
		if (text[n++] != '\n')
			continue;
		if (strncmp(text + line, "row\t", 4) != 0)
			answers--;
		line = n;
	}
	text[n] = '\0';
	return text;
}

static void talk(const struct fixture *f, const char *request, const char *expected)
{
	int fd = dial(f);

	say(fd, request);
	assert_string_equal(hear(fd, 1), expected);
	close(fd);
}

static void requests_reach_store_and_hooks(void **state)
{
	static const struct {
		const char *request, *answer, *asked;
	} rows[] = {
		{ "status\n", "row\tconnections\t12\nrow\tversion\t0%201\nok\n", "" },
		{ "ban-list\n",
		  "row\t192.0.2.0/24\t1700000000\nrow\t2001:db8::/64\t1700000001\nok\n", "" },
		{ "session-list\n",
		  "row\t42\tpop3\t192.0.2.9\ta%09b%0A%25\tidle\t1700000000\t5\t6\t7\nok\n",
		  "" },
		{ "session-kick\t42\n", "row\t1\nok\n", "kick 42 -" },
		{ "session-kick\tjoe@example.org\n", "row\t1\nok\n", "kick 0 joe@example.org" },
		{ "tls-status\n",
		  "row\tdefault\tRSA\t1900000000\t1\t0\ta.test%20*.a.test\nok\n", "" },
		{ "ban-add\t192.0.2.0/24\t60\n", "row\t2\nok\n", "ban 192.0.2.0/24 60" },
		{ "ban-clear\t192.0.2.0/24\n", "row\t3\nok\n", "clear 192.0.2.0/24" },
		{ "ban-clear\tall\n", "row\t3\nok\n", "clear -" },
		{ "maildrop-list\t1\t" KEY "\tlive\n",
		  "row\t7\tu%257\t1234\t1700000001\t1700000002\t9\t192.0.2.1\t78\nok\n",
		  "visit 1 " KEY " 0" },
		{ "maildrop-list\t0\t" KEY "\tdeleted\n",
		  "row\t7\tu%257\t1234\t1700000001\t1700000002\t9\t192.0.2.1\t78\nok\n",
		  "visit 0 " KEY " 1" },
		{ "maildrop-undelete\t0\t" KEY "\t8\t9\n", "row\t5\nok\n",
		  "undelete 0 " KEY " 8 9" },
		{ "maildrop-delete\t0\t" KEY "\t8\n", "row\t6\nok\n", "delete 0 " KEY " 8" },
		{ "maildrop-purge\t0\t" KEY "\t0\t0\n", "row\t18446744073709551615\nok\n",
		  "purge 0 " KEY " 0 0" },
		{ "maildrop-usage\t1\t" KEY "\n", "row\t3\t4000000000\t1700000000\nok\n",
		  "usage 1 " KEY },
		{ "store-figures\n",
		  "row\t0\t1\t2\t3\t4\t5\t6\t7\t8\t9\t1\nrow\t1\t1\t2\t3\t4\t5\t6\t7\t8\t9\t0\n"
		  "ok\n",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		asked[0] = '\0';
		talk(*state, rows[i].request, rows[i].answer);
		assert_string_equal(asked, rows[i].asked);
	}
}

static void requests_malformed_are_refused(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ "\n", "err\t64\tthere%20is%20no%20such%20request\n" },
		{ "frobnicate\n", "err\t64\tthere%20is%20no%20such%20request\n" },
		{ "status\tnow\n", "err\t64\twrong%20number%20of%20words\n" },
		{ "ban-add\tnonsense\t60\n", "err\t64\tno%20network\n" },
		{ "ban-add\t192.0.2.1\t0\n",
		  "err\t64\ta%20ban%20lasts%20from%20one%20second%20to%20one%20year\n" },
		{ "ban-add\t192.0.2.1\t31622401\n",
		  "err\t64\ta%20ban%20lasts%20from%20one%20second%20to%20one%20year\n" },
		{ "ban-add\t192.0.2.1\n", "err\t64\twrong%20number%20of%20words\n" },
		{ "ban-clear\tnonsense\n", "err\t64\tno%20network\n" },
		{ "session-kick\n", "err\t64\twrong%20number%20of%20words\n" },
		{ "session-kick\t\n", "err\t64\tname%20a%20session%20or%20an%20address\n" },
		{ "status \n", "err\t64\tthe%20request%20cannot%20be%20read\n" },
		{ "status%0\n", "err\t64\tthe%20request%20cannot%20be%20read\n" },
		{ "maildrop-usage\t2\t" KEY "\n", "err\t64\tthere%20is%20no%20such%20shard\n" },
		{ "maildrop-usage\t-1\t" KEY "\n",
		  "err\t64\tthere%20is%20no%20such%20shard\n" },
		{ "maildrop-usage\t0\tabc\n",
		  "err\t64\tthat%20is%20not%20a%20maildrop's%20key\n" },
		{ "maildrop-usage\t0\t" KEY "0\n",
		  "err\t64\tthat%20is%20not%20a%20maildrop's%20key\n" },
		{ "maildrop-usage\t0\t0123456789ABCDEF0123456789abcdef\n",
		  "err\t64\tthat%20is%20not%20a%20maildrop's%20key\n" },
		{ "maildrop-list\t0\t" KEY "\tall\n",
		  "err\t64\t\"live\"%20or%20\"deleted\"%20is%20expected\n" },
		{ "maildrop-purge\t0\t" KEY "\tx\t0\n",
		  "err\t64\ta%20number%20is%20expected\n" },
		{ "maildrop-purge\t0\t" KEY "\t0\t18446744073709551616\n",
		  "err\t64\ta%20number%20is%20expected\n" },
		{ "maildrop-delete\t0\t" KEY "\t\n", "err\t64\ta%20number%20is%20expected\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		talk(*state, rows[i].request, rows[i].answer);
	assert_string_equal(asked, "");
}

static void refusal_of_the_store_has_code_and_sentence(void **state)
{
	answer = STORE_IN_USE;
	talk(*state, "maildrop-purge\t0\t" KEY "\t0\t0\n", "err\t75\tin%20use\n");
	answer_text = "a session is open";
	talk(*state, "maildrop-purge\t0\t" KEY "\t0\t0\n",
	     "err\t75\ta%20session%20is%20open\n");
	answer = STORE_NOT_FOUND;
	talk(*state, "maildrop-usage\t0\t" KEY "\n", "err\t67\ta%20session%20is%20open\n");
	/* Rows may have gone out before the trouble came. */
	answer = STORE_FOREIGN;
	talk(*state, "maildrop-list\t0\t" KEY "\tlive\n",
	     "row\t7\tu%257\t1234\t1700000001\t1700000002\t9\t192.0.2.1\t78\n"
	     "err\t65\ta%20session%20is%20open\n");
}

static void requests_in_one_piece_are_answered_in_turn(void **state)
{
	int fd = dial(*state);

	say(fd, "session-kick\t1\nbad\nsession-kick\t2\n");
	assert_string_equal(
		hear(fd, 3),
		"row\t1\nok\nerr\t64\tthere%20is%20no%20such%20request\nrow\t1\nok\n");
	assert_string_equal(asked, "kick 2 -");
	close(fd);
}

static void request_octet_by_octet_is_answered_beside_others(void **state)
{
	static const char request[] = "session-kick\t7\n";
	int slow = dial(*state);

	for (size_t i = 0; i < sizeof request - 1; i++) {
		say(slow, (const char[]){ request[i], '\0' });
		/* Somebody in the middle of a request keeps nobody out. */
		talk(*state, "status\n", "row\tconnections\t12\nrow\tversion\t0%201\nok\n");
	}
	assert_string_equal(hear(slow, 1), "row\t1\nok\n");
	close(slow);
}

static void request_without_end_is_cut_off(void **state)
{
	char flood[CONTROL_LINE_MAX + 1];
	int fd = dial(*state);

	memset(flood, 'x', sizeof flood);
	flood[sizeof flood - 1] = '\0';
	say(fd, flood);
	assert_string_equal(hear(fd, 1), "");
	close(fd);
}

static void tool_that_goes_away_ends_its_request(void **state)
{
	int fd = dial(*state);

	endless = true;
	say(fd, "maildrop-list\t0\t" KEY "\tlive\n");
	/* The request has begun. */
	assert_int_equal(recv(fd, (char[8]){ 0 }, 8, MSG_WAITALL), 8);
	close(fd);
	talk(*state, "status\n", "row\tconnections\t12\nrow\tversion\t0%201\nok\n");
}

static void stop_ends_a_request_under_way(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	endless = true;
	say(fd, "maildrop-list\t0\t" KEY "\tlive\n");
	assert_int_equal(recv(fd, (char[8]){ 0 }, 8, MSG_WAITALL), 8);
	/* Nobody reads on: teardown's stop would wait for ever if it waited for that. */
	control_stop(&f->control);
	close(fd);
}

static void socket_is_for_its_owner_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(lstat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void second_server_is_refused(void **state)
{
	struct fixture *f = *state;
	struct control_options options = { .path = f->path,
					   .store = the_store,
					   .hooks = &hooks };
	struct control *second = NULL;
	struct fault fault = { "" };
	char expected[256];

	(void)snprintf(expected, sizeof expected,
		       "control socket %s: another server listens there", f->path);
	assert_false(control_start(&options, &second, &fault));
	assert_null(second);
	assert_string_equal(fault.text, expected);
}

/* A child of another uid: 0 when it was hung up on without an answer. */
static int ask_as_nobody(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char octet;

	memcpy(address.sun_path, f->path, strlen(f->path) + 1);
	if (fd < 0 || setgid(65534) < 0 || setuid(65534) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return 2;
	(void)send(fd, "status\n", 7, MSG_NOSIGNAL);
	return recv(fd, &octet, 1, 0) <= 0 ? 0 : 1;
}

static void peer_of_another_uid_is_hung_up_on(void **state)
{
	struct fixture *f = *state;
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	/* Past the file's mode, which would keep it out by itself. */
	assert_int_equal(chmod(f->path, 0666), 0);
	assert_int_equal(chmod(f->scratch.dir, 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(ask_as_nobody(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(requests_reach_store_and_hooks),
		CASE(requests_malformed_are_refused),
		CASE(refusal_of_the_store_has_code_and_sentence),
		CASE(requests_in_one_piece_are_answered_in_turn),
		CASE(request_octet_by_octet_is_answered_beside_others),
		CASE(request_without_end_is_cut_off),
		CASE(tool_that_goes_away_ends_its_request),
		CASE(stop_ends_a_request_under_way),
		CASE(socket_is_for_its_owner_alone),
		CASE(second_server_is_refused),
		CASE(peer_of_another_uid_is_hung_up_on),
	};

	/* Refused peers are warnings: expected here. */
	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
