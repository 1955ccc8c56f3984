/* Listening sockets of the configuration, our own and a service manager's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "listener.h"
#include "scratch.h"

#define HIGH_FD 100

static char no_text[] = "";
static char any_user[] = "nobody";

/* A configuration with one POP3 listener, or two. */
struct fixture {
	struct config_listener listeners[2];
	struct config config;
	char address[2][96];
};

static void configure(struct fixture *f, const char *first, const char *second)
{
	static char names[2][4] = { "one", "two" };
	const char *addresses[] = { first, second };

	memset(f, 0, sizeof *f);
	f->config.user = any_user;
	f->config.listeners = f->listeners;
	f->config.listener_count = second != NULL ? 2 : 1;
	for (size_t i = 0; i < f->config.listener_count; i++) {
		(void)snprintf(f->address[i], sizeof f->address[i], "%s", addresses[i]);
		f->listeners[i] = (struct config_listener){ .name = names[i],
							    .protocol = CONFIG_POP3,
							    .address = f->address[i],
							    .mode = 0660,
							    .owner = no_text,
							    .group = no_text };
	}
}

static void open_good(const struct fixture *f, struct listeners *listeners)
{
	struct fault fault = { "" };

	if (!listeners_open(&f->config, listeners, &fault))
		fail_msg("%s", fault.text);
}

static void open_bad(const struct fixture *f, const char *expected)
{
	struct listeners listeners;
	struct fault fault = { "" };

	assert_false(listeners_open(&f->config, &listeners, &fault));
	assert_int_equal(listeners.n, 0);
	assert_null(listeners.items);
	assert_string_equal(fault.text, expected);
}

static unsigned port_of(const struct listener *listener)
{
	const char *colon = strrchr(listener->address, ':');

	assert_non_null(colon);
	return (unsigned)strtoul(colon + 1, NULL, 10);
}

static bool can_connect(int family, unsigned port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)port),
				   .sin6_addr = in6addr_loopback };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = -1;

	if (fd >= 0 && family == AF_INET)
		result = connect(fd, (struct sockaddr *)&v4, sizeof v4);
	else if (fd >= 0)
		result = connect(fd, (struct sockaddr *)&v6, sizeof v6);
	if (fd >= 0)
		close(fd);
	return result == 0;
}

static bool have_v6(void)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool have = fd >= 0 && bind(fd, (struct sockaddr *)&v6, sizeof v6) == 0;

	if (fd >= 0)
		close(fd);
	return have;
}

static void open_tcp_port_zero_tells_the_port(void **state)
{
	struct fixture f;
	struct listeners listeners;

	(void)state;
	configure(&f, "127.0.0.1:0", NULL);
	open_good(&f, &listeners);
	assert_int_equal(listeners.n, 1);
	assert_true(listeners.items[0].tcp && !listeners.items[0].inherited);
	assert_ptr_equal(listeners.items[0].config, &f.listeners[0]);
	assert_true(port_of(&listeners.items[0]) > 0);
	assert_true(can_connect(AF_INET, port_of(&listeners.items[0])));
	assert_true(fcntl(listeners.items[0].fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listeners.items[0].fd, F_GETFD) & FD_CLOEXEC);
	listeners_close(&listeners);
	assert_int_equal(listeners.n, 0);
}

static void open_any_listens_on_both_families(void **state)
{
	struct fixture f;
	struct listeners listeners;

	(void)state;
	if (!have_v6())
		skip();
	configure(&f, "*:0", NULL);
	open_good(&f, &listeners);
	assert_int_equal(listeners.n, 2);
	assert_int_equal(port_of(&listeners.items[0]), port_of(&listeners.items[1]));
	assert_memory_equal(listeners.items[0].address, "0.0.0.0:", 8);
	assert_memory_equal(listeners.items[1].address, "[::]:", 5);
	assert_true(can_connect(AF_INET, port_of(&listeners.items[0])));
	assert_true(can_connect(AF_INET6, port_of(&listeners.items[0])));
	listeners_close(&listeners);
}

static void open_v6_takes_no_v4(void **state)
{
	struct fixture f;
	struct listeners listeners;

	(void)state;
	if (!have_v6())
		skip();
	configure(&f, "[::]:0", NULL);
	open_good(&f, &listeners);
	assert_int_equal(listeners.n, 1);
	assert_true(can_connect(AF_INET6, port_of(&listeners.items[0])));
	assert_false(can_connect(AF_INET, port_of(&listeners.items[0])));
	listeners_close(&listeners);
}

static void open_taken_port_says_what_to_look_for(void **state)
{
	struct fixture f, second;
	struct listeners listeners;
	char expected[256];

	(void)state;
	configure(&f, "127.0.0.1:0", NULL);
	open_good(&f, &listeners);
	/* The first of the two can be opened and must be closed again. */
	configure(&second, "127.0.0.1:0", listeners.items[0].address);
	(void)snprintf(
		expected, sizeof expected,
		"listener \"two\": cannot bind %s: address in use (is another POP3 server "
		"running?)",
		listeners.items[0].address);
	open_bad(&second, expected);
	listeners_close(&listeners);
}

static void open_foreign_address_says_so(void **state)
{
	struct fixture f;

	(void)state;
	configure(&f, "192.0.2.1:0", NULL);
	open_bad(&f,
		 "listener \"one\": cannot bind 192.0.2.1:0: this machine does not have that "
		 "address");
}

static void open_unix_has_mode_and_address(void **state)
{
	struct scratch scratch;
	struct fixture f;
	struct listeners listeners;
	char address[128];
	struct stat st;

	(void)state;
	scratch_make(&scratch);
	(void)snprintf(address, sizeof address, "unix:%s", scratch_path(&scratch, "lmtp"));
	configure(&f, address, NULL);
	open_good(&f, &listeners);
	assert_false(listeners.items[0].tcp);
	assert_string_equal(listeners.items[0].address, address);
	assert_int_equal(lstat(scratch_path(&scratch, "lmtp"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	if (geteuid() == 0)
		assert_int_equal(st.st_uid, 65534);
	listeners_close(&listeners);
	assert_int_equal(lstat(scratch_path(&scratch, "lmtp"), &st), -1);
	scratch_remove(&scratch);
}

static void open_unix_with_unknown_group_says_so(void **state)
{
	static char group[] = "no-such-group";
	struct fixture f;

	(void)state;
	configure(&f, "unix:/tmp/restante-unused", NULL);
	f.listeners[0].group = group;
	open_bad(&f,
		 "listener \"one\": cannot bind unix:/tmp/restante-unused: there is no group "
		 "\"no-such-group\"");
}

/* --- handed over -------------------------------------------------------------------------- */

/* What descriptors 3 and 4 were, for the end of the test. */
static int before[2];

static int listening_socket(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&v4, sizeof v4), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static unsigned port_of_fd(int fd)
{
	struct sockaddr_in v4;
	socklen_t len = sizeof v4;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&v4, &len), 0);
	return ntohs(v4.sin_port);
}

/* Puts two listening sockets where a service manager would; their ports. */
static void hand_over(const char *pid, const char *names, unsigned ports[2])
{
	int sockets[2];

	for (int i = 0; i < 2; i++)
		before[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, HIGH_FD);
	for (int i = 0; i < 2; i++) {
		int fd = listening_socket();

		sockets[i] = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
		assert_true(sockets[i] >= HIGH_FD);
		close(fd);
		ports[i] = port_of_fd(sockets[i]);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dup2(sockets[i], 3 + i), 3 + i);
		close(sockets[i]);
	}
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void restore(void)
{
	for (int i = 0; i < 2; i++) {
		if (before[i] >= 0) {
			assert_int_equal(dup2(before[i], 3 + i), 3 + i);
			close(before[i]);
		} else {
			close(3 + i);
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

static void inherited_sockets_are_matched_by_name(void **state)
{
	struct fixture f;
	struct listeners listeners;
	unsigned ports[2];
	char pid[16];

	(void)state;
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	hand_over(pid, "two:one", ports);
	configure(&f, "127.0.0.1:1", "127.0.0.1:2");
	open_good(&f, &listeners);
	assert_int_equal(listeners.n, 2);
	assert_int_equal(port_of(&listeners.items[0]), ports[1]);
	assert_int_equal(port_of(&listeners.items[1]), ports[0]);
	assert_true(listeners.items[0].inherited && listeners.items[0].tcp);
	assert_true(fcntl(listeners.items[0].fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listeners.items[0].fd, F_GETFD) & FD_CLOEXEC);
	assert_null(getenv("LISTEN_FDS"));
	listeners_close(&listeners);
	restore();
}

static void inherited_socket_without_name_is_matched_by_address(void **state)
{
	struct fixture f;
	struct listeners listeners;
	unsigned ports[2];
	char pid[16], address[32];

	(void)state;
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	hand_over(pid, "", ports);
	(void)snprintf(address, sizeof address, "127.0.0.1:%u", ports[1]);
	configure(&f, address, NULL);
	open_good(&f, &listeners);
	assert_int_equal(listeners.n, 1);
	assert_true(listeners.items[0].inherited);
	assert_int_equal(listeners.items[0].fd, 4);
	/* The other one nobody wants: closed. */
	assert_int_equal(fcntl(3, F_GETFD), -1);
	listeners_close(&listeners);
	restore();
}

static void inherited_sockets_of_another_process_are_left_alone(void **state)
{
	struct fixture f;
	struct listeners listeners;
	unsigned ports[2];

	(void)state;
	hand_over("1", "one:two", ports);
	configure(&f, "127.0.0.1:0", NULL);
	open_good(&f, &listeners);
	assert_int_equal(listeners.n, 1);
	assert_false(listeners.items[0].inherited);
	assert_true(fcntl(3, F_GETFD) >= 0);
	listeners_close(&listeners);
	restore();
}

static void inherited_sockets_too_many_stop_the_start(void **state)
{
	static const char *const numbers[] = { "65", "4294967297", "-1", "two", "" };
	struct fixture f;
	struct listeners listeners;
	struct fault fault = { "" };
	unsigned ports[2];
	char pid[16];

	(void)state;
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	configure(&f, "127.0.0.1:0", NULL);
	hand_over(pid, "one:two", ports);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		setenv("LISTEN_FDS", numbers[i], 1);
		assert_false(listeners_open(&f.config, &listeners, &fault));
		assert_non_null(strstr(fault.text, "at most 64"));
	}
	restore();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_tcp_port_zero_tells_the_port),
		cmocka_unit_test(open_any_listens_on_both_families),
		cmocka_unit_test(open_v6_takes_no_v4),
		cmocka_unit_test(open_taken_port_says_what_to_look_for),
		cmocka_unit_test(open_foreign_address_says_so),
		cmocka_unit_test(open_unix_has_mode_and_address),
		cmocka_unit_test(open_unix_with_unknown_group_says_so),
		cmocka_unit_test(inherited_sockets_are_matched_by_name),
		cmocka_unit_test(inherited_socket_without_name_is_matched_by_address),
		cmocka_unit_test(inherited_sockets_of_another_process_are_left_alone),
		cmocka_unit_test(inherited_sockets_too_many_stop_the_start),
	};

	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
