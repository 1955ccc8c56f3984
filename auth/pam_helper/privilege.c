/* What is taken off before serving: see privilege.h. */
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define KEPT_VARIABLES_MAX 16
#define SAFE_PATH "/usr/sbin:/usr/bin:/sbin:/bin"

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

static bool failed(const char *doing, struct fault *fault)
{
	fault_set(fault, "cannot %s: %s", doing, strerror(errno));
	return false;
}

bool privilege_close_descriptors(int kept, struct fault *fault)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned first = kept < 0 ? STDERR_FILENO + 1 : (unsigned)kept + 1;
	bool good = nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
		    dup2(nothing, STDOUT_FILENO) >= 0;

	if (!good)
		return failed("open /dev/null", fault);
	/* Without standard error, its number must not go to the socket. */
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(nothing, STDERR_FILENO) < 0)
		return failed("open /dev/null", fault);
	if (kept > STDERR_FILENO + 1 &&
	    close_range(STDERR_FILENO + 1, (unsigned)kept - 1, 0) < 0)
		return failed("close descriptors", fault);
	return close_range(first, ~0U, 0) == 0 || failed("close descriptors", fault);
}

bool privilege_clean_environment(const char *const *kept, size_t n, struct fault *fault)
{
	char *values[KEPT_VARIABLES_MAX] = { NULL };
	bool good = n <= KEPT_VARIABLES_MAX;

	for (size_t i = 0; i < n && good; i++) {
		const char *value = getenv(kept[i]);

		values[i] = value != NULL ? strdup(value) : NULL;
		good = value == NULL || values[i] != NULL;
	}
	good = good && clearenv() == 0 && setenv("PATH", SAFE_PATH, 1) == 0;
	for (size_t i = 0; i < n && i < KEPT_VARIABLES_MAX; i++) {
		if (good && values[i] != NULL)
			good = setenv(kept[i], values[i], 1) == 0;
		free(values[i]);
	}
	return good || failed("clean the environment", fault);
}

/* A capability in the two words of struct __user_cap_data_struct. */
static void add_capability(struct __user_cap_data_struct data[2], unsigned capability)
{
	data[CAP_TO_INDEX(capability)].permitted |= CAP_TO_MASK(capability);
	data[CAP_TO_INDEX(capability)].effective |= CAP_TO_MASK(capability);
}

/* Of those that there are: a service manager may have taken some already. */
static bool reduce_capabilities(struct fault *fault)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct wanted[2] = { { 0 } };
	struct __user_cap_data_struct have[2] = { { 0 } };

	if (syscall(SYS_capget, &header, have) < 0)
		return failed("read capabilities", fault);
	add_capability(wanted, CAP_AUDIT_WRITE);
	add_capability(wanted, CAP_DAC_READ_SEARCH);
	for (size_t i = 0; i < 2; i++) {
		wanted[i].permitted &= have[i].permitted;
		wanted[i].effective &= have[i].permitted;
	}
	/* What root's programs would get back by exec. CAP_SETPCAP may be missing: then so be it. */
	for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (capability != CAP_AUDIT_WRITE && capability != CAP_DAC_READ_SEARCH)
			(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	return syscall(SYS_capset, &header, wanted) == 0 ||
	       failed("give up capabilities", fault);
}

bool privilege_reduce(bool keep, struct fault *fault)
{
	const struct rlimit none = { 0, 0 };

	(void)umask(077);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failed("give up new privileges", fault);
	if (!keep && !reduce_capabilities(fault))
		return false;
	/* A core would hold passwords. After the capabilities, whose change resets it. */
	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, KEEP_DUMPABLE ? 1 : 0, 0, 0, 0) < 0)
		return failed("switch core dumps off", fault);
	return true;
}
