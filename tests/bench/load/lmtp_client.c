/*
 * Deliveries by LMTP in a closed loop: see lmtp_client.h. MAIL, RCPT and DATA go out together (RFC
 * 2033 section 4.4 wants PIPELINING of every server), then the message.
 */
#include "lmtp_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define OUT (MESSAGE_HEADER_MAX + 64 * 1024)
#define LINE 1024

enum phase { GREETING, LHLO, ENVELOPE, CONTENT, GOODBYE };

struct lmtp_client {
	struct client client; /* first */
	enum phase phase;
	size_t replies_left; /* of the phase */
	char line[LINE];
	size_t line_n;
	uint64_t number; /* of the message */
	bool header_sent;
	uint64_t rest_at; /* how much of the message's rest is in `out`, or has gone */
	char out[OUT];
};

static void expect(struct lmtp_client *lmtp, enum phase phase, size_t replies)
{
	lmtp->phase = phase;
	lmtp->replies_left = replies;
}

static void open_connection(struct run *run, struct lmtp_client *lmtp)
{
	lmtp->line_n = 0;
	expect(lmtp, GREETING, 1);
	run_connect(run, &lmtp->client);
}

static void send_text(struct run *run, struct lmtp_client *lmtp, const char *text)
{
	const size_t n = strlen(text);

	memcpy(lmtp->out, text, n);
	run_send(run, &lmtp->client, lmtp->out, n);
}

static void start_message(struct run *run, struct lmtp_client *lmtp)
{
	char name[128];

	if (!run_begin(run)) {
		run->active--;
		return;
	}
	lmtp->number = run->begun;
	lmtp->client.started = now_ns();
	size_t n = (size_t)snprintf(lmtp->out, OUT, "MAIL FROM:<bench@example.net>\r\n");
	for (size_t i = 0; i < run->recipients; i++) {
		users_name(&run->users, users_next(&run->users), name, sizeof name);
		n += (size_t)snprintf(lmtp->out + n, OUT - n, "RCPT TO:<%s>\r\n", name);
	}
	n += (size_t)snprintf(lmtp->out + n, OUT - n, "DATA\r\n");
	lmtp->header_sent = false;
	lmtp->rest_at = 0;
	expect(lmtp, ENVELOPE, 2 + run->recipients);
	run_send(run, &lmtp->client, lmtp->out, n);
}

/* Sends of the message what the socket takes. */
static void send_content(struct run *run, struct lmtp_client *lmtp)
{
	const uint64_t end = message_rest_wire(run->kib);

	while (lmtp->client.stream.unsent_n == 0 && lmtp->rest_at < end) {
		size_t n = 0, piece;

		if (!lmtp->header_sent)
			n = message_header(lmtp->out, OUT, run->identity, lmtp->number);
		lmtp->header_sent = true;
		while (n < OUT && lmtp->rest_at < end) {
			const char *rest = message_rest_at(run->kib, lmtp->rest_at, &piece);

			if (piece > OUT - n)
				piece = OUT - n;
			memcpy(lmtp->out + n, rest, piece);
			lmtp->rest_at += piece;
			n += piece;
		}
		run_send(run, &lmtp->client, lmtp->out, n);
	}
}

static void message_done(struct run *run, struct lmtp_client *lmtp)
{
	durations_add(&run->durations, now_ns() - lmtp->client.started);
	if (!run->message_per_connection) {
		start_message(run, lmtp);
		return;
	}
	expect(lmtp, GOODBYE, 1);
	send_text(run, lmtp, "QUIT\r\n");
}

/* The last reply of a phase has come. */
static void next_phase(struct run *run, struct lmtp_client *lmtp)
{
	switch (lmtp->phase) {
	case GREETING:
		expect(lmtp, LHLO, 1);
		send_text(run, lmtp, "LHLO bench.example.net\r\n");
		break;
	case LHLO:
		start_message(run, lmtp);
		break;
	case ENVELOPE:
		expect(lmtp, CONTENT, run->recipients);
		send_content(run, lmtp);
		break;
	case CONTENT:
		message_done(run, lmtp);
		break;
	case GOODBYE:
		run_disconnect(run, &lmtp->client);
		open_connection(run, lmtp);
		break;
	}
}

/* A line of a reply, with a NUL instead of its end. */
static void take_line(struct run *run, struct lmtp_client *lmtp)
{
	const char *wanted = "250";

	if (lmtp->phase == GREETING)
		wanted = "220";
	else if (lmtp->phase == GOODBYE)
		wanted = "221";
	else if (lmtp->phase == ENVELOPE && lmtp->replies_left == 1)
		wanted = "354";
	if (strncmp(lmtp->line, wanted, 3) != 0) {
		fprintf(stderr, "LMTP: %s wanted, but: %s\n", wanted, lmtp->line);
		exit(1);
	}
	if (lmtp->line[3] == '-')
		return;
	if (--lmtp->replies_left == 0)
		next_phase(run, lmtp);
}

static void ready(struct run *run, struct client *client)
{
	struct lmtp_client *lmtp = (struct lmtp_client *)(void *)client;

	if (lmtp->phase == CONTENT)
		send_content(run, lmtp);
	const size_t n = run_receive(run, client);

	for (size_t i = 0; i < n; i++) {
		const char octet = run->buffer[i];

		if (lmtp->line_n == LINE - 1) {
			fputs("LMTP: an endless line\n", stderr);
			exit(1);
		}
		lmtp->line[lmtp->line_n++] = octet;
		if (octet == '\n') {
			lmtp->line[lmtp->line_n - 1] = '\0';
			lmtp->line_n = 0;
			take_line(run, lmtp);
		}
	}
}

double lmtp_run(struct run *run)
{
	struct lmtp_client *clients = calloc(run->clients, sizeof clients[0]);

	if (clients == NULL)
		die("calloc");
	run->active = run->clients;
	for (size_t i = 0; i < run->clients; i++)
		open_connection(run, &clients[i]);
	const double seconds = run_loop(run, ready);
	for (size_t i = 0; i < run->clients; i++)
		run_end_client(&clients[i].client);
	free(clients);
	return seconds;
}
