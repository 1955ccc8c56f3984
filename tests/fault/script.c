/* See script.h. */
#include "script.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint32_t pristine_copies;

static void command(const char *format, const char *a, const char *b)
{
	char text[512];

	(void)snprintf(text, sizeof text, "rm -rf '%s'", b);
	if (system(text) != 0)
		abort();
	if (strcmp(format, "copy") == 0) {
		(void)snprintf(text, sizeof text, "cp -r '%s' '%s'", a, b);
		if (system(text) != 0)
			abort();
	}
}

void bench_make(struct bench *bench, size_t large)
{
	struct store_options options = { .dir = bench->pristine, .exclusive = true };
	struct store *store = NULL;
	struct fault fault = { "" };
	char text[256];

	/* Memory, where there is such a folder: thousands of runs, each with real syncs. */
	(void)snprintf(bench->dir, sizeof bench->dir, "%s/restante-fault.XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(bench->dir) == NULL)
		abort();
	(void)snprintf(bench->pristine, sizeof bench->pristine, "%s/pristine", bench->dir);
	(void)snprintf(bench->store, sizeof bench->store, "%s/store", bench->dir);
	(void)snprintf(text, sizeof text, "mkdir '%s'", bench->pristine);
	bench->ledger = ledger_new();
	if (system(text) != 0 ||
	    store_create(bench->pristine, LEDGER_SHARDS, &fault) != STORE_OK ||
	    store_open(&options, &store, &fault) != STORE_OK) {
		fprintf(stderr, "%s\n", fault.text);
		abort();
	}
	for (unsigned i = 0; i < 4; i++)
		ledger_deliver(bench->ledger, store, i, 3, 500, false);
	if (large > 0)
		ledger_deliver(bench->ledger, store, 0, 2, large, false);
	store_close(&store);
	pristine_copies = atomic_load(&bench->ledger->copies);
}

void bench_reset(struct bench *bench)
{
	command("copy", bench->pristine, bench->store);
	ledger_forget(bench->ledger);
	atomic_store(&bench->ledger->copies, pristine_copies);
	for (uint32_t i = 1; i <= pristine_copies; i++)
		atomic_store(&bench->ledger->copy[i].state, COPY_KEPT);
}

void bench_remove(struct bench *bench)
{
	command("remove", "", bench->dir);
}

static int64_t at_once(void *context, const char *key_id)
{
	(void)context;
	(void)key_id;
	return 0;
}

static void script(struct bench *bench, struct store *store, struct store_reader *reader)
{
	struct maildrop_key key = ledger_key(0);
	struct deleted_selection all = { 0 };
	struct fault fault;
	uint64_t n;

	ledger_deliver(bench->ledger, store, 0, 1, 900, false);
	ledger_deliver(bench->ledger, store, 0, 5, 3000, false);
	ledger_deliver(bench->ledger, store, 1, 2, 530000, false);
	/* Marks the large one, among others. */
	ledger_quit(bench->ledger, store, reader, 0, 2);
	ledger_deliver_together(bench->ledger, store, 6);
	ledger_deliver(bench->ledger, store, 3, 1, 270000, true);
	maildrop_note_login(store, &key, 1);
	ledger_quit(bench->ledger, store, reader, 1, 1);
	(void)!maildrop_purge(store, &key, &all, &n, &fault);
	for (unsigned shard = 0; shard < LEDGER_SHARDS; shard++)
		(void)!store_housekeep(store, shard, (int64_t)time(NULL) + 1, at_once, NULL, &n,
				       &fault);
	ledger_deliver(bench->ledger, store, 2, 3, 800, false);
}

void script_run(struct bench *bench)
{
	struct store_options options = { .dir = bench->store, .exclusive = true };
	struct store_reader *reader = NULL;
	struct store *store = NULL;
	struct fault fault;

	if (store_open(&options, &store, &fault) != STORE_OK)
		return;
	if (store_reader_open(store, &reader, &fault) == STORE_OK)
		script(bench, store, reader);
	store_reader_close(&reader);
	store_close(&store);
}

bool bench_verify(struct bench *bench, const char *what, long at)
{
	struct verdict v = ledger_verify(bench->ledger, bench->store, 1, stderr);

	if (verdict_sum(&v) == 0)
		return true;
	fprintf(stderr,
		"%s, operation %ld: lost=%llu doubled=%llu undone=%llu torn=%llu wrong=%llu "
		"findings=%llu\n",
		what, at, (unsigned long long)v.lost, (unsigned long long)v.doubled,
		(unsigned long long)v.undone, (unsigned long long)v.torn,
		(unsigned long long)v.wrong, (unsigned long long)v.findings);
	return false;
}
