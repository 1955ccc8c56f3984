/*
 * A mixed day on the store alone: deliveries at a steady rate, sessions that delete what they find,
 * and housekeeping without pause that purges it at once. Tells the latency of deliveries and QUITs,
 * and how large the logs became: a checkpoint or a purge that stalls commits shows as the maximum.
 *
 *	store_day DIRECTORY SHARDS DELIVERIES_PER_SECOND QUITS_PER_SECOND SECONDS
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliverers.h"
#include "quit.h"
#include "restante/store_admin.h"

#define QUITTERS 4

struct day {
	struct store *store;
	const char *dir;
	unsigned long quits_per_second;
	atomic_bool stop;
	pthread_mutex_t mutex; /* guards what follows */
	struct durations quits;
	unsigned long deleted;
	unsigned long purged;
	off_t log_octets; /* at most, of all shards together */
};

static void mark_all(struct store_reader *reader, struct maildrop *maildrop)
{
	struct fault fault;
	struct message message;

	for (uint64_t msgno = 1; msgno <= maildrop_last(maildrop); msgno++)
		if (maildrop_message(reader, maildrop, msgno, &message, &fault) != STORE_OK ||
		    maildrop_mark(maildrop, &message) != STORE_OK)
			die("mark");
}

/* One session; false when the maildrop is held or empty. */
static bool quit(struct day *day, struct store_reader *reader, unsigned mailbox,
		 uint64_t session)
{
	struct maildrop_update update = { 0 };
	struct lock_holder holder = { .session = session };
	struct maildrop_key key = { .shard = mailbox % store_shards(day->store) };
	struct maildrop_lock *lock;
	struct fault fault;
	int64_t spent;

	snprintf(key.id, sizeof key.id, "%032x", mailbox);
	if (maildrop_lock(day->store, &key, &holder, &lock, &holder) != STORE_OK)
		return false;
	if (maildrop_open(reader, &key, &update.maildrop, &fault) != STORE_OK)
		die("maildrop_open");
	mark_all(reader, update.maildrop);
	spent = quit_and_wait(day->store, &update, &lock);
	maildrop_close(&update.maildrop);
	if (update.deleted == 0)
		return false;
	pthread_mutex_lock(&day->mutex);
	durations_add(&day->quits, spent);
	day->deleted += update.deleted;
	pthread_mutex_unlock(&day->mutex);
	return true;
}

static void *run_quitter(void *context)
{
	static atomic_uint_fast64_t sessions;
	struct day *day = context;
	uint64_t session = atomic_fetch_add(&sessions, 1);
	unsigned seed = (unsigned)session + 1000;
	struct store_reader *reader;
	struct fault fault;

	if (store_reader_open(day->store, &reader, &fault) != STORE_OK)
		die("store_reader_open");
	while (!atomic_load(&day->stop)) {
		unsigned mailbox = (unsigned)rand_r(&seed) % DELIVERER_MAILBOXES;

		if (quit(day, reader, mailbox, atomic_fetch_add(&sessions, 1)))
			usleep((useconds_t)(1000000 * QUITTERS / day->quits_per_second));
	}
	store_reader_close(&reader);
	return NULL;
}

static int64_t purge_at_once(void *context, const char *key_id)
{
	(void)context;
	(void)key_id;
	return 0;
}

static off_t log_octets(const struct day *day)
{
	off_t sum = 0;

	for (unsigned shard = 0; shard < store_shards(day->store); shard++) {
		char path[4096];
		struct stat log;

		snprintf(path, sizeof path, "%s/mail-%02u.db-wal", day->dir, shard);
		if (stat(path, &log) == 0)
			sum += log.st_size;
	}
	return sum;
}

static void *run_housekeeper(void *context)
{
	struct day *day = context;

	for (unsigned shard = 0; !atomic_load(&day->stop);
	     shard = (shard + 1) % store_shards(day->store)) {
		struct timespec now;
		uint64_t purged;
		struct fault fault;
		off_t octets = log_octets(day);

		clock_gettime(CLOCK_REALTIME, &now);
		if (store_housekeep(day->store, shard, now.tv_sec, purge_at_once, NULL, &purged,
				    &fault) != STORE_OK)
			die(fault.text);
		day->purged += purged;
		if (octets > day->log_octets)
			day->log_octets = octets;
		usleep(20000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct day day = { .mutex = PTHREAD_MUTEX_INITIALIZER };
	struct deliverers all = { .octets = 20480, .recipients = 1, .count = 32 };
	pthread_t threads[QUITTERS + 1];

	if (argc != 6) {
		fputs("usage: store_day DIRECTORY SHARDS DELIVERIES_PER_SECOND QUITS_PER_SECOND"
		      " SECONDS\n",
		      stderr);
		return 64;
	}
	day.dir = argv[1];
	day.store = all.store = bench_store(argv[1], (unsigned)number_of(argv[2]));
	all.per_second = number_of(argv[3]);
	day.quits_per_second = number_of(argv[4]);
	deliverers_start(&all);
	for (size_t i = 0; i <= QUITTERS; i++)
		if ((errno = pthread_create(&threads[i], NULL,
					    i < QUITTERS ? run_quitter : run_housekeeper,
					    &day)) != 0)
			die("pthread_create");
	sleep((unsigned)number_of(argv[5]));
	atomic_store(&day.stop, true);
	for (size_t i = 0; i <= QUITTERS; i++)
		pthread_join(threads[i], NULL);
	deliverers_stop(&all);
	printf("deliveries %.0f/s: p50 %.2f p99 %.2f max %.1f ms; QUITs %.0f/s: p50 %.2f p99 "
	       "%.2f"
	       " max %.1f ms; %lu deleted, %lu purged; logs %.0f MiB\n",
	       (double)all.durations.n / all.seconds, durations_quantile(&all.durations, 0.5),
	       durations_quantile(&all.durations, 0.99), durations_quantile(&all.durations, 1),
	       (double)day.quits.n / all.seconds, durations_quantile(&day.quits, 0.5),
	       durations_quantile(&day.quits, 0.99), durations_quantile(&day.quits, 1),
	       day.deleted, day.purged, (double)day.log_octets / (1 << 20));
	store_close(&day.store);
	return 0;
}
