/* Words to the service manager: what arrives, and that nothing happens without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "notify.h"
#include "scratch.h"

/* A manager's socket; with `abstract` its name is made from ours, so that runs do not meet. */
static int manager(const struct scratch *scratch, bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = scratch_path(scratch, "notify");
	size_t n = strlen(path);
	char name[128];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, path, n);
	(void)snprintf(name, sizeof name, "%s", path);
	if (abstract) {
		address.sun_path[0] = '\0';
		name[0] = '@';
	}
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *heard(int fd)
{
	static char text[512];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void words_arrive(bool abstract)
{
	struct scratch scratch;
	uint64_t stamp;
	int fd, end = 0;
	const char *text;

	scratch_make(&scratch);
	fd = manager(&scratch, abstract);
	notify_ready();
	assert_string_equal(heard(fd), "READY=1");
	notify_reloading();
	text = heard(fd);
	assert_int_equal(
		sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%" SCNu64 "%n", &stamp, &end), 1);
	assert_true(stamp > 0 && text[end] == '\0');
	notify_watchdog();
	assert_string_equal(heard(fd), "WATCHDOG=1");
	notify_stopping();
	assert_string_equal(heard(fd), "STOPPING=1");
	assert_string_equal(heard(fd), "");
	close(fd);
	unsetenv("NOTIFY_SOCKET");
	scratch_remove(&scratch);
}

static void words_arrive_at_a_path(void **state)
{
	(void)state;
	words_arrive(false);
}

static void words_arrive_at_an_abstract_socket(void **state)
{
	(void)state;
	words_arrive(true);
}

static void words_without_manager_are_lost_quietly(void **state)
{
	static const char *const sockets[] = { "",         "x",
					       "relative", "/nonexistent/notify",
					       "@none",    "vsock:2:1" };

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
		setenv("NOTIFY_SOCKET", sockets[i], 1);
		notify_ready();
	}
	unsetenv("NOTIFY_SOCKET");
}

static void watchdog_interval_is_for_this_process_only(void **state)
{
	char pid[16];

	(void)state;
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 30000);
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 30000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "-1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_USEC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_arrive_at_a_path),
		cmocka_unit_test(words_arrive_at_an_abstract_socket),
		cmocka_unit_test(words_without_manager_are_lost_quietly),
		cmocka_unit_test(watchdog_interval_is_for_this_process_only),
	};

	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
