/*
 * Sends a message as a multi-line response: a cursor into the message and the octets that the
 * driver reads for it, in slices of any size.
 *
 * - A line that begins with "." gets another one in front (RFC 1939 section 3). `last` remembers
 *   the octets before the cursor; a message starts as if a line had just ended, so that its very
 *   first octet is looked at too. Without a need for stuffing the octets are copied as they are.
 * - TOP sends the header, the empty line behind it (also when the message has none: Outlook
 *   Express and Netscape cannot do without) and so many lines of the body. A count that no body of
 *   this size can reach means all of it: fetchmail's "TOP n 99999999" is sent like a RETR.
 * - Dots take room that nobody can foretell: what finds none is asked for again.
 * - A message is stored with CRLF at its end. Should one not be, the response is still framed.
 * - A message that ends before its announced size is never finished: the connection ends without
 *   the final dot, and the client sees that it has not got the message.
 */
#include "pop3/pop3_private.h"

/* Behind the octets: an end of line that is missing, the header's empty line, the final dot. */
#define TAIL 8
#define CRLF UINT32_C(0x0D0A)

static bool line_ended(const struct pop3_session *session)
{
	return (session->last & 0xFF) == '\n';
}

static bool empty_line_ended(const struct pop3_session *session)
{
	return session->last == (CRLF << 16 | CRLF);
}

static void remember(struct pop3_session *session, struct str octets)
{
	struct str newest = octets.n > 4 ? str_from(octets, octets.n - 4) : octets;

	for (size_t i = 0; i < newest.n; i++)
		session->last = session->last << 8 | (unsigned char)newest.p[i];
}

static void add_line_end(struct pop3_session *session, struct buf *out)
{
	(void)buf_add(out, STR("\r\n"));
	remember(session, STR("\r\n"));
}

static bool counts_lines(const struct pop3_session *session)
{
	return session->lines_left != POP3_ALL_LINES;
}

/* After each slice: what the end of the header or of the message asks for. */
static void settle(struct pop3_session *session, struct buf *out)
{
	bool over = session->offset == session->octets;
	bool header_is_all = session->header_octets == session->octets;

	if (session->top && session->offset == session->header_octets &&
	    (counts_lines(session) || header_is_all)) {
		if (!line_ended(session))
			add_line_end(session, out);
		if (!empty_line_ended(session))
			add_line_end(session, out);
	}
	if (session->offset >= session->header_octets && session->lines_left == 0)
		over = true;
	if (!over)
		return;
	if (!line_ended(session))
		add_line_end(session, out);
	(void)buf_add(out, STR(".\r\n"));
	session->producing = POP3_IDLE;
}

void pop3_send_begin(struct pop3_session *session, const struct pop3_message *message, bool top,
		     uint64_t lines, struct buf *out)
{
	uint64_t header = message->header_octets;

	session->producing = POP3_SENDING;
	session->msgno = message->msgno;
	session->offset = 0;
	session->octets = message->octets;
	session->header_octets = header < message->octets ? header : message->octets;
	session->needs_stuffing = message->needs_stuffing;
	session->top = top;
	session->last = CRLF;
	/* A line has an octet at least. */
	session->lines_left =
		lines >= message->octets - session->header_octets ? POP3_ALL_LINES : lines;
	if (session->octets == 0 || (top && session->header_octets == 0))
		settle(session, out);
}

struct pop3_action pop3_send_next(const struct pop3_session *session, size_t room)
{
	bool in_header = counts_lines(session) && session->offset < session->header_octets;
	uint64_t end = in_header ? session->header_octets : session->octets;
	uint64_t left = end - session->offset;
	size_t max = room - TAIL;

	/* At worst every line is "." LF: three octets go out for two. */
	if (session->needs_stuffing && counts_lines(session))
		max = max / 3 * 2;
	return (struct pop3_action){ .kind = POP3_OCTETS,
				     .msgno = session->msgno,
				     .offset = session->offset,
				     .max = left < max ? (size_t)left : max,
				     .verbatim = !session->needs_stuffing &&
						 !counts_lines(session) };
}

/* The part of `octets` that the lines still to send take. */
static struct str take_lines(struct pop3_session *session, struct str octets)
{
	struct str rest = octets;

	while (rest.n > 0 && session->lines_left > 0) {
		const char *lf = memchr(rest.p, '\n', rest.n);

		if (lf == NULL)
			return octets;
		rest = str_from(rest, (size_t)(lf - rest.p) + 1);
		session->lines_left--;
	}
	return (struct str){ octets.p, octets.n - rest.n };
}

/* Adds what there is room for, and says how much. */
static size_t add_some(struct str octets, size_t keep, struct buf *out)
{
	size_t room = buf_room(out) > keep ? buf_room(out) - keep : 0;

	if (octets.n > room)
		octets.n = room;
	return buf_add(out, octets) ? octets.n : 0;
}

/*
 * So many of the octets, with their dots, as leave room for the tail. In long runs: most lines
 * begin with something else, and most dots stand elsewhere.
 */
static size_t add_stuffed(bool at_line_start, struct str octets, struct buf *out)
{
	const char *end = octets.p + octets.n;
	const char *from = octets.p;
	const char *dot = octets.p;

	while ((dot = memchr(dot, '.', (size_t)(end - dot))) != NULL) {
		if (dot == octets.p ? at_line_start : dot[-1] == '\n') {
			from += add_some((struct str){ from, (size_t)(dot - from) }, TAIL, out);
			/* Two of them, or the line is begun next time. */
			if (from < dot || buf_room(out) < TAIL + 2 || !buf_add_char(out, '.'))
				return (size_t)(from - octets.p);
		}
		dot++;
	}
	from += add_some((struct str){ from, (size_t)(end - from) }, TAIL, out);
	return (size_t)(from - octets.p);
}

void pop3_send_octets(struct pop3_session *session, struct str octets, struct buf *out)
{
	size_t n;

	if (octets.n == 0 || octets.n > session->octets - session->offset) {
		pop3_end(session);
		return;
	}
	if (counts_lines(session) && session->offset >= session->header_octets)
		octets = take_lines(session, octets);
	n = session->needs_stuffing ? add_stuffed(line_ended(session), octets, out)
				    : add_some(octets, TAIL, out);
	/* A driver that gave no room, or more than it was asked for: the lines are counted. */
	if (n == 0 || (n < octets.n && counts_lines(session))) {
		pop3_end(session);
		return;
	}
	octets.n = n;
	remember(session, octets);
	session->offset += octets.n;
	settle(session, out);
}
