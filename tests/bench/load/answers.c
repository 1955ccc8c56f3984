/* What the responder answers from: see answers.h. */
#include "answers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "message.h"
#include "restante/compiler.h"

#define ROW_MAX 64

static void room(struct answer *answer, size_t cap)
{
	answer->text = malloc(cap);
	if (answer->text == NULL)
		die("malloc");
}

PRINTF_LIKE(2, 3) static void add(struct answer *answer, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	answer->n += (size_t)vsnprintf(answer->text + answer->n, ROW_MAX, format, values);
	va_end(values);
}

static void make_retr(struct answer *retr, uint64_t kib, const char *header, size_t header_n)
{
	const uint64_t wire = message_rest_wire(kib);

	room(retr, ROW_MAX + header_n + (size_t)wire);
	add(retr, "+OK %" PRIu64 " octets\r\n", header_n + message_rest_octets(kib));
	memcpy(retr->text + retr->n, header, header_n);
	retr->n += header_n;
	for (uint64_t at = 0; at < wire;) {
		size_t n;
		const char *piece = message_rest_at(kib, at, &n);

		memcpy(retr->text + retr->n, piece, n);
		retr->n += n;
		at += n;
	}
}

void answers_prepare(struct answers *answers, uint64_t messages, uint64_t kib, size_t copies)
{
	char header[MESSAGE_HEADER_MAX];
	const size_t header_n = message_header(header, sizeof header, 0, 0);
	const uint64_t octets = header_n + message_rest_octets(kib);

	*answers = (struct answers){ .copies = copies };
	answers->retr = calloc(copies, sizeof answers->retr[0]);
	if (answers->retr == NULL)
		die("calloc");
	for (size_t i = 0; i < copies; i++)
		make_retr(&answers->retr[i], kib, header, header_n);
	room(&answers->stat, ROW_MAX);
	room(&answers->list, ROW_MAX * (messages + 2));
	room(&answers->uidl, ROW_MAX * (messages + 2));
	add(&answers->stat, "+OK %" PRIu64 " %" PRIu64 "\r\n", messages, messages * octets);
	add(&answers->list, "+OK\r\n");
	add(&answers->uidl, "+OK\r\n");
	for (uint64_t i = 1; i <= messages; i++) {
		add(&answers->list, "%" PRIu64 " %" PRIu64 "\r\n", i, octets);
		add(&answers->uidl, "%" PRIu64 " 0123456789abcdef.%" PRIu64 "\r\n", i, i);
	}
	add(&answers->list, ".\r\n");
	add(&answers->uidl, ".\r\n");
}

const struct answer *answers_retr(struct answers *answers)
{
	return &answers->retr[answers->next++ % answers->copies];
}
