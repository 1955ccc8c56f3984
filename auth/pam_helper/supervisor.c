/* The supervisor: see supervisor.h. */
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker.h"

/* How often it looks for workers that hang, beside being woken when one ends. */
#define LOOK_MILLISECONDS 250
/* One that ended by a fault is renewed after this, or after the longer time if it served nobody. */
#define RENEW_MILLISECONDS 100
#define RENEW_USELESS_MILLISECONDS 1000

struct slot {
	pid_t pid; /* 0 = none */
	int64_t not_before;
	bool killed;
};

struct supervisor {
	const struct settings *settings;
	int listening;
	pid_t self;
	struct worker_state *states; /* shared with the workers; one for each slot */
	struct slot *slots;
	sigset_t signals;
};

static void log_worker(enum log_level level, const char *event, pid_t pid, const char *key,
		       uint64_t value)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_number(&line, "worker", (uint64_t)pid);
	if (key != NULL)
		log_number(&line, key, value);
	log_end(&line);
}

/* --- beginnings ------------------------------------------------------------------------------ */

/* In the new process. Ends it. */
_Noreturn static void be_worker(const struct supervisor *s, size_t i)
{
	sigset_t term;

	/* A group of its own: what a module starts is killed with it. */
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s->self)
		_exit(EXIT_FAILURE); /* the supervisor has ended meanwhile */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_SETMASK, &term, NULL);
	worker_run(s->settings, s->listening, &s->states[i]);
	_exit(EXIT_SUCCESS);
}

static void begin_worker(struct supervisor *s, size_t i, int64_t now)
{
	struct slot *slot = &s->slots[i];
	pid_t pid;

	atomic_store(&s->states[i].busy_since, 0);
	atomic_store(&s->states[i].served, 0);
	pid = fork();
	if (pid == 0)
		be_worker(s, i);
	slot->killed = false;
	slot->not_before = now + RENEW_USELESS_MILLISECONDS;
	if (pid < 0) {
		struct fault fault;

		fault_set(&fault, "%s", strerror(errno));
		log_fault(LOG_LEVEL_ERROR, "fork-failed", &fault);
		return;
	}
	(void)setpgid(pid, pid); /* whoever of the two is first */
	slot->pid = pid;
}

static void fill_slots(struct supervisor *s)
{
	int64_t now = clock_monotonic_ms();

	for (size_t i = 0; i < s->settings->workers; i++)
		if (s->slots[i].pid == 0 && s->slots[i].not_before <= now)
			begin_worker(s, i, now);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void note_end(struct supervisor *s, size_t i, int status)
{
	struct slot *slot = &s->slots[i];
	unsigned served = atomic_load(&s->states[i].served);

	slot->not_before = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
		if (!slot->killed)
			log_worker(LOG_LEVEL_ERROR, "worker-died", slot->pid,
				   WIFSIGNALED(status) ? "signal" : "status",
				   (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status)
								  : WEXITSTATUS(status)));
		slot->not_before = clock_monotonic_ms() +
				   (served > 0 || slot->killed ? RENEW_MILLISECONDS
							       : RENEW_USELESS_MILLISECONDS);
	}
	slot->pid = 0;
}

/*
 * What a module has left running does not outlive its worker: the group is killed while the dead
 * worker still keeps its number.
 */
static void reap(struct supervisor *s)
{
	siginfo_t info = { .si_pid = 0 };
	int status;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
		pid_t pid = info.si_pid;

		(void)kill(-pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid)
			return;
		for (size_t i = 0; i < s->settings->workers; i++)
			if (s->slots[i].pid == pid)
				note_end(s, i, status);
		info.si_pid = 0;
	}
}

static void kill_late(struct supervisor *s)
{
	int64_t now = clock_monotonic_ms();

	for (size_t i = 0; i < s->settings->workers; i++) {
		struct slot *slot = &s->slots[i];
		int64_t since = atomic_load(&s->states[i].busy_since);

		if (slot->pid == 0 || slot->killed || since == 0 ||
		    now - since <= (int64_t)s->settings->seconds * 1000)
			continue;
		log_worker(LOG_LEVEL_ERROR, "worker-killed", slot->pid, "seconds",
			   s->settings->seconds);
		slot->killed = true;
		(void)kill(-slot->pid, SIGKILL);
		(void)kill(slot->pid, SIGKILL);
	}
}

static size_t workers_left(const struct supervisor *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->settings->workers; i++)
		count += s->slots[i].pid != 0;
	return count;
}

/* The signal that came, or 0 when it was only time to look. */
static int wait_a_little(struct supervisor *s)
{
	static const struct timespec look = { .tv_nsec = LOOK_MILLISECONDS * 1000000L };
	int number = sigtimedwait(&s->signals, NULL, &look);

	reap(s);
	kill_late(s);
	return number < 0 ? 0 : number;
}

/* Each ends after its request under way, which has the same time as ever. */
static void end_all(struct supervisor *s)
{
	for (size_t i = 0; i < s->settings->workers; i++)
		if (s->slots[i].pid != 0)
			(void)kill(s->slots[i].pid, SIGTERM);
	while (workers_left(s) > 0)
		(void)wait_a_little(s);
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool prepare(struct supervisor *s, struct fault *fault)
{
	size_t n = s->settings->workers;

	s->states = mmap(NULL, n * sizeof s->states[0], PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s->slots = calloc(n, sizeof s->slots[0]);
	if (s->states == MAP_FAILED || s->slots == NULL) {
		fault_set(fault, "out of memory");
		free(s->slots);
		return false;
	}
	sigemptyset(&s->signals);
	sigaddset(&s->signals, SIGCHLD);
	sigaddset(&s->signals, SIGTERM);
	sigaddset(&s->signals, SIGINT);
	sigprocmask(SIG_BLOCK, &s->signals, NULL);
	return true;
}

bool supervise(const struct settings *settings, int listening, struct fault *fault)
{
	struct supervisor s = {
		.settings = settings,
		.listening = listening,
		.self = getpid(),
	};
	int number;

	if (!prepare(&s, fault))
		return false;
	fill_slots(&s);
	log_event(LOG_LEVEL_NOTICE, "start");
	while ((number = wait_a_little(&s)) != SIGTERM && number != SIGINT)
		fill_slots(&s);
	log_event(LOG_LEVEL_NOTICE, "stopping");
	end_all(&s);
	(void)munmap(s.states, settings->workers * sizeof s.states[0]);
	free(s.slots);
	log_event(LOG_LEVEL_NOTICE, "stop");
	return true;
}
