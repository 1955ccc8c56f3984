/* See ledger.h: the part that compares. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "ledger_body.h"

/* --- bodies ------------------------------------------------------------------------------------- */

void body_prefix(char *to, uint32_t copy, uint32_t seed, size_t octets)
{
	(void)snprintf(to, LEDGER_PREFIX_MAX, "X-Id: %08x %08x %08x\r\n", copy, seed,
		       (unsigned)octets);
}

bool body_parse(const char *prefix, size_t n, struct body_numbers *numbers)
{
	char text[LEDGER_PREFIX_MAX];
	unsigned octets;
	int end = 0;

	if (n >= sizeof text)
		n = sizeof text - 1;
	memcpy(text, prefix, n);
	text[n] = '\0';
	/* Our own text: three fields of fixed width. */
	if (sscanf(text, "X-Id: %8x %8x %8x\r\n%n", &numbers->copy, &numbers->seed, &octets,
		   &end) != 3 ||
	    numbers->copy == 0 || numbers->copy >= LEDGER_COPIES)
		return false;
	numbers->octets = octets;
	return true;
}

void body_octets(char *to, uint32_t seed, size_t octets, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t place = at + i;
		uint32_t mixed = (seed * 2654435761U) ^ (uint32_t)(place / 64 * 40503U);

		if (place + 2 >= octets)
			to[i] = place + 2 == octets ? '\r' : '\n';
		else if (place < 2 || place % 64 >= 62)
			to[i] = place % 2 == 0 ? '\r' : '\n';
		else
			to[i] = (char)('a' + (mixed >> (place % 13)) % 26);
	}
}

/* --- comparing ---------------------------------------------------------------------------------- */

struct verifier {
	struct ledger *ledger;
	struct store *store;
	struct store_reader *reader;
	unsigned char *live;    /* copies found live, per number */
	unsigned char *deleted; /* ... flagged */
	uint32_t bodies_from;
	struct verdict verdict;
	FILE *to;
};

static void complain(void *context, const char *sentence)
{
	struct verifier *v = context;

	v->verdict.findings++;
	fprintf(v->to, "check: %s\n", sentence);
}

/* Octet for octet. */
static bool body_is_right(struct verifier *v, struct maildrop *maildrop,
			  const struct message *message, const struct body_numbers *numbers)
{
	static char have[65536];
	static char want[65536];
	uint64_t offset = message->prefix_octets;
	struct fault fault;
	size_t n;

	if (message->octets != message->prefix_octets + numbers->octets)
		return false;
	do {
		if (message_read(v->reader, maildrop, message, offset, have, sizeof have, &n,
				 &fault) != STORE_OK)
			return false;
		body_octets(want, numbers->seed, numbers->octets,
			    (size_t)offset - message->prefix_octets, n);
		if (memcmp(have, want, n) != 0)
			return false;
		offset += n;
	} while (n > 0);
	return offset == message->octets;
}

static void look_at_live(struct verifier *v, unsigned number)
{
	struct maildrop_key key = ledger_key(number);
	struct maildrop *maildrop = NULL;
	struct message message;
	struct fault fault;

	if (maildrop_open(v->reader, &key, &maildrop, &fault) != STORE_OK)
		abort();
	for (uint64_t msgno = 1; msgno <= maildrop_last(maildrop); msgno++) {
		char prefix[LEDGER_PREFIX_MAX];
		struct body_numbers numbers;
		size_t n;

		if (maildrop_message(v->reader, maildrop, msgno, &message, &fault) !=
			    STORE_OK ||
		    message_read(v->reader, maildrop, &message, 0, prefix, sizeof prefix, &n,
				 &fault) != STORE_OK ||
		    !body_parse(prefix, n, &numbers)) {
			v->verdict.wrong++;
			fprintf(v->to, "maildrop %u message %llu: %s\n", number,
				(unsigned long long)msgno, fault.text);
			continue;
		}
		v->live[numbers.copy]++;
		if (numbers.copy >= v->bodies_from &&
		    !body_is_right(v, maildrop, &message, &numbers)) {
			v->verdict.wrong++;
			fprintf(v->to, "copy %u: wrong octets\n", numbers.copy);
		}
	}
	maildrop_close(&maildrop);
}

/* Flagged ones are not for sessions: look beside the store. */
static void look_at_deleted(struct verifier *v, const char *dir)
{
	for (unsigned shard = 0; shard < LEDGER_SHARDS; shard++) {
		sqlite3 *db = NULL;
		sqlite3_stmt *stmt = NULL;
		char path[256];

		(void)snprintf(path, sizeof path, "%s/mail-%02u.db", dir, shard);
		if (sqlite3_open(path, &db) != SQLITE_OK ||
		    sqlite3_prepare_v2(db,
				       "SELECT prefix FROM message WHERE deleted_at NOTNULL",
				       -1, &stmt, NULL) != SQLITE_OK)
			abort();
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			struct body_numbers numbers;

			if (body_parse(sqlite3_column_blob(stmt, 0),
				       (size_t)sqlite3_column_bytes(stmt, 0), &numbers))
				v->deleted[numbers.copy]++;
			else
				v->verdict.wrong++;
		}
		sqlite3_finalize(stmt);
		sqlite3_close(db);
	}
}

static void judge_copy(struct verifier *v, uint32_t number)
{
	const struct copy *copy = &v->ledger->copy[number];
	unsigned char state = atomic_load(&copy->state);
	uint32_t quit = atomic_load(&copy->quit);
	unsigned char quit_state = quit != 0 ? atomic_load(&v->ledger->quit[quit]) : QUIT_NONE;

	if (v->live[number] + v->deleted[number] > 1) {
		v->verdict.doubled++;
		fprintf(v->to, "copy %u: there %u times\n", number,
			v->live[number] + v->deleted[number]);
	}
	/* Not handed in, or aborted: must not be there at all. */
	if (state == COPY_NONE && v->live[number] + v->deleted[number] > 0) {
		v->verdict.wrong++;
		fprintf(v->to, "copy %u: was never finished\n", number);
	}
	if (state == COPY_KEPT && quit_state == QUIT_NONE && v->live[number] == 0) {
		v->verdict.lost++;
		fprintf(v->to, "copy %u: acknowledged and %s\n", number,
			v->deleted[number] ? "deleted without QUIT" : "lost");
	}
	if (quit_state == QUIT_OK && v->live[number] > 0) {
		v->verdict.undone++;
		fprintf(v->to, "copy %u: deletion by quit %u undone\n", number, quit);
	}
}

/* A QUIT without an answer took effect for all its messages or for none. */
static void judge_quits(struct verifier *v)
{
	uint32_t quits = atomic_load(&v->ledger->quits);
	unsigned char *seen = calloc(quits + 1, 1);

	if (seen == NULL)
		abort();
	for (uint32_t i = 1; i <= atomic_load(&v->ledger->copies); i++) {
		uint32_t quit = atomic_load(&v->ledger->copy[i].quit);

		if (quit != 0)
			seen[quit] |= v->live[i] > 0 ? 1 : 2;
	}
	for (uint32_t i = 1; i <= quits; i++) {
		if (seen[i] != 3)
			continue;
		v->verdict.torn++;
		fprintf(v->to, "quit %u: some of its messages are deleted, some not\n", i);
	}
	free(seen);
}

struct verdict ledger_verify(struct ledger *ledger, const char *dir, uint32_t bodies_from,
			     FILE *to)
{
	struct store_options options = { .dir = dir, .exclusive = true };
	struct verifier v = { .ledger = ledger, .bodies_from = bodies_from, .to = to };
	struct fault fault = { "" };
	uint64_t findings = 0;

	v.live = calloc(LEDGER_COPIES, 1);
	v.deleted = calloc(LEDGER_COPIES, 1);
	if (v.live == NULL || v.deleted == NULL)
		abort();
	if (store_open(&options, &v.store, &fault) != STORE_OK ||
	    store_reader_open(v.store, &v.reader, &fault) != STORE_OK) {
		fprintf(to, "cannot open again: %s\n", fault.text);
		v.verdict.findings++;
	} else {
		for (unsigned i = 0; i < LEDGER_MAILDROPS; i++)
			look_at_live(&v, i);
		look_at_deleted(&v, dir);
		for (uint32_t i = 1; i <= atomic_load(&ledger->copies); i++)
			judge_copy(&v, i);
		judge_quits(&v);
		if (store_check(v.reader, NULL, complain, &v, &findings, &fault) != STORE_OK) {
			fprintf(to, "check: %s\n", fault.text);
			v.verdict.findings++;
		}
	}
	store_reader_close(&v.reader);
	store_close(&v.store);
	free(v.live);
	free(v.deleted);
	return v.verdict;
}
