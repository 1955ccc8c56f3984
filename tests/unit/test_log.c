/* The log: one event per line, and nobody outside can forge one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* Standard error, redirected into a pipe for the length of a test. */
static int kept_stderr = -1;
static int reader = -1;

static void capture(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	kept_stderr = dup(STDERR_FILENO);
	assert_true(kept_stderr >= 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	reader = fds[0];
}

/* Gives standard error back; returns what was written, to be freed. */
static char *captured(void)
{
	size_t n = 0, cap = (size_t)4 << 20;
	char *text = malloc(cap);
	ssize_t got;

	assert_non_null(text);
	assert_int_equal(dup2(kept_stderr, STDERR_FILENO), STDERR_FILENO);
	close(kept_stderr);
	while ((got = read(reader, text + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	close(reader);
	text[n] = '\0';
	return text;
}

static const char *escaped(struct str value, size_t max, char *text, size_t cap)
{
	struct buf to = buf_over(text, cap - 1);

	log_escape(&to, value, max);
	text[to.n] = '\0';
	return text;
}

static void escape_keeps_printable_text_and_shows_the_rest(void **state)
{
	static const struct {
		struct str value;
		const char *expected;
	} rows[] = {
		{ STR_INIT("joe@example.org"), "\"joe@example.org\"" },
		{ STR_INIT(""), "\"\"" },
		{ STR_INIT("a\" rip=192.0.2.1 x=\""), "\"a\\\" rip=192.0.2.1 x=\\\"\"" },
		{ STR_INIT("back\\slash"), "\"back\\\\slash\"" },
		{ STR_INIT("a\r\nb\0c\x1b[2J\x7f\t"),
		  "\"a\\x0d\\x0ab\\x00c\\x1b[2J\\x7f\\x09\"" },
		{ STR_INIT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xab"),
		  "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xab\"" },
		/* overlong, lone continuation, cut short, surrogate, beyond U+10FFFF */
		{ STR_INIT("\xc0\xaf"), "\"\\xc0\\xaf\"" },
		{ STR_INIT("\xe0\x80\xaf"), "\"\\xe0\\x80\\xaf\"" },
		{ STR_INIT("\x80x"), "\"\\x80x\"" },
		{ STR_INIT("x\xe2\x82"), "\"x\\xe2\\x82\"" },
		{ STR_INIT("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"" },
		{ STR_INIT("\xf4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\"" },
		/* C1 control, line separator, right-to-left override, no-break */
		{ STR_INIT("\xc2\x9b"
			   "1m"),
		  "\"\\xc2\\x9b1m\"" },
		{ STR_INIT("\xe2\x80\xa8"), "\"\\xe2\\x80\\xa8\"" },
		{ STR_INIT("\xe2\x80\xae"), "\"\\xe2\\x80\\xae\"" },
		{ STR_INIT("\xef\xbb\xbf"), "\"\\xef\\xbb\\xbf\"" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(escaped(rows[i].value, 100, text, sizeof text),
				    rows[i].expected);
}

static void escape_long_value_is_cut_behind_the_quote(void **state)
{
	char text[64];

	(void)state;
	assert_string_equal(escaped(STR("abcdef"), 3, text, sizeof text), "\"abc\"...");
	assert_string_equal(escaped(STR("abc"), 3, text, sizeof text), "\"abc\"");
}

static void escape_without_room_closes_the_quote(void **state)
{
	char memory[16];

	(void)state;
	for (size_t cap = 0; cap <= sizeof memory; cap++) {
		struct buf to = buf_over(memory, cap);

		log_escape(&to, STR("\x01\x01\x01\x01\x01\x01"), 100);
		assert_true(to.n <= cap);
		if (cap < 5)
			assert_int_equal(to.n, 0);
		else
			assert_memory_equal(to.p + to.n - 4, "\"...", 4);
	}
}

static void line_full_is_marked_and_takes_no_more(void **state)
{
	struct log_line line;
	char word[400];

	(void)state;
	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	log_begin(&line, LOG_LEVEL_INFO, "event");
	for (int i = 0; i < 5; i++)
		log_word(&line, "key", word);
	log_number(&line, "n", 7);
	assert_true(line.buf.n <= LOG_LINE_MAX);
	assert_memory_equal(line.memory + line.buf.n - 8, "xxxx ...", 8);
}

static void log_without_thread_writes_a_dated_line(void **state)
{
	struct log_line line;
	char *text;
	int year, n = 0;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture();
	log_configure(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_begin(&line, LOG_LEVEL_WARNING, "login-failed");
	log_word(&line, "peer", "192.0.2.7");
	log_number(&line, "session", 18446744073709551615U);
	log_quoted(&line, "user", STR("a\nb"));
	errno = ENOTTY;
	log_end(&line);
	assert_int_equal(errno, ENOTTY);
	text = captured();
	assert_int_equal(sscanf(text, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &year, &n), 1);
	assert_true(year >= 2024 && n == 25);
	assert_string_equal(text + n, "warning login-failed peer=192.0.2.7 "
				      "session=18446744073709551615 user=\"a\\x0ab\"\n");
	free(text);
}

static void log_to_the_journal_has_a_priority(void **state)
{
	struct stat st;
	char stream[64];
	char *text;

	(void)state;
	capture();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_configure(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_event(LOG_LEVEL_ERROR, "one");
	log_event(LOG_LEVEL_DEBUG, "unwanted");
	log_event(LOG_LEVEL_INFO, "two");
	/* Standard error was replaced since: not the journal any more. */
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_configure(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_event(LOG_LEVEL_INFO, "three");
	unsetenv("JOURNAL_STREAM");
	text = captured();
	assert_memory_equal(text, "<3>one\n<6>two\n2", 15);
	assert_non_null(strstr(text, "Z info three\n"));
	free(text);
	log_configure(LOG_TO_STDERR, LOG_LEVEL_INFO);
}

/* What syslog(3) was given last. */
static int syslog_priority = -1;
static char syslog_text[LOG_LINE_MAX + 1];

PRINTF_LIKE(2, 3) void __wrap_syslog(int priority, const char *format, ...);
PRINTF_LIKE(3, 4) void __wrap___syslog_chk(int priority, int flag, const char *format, ...);

void __wrap_syslog(int priority, const char *format, ...)
{
	va_list arguments;

	syslog_priority = priority;
	va_start(arguments, format);
	(void)vsnprintf(syslog_text, sizeof syslog_text, format, arguments);
	va_end(arguments);
}

/* The same under _FORTIFY_SOURCE. */
void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	syslog_priority = priority;
	va_start(arguments, format);
	(void)vsnprintf(syslog_text, sizeof syslog_text, format, arguments);
	va_end(arguments);
}

static void log_to_syslog_has_facility_and_priority(void **state)
{
	struct log_line line;

	(void)state;
	log_configure(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	assert_true(log_start());
	log_begin(&line, LOG_LEVEL_WARNING, "event");
	log_quoted(&line, "user", STR("%n%s\n"));
	log_end(&line);
	log_event(LOG_LEVEL_DEBUG, "not-wanted");
	log_stop();
	log_configure(LOG_TO_STDERR, LOG_LEVEL_INFO);
	assert_int_equal(syslog_priority, LOG_MAIL | LOG_WARNING);
	assert_string_equal(syslog_text, "event user=\"%n%s\\x0a\"");
}

static void log_fault_is_quoted(void **state)
{
	struct fault fault;
	char *text;

	(void)state;
	fault_set(&fault, "cannot open %s", "\"/x\ny\"");
	capture();
	log_fault(LOG_LEVEL_ERROR, "start-failed", &fault);
	text = captured();
	assert_non_null(
		strstr(text, "error start-failed msg=\"cannot open \\\"/x\\x0ay\\\"\"\n"));
	free(text);
}

#define WRITERS 4
#define LINES 500

static void *write_lines(void *context)
{
	const unsigned *me = context;
	struct log_line line;

	for (unsigned i = 0; i < LINES; i++) {
		log_begin(&line, LOG_LEVEL_INFO, "line");
		log_number(&line, "writer", *me);
		log_number(&line, "n", i);
		log_end(&line);
	}
	return NULL;
}

/* Reads on while the test's threads write more than a pipe holds. */
static void *drain_pipe(void *context)
{
	unsigned *next = context;
	FILE *file = fdopen(dup(reader), "r");
	char *line = NULL;
	size_t cap = 0;

	while (file != NULL && getline(&line, &cap, file) > 0) {
		const char *at = strstr(line, " info line writer=");
		unsigned writer, n;

		if (at != NULL && sscanf(at, " info line writer=%u n=%u", &writer, &n) == 2 &&
		    writer < WRITERS && n == next[writer])
			next[writer]++;
	}
	free(line);
	if (file != NULL)
		(void)fclose(file);
	return NULL;
}

static void log_with_thread_keeps_every_line_in_order(void **state)
{
	pthread_t threads[WRITERS], drain;
	unsigned numbers[WRITERS], next[WRITERS] = { 0 };

	(void)state;
	capture();
	assert_true(log_start());
	assert_int_equal(pthread_create(&drain, NULL, drain_pipe, next), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &numbers[i]),
				 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	log_stop();
	assert_int_equal(dup2(kept_stderr, STDERR_FILENO), STDERR_FILENO);
	pthread_join(drain, NULL);
	close(kept_stderr);
	close(reader);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(next[i], LINES);
}

static void log_ring_full_counts_what_it_drops(void **state)
{
	struct log_line line;
	char word[901];
	unsigned long dropped = 0;
	unsigned seen = 0;
	FILE *file;
	char *text = NULL;
	size_t cap = 0;

	(void)state;
	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	capture();
	assert_true(log_start());
	/* Nobody reads: the pipe takes 64 KiB, the ring 1 MiB, the rest is dropped. */
	for (unsigned i = 0; i < 2000; i++) {
		log_begin(&line, LOG_LEVEL_INFO, "flood");
		log_word(&line, "x", word);
		log_end(&line);
	}
	file = fdopen(reader, "r");
	assert_non_null(file);
	while (getline(&text, &cap, file) > 0) {
		const char *at = strstr(text, " warning log-dropped lines=");

		if (at != NULL) {
			assert_int_equal(sscanf(at, " warning log-dropped lines=%lu", &dropped),
					 1);
			break;
		}
		if (strstr(text, " info flood x=xxx") != NULL)
			seen++;
	}
	log_stop();
	assert_int_equal(dup2(kept_stderr, STDERR_FILENO), STDERR_FILENO);
	close(kept_stderr);
	(void)fclose(file);
	free(text);
	assert_true(dropped > 0);
	assert_int_equal(seen + dropped, 2000);
}

static void log_stop_with_a_stuck_reader_gives_up_once(void **state)
{
	struct log_line line;
	char word[901];
	int64_t begin;
	char *text;

	(void)state;
	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	capture();
	assert_true(log_start());
	for (unsigned i = 0; i < 2000; i++) {
		log_begin(&line, LOG_LEVEL_INFO, "flood");
		log_word(&line, "x", word);
		log_end(&line);
	}
	/* Not once for each of the ring's many batches. */
	begin = clock_monotonic_ms();
	log_stop();
	assert_true(clock_monotonic_ms() - begin < 10000);
	text = captured();
	assert_non_null(strstr(text, " info flood x=xxx"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escape_keeps_printable_text_and_shows_the_rest),
		cmocka_unit_test(escape_long_value_is_cut_behind_the_quote),
		cmocka_unit_test(escape_without_room_closes_the_quote),
		cmocka_unit_test(line_full_is_marked_and_takes_no_more),
		cmocka_unit_test(log_without_thread_writes_a_dated_line),
		cmocka_unit_test(log_to_the_journal_has_a_priority),
		cmocka_unit_test(log_to_syslog_has_facility_and_priority),
		cmocka_unit_test(log_fault_is_quoted),
		cmocka_unit_test(log_with_thread_keeps_every_line_in_order),
		cmocka_unit_test(log_ring_full_counts_what_it_drops),
		cmocka_unit_test(log_stop_with_a_stuck_reader_gives_up_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
