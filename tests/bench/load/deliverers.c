/* Threads that deliver: see deliverers.h. */
#include "deliverers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define LINE_OCTETS 72
/* About what "Delivered-To", "Return-Path" and "Received" of a recipient come to. */
#define PREFIX                                                                                \
	"Return-Path: <bounces-123456-someone=example.test@lists.example.org>\r\n"            \
	"Delivered-To: someone@example.test\r\n"                                              \
	"Received: from mx.example.test (127.0.0.1) by mail.example.test with LMTP id 7;\r\n" \
	"\tThu, 01 Jan 2026 12:00:00 +0000\r\n"

struct deliverer {
	struct deliverers *all;
	unsigned long number;
	char *message;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
};

char *random_message(unsigned long octets)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *message = malloc(octets + 1);
	int n;

	if (message == NULL)
		die("malloc");
	n = snprintf(message, octets,
		     "Received: from somewhere\r\nSubject: one of many\r\n\r\n");
	srand(1);
	for (size_t i = (size_t)n; i < octets; i++)
		message[i] = letters[rand() % 64];
	for (size_t i = (size_t)n + LINE_OCTETS; i < octets; i += LINE_OCTETS)
		memcpy(message + i - 2, "\r\n", 2);
	memcpy(message + octets - 2, "\r\n", 3);
	return message;
}

struct store *bench_store(const char *dir, unsigned shards)
{
	struct store_options options = { .dir = dir, .exclusive = true };
	struct store_identity identity;
	struct store *store;
	struct fault fault = { "" };

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		die(dir);
	if (store_identify(dir, &identity, &fault) != STORE_OK &&
	    store_create(dir, shards, &fault) != STORE_OK) {
		fprintf(stderr, "%s\n", fault.text);
		exit(1);
	}
	if (store_open(&options, &store, &fault) != STORE_OK) {
		fprintf(stderr, "%s\n", fault.text);
		exit(1);
	}
	return store;
}

double cpu_ms(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		die("getrusage");
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* Called by the store's writer. */
static void delivered(void *context, enum store_status status, const struct fault *fault)
{
	struct deliverer *deliverer = context;

	if (status != STORE_OK) {
		fprintf(stderr, "%s %s\n", store_status_text(status), fault->text);
		exit(1);
	}
	pthread_mutex_lock(&deliverer->mutex);
	deliverer->done = true;
	pthread_cond_signal(&deliverer->cond);
	pthread_mutex_unlock(&deliverer->mutex);
}

static void deliver(struct deliverer *deliverer, struct delivery_target *targets)
{
	struct deliverers *all = deliverer->all;
	struct str octets = { deliverer->message, all->octets };
	struct delivery *delivery;
	unsigned char digest[32];

	if (getrandom(digest, sizeof digest, 0) != (ssize_t)sizeof digest)
		die("getrandom");
	if (delivery_begin(all->store, targets, all->recipients, 0, &delivery) != STORE_OK)
		die("delivery_begin");
	if (delivery_append(delivery, &octets) != DELIVERY_TAKEN)
		die("delivery_append");
	deliverer->done = false;
	delivery_finish(delivery, digest, delivered, deliverer);
	pthread_mutex_lock(&deliverer->mutex);
	while (!deliverer->done)
		pthread_cond_wait(&deliverer->cond, &deliverer->mutex);
	pthread_mutex_unlock(&deliverer->mutex);
	delivery_close(&delivery);
	for (unsigned long i = 0; i < all->recipients; i++)
		if (targets[i].status != STORE_OK)
			die(store_status_text(targets[i].status));
}

static void choose_targets(const struct deliverers *all, unsigned *seed,
			   struct delivery_target *targets)
{
	unsigned first = (unsigned)rand_r(seed);

	for (unsigned long i = 0; i < all->recipients; i++) {
		unsigned mailbox = (first + (unsigned)i) % DELIVERER_MAILBOXES;

		targets[i] = (struct delivery_target){
			.key.shard = mailbox % store_shards(all->store), .prefix = PREFIX
		};
		snprintf(targets[i].key.id, sizeof targets[i].key.id, "%032x", mailbox);
	}
}

/* When each of them has its share of the rate. */
static void pace(const struct deliverers *all, unsigned long number, unsigned long done)
{
	double due = (double)(done * all->count + number) / (double)all->per_second;
	int64_t at = all->began + (int64_t)(due * 1e9);
	struct timespec until = { at / 1000000000, at % 1000000000 };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void *run(void *context)
{
	struct deliverer deliverer = { .mutex = PTHREAD_MUTEX_INITIALIZER,
				       .cond = PTHREAD_COND_INITIALIZER };
	const struct deliverer *given = context;
	struct delivery_target targets[DELIVERER_RECIPIENTS_MAX];
	unsigned seed = (unsigned)given->number + 1;

	deliverer.all = given->all;
	deliverer.number = given->number;
	deliverer.message = random_message(deliverer.all->octets);
	for (unsigned long done = 0; !atomic_load(&deliverer.all->stop); done++) {
		int64_t began;

		if (deliverer.all->per_second > 0)
			pace(deliverer.all, deliverer.number, done);
		choose_targets(deliverer.all, &seed, targets);
		began = now_ns();
		deliver(&deliverer, targets);
		durations_add(&deliverer.all->each[deliverer.number], now_ns() - began);
	}
	free(deliverer.message);
	free(context);
	return NULL;
}

void deliverers_start(struct deliverers *all)
{
	all->began = now_ns();
	for (unsigned long i = 0; i < all->count; i++) {
		struct deliverer *deliverer = calloc(1, sizeof *deliverer);

		if (deliverer == NULL)
			die("calloc");
		deliverer->all = all;
		deliverer->number = i;
		if ((errno = pthread_create(&all->threads[i], NULL, run, deliverer)) != 0)
			die("pthread_create");
	}
}

void deliverers_stop(struct deliverers *all)
{
	atomic_store(&all->stop, true);
	for (unsigned long i = 0; i < all->count; i++) {
		pthread_join(all->threads[i], NULL);
		for (size_t j = 0; j < all->each[i].n; j++)
			durations_add(&all->durations, all->each[i].ns[j]);
		free(all->each[i].ns);
	}
	all->seconds = (double)(now_ns() - all->began) / 1e9;
}
