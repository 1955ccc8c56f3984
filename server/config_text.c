/*
 * The configuration's text before libconfuse sees it: what that would misread or not tell of.
 */
#include "base/log.h"
#include "config_private.h"

/* Where the comment that begins at text[i] ends; i when none begins there. */
static size_t comment_end(struct str text, size_t i)
{
	bool fresh = i == 0 || strchr(" \t\n", text.p[i - 1]) != NULL;
	char next = i + 1 < text.n ? text.p[i + 1] : '\0';
	size_t end = i;

	if (text.p[i] == '#' || (fresh && text.p[i] == '/' && next == '/')) {
		while (end < text.n && text.p[end] != '\n')
			end++;
	} else if (fresh && text.p[i] == '/' && next == '*') {
		const char *mark = memmem(text.p + i + 2, text.n - i - 2, "*/", 2);

		end = mark != NULL ? (size_t)(mark - text.p) + 2 : text.n;
	}
	return end;
}

/* Where a quoted string that begins at text[i] ends, behind its quote. */
static size_t quoted_end(struct str text, size_t i)
{
	char quote = text.p[i++];

	while (i < text.n && text.p[i] != quote)
		i += text.p[i] == '\\' && i + 1 < text.n ? 2 : 1;
	return i < text.n ? i + 1 : i;
}

/* Puts spaces in place of comments; lines stay lines. */
void blank_comments(char *text, size_t n)
{
	struct str all = { text, n };
	size_t i = 0;

	while (i < n) {
		size_t end = comment_end(all, i);

		for (size_t at = i; at < end; at++) {
			if (text[at] != '\n')
				text[at] = ' ';
		}
		if (end > i)
			i = end;
		else
			i = text[i] == '"' || text[i] == '\'' ? quoted_end(all, i) : i + 1;
	}
}

static int lines_in(struct str text, size_t from, size_t to)
{
	int count = 0;

	for (size_t i = from; i < to; i++)
		count += text.p[i] == '\n' ? 1 : 0;
	return count;
}

/* The comment text[from..to) is one of several lines that has no end. */
static bool comment_is_open(struct str text, size_t from, size_t to)
{
	return to == text.n && text.p[from] == '/' && text.p[from + 1] == '*' &&
	       (to - from < 4 || memcmp(text.p + to - 2, "*/", 2) != 0);
}

/* True when the braces and comments that are opened are closed as well. */
bool text_is_whole(const char *path, struct str text, struct fault *fault)
{
	int line = 1, depth = 0, opened = 0;

	for (size_t i = 0, end; i < text.n; i = end) {
		char c = text.p[i];

		end = comment_end(text, i);
		if (end > i && comment_is_open(text, i, end)) {
			fault_set(fault, "%s:%d: the comment that begins here has no end", path,
				  line);
			return false;
		}
		if (end == i)
			end = c == '"' || c == '\'' ? quoted_end(text, i) : i + 1;
		if (c == '{' && depth++ == 0)
			opened = line;
		else if (c == '}')
			depth--;
		line += lines_in(text, i, end);
	}
	if (depth > 0)
		fault_set(fault, "%s:%d: the brace that is opened here is never closed", path,
			  opened);
	return depth <= 0;
}

/* True when the text has nothing that libconfuse should not see; else `fault` says where. */
bool text_acceptable(const char *path, struct str text, struct fault *fault)
{
	int line = 1;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\0') {
			fault_set(fault, "%s:%d: there is a NUL octet", path, line);
			return false;
		}
		if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{') {
			fault_set(fault,
				  "%s:%d: ${...} is not supported: values stand in the file",
				  path, line);
			return false;
		}
		if (text.p[i] == '\n')
			line++;
	}
	return true;
}
