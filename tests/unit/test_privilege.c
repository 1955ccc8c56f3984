/*
 * Giving up root for good. Each case runs in a child, since there is no way back; those that need
 * root are skipped without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "privilege.h"

#define ORDINARY "nobody"

/* AddressSanitizer's look for leaks needs a process that can be traced. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(UNDER_SANITIZER)
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

/* Runs `body` in a child: the number of what went wrong first, 0 = nothing. */
static int in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* All that must hold after a drop, whoever we were before. */
static bool is_closed(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct left[2], none[2] = { { 0 } };
	struct rlimit cores;

	return syscall(SYS_capget, &header, left) == 0 &&
	       memcmp(left, none, sizeof none) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) == 0 &&
	       getrlimit(RLIMIT_CORE, &cores) == 0 && cores.rlim_cur == 0 &&
	       cores.rlim_max == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == DUMPABLE;
}

static int drop_and_look(void)
{
	const struct passwd *user = getpwnam(ORDINARY);
	struct fault fault = { "" };
	gid_t groups[64];
	int n;

	/* A root that has more to give up than its uid. */
	if (user == NULL || setgroups(2, (const gid_t[]){ 0, 4 }) < 0 ||
	    !privilege_drop(ORDINARY, &fault))
		return 1;
	if (getuid() != user->pw_uid || geteuid() != user->pw_uid)
		return 2;
	if (getgid() != user->pw_gid || getegid() != user->pw_gid)
		return 3;
	n = getgroups(64, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == 0 || groups[i] == 4)
			return 4;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgroups(0, NULL) == 0)
		return 5;
	if (!is_closed())
		return 6;
	return umask(0) == 077 ? 0 : 7;
}

static void drop_as_root_becomes_the_user_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_and_look), 0);
}

static int drop_unknown(void)
{
	struct fault fault = { "" };

	if (privilege_drop("no-such-user", &fault))
		return 1;
	return strcmp(fault.text, "there is no user \"no-such-user\"") == 0 ? 0 : 2;
}

static void drop_as_root_to_nobody_known_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_unknown), 0);
}

static int drop_to_root(void)
{
	struct fault fault = { "" };

	if (privilege_drop("root", &fault))
		return 1;
	return strstr(fault.text, "name an ordinary user") != NULL ? 0 : 2;
}

static void drop_as_root_to_root_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_to_root), 0);
}

static bool raise_capability(unsigned capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct one[2] = { { 0 } };

	one[0].permitted = one[0].effective = one[0].inheritable = 1U << capability;
	return syscall(SYS_capset, &header, one) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0;
}

/* As a service manager starts it that lets an ordinary user bind low ports. */
static int drop_with_capability(void)
{
	const struct passwd *user = getpwnam(ORDINARY);
	struct fault fault = { "" };

	if (user == NULL || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0 ||
	    !raise_capability(CAP_NET_BIND_SERVICE))
		return 1;
	return privilege_drop(ORDINARY, &fault) && is_closed() ? 0 : 2;
}

static void drop_without_root_gives_up_capabilities(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_with_capability), 0);
}

static int drop_without_root(void)
{
	const struct passwd *user = getpwnam(ORDINARY);
	struct fault fault = { "" };
	uid_t before;

	if (geteuid() == 0 &&
	    (user == NULL || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
		return 1;
	before = geteuid();
	if (!privilege_drop("root", &fault) || geteuid() != before)
		return 2;
	if (!privilege_drop("no-such-user", &fault) || geteuid() != before)
		return 3;
	return is_closed() ? 0 : 4;
}

static void drop_without_root_stays_who_it_is(void **state)
{
	(void)state;
	assert_int_equal(in_child(drop_without_root), 0);
}

static int raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < 128)
		return 1;
	limit.rlim_cur = 64;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 2;
	if (privilege_raise_nofile() != limit.rlim_max)
		return 3;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 4;
	return limit.rlim_cur == limit.rlim_max ? 0 : 5;
}

static void nofile_is_raised_to_the_hard_limit(void **state)
{
	(void)state;
	assert_int_equal(in_child(raise_limit), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_as_root_becomes_the_user_for_good),
		cmocka_unit_test(drop_as_root_to_nobody_known_is_refused),
		cmocka_unit_test(drop_as_root_to_root_is_refused),
		cmocka_unit_test(drop_without_root_stays_who_it_is),
		cmocka_unit_test(drop_without_root_gives_up_capabilities),
		cmocka_unit_test(nofile_is_raised_to_the_hard_limit),
	};

	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
