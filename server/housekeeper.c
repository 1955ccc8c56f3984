/* The housekeeping thread: see housekeeper.h. */
#include "housekeeper.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "restante/store_admin.h"

struct housekeeper {
	struct housekeeper_options options;
	char *accounts_path;
	struct accounts *accounts; /* NULL = could not be opened last time */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping; /* under lock */
};

static bool is_stopping(struct housekeeper *h)
{
	bool stopping;

	pthread_mutex_lock(&h->lock);
	stopping = h->stopping;
	pthread_mutex_unlock(&h->lock);
	return stopping;
}

/* By the accounts of another store all of this one's mail would be reaped. */
static bool same_store(const struct housekeeper *h, struct fault *fault)
{
	if (strcmp(accounts_store(h->accounts)->id, store_identity(h->options.store)->id) == 0)
		return true;
	fault_set(fault, "%s belongs to another store than the mail databases: put it back",
		  h->accounts_path);
	return false;
}

static bool have_accounts(struct housekeeper *h)
{
	struct fault fault;

	if (h->accounts != NULL)
		return true;
	if (accounts_open(h->accounts_path, true, &h->accounts, &fault) == ACCOUNTS_OK &&
	    same_store(h, &fault))
		return true;
	accounts_close(&h->accounts);
	log_fault(LOG_LEVEL_ERROR, "housekeeping-no-accounts", &fault);
	return false;
}

/* --- secrets ----------------------------------------------------------------------------- */

static void log_secret(enum log_level level, const char *event, int64_t id,
		       const struct fault *fault)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_number(&line, "account", (uint64_t)id);
	if (fault != NULL)
		log_quoted(&line, "msg", str_of(fault->text));
	log_end(&line);
}

/* One bad secret must not keep the others in clear: it is logged, and the visit goes on. */
static bool seal_one(void *context, int64_t id, const char *clear)
{
	struct housekeeper *h = context;
	char sealed[512], opened[512];
	struct fault fault = { "" };
	size_t n = 0;
	bool good;

	/* What cannot be opened again would be lost: look before the clear one goes. */
	good = secret_seal(h->options.key, id, str_of(clear), sealed, sizeof sealed, &fault) &&
	       secret_open(h->options.key, id, sealed, opened, sizeof opened, &n, &fault);
	if (good && (n != strlen(clear) || CRYPTO_memcmp(opened, clear, n) != 0)) {
		fault_set(&fault, "the sealed secret does not open as the one that was sealed");
		good = false;
	}
	explicit_bzero(opened, sizeof opened);
	good = good && account_set_apop_secret(h->accounts, id, sealed, &fault) == ACCOUNTS_OK;
	if (good)
		log_secret(LOG_LEVEL_INFO, "secret-sealed", id, NULL);
	else
		log_secret(LOG_LEVEL_ERROR, "secret-not-sealed", id, &fault);
	return !is_stopping(h);
}

static void seal_secrets(struct housekeeper *h)
{
	struct fault fault = { "" };

	if (accounts_visit_clear_secrets(h->accounts, seal_one, h, &fault) == ACCOUNTS_OK)
		return;
	log_fault(LOG_LEVEL_ERROR, "housekeeping-failed", &fault);
	/* Opened anew next time: the file may have been replaced. */
	accounts_close(&h->accounts);
}

/* --- shards ------------------------------------------------------------------------------ */

static int64_t find_window(void *context, const char *key_id)
{
	struct housekeeper *h = context;
	struct account account;
	struct fault fault;

	if (h->accounts == NULL)
		return -2;
	switch (account_find_by_key(h->accounts, key_id, &account, &fault)) {
	case ACCOUNTS_OK:
		return account.undelete_seconds;
	case ACCOUNTS_NOT_FOUND:
		return -1;
	case ACCOUNTS_EXISTS:
	case ACCOUNTS_REFUSED:
	case ACCOUNTS_LOOP:
	case ACCOUNTS_UNAVAILABLE:
	case ACCOUNTS_FOREIGN:
	case ACCOUNTS_STATUS_COUNT:
		break;
	}
	return -2;
}

static void keep_shard(struct housekeeper *h, unsigned shard, int64_t now)
{
	struct fault fault = { "" };
	uint64_t purged = 0;
	enum store_status status =
		store_housekeep(h->options.store, shard, now, find_window, h, &purged, &fault);
	struct log_line line;

	if (purged > 0) {
		log_begin(&line, LOG_LEVEL_INFO, "purge");
		log_number(&line, "shard", shard);
		log_number(&line, "messages", purged);
		log_end(&line);
	}
	if (status != STORE_OK) {
		log_begin(&line, LOG_LEVEL_ERROR, "housekeeping-failed");
		log_number(&line, "shard", shard);
		log_quoted(&line, "msg",
			   str_of(fault.text[0] != '\0' ? fault.text
							: store_status_text(status)));
		log_end(&line);
	}
}

static void keep_house(struct housekeeper *h)
{
	int64_t now = clock_wall_seconds();

	if (h->options.each_round != NULL)
		h->options.each_round(h->options.context);
	if (!have_accounts(h))
		return;
	seal_secrets(h);
	for (unsigned shard = 0; shard < store_shards(h->options.store); shard++) {
		if (is_stopping(h))
			return;
		keep_shard(h, shard, now);
	}
}

/* --- the thread -------------------------------------------------------------------------- */

/* Until the next round is due; false when there is none any more. */
static bool wait_for_round(struct housekeeper *h)
{
	struct timespec until;
	int error = 0;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += h->options.interval_ms / 1000;
	until.tv_nsec += (long)(h->options.interval_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&h->lock);
	while (!h->stopping && error == 0)
		error = pthread_cond_timedwait(&h->changed, &h->lock, &until);
	go_on = !h->stopping;
	pthread_mutex_unlock(&h->lock);
	return go_on;
}

static void *housekeeper_thread(void *context)
{
	struct housekeeper *h = context;

	do
		keep_house(h);
	while (wait_for_round(h));
	return NULL;
}

static bool init_waiting(struct housekeeper *h)
{
	pthread_condattr_t monotonic;
	bool good;

	if (pthread_condattr_init(&monotonic) != 0)
		return false;
	good = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
	       pthread_cond_init(&h->changed, &monotonic) == 0;
	pthread_condattr_destroy(&monotonic);
	if (good && pthread_mutex_init(&h->lock, NULL) != 0) {
		pthread_cond_destroy(&h->changed);
		good = false;
	}
	return good;
}

static void destroy(struct housekeeper *h)
{
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->changed);
	accounts_close(&h->accounts);
	free(h->accounts_path);
	free(h);
}

bool housekeeper_start(const struct housekeeper_options *options,
		       struct housekeeper **housekeeper, struct fault *fault)
{
	struct housekeeper *h = calloc(1, sizeof *h);

	*housekeeper = NULL;
	fault_set(fault, "cannot start the housekeeping thread");
	if (h == NULL)
		return false;
	if (!init_waiting(h)) {
		free(h);
		return false;
	}
	h->options = *options;
	if (h->options.interval_ms == 0)
		h->options.interval_ms = HOUSEKEEPER_INTERVAL_MS;
	h->accounts_path = strdup(options->accounts_path);
	if (h->accounts_path == NULL ||
	    pthread_create(&h->thread, NULL, housekeeper_thread, h) != 0) {
		destroy(h);
		return false;
	}
	*housekeeper = h;
	return true;
}

void housekeeper_stop(struct housekeeper **housekeeper)
{
	struct housekeeper *h = *housekeeper;

	*housekeeper = NULL;
	if (h == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_signal(&h->changed);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	destroy(h);
}
