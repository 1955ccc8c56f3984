/*
 * Where lines of the log go: see log.h.
 *
 * Lines are copied into a ring under a short lock; one thread takes them out and writes. Whoever
 * logs therefore waits for a memcpy and never for a terminal, a pipe or a syslog daemon. A full
 * ring drops the new line and counts it; the count becomes a line of its own as soon as there is
 * room. Before log_start and after log_stop there is no thread and log_end writes by itself.
 *
 * Standard error is written in pieces of at most PIPE_BUF octets, after poll(2) said that there
 * is room, so that log_stop can give up on a reader who is stuck.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define RING_OCTETS ((size_t)1 << 20)
/* "2024-01-02T03:04:05.678Z warning " is the longest prefix. */
#define PREFIX_MAX 64
/* How long a reader is waited for, in all, once the log is being stopped. */
#define STOP_WAIT_MS 2000
/*
 * How long the thread waits for company of a first line. Waking it for each line would cost a busy
 * server more than the line itself.
 */
#define LINGER_NANOSECONDS 10000000

struct record {
	struct timespec when;
	size_t n;
	enum log_level level;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_t thread;
	bool running;  /* the thread takes lines out */
	bool idle;     /* it waits for a first line; else it looks again by itself */
	bool stopping; /* it ends when the ring is empty */
	char *octets;
	size_t first, n;
	uint64_t dropped;
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };

/* Direct writers take turns. */
static pthread_mutex_t direct = PTHREAD_MUTEX_INITIALIZER;
static atomic_int target = LOG_TO_STDERR;
static atomic_int highest = LOG_LEVEL_INFO;
static atomic_bool to_journal;
static _Atomic int64_t give_up_at; /* monotonic ms; 0 = never */

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
	[LOG_LEVEL_NOTICE] = { "notice", LOG_NOTICE },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

/* journald names the socket it gave us as standard error: it may have been replaced since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

void log_configure(enum log_target to, enum log_level level)
{
	if (to == LOG_TO_SYSLOG)
		openlog("restanted", LOG_PID, LOG_MAIL);
	atomic_store(&to_journal, stderr_is_journal());
	atomic_store(&target, (int)to);
	atomic_store(&highest, (int)level);
}

bool log_wanted(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&highest, memory_order_relaxed);
}

static size_t write_prefix(char *to, size_t cap, const struct record *record)
{
	struct tm utc;
	char when[32];
	int n;

	if (atomic_load(&to_journal)) {
		n = snprintf(to, cap, "<%d>", levels[record->level].priority);
	} else if (gmtime_r(&record->when.tv_sec, &utc) != NULL &&
		   strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc) > 0) {
		n = snprintf(to, cap, "%s.%03ldZ %s ", when, record->when.tv_nsec / 1000000,
			     levels[record->level].name);
	} else {
		n = snprintf(to, cap, "%s ", levels[record->level].name);
	}
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/* How long to wait for room before looking again; 0 = no more. */
static int patience_ms(void)
{
	int64_t until = atomic_load(&give_up_at);
	int64_t left = until - clock_monotonic_ms();

	if (until == 0 || left > 100)
		return 100;
	return left > 0 ? (int)left : 0;
}

/* Waits for room; false when the log is being stopped and the reader takes nothing. */
static bool stderr_has_room(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	for (;;) {
		int patience = patience_ms();

		if (poll(&fd, 1, patience) != 0)
			return true;
		if (patience == 0)
			return false;
	}
}

static void write_stderr(struct str octets)
{
	while (octets.n > 0 && stderr_has_room()) {
		size_t piece = octets.n < PIPE_BUF ? octets.n : PIPE_BUF;
		ssize_t n = write(STDERR_FILENO, octets.p, piece);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return; /* nobody can be told */
		if (n > 0)
			octets = str_from(octets, (size_t)n);
	}
}

/* Lines on their way to standard error, written together. */
struct batch {
	char memory[PIPE_BUF];
	size_t n;
};
static_assert(PIPE_BUF >= PREFIX_MAX + LOG_LINE_MAX + 1, "a line fits into a batch");

static void batch_flush(struct batch *batch)
{
	write_stderr((struct str){ batch->memory, batch->n });
	batch->n = 0;
}

static void batch_add(struct batch *batch, const struct record *record, const char *line)
{
	if (atomic_load(&target) == LOG_TO_SYSLOG) {
		batch_flush(batch);
		syslog(LOG_MAIL | levels[record->level].priority, "%.*s", (int)record->n, line);
		return;
	}
	if (sizeof batch->memory - batch->n < PREFIX_MAX + record->n + 1)
		batch_flush(batch);
	batch->n += write_prefix(batch->memory + batch->n, PREFIX_MAX, record);
	memcpy(batch->memory + batch->n, line, record->n);
	batch->n += record->n;
	batch->memory[batch->n++] = '\n';
}

static void ring_put(const void *from, size_t n)
{
	size_t at = (ring.first + ring.n) % RING_OCTETS;
	size_t head = n < RING_OCTETS - at ? n : RING_OCTETS - at;

	memcpy(ring.octets + at, from, head);
	memcpy(ring.octets, (const char *)from + head, n - head);
	ring.n += n;
}

static void ring_take(void *to, size_t n)
{
	size_t head = n < RING_OCTETS - ring.first ? n : RING_OCTETS - ring.first;

	memcpy(to, ring.octets + ring.first, head);
	memcpy((char *)to + head, ring.octets, n - head);
	ring.first = (ring.first + n) % RING_OCTETS;
	ring.n -= n;
}

static struct record record_of(const struct log_line *line)
{
	struct record record = { .n = line->buf.n, .level = line->level };

	clock_gettime(CLOCK_REALTIME, &record.when);
	return record;
}

/* Under ring.lock. */
static void take_dropped(struct record *record, char *to)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARNING, "log-dropped");
	log_number(&line, "lines", ring.dropped);
	ring.dropped = 0;
	*record = record_of(&line);
	memcpy(to, line.memory, record->n);
}

static bool worth_writing(void)
{
	return ring.stopping || ring.dropped > 0 || ring.n >= RING_OCTETS / 2;
}

/* Under ring.lock. */
static void wait_for_lines(void)
{
	struct timespec until;
	int waited = 0;

	while (ring.n == 0 && !worth_writing()) {
		ring.idle = true;
		pthread_cond_wait(&ring.filled, &ring.lock);
	}
	ring.idle = false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LINGER_NANOSECONDS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!worth_writing() && waited == 0)
		waited = pthread_cond_clockwait(&ring.filled, &ring.lock, CLOCK_MONOTONIC,
						&until);
}

enum taken { TAKEN_LINE, TAKEN_NOTHING, TAKEN_END };

/* The next line out of the ring; with `wait` it comes back empty-handed only to end. */
static enum taken ring_next(bool wait, struct record *record, char *line)
{
	enum taken taken = TAKEN_LINE;

	pthread_mutex_lock(&ring.lock);
	if (wait)
		wait_for_lines();
	if (ring.n > 0) {
		ring_take(record, sizeof *record);
		ring_take(line, record->n);
	} else if (ring.dropped > 0) {
		take_dropped(record, line);
	} else if (wait) {
		ring.running = false;
		taken = TAKEN_END;
	} else {
		taken = TAKEN_NOTHING;
	}
	pthread_mutex_unlock(&ring.lock);
	return taken;
}

static void *log_thread(void *unused)
{
	struct batch batch;
	char line[LOG_LINE_MAX];
	struct record record;
	enum taken taken;

	(void)unused;
	batch.n = 0;
	do {
		taken = ring_next(batch.n == 0, &record, line);
		if (taken == TAKEN_LINE)
			batch_add(&batch, &record, line);
		else
			batch_flush(&batch);
	} while (taken != TAKEN_END);
	return NULL;
}

bool log_start(void)
{
	sigset_t all, before;
	bool started;

	assert(!ring.running);
	ring.octets = malloc(RING_OCTETS);
	if (ring.octets == NULL)
		return false;
	ring.stopping = false;
	atomic_store(&give_up_at, 0);
	/* Signals are the main thread's; SIGPIPE must not end us when the reader has gone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ring.running = true;
	started = pthread_create(&ring.thread, NULL, log_thread, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!started) {
		ring.running = false;
		free(ring.octets);
		ring.octets = NULL;
	}
	return started;
}

void log_stop(void)
{
	pthread_mutex_lock(&ring.lock);
	if (!ring.running) {
		pthread_mutex_unlock(&ring.lock);
		return;
	}
	ring.stopping = true;
	atomic_store(&give_up_at, clock_monotonic_ms() + STOP_WAIT_MS);
	pthread_cond_signal(&ring.filled);
	pthread_mutex_unlock(&ring.lock);
	pthread_join(ring.thread, NULL);
	free(ring.octets);
	ring.octets = NULL;
}

/* True when the thread has got the line, or it was counted as dropped. */
static bool hand_over(const struct record *record, const char *line)
{
	bool running;

	pthread_mutex_lock(&ring.lock);
	running = ring.running;
	if (running && RING_OCTETS - ring.n < sizeof *record + record->n) {
		ring.dropped++;
	} else if (running) {
		ring_put(record, sizeof *record);
		ring_put(line, record->n);
		if (ring.idle || worth_writing())
			pthread_cond_signal(&ring.filled);
	}
	pthread_mutex_unlock(&ring.lock);
	return running;
}

void log_end(struct log_line *line)
{
	struct batch batch;
	struct record record;
	int saved = errno;

	if (!log_wanted(line->level))
		return;
	record = record_of(line);
	if (!hand_over(&record, line->memory)) {
		batch.n = 0;
		pthread_mutex_lock(&direct);
		batch_add(&batch, &record, line->memory);
		batch_flush(&batch);
		pthread_mutex_unlock(&direct);
	}
	errno = saved;
}
