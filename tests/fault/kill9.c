/*
 * kill9 ROUNDS SEED [DIR]: a child delivers, reads, QUITs and purges with several threads on a real
 * store and is killed with SIGKILL at a random moment; then everything that it had been told is
 * compared with what is there. Exit status 0: nothing lost, doubled, undone or torn.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"

#define DELIVERERS 4
#define SESSIONS 2

struct worker {
	struct ledger *ledger;
	struct store *store;
	unsigned number;
	unsigned seed;
};

static void *deliver(void *context)
{
	struct worker *worker = context;

	for (;;) {
		unsigned dice = (unsigned)rand_r(&worker->seed);
		size_t octets = dice % 12 == 0 ? 280000 + dice % 400000 : 200 + dice % 6000;

		ledger_deliver(worker->ledger, worker->store, dice / 64 % LEDGER_MAILDROPS,
			       1 + dice / 512 % 3, octets, dice / 4096 % 40 == 0);
	}
	return NULL;
}

static void *delete (void *context)
{
	struct worker *worker = context;
	struct store_reader *reader = NULL;
	struct fault fault;

	if (store_reader_open(worker->store, &reader, &fault) != STORE_OK)
		abort();
	for (;;) {
		unsigned dice = (unsigned)rand_r(&worker->seed);
		/* Each thread has its own maildrops: a copy's last QUIT is then the ledger's. */
		unsigned maildrop =
			dice / 16 % (LEDGER_MAILDROPS / SESSIONS) * SESSIONS + worker->number;

		ledger_quit(worker->ledger, worker->store, reader, maildrop, 1 + dice % 3);
		usleep(1000);
	}
	return NULL;
}

static int64_t at_once(void *context, const char *key_id)
{
	(void)context;
	(void)key_id;
	return 0;
}

static void *keep(void *context)
{
	struct worker *worker = context;

	for (unsigned shard = worker->seed % LEDGER_SHARDS;;
	     shard = (shard + 1) % LEDGER_SHARDS) {
		struct fault fault;
		uint64_t purged;

		(void)!store_housekeep(worker->store, shard, (int64_t)time(NULL), at_once, NULL,
				       &purged, &fault);
		usleep(5000);
	}
	return NULL;
}

static void work(struct ledger *ledger, const char *dir, unsigned seed)
{
	struct store_options options = { .dir = dir, .exclusive = true };
	static struct worker workers[DELIVERERS + SESSIONS + 1];
	struct store *store = NULL;
	struct fault fault;

	if (store_open(&options, &store, &fault) != STORE_OK) {
		fprintf(stderr, "%s\n", fault.text);
		_exit(3);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(workers); i++) {
		pthread_t thread;
		void *(*run)(void *) = i < DELIVERERS              ? deliver
				       : i < DELIVERERS + SESSIONS ? delete
								   : keep;

		workers[i] = (struct worker){ ledger, store, i % SESSIONS, seed * 31 + i };
		if (pthread_create(&thread, NULL, run, &workers[i]) != 0)
			_exit(3);
	}
	for (;;)
		pause();
}

/* Until the child has been told something, however slow the disk is, or has died. */
static void wait_for_work(const struct ledger *ledger, uint32_t kept, uint32_t quits,
			  pid_t child)
{
	const struct timespec moment = { 0, 1000000 };
	siginfo_t ended = { .si_pid = 0 };

	while ((atomic_load(&ledger->copies_kept) == kept ||
		atomic_load(&ledger->quits_ok) == quits) &&
	       ended.si_pid == 0) {
		(void)nanosleep(&moment, NULL);
		(void)waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT);
	}
}

/*
 * One child, killed after a while; false when it died by itself. Every fourth may be killed while
 * it still opens the store.
 */
static bool one_life(struct ledger *ledger, const char *dir, unsigned *seed)
{
	unsigned lifetime = 20 + (unsigned)rand_r(seed) % 120; /* milliseconds */
	struct timespec pause_for = { 0, (long)lifetime * 1000000 };
	uint32_t kept = atomic_load(&ledger->copies_kept);
	uint32_t quits = atomic_load(&ledger->quits_ok);
	bool early = rand_r(seed) % 4 == 0;
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		return false;
	if (child == 0)
		work(ledger, dir, *seed);
	if (!early)
		wait_for_work(ledger, kept, quits, child);
	while (nanosleep(&pause_for, &pause_for) != 0 && errno == EINTR)
		continue;
	kill(child, SIGKILL);
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

/* What the rounds before wrote is judged once; a copy keeps its state until it is gone. */
static void add(struct verdict *sum, const struct verdict *v)
{
	sum->lost += v->lost;
	sum->doubled += v->doubled;
	sum->undone += v->undone;
	sum->torn += v->torn;
	sum->wrong += v->wrong;
	sum->findings += v->findings;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
	unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
	char dir[256];
	char command[300];
	struct ledger *ledger = ledger_new();
	struct verdict sum = { 0 };
	struct fault fault;
	uint32_t kept = 0;
	uint32_t quits = 0;

	(void)snprintf(dir, sizeof dir, "%s/kill9.XXXXXX", argc > 3 ? argv[3] : "/tmp");
	if (mkdtemp(dir) == NULL || store_create(dir, LEDGER_SHARDS, &fault) != STORE_OK) {
		fprintf(stderr, "kill9: cannot make a store in %s\n", dir);
		return 2;
	}
	for (unsigned long round = 1; round <= rounds; round++) {
		uint32_t before = atomic_load(&ledger->copies);
		struct verdict v;

		if (!one_life(ledger, dir, &seed)) {
			fprintf(stderr, "kill9: round %lu: the child ended by itself\n", round);
			return 2;
		}
		v = ledger_verify(ledger, dir, before + 1, stderr);
		add(&sum, &v);
		if (verdict_sum(&v) > 0)
			fprintf(stderr, "kill9: round %lu failed, store kept in %s\n", round,
				dir);
		if (verdict_sum(&v) > 0)
			break;
	}
	for (uint32_t i = 1; i <= atomic_load(&ledger->copies); i++)
		kept += atomic_load(&ledger->copy[i].state) == COPY_KEPT;
	for (uint32_t i = 1; i <= atomic_load(&ledger->quits); i++)
		quits += atomic_load(&ledger->quit[i]) == QUIT_OK;
	printf("rounds=%lu deliveries_acknowledged=%u quits_acknowledged=%u lost=%llu "
	       "doubled=%llu "
	       "undone=%llu torn=%llu wrong=%llu findings=%llu\n",
	       rounds, kept, quits, (unsigned long long)sum.lost,
	       (unsigned long long)sum.doubled, (unsigned long long)sum.undone,
	       (unsigned long long)sum.torn, (unsigned long long)sum.wrong,
	       (unsigned long long)sum.findings);
	if (verdict_sum(&sum) > 0)
		return 1;
	if (kept == 0 || quits == 0) {
		fprintf(stderr, "kill9: too little was acknowledged to show anything\n");
		return 2;
	}
	(void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : 2;
}
