/* Checks the replies of a POP3 session: see pop3_reply.h. */
#include "pop3_reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "message.h"

static _Noreturn void wrong(const struct reply *reply, const char *why)
{
	static const char *const names[] = {
		[REPLY_OK] = "a command", [REPLY_CONTINUE] = "AUTH", [REPLY_STAT] = "STAT",
		[REPLY_LIST] = "LIST",    [REPLY_UIDL] = "UIDL",     [REPLY_RETR] = "RETR",
	};

	fprintf(stderr, "wrong reply to %s %" PRIu64 ": %s: %.*s\n", names[reply->kind],
		reply->msgno, why, (int)reply->line_n, reply->line);
	exit(1);
}

void reply_reset(struct reply *reply, uint64_t messages, uint64_t kib)
{
	reply->counted = messages > 0;
	reply->messages = messages;
	reply->summed = false;
	reply->sizes_n = 0;
	reply->kib = kib;
}

void reply_begin(struct reply *reply, enum reply_kind kind, uint64_t msgno)
{
	reply->kind = kind;
	reply->msgno = msgno;
	reply->inside = false;
	reply->line_n = 0;
	reply->last_uidl[0] = '\0';
	reply->rows = reply->sum = 0;
}

/* A number of the line from *at on, which moves behind it. */
static uint64_t number_at(const struct reply *reply, const char **at)
{
	uint64_t number = 0;
	const char *from = *at;

	while (**at >= '0' && **at <= '9')
		number = number * 10 + (uint64_t)(*(*at)++ - '0');
	if (*at == from)
		wrong(reply, "no number");
	return number;
}

static void count(struct reply *reply, uint64_t messages)
{
	if (reply->counted && reply->messages != messages)
		wrong(reply, "another number of messages than before");
	reply->counted = true;
	reply->messages = messages;
}

static void sum_up(struct reply *reply, uint64_t octets)
{
	if (reply->summed && reply->octets != octets)
		wrong(reply, "another sum of octets than before");
	reply->summed = true;
	reply->octets = octets;
}

static void take_stat(struct reply *reply)
{
	const char *at = reply->line + 3;

	if (*at++ != ' ')
		wrong(reply, "no drop listing");
	count(reply, number_at(reply, &at));
	if (*at++ != ' ')
		wrong(reply, "no drop listing");
	sum_up(reply, number_at(reply, &at));
}

static void remember_size(struct reply *reply, uint64_t octets)
{
	if (reply->sizes_n == reply->sizes_cap) {
		reply->sizes_cap = reply->sizes_cap * 2 + 64;
		reply->sizes = realloc(reply->sizes, reply->sizes_cap * sizeof reply->sizes[0]);
		if (reply->sizes == NULL)
			die("realloc");
	}
	reply->sizes[reply->sizes_n++] = octets;
}

/* The size that the server told in RETR's first line or in LIST; where in both, the same. */
static void begin_message(struct reply *reply)
{
	const char *at = reply->line + 3;
	const uint64_t rest = message_rest_octets(reply->kib);
	uint64_t listed = 0, told = 0;

	if (reply->msgno <= reply->sizes_n)
		listed = reply->sizes[reply->msgno - 1];
	if (at[0] == ' ' && at[1] >= '0' && at[1] <= '9') {
		at++;
		told = number_at(reply, &at);
	}
	if (listed != 0 && told != 0 && listed != told)
		wrong(reply, "another size than in LIST");
	reply->announced = listed != 0 ? listed : told;
	if (reply->announced <= rest)
		wrong(reply, "no size, or less than was delivered");
	reply->header_left = reply->announced - rest;
	reply->rest_at = 0;
}

/* The first line has come, without CRLF. True: the reply is complete. */
static bool first_line(struct reply *reply)
{
	if (reply->kind == REPLY_CONTINUE) {
		if (memcmp(reply->line, "+ ", 2) != 0)
			wrong(reply, "no challenge");
		return true;
	}
	if (memcmp(reply->line, "+OK", 3) != 0)
		wrong(reply, "refused");
	if (reply->kind == REPLY_STAT)
		take_stat(reply);
	if (reply->kind == REPLY_OK || reply->kind == REPLY_STAT)
		return true;
	if (reply->kind == REPLY_RETR)
		begin_message(reply);
	reply->inside = true;
	return false;
}

/* A line of LIST or UIDL, without CRLF. True: it was the last. */
static bool listing_line(struct reply *reply)
{
	const char *at = reply->line;

	if (reply->line_n == 1 && *at == '.') {
		count(reply, reply->rows);
		if (reply->kind == REPLY_LIST)
			sum_up(reply, reply->sum);
		return true;
	}
	if (number_at(reply, &at) != ++reply->rows || *at++ != ' ')
		wrong(reply, "not the next message");
	if (reply->kind == REPLY_LIST) {
		const uint64_t octets = number_at(reply, &at);

		remember_size(reply, octets);
		reply->sum += octets;
		return false;
	}
	const size_t n = (size_t)(reply->line + reply->line_n - at);

	if (n < 1 || n > 70)
		wrong(reply, "no unique-id");
	if (strcmp(at, reply->last_uidl) == 0)
		wrong(reply, "not unique");
	memcpy(reply->last_uidl, at, n + 1);
	return false;
}

/* Collects a line into `line`, without its CRLF and with a NUL; true when it is there. */
static bool take_line(struct reply *reply, const char **octets, size_t *n)
{
	const char *end = memchr(*octets, '\n', *n);
	const size_t part = end == NULL ? *n : (size_t)(end - *octets) + 1;

	if (part >= sizeof reply->line - reply->line_n)
		wrong(reply, "an endless line");
	memcpy(reply->line + reply->line_n, *octets, part);
	reply->line_n += part;
	*octets += part;
	*n -= part;
	if (end == NULL)
		return false;
	if (reply->line_n < 2 || reply->line[reply->line_n - 2] != '\r')
		wrong(reply, "a line without CRLF");
	reply->line_n -= 2;
	reply->line[reply->line_n] = '\0';
	return true;
}

/* Octets of a message. True: its end has come. */
static bool take_message(struct reply *reply, const char **octets, size_t *n)
{
	const size_t header = *n < reply->header_left ? *n : (size_t)reply->header_left;

	*octets += header;
	*n -= header;
	reply->header_left -= header;
	while (*n > 0 && reply->rest_at < message_rest_wire(reply->kib)) {
		size_t piece;
		const char *rest = message_rest_at(reply->kib, reply->rest_at, &piece);

		if (piece > *n)
			piece = *n;
		if (memcmp(rest, *octets, piece) != 0)
			wrong(reply, "other octets than were delivered");
		reply->rest_at += piece;
		*octets += piece;
		*n -= piece;
	}
	return reply->header_left == 0 && reply->rest_at == message_rest_wire(reply->kib);
}

bool reply_take(struct reply *reply, const char **octets, size_t *n)
{
	while (*n > 0) {
		if (reply->inside && reply->kind == REPLY_RETR)
			return take_message(reply, octets, n);
		if (!take_line(reply, octets, n))
			return false;
		if (reply->inside ? listing_line(reply) : first_line(reply))
			return true;
		reply->line_n = 0;
	}
	return false;
}

void reply_free(struct reply *reply)
{
	free(reply->sizes);
	reply->sizes = NULL;
}
