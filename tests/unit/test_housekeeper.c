/*
 * The housekeeping thread, with fakes of the store, the accounts and the wall clock. A test waits
 * for the thread by counting its looks at the clock: each round begins with one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "housekeeper.h"
#include "restante/store_admin.h"

#define NOW 1700000000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Under the lock: what the fakes answer, and what they were asked. */
static struct {
	int64_t wall;
	enum accounts_status open, find, set;
	bool seal_fails, opens_as_another;
	struct store_identity identity; /* of the accounts */
	const char *clear;              /* a secret in clear, NULL = none */
	enum store_status keep;
	int looks;          /* at the clock */
	int opened, closed; /* connections to accounts.db */
	int kept[2];        /* rounds of each shard */
	int64_t kept_now;
	int64_t window;  /* what the store heard about the key "key" */
	char sealed[64]; /* what was stored */
} fake;

static struct store *const the_store = (struct store *)&fake;
static const struct secret_key *const the_key = (const struct secret_key *)&lock;
static struct accounts *const the_accounts = (struct accounts *)&changed;

int64_t clock_wall_seconds(void)
{
	int64_t now;

	pthread_mutex_lock(&lock);
	now = fake.wall;
	fake.looks++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return now;
}

/* The log's, whose waits nobody here looks at. */
int64_t clock_monotonic_ms(void)
{
	return 0;
}

enum accounts_status accounts_open(const char *path, bool writable, struct accounts **accounts,
				   struct fault *fault)
{
	enum accounts_status status;

	assert_string_equal(path, "accounts");
	assert_true(writable);
	fault_set(fault, "fake");
	pthread_mutex_lock(&lock);
	status = fake.open;
	fake.opened++;
	pthread_mutex_unlock(&lock);
	*accounts = status == ACCOUNTS_OK ? the_accounts : NULL;
	return status;
}

void accounts_close(struct accounts **accounts)
{
	if (*accounts != NULL)
		fake.closed++;
	*accounts = NULL;
}

const struct store_identity *accounts_store(const struct accounts *accounts)
{
	assert_ptr_equal(accounts, the_accounts);
	return &fake.identity;
}

const struct store_identity *store_identity(const struct store *store)
{
	static const struct store_identity ours = { .id = "ours" };

	assert_ptr_equal(store, the_store);
	return &ours;
}

enum accounts_status account_find_by_key(struct accounts *accounts, const char *key_id,
					 struct account *account, struct fault *fault)
{
	(void)fault;
	assert_ptr_equal(accounts, the_accounts);
	assert_string_equal(key_id, "key");
	account->undelete_seconds = 1234;
	return fake.find;
}

enum accounts_status accounts_visit_clear_secrets(struct accounts *accounts,
						  account_clear_visit *visit, void *context,
						  struct fault *fault)
{
	(void)fault;
	assert_ptr_equal(accounts, the_accounts);
	if (fake.clear != NULL)
		(void)visit(context, 77, fake.clear); /* says no once it is being stopped */
	return ACCOUNTS_OK;
}

bool secret_seal(const struct secret_key *key, int64_t account, struct str clear, char *sealed,
		 size_t cap, struct fault *fault)
{
	assert_ptr_equal(key, the_key);
	fault_set(fault, "fake");
	(void)snprintf(sealed, cap, "{SEALED}%d:%.*s", (int)account, STR_ARG(clear));
	return !fake.seal_fails;
}

bool secret_open(const struct secret_key *key, int64_t account, const char *sealed, char *clear,
		 size_t cap, size_t *n, struct fault *fault)
{
	int written;

	(void)fault;
	assert_ptr_equal(key, the_key);
	assert_int_equal(account, 77);
	written = snprintf(clear, cap, "%s",
			   strchr(sealed, ':') + (fake.opens_as_another ? 2 : 1));
	*n = (size_t)written;
	return true;
}

enum accounts_status account_set_apop_secret(struct accounts *accounts, int64_t id,
					     const char *sealed, struct fault *fault)
{
	assert_ptr_equal(accounts, the_accounts);
	assert_int_equal(id, 77);
	fault_set(fault, "fake");
	if (fake.set == ACCOUNTS_OK)
		(void)snprintf(fake.sealed, sizeof fake.sealed, "%s", sealed);
	return fake.set;
}

const char *store_status_text(enum store_status status)
{
	(void)status;
	return "fake";
}

unsigned store_shards(const struct store *store)
{
	assert_ptr_equal(store, the_store);
	return 2;
}

enum store_status store_housekeep(struct store *store, unsigned shard, int64_t now,
				  undelete_window *window, void *context, uint64_t *purged,
				  struct fault *fault)
{
	int64_t heard = window(context, "key");

	(void)fault;
	assert_ptr_equal(store, the_store);
	assert_in_range(shard, 0, 1);
	pthread_mutex_lock(&lock);
	fake.kept[shard]++;
	fake.kept_now = now;
	fake.window = heard;
	pthread_mutex_unlock(&lock);
	*purged = 3;
	return fake.keep;
}

/* --- the cases ---------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof fake);
	fake.wall = NOW;
	fake.identity = (struct store_identity){ .id = "ours" };
	fake.window = -99;
	return 0;
}

static struct housekeeper *start(void)
{
	struct housekeeper_options options = { .store = the_store,
					       .key = the_key,
					       .accounts_path = "accounts",
					       .interval_ms = 1 };
	struct housekeeper *h = NULL;
	struct fault fault = { "" };

	assert_true(housekeeper_start(&options, &h, &fault));
	return h;
}

/* Until the clock was looked at so often. */
static void wait_for_looks(int looks)
{
	pthread_mutex_lock(&lock);
	while (fake.looks < looks)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* Starts, lets the first round finish by waiting for the second to begin, and stops. */
static void first_round(void)
{
	struct housekeeper *h = start();

	wait_for_looks(2);
	housekeeper_stop(&h);
	assert_null(h);
}

static void round_keeps_every_shard_with_the_accounts_window(void **state)
{
	(void)state;
	first_round();
	assert_true(fake.kept[0] >= 1 && fake.kept[1] >= 1);
	assert_int_equal(fake.kept_now, NOW);
	assert_int_equal(fake.window, 1234);
	assert_int_equal(fake.opened, 1);
	assert_int_equal(fake.closed, 1);
}

static void window_of_an_account_gone_is_told_apart_from_trouble(void **state)
{
	static const struct {
		enum accounts_status find;
		int64_t window;
	} rows[] = {
		{ ACCOUNTS_NOT_FOUND, -1 },
		{ ACCOUNTS_UNAVAILABLE, -2 },
		{ ACCOUNTS_FOREIGN, -2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(state);
		fake.find = rows[i].find;
		first_round();
		assert_int_equal(fake.window, rows[i].window);
	}
}

static void round_without_accounts_purges_nothing(void **state)
{
	(void)state;
	fake.open = ACCOUNTS_UNAVAILABLE;
	first_round();
	assert_int_equal(fake.kept[0] + fake.kept[1], 0);
	/* It is tried again each time. */
	assert_true(fake.opened >= 1);
	assert_int_equal(fake.closed, 0);
}

static void accounts_of_another_store_purge_nothing(void **state)
{
	(void)state;
	fake.identity = (struct store_identity){ .id = "another's" };
	first_round();
	assert_int_equal(fake.kept[0] + fake.kept[1], 0);
	assert_int_equal(fake.opened, fake.closed);
}

static void shard_in_trouble_does_not_stop_the_others(void **state)
{
	(void)state;
	fake.keep = STORE_UNAVAILABLE;
	first_round();
	assert_true(fake.kept[0] >= 1 && fake.kept[1] >= 1);
}

static void secret_in_clear_is_sealed(void **state)
{
	(void)state;
	fake.clear = "tanstaaf";
	first_round();
	assert_string_equal(fake.sealed, "{SEALED}77:tanstaaf");
}

static void secret_that_cannot_be_opened_again_stays_in_clear(void **state)
{
	(void)state;
	fake.clear = "tanstaaf";
	fake.opens_as_another = true;
	first_round();
	assert_string_equal(fake.sealed, "");
	setup(state);
	fake.clear = "tanstaaf";
	fake.seal_fails = true;
	first_round();
	assert_string_equal(fake.sealed, "");
	assert_true(fake.kept[0] >= 1);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(round_keeps_every_shard_with_the_accounts_window),
		CASE(window_of_an_account_gone_is_told_apart_from_trouble),
		CASE(round_without_accounts_purges_nothing),
		CASE(accounts_of_another_store_purge_nothing),
		CASE(shard_in_trouble_does_not_stop_the_others),
		CASE(secret_in_clear_is_sealed),
		CASE(secret_that_cannot_be_opened_again_stays_in_clear),
	};

	/* Trouble is an error in the log, and expected here. */
	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
