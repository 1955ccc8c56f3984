/*
 * A damaged mail database: whatever stands in mail-00.db, the server and the tool say so and go on.
 * Input: changes to a sound one, five octets each: the place (3 octets, the lowest first, modulo the
 * file's length), how many octets (1 to 4, modulo), and what is xor'ed into them. With one octet left
 * over the store is opened as the server does, and written to as well.
 *
 * What must hold: opening, listing, reading, checking and writing end with a status that is one of
 * theirs; a message read to its end has the octets that LIST announced.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"
#include "restante/store_admin.h"

#define MAILDROPS 2
#define MESSAGES 4
#define READS_MAX 64
#define FILE_MAX (1 << 21)

static char dir[256], path[320];
static unsigned char *sound, *damaged;
static size_t file_n;
static const struct maildrop_key keys[MAILDROPS] = {
	{ 0, "00000000000000000000000000000001" },
	{ 0, "00000000000000000000000000000002" },
};

static const struct str small = STR_INIT("Subject: x\r\n\r\n.dot\r\nbody\r\n");

/* --- the sound one ----------------------------------------------------------------------------- */

struct outcome {
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	bool done;
};

static void on_done(void *context, enum store_status status, const struct fault *fault)
{
	struct outcome *outcome = context;

	(void)fault;
	FUZZ_CHECK(status < STORE_STATUS_COUNT);
	pthread_mutex_lock(&outcome->mutex);
	outcome->done = true;
	pthread_cond_signal(&outcome->ended);
	pthread_mutex_unlock(&outcome->mutex);
}

static enum store_status deliver(struct store *store, const struct maildrop_key *key,
				 struct str octets)
{
	struct outcome outcome = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	struct delivery_target target = { .key = *key, .prefix = "Return-Path: <>\r\n" };
	struct delivery *delivery = NULL;

	enum store_status status = delivery_begin(store, &target, 1, 0, &delivery);

	if (status != STORE_OK)
		return status;
	FUZZ_CHECK(delivery_append(delivery, &octets) == DELIVERY_TAKEN && octets.n == 0);
	delivery_finish(delivery, NULL, on_done, &outcome);
	pthread_mutex_lock(&outcome.mutex);
	while (!outcome.done)
		pthread_cond_wait(&outcome.ended, &outcome.mutex);
	pthread_mutex_unlock(&outcome.mutex);
	delivery_close(&delivery);
	return target.status;
}

static void fill(struct store *store)
{
	static char large[10000];
	uint64_t deleted;
	struct fault fault;

	memset(large, 'x', sizeof large);
	for (size_t i = 0; i < MAILDROPS; i++) {
		for (size_t n = 0; n < MESSAGES; n++)
			FUZZ_CHECK(deliver(store, &keys[i], small) == STORE_OK);
		FUZZ_CHECK(deliver(store, &keys[i], (struct str){ large, sizeof large }) ==
			   STORE_OK);
	}
	if (maildrop_delete(store, &keys[1], 2, &deleted, &fault) != STORE_OK)
		abort();
}

static void forget(void)
{
	free(sound);
	free(damaged);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct store_options options = { .dir = dir, .exclusive = true };
	struct store *store = NULL;
	struct fault fault;
	FILE *file;

	(void)argc, (void)argv;
	(void)snprintf(dir, sizeof dir, "%s", fuzz_folder());
	(void)snprintf(path, sizeof path, "%s/mail-00.db", dir);
	if (store_create(dir, 1, &fault) != STORE_OK ||
	    store_open(&options, &store, &fault) != STORE_OK)
		abort();
	fill(store);
	store_close(&store);
	sound = malloc(FILE_MAX);
	damaged = malloc(FILE_MAX);
	file = fopen(path, "rb");
	if (sound == NULL || damaged == NULL || file == NULL)
		abort();
	file_n = fread(sound, 1, FILE_MAX, file);
	(void)fclose(file);
	FUZZ_CHECK(file_n > 0 && file_n < FILE_MAX);
	return atexit(forget);
}

/* --- and what is made of it -------------------------------------------------------------------- */

/* What a damaged database could not take in when it was closed. */
static void remove_log(void)
{
	static const char *const suffixes[] = { "-wal", "-shm" };
	char name[sizeof path + 8];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		(void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
}

static void damage(struct str changes)
{
	FILE *file;

	remove_log();
	file = fopen(path, "wb");
	memcpy(damaged, sound, file_n);
	for (; changes.n >= 5; changes = str_from(changes, 5)) {
		const unsigned char *c = (const unsigned char *)changes.p;
		size_t at = ((size_t)c[2] << 16 | (size_t)c[1] << 8 | c[0]) % file_n;

		for (size_t i = 0; i <= c[3] % 4U && at + i < file_n; i++)
			damaged[at + i] ^= c[4];
	}
	if (file == NULL || fwrite(damaged, 1, file_n, file) != file_n || fclose(file) != 0)
		abort();
}

static void read_message(struct store_reader *reader, const struct maildrop *maildrop,
			 const struct message *message)
{
	static char octets[4096];
	uint64_t offset = 0;
	struct fault fault;

	for (unsigned i = 0; i < READS_MAX; i++) {
		size_t n;
		enum store_status status = message_read(reader, maildrop, message, offset,
							octets, sizeof octets, &n, &fault);

		FUZZ_CHECK(status < STORE_STATUS_COUNT && n <= sizeof octets);
		FUZZ_CHECK(status == STORE_OK || n == 0);
		offset += n;
		if (status == STORE_OK && n == 0)
			FUZZ_CHECK(offset == message->octets);
		if (n == 0)
			return;
		FUZZ_CHECK(offset <= message->octets);
	}
}

static void read_maildrop(struct store_reader *reader, const struct maildrop_key *key)
{
	struct maildrop *maildrop = NULL;
	struct listed rows[3];
	struct message one;
	struct fault fault;
	uint64_t from = 1, before = 0;
	size_t count = 0;

	if (maildrop_open(reader, key, &maildrop, &fault) != STORE_OK)
		return;
	for (unsigned turns = 0; turns < READS_MAX; turns++) {
		if (maildrop_list(reader, maildrop, &from, rows, ARRAY_SIZE(rows), &count,
				  &fault) != STORE_OK ||
		    count == 0)
			break;
		for (size_t i = 0; i < count; i++) {
			FUZZ_CHECK(rows[i].msgno > before && rows[i].msgno < from);
			FUZZ_CHECK(rows[i].msgno <= maildrop_last(maildrop));
			FUZZ_CHECK(strnlen(rows[i].uidl, sizeof rows[i].uidl) <= POP3_UIDL_MAX);
			before = rows[i].msgno;
			if (maildrop_message(reader, maildrop, rows[i].msgno, &one, &fault) ==
			    STORE_OK)
				read_message(reader, maildrop, &one);
		}
	}
	(void)maildrop_message(reader, maildrop, 2, &one, &fault);
	maildrop_close(&maildrop);
}

static bool on_message(void *context, const struct message_info *info)
{
	unsigned *left = context;

	(void)info;
	return --*left > 0;
}

static void on_finding(void *context, const char *sentence)
{
	uint64_t *findings = context;

	FUZZ_CHECK(sentence[0] != '\0');
	++*findings;
}

static void look_around(struct store *store, struct store_reader *reader)
{
	uint64_t findings = 0, reported = 0;
	struct store_figures figures;
	struct maildrop_usage usage;
	struct fault fault;

	for (size_t i = 0; i < MAILDROPS; i++) {
		unsigned left = READS_MAX;

		read_maildrop(reader, &keys[i]);
		(void)maildrop_usage(reader, &keys[i], &usage, &fault);
		(void)maildrop_visit(reader, &keys[i], true, on_message, &left, &fault);
	}
	(void)store_figures(store, reader, 0, &figures, &fault);
	if (store_check(reader, NULL, on_finding, &reported, &findings, &fault) == STORE_OK)
		FUZZ_CHECK(findings == reported);
}

static int64_t keep_nothing(void *context, const char *key_id)
{
	(void)context, (void)key_id;
	return 0;
}

static void write_to(struct store *store)
{
	const struct deleted_selection all = { .uid = 0 };
	struct fault fault;
	uint64_t n;

	(void)deliver(store, &keys[0], small);
	(void)maildrop_undelete(store, &keys[1], &all, &n, &fault);
	(void)maildrop_delete(store, &keys[0], 0, &n, &fault);
	(void)store_housekeep(store, 0, INT64_MAX / 2, keep_nothing, NULL, &n, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_options options = { .dir = dir, .exclusive = size % 5 == 1 };
	struct store *store = NULL;
	struct store_reader *reader = NULL;
	struct fault fault;
	enum store_status status;

	damage(fuzz_input(data, size));
	status = store_open(&options, &store, &fault);
	FUZZ_CHECK(status == STORE_OK || (store == NULL && fault.text[0] != '\0'));
	FUZZ_CHECK(status == STORE_OK || size >= 5);
	if (status != STORE_OK)
		return 0;
	if (store_reader_open(store, &reader, &fault) == STORE_OK)
		look_around(store, reader);
	if (options.exclusive)
		write_to(store);
	store_reader_close(&reader);
	store_close(&store);
	return 0;
}
