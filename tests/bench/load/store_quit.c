/*
 * QUIT with many deletion marks in one large maildrop, through the store's own interface, while
 * others deliver to the same shard at a steady rate. Tells how long each QUIT took, and how long
 * the deliveries did without and with QUITs beside them.
 *
 * The maildrop must have been filled (fill.c) in shard 0. Marks are on the oldest messages, or,
 * with STEP, on every so manyth.
 *
 *	store_quit DIRECTORY KEY MARKS STEP DELIVERIES_PER_SECOND ROUNDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliverers.h"
#include "quit.h"

#define QUIET_SECONDS 2

static void mark(struct store_reader *reader, struct maildrop *maildrop, unsigned long marks,
		 unsigned long step)
{
	struct fault fault;

	for (unsigned long i = 0; i < marks; i++) {
		struct message message;

		if (maildrop_message(reader, maildrop, i * step + 1, &message, &fault) !=
			    STORE_OK ||
		    maildrop_mark(maildrop, &message) != STORE_OK)
			die("mark");
	}
}

/* One session; tells the time from QUIT to its outcome. */
static void quit(struct store *store, struct store_reader *reader,
		 const struct maildrop_key *key, unsigned long marks, unsigned long step)
{
	struct maildrop_update update = { 0 };
	struct lock_holder holder = { .session = 1 };
	struct maildrop_lock *lock;
	struct fault fault = { "" };
	int64_t spent;
	double cpu;

	if (maildrop_lock(store, key, &holder, &lock, &holder) != STORE_OK ||
	    maildrop_open(reader, key, &update.maildrop, &fault) != STORE_OK)
		die("maildrop_open");
	mark(reader, update.maildrop, marks, step);
	cpu = cpu_ms();
	spent = quit_and_wait(store, &update, &lock);
	if (update.deleted != marks)
		die("QUIT");
	printf("QUIT with %lu marks: %.1f ms, %.1f ms of CPU\n", marks, (double)spent / 1e6,
	       cpu_ms() - cpu);
	maildrop_close(&update.maildrop);
}

static void tell_deliveries(const char *when, struct deliverers *all)
{
	printf("deliveries %s: %.0f/s, p50 %.2f p99 %.2f max %.1f ms\n", when,
	       (double)all->durations.n / all->seconds,
	       durations_quantile(&all->durations, 0.5),
	       durations_quantile(&all->durations, 0.99),
	       durations_quantile(&all->durations, 1));
	free(all->durations.ns);
}

int main(int argc, char **argv)
{
	struct maildrop_key key = { .shard = 0 };
	struct store_reader *reader;
	struct fault fault;

	if (argc != 7) {
		fputs("usage: store_quit DIRECTORY KEY MARKS STEP DELIVERIES_PER_SECOND "
		      "ROUNDS\n",
		      stderr);
		return 64;
	}
	unsigned long marks = number_of(argv[3]), step = number_of(argv[4]);
	unsigned long per_second = number_of(argv[5]), rounds = number_of(argv[6]);
	struct store *store = bench_store(argv[1], 1);
	struct deliverers quiet = { .store = store,
				    .octets = 20480,
				    .recipients = 1,
				    .per_second = per_second,
				    .count = 8 };
	struct deliverers beside = quiet;

	snprintf(key.id, sizeof key.id, "%s", argv[2]);
	if (store_reader_open(store, &reader, &fault) != STORE_OK)
		die("store_reader_open");
	if (per_second > 0) {
		deliverers_start(&quiet);
		sleep(QUIET_SECONDS);
		deliverers_stop(&quiet);
		tell_deliveries("alone", &quiet);
		deliverers_start(&beside);
	}
	for (unsigned long i = 0; i < rounds; i++)
		quit(store, reader, &key, marks, step);
	if (per_second > 0) {
		deliverers_stop(&beside);
		tell_deliveries("beside", &beside);
	}
	store_reader_close(&reader);
	store_close(&store);
	return 0;
}
