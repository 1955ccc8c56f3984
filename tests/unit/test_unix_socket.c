/* Listening unix sockets: what is replaced, what is refused, what is removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "scratch.h"
#include "unix_socket.h"

#define AS_MADE ((uid_t)-1)

static int setup(void **state)
{
	struct scratch *scratch = malloc(sizeof *scratch);

	assert_non_null(scratch);
	scratch_make(scratch);
	*state = scratch;
	return 0;
}

static int teardown(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static bool open_at(const char *path, mode_t mode, struct unix_socket *made,
		    struct fault *fault)
{
	fault->text[0] = '\0';
	return unix_socket_open(path, mode, AS_MADE, AS_MADE, made, fault);
}

/* connect(2)'s errno. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = 0;

	assert_true(fd >= 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		error = errno;
	close(fd);
	return error;
}

/* A socket file that nobody listens on. */
static void leave_stale(const char *path)
{
	struct unix_socket made;
	struct fault fault;

	assert_true(open_at(path, 0600, &made, &fault));
	close(made.fd);
	assert_int_equal(connect_to(path), ECONNREFUSED);
}

static void open_fresh_path_listens_with_the_mode(void **state)
{
	const char *path = scratch_path(*state, "s");
	mode_t before = umask(0);
	struct unix_socket made;
	struct fault fault;
	struct stat st;

	assert_true(open_at(path, 0640, &made, &fault));
	assert_int_equal(umask(before), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(connect_to(path), 0);
	assert_true(fcntl(made.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(made.fd, F_GETFD) & FD_CLOEXEC);
	unix_socket_close(&made);
	assert_int_equal(made.fd, -1);
	assert_int_equal(lstat(path, &st), -1);
	unix_socket_close(&made);
}

static void open_stale_path_replaces_the_socket(void **state)
{
	const char *path = scratch_path(*state, "s");
	struct unix_socket made;
	struct fault fault;

	leave_stale(path);
	assert_true(open_at(path, 0600, &made, &fault));
	assert_int_equal(connect_to(path), 0);
	unix_socket_close(&made);
}

static void open_live_path_is_refused(void **state)
{
	const char *path = scratch_path(*state, "s");
	struct unix_socket first, second;
	struct fault fault;

	assert_true(open_at(path, 0600, &first, &fault));
	assert_false(open_at(path, 0600, &second, &fault));
	assert_string_equal(fault.text, "another server listens there");
	assert_int_equal(connect_to(path), 0);
	unix_socket_close(&first);
}

static void open_other_file_is_refused_and_kept(void **state)
{
	const char *path = scratch_path(*state, "s");
	struct unix_socket made;
	struct fault fault;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_false(open_at(path, 0600, &made, &fault));
	assert_string_equal(fault.text, "there is a file of that name that is not a socket");
	assert_int_equal(access(path, F_OK), 0);
}

static void open_symlink_is_not_followed(void **state)
{
	char target[108];
	struct unix_socket made;
	struct fault fault;
	struct stat st;

	(void)snprintf(target, sizeof target, "%s", scratch_path(*state, "target"));
	leave_stale(target);
	assert_int_equal(symlink("target", scratch_path(*state, "link")), 0);
	assert_false(open_at(scratch_path(*state, "link"), 0600, &made, &fault));
	assert_string_equal(fault.text, "there is a file of that name that is not a socket");
	assert_int_equal(lstat(target, &st), 0);
}

static void open_without_directory_says_so(void **state)
{
	struct unix_socket made;
	struct fault fault;

	assert_false(open_at(scratch_path(*state, "none/s"), 0600, &made, &fault));
	assert_string_equal(fault.text, "its directory does not exist");
	assert_int_equal(made.fd, -1);
}

static void open_too_long_path_is_refused(void **state)
{
	char path[256];
	struct unix_socket made;
	struct fault fault;

	(void)state;
	memset(path, 'x', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_false(open_at(path, 0600, &made, &fault));
	assert_string_equal(fault.text, "the path is too long for a unix socket");
}

static void close_keeps_a_file_that_took_the_place(void **state)
{
	char path[108];
	struct unix_socket made, other;
	struct fault fault;

	(void)snprintf(path, sizeof path, "%s", scratch_path(*state, "s"));
	assert_true(open_at(path, 0600, &made, &fault));
	assert_true(open_at(scratch_path(*state, "other"), 0600, &other, &fault));
	assert_int_equal(rename(scratch_path(*state, "other"), path), 0);
	unix_socket_close(&made);
	assert_int_equal(connect_to(path), 0);
	unix_socket_close(&other);
}

static void open_as_root_gives_the_owner(void **state)
{
	const char *path = scratch_path(*state, "s");
	struct unix_socket made;
	struct fault fault;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_true(unix_socket_open(path, 0600, 65534, AS_MADE, &made, &fault));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_gid, getegid());
	unix_socket_close(&made);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(open_fresh_path_listens_with_the_mode),
		CASE(open_stale_path_replaces_the_socket),
		CASE(open_live_path_is_refused),
		CASE(open_other_file_is_refused_and_kept),
		CASE(open_symlink_is_not_followed),
		CASE(open_without_directory_says_so),
		CASE(open_too_long_path_is_refused),
		CASE(close_keeps_a_file_that_took_the_place),
		CASE(open_as_root_gives_the_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
