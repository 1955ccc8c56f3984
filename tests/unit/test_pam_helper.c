/*
 * restante-pam below PAM itself: who may ask, what is answered, and what becomes of a worker that
 * dies, hangs or has served enough. PAM is replaced by a few passwords that do these things.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"
#include "auth/pam_client.h"
#include "base/clock.h"
#include "listening.h"
#include "privilege.h"
#include "supervisor.h"
#include "verify.h"
#include "worker.h"

/* Two users whom every system has. */
#define ROOT "root"
#define USER "daemon"

static unsigned verified;
static struct refusals refusals;

void verify_login(const struct login *login, struct helper_reply *reply)
{
	verified++;
	*reply = (struct helper_reply){ HELPER_NO, HELPER_AT_AUTHENTICATE, 7 };
	if (strcmp(login->password, "crash") == 0)
		(void)raise(SIGKILL);
	if (strcmp(login->password, "hang") == 0)
		while (true)
			(void)pause();
	if (strcmp(login->password, "end") == 0)
		_exit(1);
	if (strcmp(login->password, "slow") == 0)
		(void)usleep(700000);
	if (strcmp(login->password, "pid") == 0)
		reply->code = (unsigned char)getpid();
	if (strcmp(login->password, "right") == 0)
		*reply = (struct helper_reply){ HELPER_YES, HELPER_AT_USER, 0 };
}

static struct settings settings_of(void)
{
	return (struct settings){
		.uid = geteuid(),
		.gid = getegid(),
		.services = { "restante" },
		.service_count = 1,
		.uid_min = 1,
		.workers = 1,
		.requests = 1000,
		.seconds = 60,
	};
}

static struct helper_request login_of(const char *user, const char *password)
{
	return (struct helper_request){ HELPER_LOG_IN, str_of(user), str_of(password),
					STR("192.0.2.1"), STR("restante") };
}

/* --- one request ----------------------------------------------------------------------------- */

static void expect(const struct settings *settings, const struct helper_request *request,
		   enum helper_verdict verdict, enum helper_stage stage, unsigned verifications)
{
	struct helper_reply reply;
	unsigned before = verified;

	answer_request(settings, request, &refusals, &reply);
	assert_int_equal(reply.verdict, verdict);
	assert_int_equal(reply.stage, stage);
	assert_int_equal(verified - before, verifications);
}

static void user_unknown_to_the_system_never_comes_to_pam(void **state)
{
	static const char *const unknown[] = { "nosuchuser", "0", "daemo", "daemonn", "_" };
	struct settings settings = settings_of();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct helper_request request = login_of(unknown[i], "right");

		expect(&settings, &request, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
	}
}

static void known_user_is_known_whatever_the_password(void **state)
{
	struct settings settings = settings_of();
	struct helper_request right = login_of(USER, "right");
	struct helper_request wrong = login_of(USER, "wrong");

	(void)state;
	expect(&settings, &right, HELPER_YES, HELPER_AT_USER, 1);
	expect(&settings, &wrong, HELPER_NO, HELPER_AT_AUTHENTICATE, 1);
}

/* Modules may make much more of a wrong password than a hash. */
static void unknown_user_takes_as_long_as_a_wrong_password(void **state)
{
	struct settings settings = settings_of();
	struct helper_request slow = login_of(USER, "slow");
	struct helper_request unknown = login_of("nosuchuser", "slow");
	int64_t begun;

	(void)state;
	refusals = (struct refusals){ .count = 0 };
	expect(&settings, &slow, HELPER_NO, HELPER_AT_AUTHENTICATE, 1);
	assert_int_equal(refusals.count, 1);
	assert_true(refusals.taken[0] >= 700000);
	begun = clock_monotonic_ms();
	expect(&settings, &unknown, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
	assert_true(clock_monotonic_ms() - begun >= 700);
	assert_true(refusals.hash > 0);
}

static void unknown_user_computes_no_hash_where_pam_is_quicker(void **state)
{
	struct settings settings = settings_of();
	struct helper_request quick = login_of(USER, "wrong");
	struct helper_request unknown = login_of("nosuchuser", "wrong");

	(void)state;
	refusals = (struct refusals){ .hash = INT64_MAX };
	for (unsigned i = 0; i < 2 * REFUSALS; i++)
		expect(&settings, &quick, HELPER_NO, HELPER_AT_AUTHENTICATE, 1);
	assert_int_equal(refusals.count, 2 * REFUSALS);
	expect(&settings, &unknown, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
	assert_true(refusals.hash == INT64_MAX);
	/* None is known yet: then a hash is the best guess. */
	refusals = (struct refusals){ .hash = INT64_MAX };
	expect(&settings, &unknown, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
	assert_true(refusals.hash < INT64_MAX);
}

static void pretended_login_comes_to_no_pam_and_takes_as_long(void **state)
{
	struct settings settings = settings_of();
	struct helper_request request = login_of(USER, "right");

	(void)state;
	request.kind = HELPER_PRETEND;
	refusals = (struct refusals){ .hash = INT64_MAX };
	expect(&settings, &request, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
	assert_true(refusals.hash < INT64_MAX);
	request.service = STR("su");
	expect(&settings, &request, HELPER_TROUBLE, HELPER_AT_START, 0);
}

static void user_below_the_lowest_uid_is_unknown(void **state)
{
	struct settings settings = settings_of();
	struct helper_request root = login_of(ROOT, "right");
	struct helper_request low = login_of(USER, "right");

	(void)state;
	expect(&settings, &root, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
	settings.uid_min = 1000;
	expect(&settings, &low, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
}

static void look_up_asks_no_pam(void **state)
{
	struct settings settings = settings_of();
	struct helper_request known = { .kind = HELPER_LOOK_UP, .user = STR(USER) };
	struct helper_request unknown = { .kind = HELPER_LOOK_UP, .user = STR("nosuchuser") };

	(void)state;
	expect(&settings, &known, HELPER_YES, HELPER_AT_LOOK_UP, 0);
	expect(&settings, &unknown, HELPER_UNKNOWN, HELPER_AT_LOOK_UP, 0);
}

static void service_that_is_not_allowed_is_trouble(void **state)
{
	struct settings settings = settings_of();
	struct helper_request request = login_of(USER, "right");

	(void)state;
	request.service = STR("su");
	expect(&settings, &request, HELPER_TROUBLE, HELPER_AT_START, 0);
	settings.services[settings.service_count++] = "su";
	expect(&settings, &request, HELPER_YES, HELPER_AT_USER, 1);
}

/* --- one connection -------------------------------------------------------------------------- */

/* What comes back for a packet; octets of the answer, 0 = closed without one. */
static ssize_t serve(const struct settings *settings, const char *packet, size_t n, bool stay,
		     char *answer, size_t cap)
{
	struct worker_state idle = { .busy_since = 0 };
	int pair[2];
	ssize_t got = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	if (n > 0)
		assert_int_equal(send(pair[0], packet, n, 0), n);
	if (!stay)
		close(pair[0]);
	worker_serve(settings, pair[1], &idle);
	close(pair[1]);
	if (stay) {
		got = recv(pair[0], answer, cap, 0);
		close(pair[0]);
	}
	return got;
}

static void connection_with_a_request_is_answered_once(void **state)
{
	struct settings settings = settings_of();
	struct helper_request request = login_of(USER, "right");
	struct helper_reply reply;
	char packet[HELPER_REQUEST_MAX], answer[64];
	size_t n = helper_request_encode(&request, packet);
	ssize_t got = serve(&settings, packet, n, true, answer, sizeof answer);

	(void)state;
	assert_int_equal(got, HELPER_REPLY_OCTETS);
	assert_true(helper_reply_decode((struct str){ answer, (size_t)got }, &reply));
	assert_int_equal(reply.verdict, HELPER_YES);
}

static void nonsense_is_not_answered(void **state)
{
	static char big[HELPER_REQUEST_MAX + 100];
	struct settings settings = settings_of();
	struct helper_request request = login_of(USER, "right");
	char answer[64];
	size_t n = helper_request_encode(&request, big);

	(void)state;
	assert_true(n > 0);
	/* Too long, too short, one octet more. */
	assert_int_equal(serve(&settings, big, sizeof big, true, answer, sizeof answer), 0);
	assert_int_equal(serve(&settings, big, 1, true, answer, sizeof answer), 0);
	assert_int_equal(serve(&settings, big, n + 1, true, answer, sizeof answer), 0);
}

static void stranger_is_not_served(void **state)
{
	struct settings settings = settings_of();
	struct helper_request request = login_of(USER, "right");
	char packet[HELPER_REQUEST_MAX], answer[64];
	size_t n = helper_request_encode(&request, packet);
	unsigned before = verified;
	uid_t own = geteuid();
	ssize_t served;

	(void)state;
	/* Root may always ask. */
	if (own == 0)
		assert_int_equal(seteuid(65534), 0);
	settings.uid = geteuid() + 1;
	served = serve(&settings, packet, n, true, answer, sizeof answer);
	assert_int_equal(seteuid(own), 0);
	/* Closed with the request unread, which the kernel tells as a reset. */
	assert_true(served <= 0);
	assert_int_equal(verified, before);
}

static void peer_that_gave_up_counts_no_failure(void **state)
{
	struct settings settings = settings_of();
	struct helper_request request = login_of(USER, "wrong");
	char packet[HELPER_REQUEST_MAX];
	size_t n = helper_request_encode(&request, packet);
	unsigned before = verified;

	(void)state;
	(void)serve(&settings, packet, n, false, NULL, 0);
	assert_int_equal(verified, before);
}

/* --- supervisor and workers ------------------------------------------------------------------ */

struct running {
	struct settings settings;
	char folder[64];
	char path[128];
	pid_t supervisor;
};

static void start(struct running *r)
{
	struct fault fault = { "" };
	int listening;

	(void)snprintf(r->folder, sizeof r->folder, "/tmp/restante-test-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	(void)snprintf(r->path, sizeof r->path, "%s/pam", r->folder);
	r->settings.socket_path = r->path;
	listening = listening_bind(&r->settings, &fault);
	if (listening < 0)
		fail_msg("%s", fault.text);
	r->supervisor = fork();
	if (r->supervisor == 0)
		_exit(supervise(&r->settings, listening, &fault) ? 0 : 1);
	assert_true(r->supervisor > 0);
	close(listening);
}

static void stop(struct running *r)
{
	int status;

	assert_int_equal(kill(r->supervisor, SIGTERM), 0);
	assert_int_equal(waitpid(r->supervisor, &status, 0), r->supervisor);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(unlink(r->path), 0);
	assert_int_equal(rmdir(r->folder), 0);
}

/* The verdict; HELPER_VERDICT_END when there was no answer. */
static enum helper_verdict ask(const struct running *r, const char *password,
			       struct helper_reply *reply)
{
	struct helper_request request = login_of(USER, password);
	struct fault fault = { "" };

	if (!pam_client_ask(r->path, 60, &request, reply, &fault))
		return HELPER_VERDICT_END;
	return reply->verdict;
}

static void worker_that_dies_costs_one_login(void **state)
{
	struct running r = { .settings = settings_of() };
	struct helper_reply reply;

	(void)state;
	start(&r);
	assert_int_equal(ask(&r, "right", &reply), HELPER_YES);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&r, i == 1 ? "end" : "crash", &reply), HELPER_VERDICT_END);
		/* The only worker is dead: this one waits for the next. */
		assert_int_equal(ask(&r, "right", &reply), HELPER_YES);
	}
	stop(&r);
}

static void worker_that_hangs_is_killed_and_renewed(void **state)
{
	struct running r = { .settings = settings_of() };
	struct helper_reply reply;
	int64_t begun;

	(void)state;
	r.settings.seconds = 1;
	start(&r);
	begun = clock_monotonic_ms();
	assert_int_equal(ask(&r, "hang", &reply), HELPER_VERDICT_END);
	assert_true(clock_monotonic_ms() - begun >= 1000);
	assert_int_equal(ask(&r, "right", &reply), HELPER_YES);
	stop(&r);
}

static void worker_is_renewed_after_its_requests(void **state)
{
	struct running r = { .settings = settings_of() };
	struct helper_reply first, second, third;

	(void)state;
	r.settings.requests = 2;
	start(&r);
	assert_int_equal(ask(&r, "pid", &first), HELPER_NO);
	assert_int_equal(ask(&r, "pid", &second), HELPER_NO);
	assert_int_equal(ask(&r, "pid", &third), HELPER_NO);
	assert_int_equal(first.code, second.code);
	assert_int_not_equal(second.code, third.code);
	stop(&r);
}

static void end_with_a_login_under_way_waits_for_it(void **state)
{
	struct running r = { .settings = settings_of() };
	struct helper_reply reply;
	int64_t begun = clock_monotonic_ms();
	pid_t asking;
	int status;

	(void)state;
	r.settings.seconds = 1;
	start(&r);
	assert_int_equal(ask(&r, "right", &reply), HELPER_YES);
	asking = fork();
	if (asking == 0)
		_exit(ask(&r, "hang", &reply) == HELPER_VERDICT_END ? 0 : 1);
	assert_true(asking > 0);
	stop(&r);
	assert_int_equal(waitpid(asking, &status, 0), asking);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(clock_monotonic_ms() - begun < 30000);
}

static void client_gives_up_in_time(void **state)
{
	struct running r = { .settings = settings_of() };
	struct helper_request request = login_of(USER, "hang");
	struct helper_reply reply;
	struct fault fault = { "" };

	(void)state;
	r.settings.seconds = 3;
	start(&r);
	assert_false(pam_client_ask(r.path, 1, &request, &reply, &fault));
	assert_non_null(strstr(fault.text, "no answer in time"));
	stop(&r);
	fault.text[0] = '\0';
	assert_false(pam_client_ask(r.path, 1, &request, &reply, &fault));
	assert_non_null(strstr(fault.text, r.path));
}

static void noted(int number)
{
	(void)number;
}

/* A signal is no reason to give up; nor is it one to wait for longer. */
static void client_bears_signals(void **state)
{
	const struct sigaction action = { .sa_handler = noted };
	const struct itimerval every = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
	struct running r = { .settings = settings_of() };
	struct helper_request request = login_of(USER, "hang");
	struct helper_reply reply;
	struct fault fault = { "" };

	(void)state;
	r.settings.seconds = 3;
	start(&r);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
	assert_false(pam_client_ask(r.path, 1, &request, &reply, &fault));
	assert_non_null(strstr(fault.text, "no answer in time"));
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(&r, "right", &reply), HELPER_YES);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	stop(&r);
}

/* --- what is taken off ----------------------------------------------------------------------- */

/* The status that a child ends with which does `take_off`. */
static int in_a_child(int (*take_off)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(take_off());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int clean_environment(void)
{
	static const char *const kept[] = { "KEPT", "NOT_THERE" };
	struct fault fault = { "" };

	return setenv("KEPT", "a", 1) == 0 && setenv("SECRET", "b", 1) == 0 &&
			       setenv("PATH", "/tmp", 1) == 0 &&
			       privilege_clean_environment(kept, ARRAY_SIZE(kept), &fault) &&
			       getenv("SECRET") == NULL && strcmp(getenv("KEPT"), "a") == 0 &&
			       strcmp(getenv("PATH"), "/tmp") != 0 && environ[2] == NULL
		       ? 0
		       : 1;
}

static void environment_keeps_path_and_what_is_named(void **state)
{
	(void)state;
	assert_int_equal(in_a_child(clean_environment), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int close_descriptors(void)
{
	struct fault fault = { "" };

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (int fd = 3; fd < 10; fd++)
		if (dup2(open("/dev/zero", O_RDONLY | O_CLOEXEC), fd) != fd)
			return 1;
	close(2);
	if (!privilege_close_descriptors(5, &fault))
		return 2;
	for (int fd = 0; fd < 100; fd++)
		if (is_open(fd) != (fd <= 2 || fd == 5))
			return 10 + fd;
	return privilege_close_descriptors(-1, &fault) && !is_open(5) ? 0 : 3;
}

static void descriptors_but_one_are_closed(void **state)
{
	(void)state;
	assert_int_equal(in_a_child(close_descriptors), 0);
}

static int reduce(void)
{
	struct fault fault = { "" };

	if (!privilege_reduce(false, &fault) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 1;
	/*
	 * Root cannot become somebody else any more, nor give files away. By the bare system call,
	 * which is this thread's, as capabilities are: libc's has every thread do the same, and
	 * aborts where one that a sanitizer has started still can.
	 */
	if (geteuid() == 0 && (syscall(SYS_setuid, 1) == 0 || chown("/tmp", 1, 1) == 0))
		return 2;
	return umask(0) == 077 ? 0 : 3;
}

static void privileges_are_given_up(void **state)
{
	(void)state;
	assert_int_equal(in_a_child(reduce), 0);
}

/* --- the socket ------------------------------------------------------------------------------ */

static void stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct settings settings = settings_of();
	struct fault fault = { "" };
	char folder[] = "/tmp/restante-test-XXXXXX";
	char path[128];
	struct stat st;
	int first, second;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/pam", folder);
	settings.socket_path = path;
	first = listening_bind(&settings, &fault);
	assert_true(first >= 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(listening_bind(&settings, &fault), -1);
	assert_non_null(strstr(fault.text, "another restante-pam"));
	close(first);
	second = listening_bind(&settings, &fault);
	assert_true(second >= 0);
	close(second);
	assert_int_equal(unlink(path), 0);
	/* What is no socket stays. */
	first = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(first >= 0);
	close(first);
	assert_int_equal(listening_bind(&settings, &fault), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_unknown_to_the_system_never_comes_to_pam),
		cmocka_unit_test(known_user_is_known_whatever_the_password),
		cmocka_unit_test(unknown_user_takes_as_long_as_a_wrong_password),
		cmocka_unit_test(unknown_user_computes_no_hash_where_pam_is_quicker),
		cmocka_unit_test(pretended_login_comes_to_no_pam_and_takes_as_long),
		cmocka_unit_test(user_below_the_lowest_uid_is_unknown),
		cmocka_unit_test(look_up_asks_no_pam),
		cmocka_unit_test(service_that_is_not_allowed_is_trouble),
		cmocka_unit_test(connection_with_a_request_is_answered_once),
		cmocka_unit_test(nonsense_is_not_answered),
		cmocka_unit_test(stranger_is_not_served),
		cmocka_unit_test(peer_that_gave_up_counts_no_failure),
		cmocka_unit_test(worker_that_dies_costs_one_login),
		cmocka_unit_test(worker_that_hangs_is_killed_and_renewed),
		cmocka_unit_test(worker_is_renewed_after_its_requests),
		cmocka_unit_test(end_with_a_login_under_way_waits_for_it),
		cmocka_unit_test(client_gives_up_in_time),
		cmocka_unit_test(client_bears_signals),
		cmocka_unit_test(environment_keeps_path_and_what_is_named),
		cmocka_unit_test(descriptors_but_one_are_closed),
		cmocka_unit_test(privileges_are_given_up),
		cmocka_unit_test(stale_socket_is_replaced_and_a_live_one_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
