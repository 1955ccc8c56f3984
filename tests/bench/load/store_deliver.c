/*
 * Durable deliveries through the store's own interface, in turn with the disk's ceiling: a program
 * that appends the same octets to one file, so many records to an fdatasync as there are
 * deliverers. Tells both rates, and the middle of the ratios of neighbouring turns.
 *
 *	store_deliver DIRECTORY SHARDS OCTETS RECIPIENTS DELIVERERS SECONDS ROUNDS
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "deliverers.h"
#include "restante/store_admin.h"

#define ROUNDS_MAX 99

static double append_rate(const char *dir, unsigned long octets, unsigned long group,
			  unsigned long seconds)
{
	char *message = random_message(octets);
	char path[4096];
	unsigned long records = 0;
	int64_t began, now;
	int fd;

	snprintf(path, sizeof path, "%s/append", dir);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	began = now = now_ns();
	while (now - began < (int64_t)seconds * 1000000000) {
		for (unsigned long i = 0; i < group; i++)
			if (write(fd, message, octets) != (ssize_t)octets)
				die("write");
		if (fdatasync(fd) != 0)
			die("fdatasync");
		records += group;
		now = now_ns();
	}
	close(fd);
	unlink(path);
	free(message);
	return (double)records * 1e9 / (double)(now - began);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double middle(double *values, size_t n)
{
	qsort(values, n, sizeof values[0], compare);
	return values[n / 2];
}

/* Octets written by this program so far, as the kernel counts write calls (proc(5): wchar). */
static double written_octets(void)
{
	FILE *file = fopen("/proc/self/io", "re");
	char line[128];
	unsigned long long octets = 0;

	if (file == NULL)
		die("/proc/self/io");
	while (fgets(line, sizeof line, file) != NULL)
		(void)sscanf(line, "wchar: %llu", &octets);
	fclose(file);
	return (double)octets;
}

static void group_sizes(struct store *store, uint64_t *commits, uint64_t *jobs)
{
	struct store_reader *reader;
	struct fault fault;

	*commits = *jobs = 0;
	if (store_reader_open(store, &reader, &fault) != STORE_OK)
		die("store_reader_open");
	for (unsigned shard = 0; shard < store_shards(store); shard++) {
		struct store_figures figures;

		if (store_figures(store, reader, shard, &figures, &fault) != STORE_OK)
			die("store_figures");
		*commits += figures.commits;
		*jobs += figures.jobs;
	}
	store_reader_close(&reader);
}

int main(int argc, char **argv)
{
	double raw[ROUNDS_MAX], stored[ROUNDS_MAX], ratio[ROUNDS_MAX];
	double cpu[ROUNDS_MAX], written[ROUNDS_MAX], p50[ROUNDS_MAX], p99[ROUNDS_MAX],
		most[ROUNDS_MAX];
	uint64_t commits, jobs;

	if (argc != 8) {
		fputs("usage: store_deliver DIRECTORY SHARDS OCTETS RECIPIENTS DELIVERERS"
		      " SECONDS ROUNDS\n",
		      stderr);
		return 64;
	}
	unsigned long octets = number_of(argv[3]), recipients = number_of(argv[4]);
	unsigned long count = number_of(argv[5]), seconds = number_of(argv[6]);
	unsigned long rounds = number_of(argv[7]);
	struct store *store = bench_store(argv[1], (unsigned)number_of(argv[2]));

	if (rounds > ROUNDS_MAX || count > DELIVERERS_MAX ||
	    recipients > DELIVERER_RECIPIENTS_MAX)
		return 64;
	for (unsigned long i = 0; i < rounds; i++) {
		struct deliverers all = { .store = store,
					  .octets = octets,
					  .recipients = recipients,
					  .count = count };

		raw[i] = append_rate(argv[1], octets, count, seconds);
		cpu[i] = cpu_ms();
		written[i] = written_octets();
		deliverers_start(&all);
		sleep((unsigned)seconds);
		deliverers_stop(&all);
		cpu[i] = 1000 * (cpu_ms() - cpu[i]) / (double)all.durations.n;
		written[i] = (written_octets() - written[i]) / (double)all.durations.n;
		stored[i] = (double)all.durations.n / all.seconds;
		ratio[i] = stored[i] / raw[i];
		p50[i] = durations_quantile(&all.durations, 0.5);
		p99[i] = durations_quantile(&all.durations, 0.99);
		most[i] = durations_quantile(&all.durations, 1);
		free(all.durations.ns);
	}
	group_sizes(store, &commits, &jobs);
	printf("%2lu deliverers, %lu recipients: append %.0f/s, store %.0f/s, ratio %.2f;"
	       " p50 %.2f p99 %.2f max %.1f ms; %.1f jobs a commit;"
	       " each %.0f us of CPU, %.0f KiB written\n",
	       count, recipients, middle(raw, rounds), middle(stored, rounds),
	       middle(ratio, rounds), middle(p50, rounds), middle(p99, rounds),
	       middle(most, rounds), (double)jobs / (double)(commits > 0 ? commits : 1),
	       middle(cpu, rounds), middle(written, rounds) / 1024);
	store_close(&store);
	return 0;
}
