/*
 * Tables and JSON through libsmartcols. Values may hold octets from outside (addresses, peers):
 * the library escapes control characters, and what is not UTF-8 is made "?" here, because JSON
 * has no other text. In tables so is what is invisible or turns the direction of text.
 */
#include "output.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "complain.h"

struct output {
	struct libscols_table *table;
	enum output_shape shape;
	const struct output_column *columns;
	size_t count;
	size_t rows;
	bool json;
};

/* A tool without memory has nothing better to do than to end. */
static void need(bool have)
{
	if (!have)
		exit(complain(EX_OSERR, "out of memory"));
}

static void add_columns(struct output *output)
{
	static const int json_type[] = {
		[OUTPUT_TEXT] = SCOLS_JSON_STRING,
		[OUTPUT_NUMBER] = SCOLS_JSON_NUMBER,
		[OUTPUT_BOOL] = SCOLS_JSON_BOOLEAN_OPTIONAL,
		[OUTPUT_TIME] = SCOLS_JSON_NUMBER,
	};
	for (size_t i = 0; i < output->count; i++) {
		const struct output_column *row = &output->columns[i];
		int flags = row->type == OUTPUT_NUMBER ? SCOLS_FL_RIGHT : 0;
		struct libscols_column *column =
			scols_table_new_column(output->table, row->name, 0, flags);
		need(column != NULL);
		scols_column_set_json_type(column, json_type[row->type]);
	}
}

struct output *output_begin(const struct tool *tool, const char *name, enum output_shape shape,
			    const struct output_column *columns, size_t count)
{
	struct output *output = calloc(1, sizeof *output);
	need(output != NULL);
	*output = (struct output){ scols_new_table(), shape, columns, count, 0, false };
	need(output->table != NULL);
	output->json = tool_has(tool, OPTION_JSON);
	if (output->json || shape == OUTPUT_ROWS) {
		add_columns(output);
	} else {
		scols_table_enable_noheadings(output->table, 1);
		need(scols_table_new_column(output->table, "name", 0, 0) != NULL &&
		     scols_table_new_column(output->table, "value", 0, 0) != NULL);
	}
	if (output->json) {
		need(scols_table_set_name(output->table, name) == 0);
		scols_table_enable_json(output->table, 1);
	}
	return output;
}

/* Octets of the UTF-8 character at p, 0 if there is none: RFC 3629 section 4. */
static size_t utf8_length(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	size_t n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	}
	return n;
}

/* In place. JSON keeps every character: programs read it. */
static void mend(char *text, bool json)
{
	struct str rest = str_of(text);
	while (rest.n > 0) {
		size_t n = utf8_length((const unsigned char *)rest.p);
		bool shown = n == 1 || (n > 1 && (json || log_printable(rest) > 0));
		n += n == 0;
		if (!shown)
			memset(text + (rest.p - text), '?', n);
		rest = str_from(rest, n);
	}
}

static char *time_text(const char *value)
{
	char text[32];
	time_t when = (time_t)strtoll(value, NULL, 10);
	struct tm local;
	if (when == 0)
		return strdup("never");
	if (localtime_r(&when, &local) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local) == 0)
		return strdup(value);
	return strdup(text);
}

/* What a cell shows, to be freed; NULL for none. */
static char *cell_text(const struct output *output, enum output_type type, const char *value)
{
	char *text = NULL;
	if (value == NULL)
		return NULL;
	if (!output->json && type == OUTPUT_TIME)
		text = time_text(value);
	else if (!output->json && type == OUTPUT_BOOL)
		text = strdup(strcmp(value, "0") == 0 ? "no" : "yes");
	else
		text = strdup(value);
	need(text != NULL);
	mend(text, output->json);
	return text;
}

void output_row(struct output *output, const char *const *values)
{
	bool facts = output->shape == OUTPUT_FACTS && !output->json;
	struct libscols_line *line = NULL;
	for (size_t i = 0; i < output->count; i++) {
		char *text = cell_text(output, output->columns[i].type, values[i]);
		if (line == NULL || facts) {
			line = scols_table_new_line(output->table, NULL);
			need(line != NULL);
		}
		if (facts)
			need(scols_line_set_data(line, 0, output->columns[i].name) == 0);
		need(scols_line_refer_data(line, facts ? 1 : i, text) == 0);
	}
	output->rows++;
}

size_t output_rows(const struct output *output)
{
	return output->rows;
}

void output_end(struct output **output)
{
	scols_print_table((*output)->table);
	scols_unref_table((*output)->table);
	free(*output);
	*output = NULL;
}

const char *output_u64(char text[OUTPUT_NUMBER_MAX], uint64_t number)
{
	snprintf(text, OUTPUT_NUMBER_MAX, "%" PRIu64, number);
	return text;
}

const char *output_i64(char text[OUTPUT_NUMBER_MAX], int64_t number)
{
	snprintf(text, OUTPUT_NUMBER_MAX, "%" PRId64, number);
	return text;
}
