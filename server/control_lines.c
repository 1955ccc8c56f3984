/* From octets of the control socket to requests: whole lines, one answer each, in turn. */
#include <sysexits.h>

#include "control_private.h"

/* One line, NUL-terminated; false when the connection is of no more use. */
static bool serve_line(struct control_request *request, char *line)
{
	char *words[CONTROL_WORDS_MAX];
	struct control_reply *reply = request->reply;

	request->words = words;
	request->n = words_split(line, words, CONTROL_WORDS_MAX);
	reply->broken = false;
	reply->n = 0;
	if (request->n < 0)
		reply_error(reply, EX_USAGE, "the request cannot be read");
	else
		control_perform(request);
	reply_flush(reply);
	return !reply->broken;
}

bool control_serve(struct control_input *input, struct control_request *request)
{
	size_t done = 0;
	char *end;

	while ((end = memchr(input->line + done, '\n', input->n - done)) != NULL) {
		*end = '\0';
		if (!serve_line(request, input->line + done))
			return false;
		done = (size_t)(end - input->line) + 1;
	}
	input->n -= done;
	memmove(input->line, input->line + done, input->n);
	/* No request is as long as this: whatever speaks here is not our tool. */
	return input->n < sizeof input->line;
}
