/* Reads dialogue scripts: see script.h. Tests may allocate; a script lives as long as its test. */
#include "script.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static char *read_whole(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t n = 0, got = 0;

	if (file == NULL)
		return NULL;
	do {
		char *more = realloc(text, n + 4096 + 1);

		if (more == NULL)
			break;
		text = more;
		got = fread(text + n, 1, 4096, file);
		n += got;
		text[n] = '\0';
	} while (got > 0);
	fclose(file);
	return text;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One escape, *from behind the backslash; -1 when there is no such escape. */
static int unescape_one(const char **from)
{
	static const char names[] = "rnt0\\", values[] = "\r\n\t\0\\";
	const char *name;
	char c = *(*from)++;
	int high, low;

	if (c == 'x') {
		high = hex_digit((*from)[0]);
		low = high < 0 ? -1 : hex_digit((*from)[1]);
		*from += low < 0 ? 0 : 2;
		return low < 0 ? -1 : high * 16 + low;
	}
	name = c == '\0' ? NULL : strchr(names, c);
	return name == NULL ? -1 : (unsigned char)values[name - names];
}

size_t script_unescape(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from != '\0') {
		int octet = (unsigned char)*from++;

		if (octet == '\\')
			octet = unescape_one(&from);
		if (octet < 0)
			return SIZE_MAX;
		*to++ = (char)octet;
	}
	*to = '\0';
	return (size_t)(to - text);
}

static bool complain(const struct script *script, unsigned line, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", script->path, line, what);
	return false;
}

static bool add_header(struct script *script, unsigned line, char *text)
{
	char *colon = strchr(text, ':');

	if (colon == NULL)
		return complain(script, line, "a header is `key: value`");
	*colon++ = '\0';
	if (*colon == ' ')
		colon++;
	script->headers[script->header_count++] = (struct script_header){ text, colon };
	return true;
}

static bool kind_of(const char *mark, enum script_kind *kind)
{
	static const struct {
		char mark[3];
		enum script_kind kind;
	} kinds[] = {
		{ "C:", SCRIPT_CLIENT },  { "C>", SCRIPT_CLIENT }, { "S:", SCRIPT_LINE },
		{ "S~", SCRIPT_PATTERN }, { "S>", SCRIPT_OCTETS }, { "A:", SCRIPT_ANSWER },
		{ "X:", SCRIPT_CLOSE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strncmp(mark, kinds[i].mark, 2) == 0) {
			*kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

static struct str client_sends(struct script *script, struct str text, bool whole_line)
{
	char *at = script->client + script->client_n;

	if (text.n > 0)
		memcpy(at, text.p, text.n);
	if (whole_line) {
		memcpy(at + text.n, "\r\n", 2);
		text.n += 2;
	}
	script->client_n += text.n;
	return (struct str){ at, text.n };
}

static bool add_step(struct script *script, unsigned line, char *text)
{
	struct script_step step = { .line = line, .at = script->client_n };
	bool escaped = text[1] == '>';

	if (!kind_of(text, &step.kind))
		return complain(script, line, "none of C: C> S: S~ S> A: X:");
	text += text[2] == ' ' ? 3 : 2;
	step.text = str_of(text);
	if (escaped)
		step.text.n = script_unescape(text);
	if (step.text.n == SIZE_MAX)
		return complain(script, line, "ill-formed escape");
	if (step.kind == SCRIPT_CLIENT)
		step.text = client_sends(script, step.text, !escaped);
	script->steps[script->step_count++] = step;
	return true;
}

static bool parse(struct script *script)
{
	bool in_headers = true;
	unsigned number = 0;

	for (char *line = script->file, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		number++;
		if (line[0] == '#')
			continue;
		if (line[0] == '\0')
			in_headers = false;
		else if (in_headers ? !add_header(script, number, line)
				    : !add_step(script, number, line))
			return false;
	}
	return script->step_count > 0 ? true : complain(script, number, "nothing is said");
}

bool script_read(const char *path, struct script *script)
{
	size_t lines = 1, n;

	*script = (struct script){ .path = path, .file = read_whole(path) };
	if (script->file == NULL)
		return complain(script, 0, "cannot be read");
	n = strlen(script->file);
	for (size_t i = 0; i < n; i++)
		lines += script->file[i] == '\n';
	script->headers = calloc(lines, sizeof *script->headers);
	script->steps = calloc(lines, sizeof *script->steps);
	script->client = malloc(n + 2 * lines);
	if (script->headers == NULL || script->steps == NULL || script->client == NULL)
		return complain(script, 0, "out of memory");
	return parse(script);
}

void script_free(struct script *script)
{
	free(script->headers);
	free(script->steps);
	free(script->client);
	free(script->file);
	*script = (struct script){ 0 };
}

const char *script_header(const struct script *script, const char *key, size_t nth)
{
	for (size_t i = 0; i < script->header_count; i++) {
		if (strcmp(script->headers[i].key, key) == 0 && nth-- == 0)
			return script->headers[i].value;
	}
	return NULL;
}

bool script_flag(const struct script *script, const char *key, bool otherwise)
{
	const char *value = script_header(script, key, 0);

	return value == NULL ? otherwise : strcmp(value, "yes") == 0;
}

unsigned long script_number(const struct script *script, const char *key,
			    unsigned long otherwise)
{
	const char *value = script_header(script, key, 0);

	return value == NULL ? otherwise : strtoul(value, NULL, 10);
}
