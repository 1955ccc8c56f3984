/*
 * Builds one line of the log: see log.h. Pure: no clock, no file.
 *
 * What comes from outside is quoted, and within the quotes only printable UTF-8 stands as it is.
 * So nobody who chooses a user name can forge a line, end the quotes, move a terminal's cursor or
 * turn the direction of the text that follows. A value that was cut is marked with "..." after
 * the closing quote, where no value can write.
 */
#include "base/log.h"

/* Follows a line or value that did not fit. */
#define CUT_MARK "..."
#define CUT_ROOM (sizeof(CUT_MARK) - 1)

/* A space and the mark: kept free of everything else. */
#define LINE_RESERVE (CUT_ROOM + 1)

struct code_range {
	uint32_t first, last;
};

/*
 * Valid code points that no reader should get raw: controls, invisible ones, and those that
 * change the direction of text.
 */
static const struct code_range unprintable[] = {
	{ 0x0000, 0x001F },    { 0x007F, 0x009F }, { 0x00AD, 0x00AD }, { 0x034F, 0x034F },
	{ 0x061C, 0x061C },    { 0x115F, 0x1160 }, { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },
	{ 0x200B, 0x200F },    { 0x2028, 0x202E }, { 0x2060, 0x206F }, { 0x3164, 0x3164 },
	{ 0xE000, 0xF8FF },    { 0xFDD0, 0xFDEF }, { 0xFE00, 0xFE0F }, { 0xFEFF, 0xFEFF },
	{ 0xFFA0, 0xFFA0 },    { 0xFFF0, 0xFFFB }, { 0xFFFE, 0xFFFF }, { 0x1D173, 0x1D17A },
	{ 0xE0000, 0x10FFFF },
};

static bool code_printable(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(unprintable); i++) {
		if (code >= unprintable[i].first && code <= unprintable[i].last)
			return false;
	}
	/* U+1FFFE, U+1FFFF, U+2FFFE and so on are never characters. */
	return (code & 0xFFFE) != 0xFFFE;
}

/* Octets of the UTF-8 sequence that begins with this octet, as RFC 3629 section 4; 0 = none. */
static size_t sequence_octets(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xC2 && first <= 0xDF)
		return 2;
	if (first >= 0xE0 && first <= 0xEF)
		return 3;
	if (first >= 0xF0 && first <= 0xF4)
		return 4;
	return 0;
}

size_t log_printable(struct str s)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)s.p[0];
	size_t n = sequence_octets(first);
	uint32_t code;

	if (n == 0 || n > s.n)
		return 0;
	if (n == 1)
		return code_printable(first) ? 1 : 0;
	code = first & (0x7FU >> n);
	for (size_t i = 1; i < n; i++) {
		unsigned char next = (unsigned char)s.p[i];

		if ((next & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (next & 0x3FU);
	}
	if (code < smallest[n] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return 0;
	return code_printable(code) ? n : 0;
}

/* Octets at the front that stand for themselves, at most `max`: most values are nothing else. */
static size_t plain_octets(struct str value, size_t max)
{
	size_t n = 0;

	while (n < value.n && n < max && value.p[n] >= ' ' && value.p[n] <= '~' &&
	       value.p[n] != '"' && value.p[n] != '\\')
		n++;
	return n;
}

/*
 * Takes plain octets, one character, or one octet that is none, off *value; `unit` has room for its
 * escaped form.
 */
static struct str escape_next(struct str *value, size_t room, char unit[4])
{
	static const char digits[] = "0123456789abcdef";
	size_t plain = plain_octets(*value, room);
	size_t n = plain > 0 ? plain : log_printable(*value);
	unsigned char octet = (unsigned char)value->p[0];
	struct str escaped = { value->p, n };

	if (n == 0) {
		unit[0] = '\\';
		unit[1] = 'x';
		unit[2] = digits[octet >> 4];
		unit[3] = digits[octet & 15];
		escaped = (struct str){ unit, 4 };
	} else if (octet == '"' || octet == '\\') {
		unit[0] = '\\';
		unit[1] = (char)octet;
		escaped = (struct str){ unit, 2 };
	}
	*value = str_from(*value, n == 0 ? 1 : n);
	return escaped;
}

void log_escape(struct buf *to, struct str value, size_t max)
{
	bool cut = value.n > max;
	char unit[4];

	/* Less room than an empty cut value takes: nothing at all. */
	if (buf_room(to) < 2 + CUT_ROOM)
		return;
	if (cut)
		value.n = max;
	(void)buf_add_char(to, '"');
	while (value.n > 0) {
		size_t room = buf_room(to) - 1 - CUT_ROOM;
		struct str escaped = escape_next(&value, room, unit);

		if (escaped.n > room) {
			cut = true;
			break;
		}
		(void)buf_add(to, escaped);
	}
	(void)buf_add_char(to, '"');
	if (cut)
		(void)buf_add(to, STR(CUT_MARK));
}

/* The line is full: marks it, and takes nothing more. */
static void line_close(struct log_line *line)
{
	if (line->buf.cap != sizeof line->memory - LINE_RESERVE)
		return;
	line->buf.cap = sizeof line->memory;
	(void)buf_add(&line->buf, STR(" " CUT_MARK));
	line->buf.cap = line->buf.n;
}

/* Adds " key="; false when it does not fit with `room` octets of value. */
static bool add_key(struct log_line *line, const char *key, size_t room)
{
	struct str name = str_of(key);

	if (buf_room(&line->buf) < name.n + 2 + room) {
		line_close(line);
		return false;
	}
	return buf_add_char(&line->buf, ' ') && buf_add(&line->buf, name) &&
	       buf_add_char(&line->buf, '=');
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
	line->level = level;
	line->buf = buf_over(line->memory, sizeof line->memory - LINE_RESERVE);
	if (!buf_add(&line->buf, str_of(event)))
		line_close(line);
}

void log_word(struct log_line *line, const char *key, const char *value)
{
	struct str word = str_of(value);

	if (add_key(line, key, word.n))
		(void)buf_add(&line->buf, word);
}

void log_number(struct log_line *line, const char *key, uint64_t value)
{
	if (add_key(line, key, 20))
		(void)buf_add_u64(&line->buf, value);
}

void log_quoted(struct log_line *line, const char *key, struct str value)
{
	if (add_key(line, key, 2 + CUT_ROOM))
		log_escape(&line->buf, value, LOG_QUOTED_MAX);
}

void log_event(enum log_level level, const char *event)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_end(&line);
}

void log_fault(enum log_level level, const char *event, const struct fault *fault)
{
	struct log_line line;

	log_begin(&line, level, event);
	/* A fault is a sentence of ours, which may quote others: longer than a user name. */
	if (fault->text[0] != '\0' && add_key(&line, "msg", 2 + CUT_ROOM))
		log_escape(&line.buf, str_of(fault->text), sizeof fault->text);
	log_end(&line);
}
