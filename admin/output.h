/*
 * What the tool prints: tables for people, JSON for programs, from the same rows.
 */
#ifndef RESTANTE_ADMIN_OUTPUT_H
#define RESTANTE_ADMIN_OUTPUT_H

#include "tool.h"

enum output_type {
	OUTPUT_TEXT,
	OUTPUT_NUMBER,
	OUTPUT_BOOL, /* "0" or "1"; a table says no or yes */
	OUTPUT_TIME /* seconds since 1970, 0 = never; a table shows local time and its offset */
};

struct output_column {
	const char *name;
	enum output_type type;
};

enum output_shape {
	OUTPUT_ROWS, /* one line a row */
	OUTPUT_FACTS /* few rows, shown as "name value" lines; JSON is the same as for rows */
};

struct output;

/*
 * `name` is the JSON array's. The columns must outlive the output. Ends the tool if memory
 * does.
 */
struct output *output_begin(const struct tool *tool, const char *name, enum output_shape shape,
			    const struct output_column *columns, size_t count);
/* As many values as columns; NULL = none. */
void output_row(struct output *output, const char *const *values);
size_t output_rows(const struct output *output);
/* Prints and frees. */
void output_end(struct output **output);

/* Text of a number for output_row, in the caller's memory. */
#define OUTPUT_NUMBER_MAX 24
const char *output_u64(char text[OUTPUT_NUMBER_MAX], uint64_t number);
const char *output_i64(char text[OUTPUT_NUMBER_MAX], int64_t number);

#endif
