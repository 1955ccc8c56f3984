/* Last logins, coalesced: see login.h. */
#include "store/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/key_table.h"

/* So many wait at most; more make them due at once. */
#define LOGINS_PENDING 4096

struct login {
	char key[33];
	int64_t when;
	UT_hash_handle hh;
};

/* Mutex held. Without memory a login is not remembered: it is only for the operator's eyes. */
static void add(struct shard *shard, const char *key, int64_t when)
{
	struct login *login = calloc(1, sizeof *login);
	struct login *added;

	if (login == NULL)
		return;
	memcpy(login->key, key, sizeof login->key);
	login->when = when;
	if (shard->logins == NULL) {
		shard->login_due = clock_monotonic_ms() + LOGIN_MILLISECONDS;
		pthread_cond_signal(&shard->wake);
	}
	HASH_ADD_STR(shard->logins, key, login);
	HASH_FIND_STR(shard->logins, key, added);
	if (added != login)
		free(login);
	if (HASH_COUNT(shard->logins) >= LOGINS_PENDING) {
		shard->login_due = 0;
		pthread_cond_signal(&shard->wake);
	}
}

void maildrop_note_login(struct store *store, const struct maildrop_key *key, int64_t when)
{
	struct shard *shard;
	struct login *login;

	if (!store->exclusive || key->shard >= store->shard_count)
		return;
	shard = &store->shards[key->shard];
	pthread_mutex_lock(&shard->mutex);
	HASH_FIND_STR(shard->logins, key->id, login);
	if (login != NULL)
		login->when = when;
	else
		add(shard, key->id, when);
	pthread_mutex_unlock(&shard->mutex);
}

int64_t logins_left(const struct shard *shard, int64_t now)
{
	return shard->login_due - now;
}

struct login *logins_take(struct shard *shard)
{
	struct login *logins = shard->logins;

	shard->logins = NULL;
	return logins;
}

void logins_free(struct login **logins)
{
	struct login *login;
	struct login *next;

	HASH_ITER(hh, *logins, login, next)
	{
		HASH_DEL(*logins, login);
		free(login);
	}
}

enum store_status login_job_run(struct store_job *job, void *writer)
{
	struct login_job *login_job = (struct login_job *)job;
	struct shard *shard = writer;

	for (struct login *login = login_job->logins; login != NULL; login = login->hh.next) {
		struct mailbox_row row;
		enum store_status status = mailbox_need(shard, login->key, &row, &job->fault);

		if (status != STORE_OK)
			return status;
		bind_u64(shard->stmt[W_MAILBOX_LOGIN], 1, row.id);
		bind_i64(shard->stmt[W_MAILBOX_LOGIN], 2, login->when);
		status = statement_run(shard->stmt[W_MAILBOX_LOGIN], &job->fault);
		if (status != STORE_OK)
			return status;
	}
	return STORE_OK;
}
