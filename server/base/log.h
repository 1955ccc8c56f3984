/*
 * The log: one event per line, "event key=value ...", to standard error or syslog(3).
 *
 * A line is built in a struct on the caller's stack and handed over by log_end, which never waits
 * for whoever reads the log: lines go through a bounded ring to a thread of their own (after
 * log_start); when the ring is full they are counted and the count is logged later.
 */
#ifndef RESTANTE_LOG_H
#define RESTANTE_LOG_H

#include <stdint.h>

#include "base/buf.h"
#include "restante/compiler.h"
#include "restante/fault.h"
#include "restante/str.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

#define LOG_LINE_MAX 1024
#define LOG_QUOTED_MAX 256 /* octets of a value from outside that log_quoted takes */

struct log_line {
	enum log_level level;
	struct buf buf;
	char memory[LOG_LINE_MAX];
};

/* Before threads: where lines go and which levels are kept. May be called again (reload). */
void log_configure(enum log_target target, enum log_level highest);
/* Starts and stops the thread; before and after, log_end writes directly. */
MUST_USE bool log_start(void);
void log_stop(void);
bool log_wanted(enum log_level level);

void log_begin(struct log_line *line, enum log_level level, const char *event);
/* Words of our own: no spaces, no quotes. */
void log_word(struct log_line *line, const char *key, const char *value);
void log_number(struct log_line *line, const char *key, uint64_t value);
/* Octets from outside: quoted and escaped, cut when long. These come last in a line. */
void log_quoted(struct log_line *line, const char *key, struct str value);
void log_end(struct log_line *line);

/* The common short forms. */
void log_event(enum log_level level, const char *event);
void log_fault(enum log_level level, const char *event, const struct fault *fault);

/* Quotes and escapes `value` onto `to` as log_quoted does, at most `max` octets of it. */
void log_escape(struct buf *to, struct str value, size_t max);
/*
 * How many octets at the front of `s` (not empty) are one character that a reader may be shown as
 * it is: no control, nothing invisible, nothing that changes the direction of text. 0 = none.
 */
size_t log_printable(struct str s);
/* "msg" as the fault's text, printf-like. */
void fault_set(struct fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
