/* Privileges: see privilege.h. */
#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* AddressSanitizer looks for leaks by tracing its own process, which PR_SET_DUMPABLE forbids. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(UNDER_SANITIZER)
#define KEEP_DUMPABLE true
#else
#define KEEP_DUMPABLE false
#endif

bool privilege_lookup(const char *user, uid_t *uid, gid_t *gid, struct fault *fault)
{
	struct passwd entry, *found = NULL;
	char memory[16384];
	int error = getpwnam_r(user, &entry, memory, sizeof memory, &found);

	if (found == NULL) {
		if (error != 0)
			fault_set(fault, "user \"%s\" cannot be looked up: %s", user,
				  strerror(error));
		else
			fault_set(fault, "there is no user \"%s\"", user);
		return false;
	}
	*uid = entry.pw_uid;
	*gid = entry.pw_gid;
	return true;
}

/* True when no way leads back to root. */
static bool root_is_gone(uid_t uid, gid_t gid)
{
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;

	if (getresuid(&real, &effective, &saved) < 0 ||
	    getresgid(&real_group, &effective_group, &saved_group) < 0)
		return false;
	if (real != uid || effective != uid || saved != uid || real_group != gid ||
	    effective_group != gid || saved_group != gid)
		return false;
	return setuid(0) < 0 && seteuid(0) < 0 && setgid(0) < 0 && setegid(0) < 0 &&
	       setgroups(0, NULL) < 0;
}

static bool become(const char *user, struct fault *fault)
{
	uid_t uid;
	gid_t gid;

	if (!privilege_lookup(user, &uid, &gid, fault))
		return false;
	if (uid == 0 || gid == 0) {
		fault_set(fault,
			  "user \"%s\" is root or in its group: name an ordinary user in the "
			  "option \"user\"",
			  user);
		return false;
	}
	/* In this order: the last step takes away the right to the others. */
	if (initgroups(user, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0) {
		fault_set(fault, "cannot become user \"%s\": %s", user, strerror(errno));
		return false;
	}
	if (!root_is_gone(uid, gid)) {
		fault_set(fault, "became user \"%s\" but could go back to root", user);
		return false;
	}
	if (group_member(0)) {
		fault_set(fault,
			  "user \"%s\" is a member of root's group: take it out of there",
			  user);
		return false;
	}
	return true;
}

/* Not root: tells when the option names somebody else. */
static void tell_ignored(const char *user)
{
	struct log_line line;
	struct fault fault;
	uid_t uid;
	gid_t gid;

	if (privilege_lookup(user, &uid, &gid, &fault) && uid == geteuid())
		return;
	log_begin(&line, LOG_LEVEL_NOTICE, "user-option-ignored");
	log_number(&line, "uid", geteuid());
	log_quoted(&line, "user", str_of(user));
	log_end(&line);
}

/*
 * Who was not started by root may still have been given capabilities, to bind low ports for
 * example. The sockets are bound: none is needed any more.
 */
static bool give_up_capabilities(struct fault *fault)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	struct __user_cap_data_struct left[2] = { { 0 } };

	/* Where a filter forbids capset there may be nothing to give up: what is left decides. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	(void)syscall(SYS_capset, &header, none);
	if (syscall(SYS_capget, &header, left) == 0 && memcmp(left, none, sizeof none) == 0)
		return true;
	fault_set(fault, "cannot give up capabilities");
	return false;
}

/* A core would hold passwords and mail. Becoming another user has reset the second already. */
static bool forbid_cores(struct fault *fault)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == 0 &&
	    prctl(PR_SET_DUMPABLE, KEEP_DUMPABLE ? 1 : 0, 0, 0, 0) == 0)
		return true;
	fault_set(fault, "cannot switch core dumps off: %s", strerror(errno));
	return false;
}

bool privilege_drop(const char *user, struct fault *fault)
{
	if (geteuid() != 0)
		tell_ignored(user);
	else if (!become(user, fault))
		return false;
	(void)umask(077);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		fault_set(fault, "cannot give up new privileges: %s", strerror(errno));
		return false;
	}
	return give_up_capabilities(fault) && forbid_cores(fault);
}

uint64_t privilege_raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (limit.rlim_cur != limit.rlim_max) {
		rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = before;
	}
	return limit.rlim_cur;
}
