/* Finds "Message-ID:" in a header that comes in pieces: see message_id.h. */
#include "message_id.h"

#include <ctype.h>

static const struct str field = STR_INIT("message-id:");

static void end_of_line(struct message_id *id)
{
	/* An empty line ends the header. */
	if (!id->other_line && id->at == 0)
		id->done = true;
	id->other_line = false;
	id->at = 0;
}

static void take_value(struct message_id *id, char c)
{
	bool space = c == ' ' || c == '\t';

	/* A line without white space before it is another field (RFC 5322 section 2.2.3). */
	if (id->n > 0 ? space : id->at == 0 && !space)
		id->done = true;
	else if (!space && id->n < sizeof id->text)
		id->text[id->n++] = c;
	id->at = (uint32_t)field.n;
}

static void take(struct message_id *id, char c)
{
	if (c == '\r')
		return;
	if (c == '\n') {
		/* "Message-ID:" CRLF SP "<...>" is legal folding: the value may still come. */
		if (id->in_value && id->n > 0)
			id->done = true;
		else
			end_of_line(id);
	} else if (id->in_value) {
		take_value(id, c);
	} else if (!id->other_line) {
		id->other_line = tolower((unsigned char)c) != field.p[id->at];
		if (!id->other_line && ++id->at == field.n)
			id->in_value = true;
	}
}

void message_id_watch(struct message_id *id, struct str octets)
{
	for (size_t i = 0; i < octets.n && !id->done; i++) {
		/* Skip the rest of a line that is another field at one go. */
		if (id->other_line && octets.p[i] != '\n') {
			const char *lf = memchr(octets.p + i, '\n', octets.n - i);

			if (lf == NULL)
				return;
			i = (size_t)(lf - octets.p);
		}
		take(id, octets.p[i]);
	}
}
