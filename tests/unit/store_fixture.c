/* See store_fixture.h. */
#include "store_fixture.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the store -------------------------------------------------------------------------------- */

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;

static void keep_log(void *context, int priority, const char *text)
{
	struct fixture *fixture = context;
	size_t n;

	(void)priority;
	pthread_mutex_lock(&log_mutex);
	n = strlen(fixture->log);
	(void)snprintf(fixture->log + n, sizeof fixture->log - n, "%s\n", text);
	pthread_mutex_unlock(&log_mutex);
}

enum store_status fixture_try_open(struct fixture *fixture, struct fault *fault)
{
	struct store_options options = {
		.dir = fixture->dir, .exclusive = true, .log = keep_log, .log_context = fixture
	};

	return store_open(&options, &fixture->store, fault);
}

void fixture_open(struct fixture *fixture)
{
	struct fault fault = { "" };
	enum store_status status = fixture_try_open(fixture, &fault);

	if (status != STORE_OK)
		fail_msg("store_open: %s: %s", store_status_text(status), fault.text);
	assert_int_equal(store_reader_open(fixture->store, &fixture->reader, &fault), STORE_OK);
}

void fixture_close(struct fixture *fixture)
{
	store_reader_close(&fixture->reader);
	store_close(&fixture->store);
}

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct fault fault = { "" };

	assert_non_null(fixture);
	(void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/restante-store.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	if (store_create(fixture->dir, FIXTURE_SHARDS, &fault) != STORE_OK)
		fail_msg("store_create: %s", fault.text);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[192];
	int code;

	fixture_close(fixture);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->dir);
	code = system(command);
	free(fixture);
	return code;
}

const char *fixture_path(const struct fixture *fixture, const char *name)
{
	static char path[192];

	(void)snprintf(path, sizeof path, "%s/%s", fixture->dir, name);
	return path;
}

int64_t fixture_sql(const struct fixture *fixture, unsigned shard, const char *sql)
{
	char name[32];
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int64_t value = 0;
	int code;

	(void)snprintf(name, sizeof name, "mail-%02u.db", shard);
	assert_int_equal(sqlite3_open(fixture_path(fixture, name), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	else if (code != SQLITE_DONE)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

struct maildrop_key fixture_key(unsigned number)
{
	struct maildrop_key key = { .shard = number % FIXTURE_SHARDS };

	(void)snprintf(key.id, sizeof key.id, "%032x", number + 0x1000);
	return key;
}

/* --- waiting for jobs --------------------------------------------------------------------------- */

struct wait {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
	enum store_status status;
};
#define WAIT_INIT                                                                    \
	{                                                                            \
		.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER \
	}

static void wake(struct wait *wait, enum store_status status)
{
	pthread_mutex_lock(&wait->mutex);
	wait->done = true;
	wait->status = status;
	pthread_cond_signal(&wait->cond);
	pthread_mutex_unlock(&wait->mutex);
}

static enum store_status await(struct wait *wait)
{
	pthread_mutex_lock(&wait->mutex);
	while (!wait->done)
		pthread_cond_wait(&wait->cond, &wait->mutex);
	pthread_mutex_unlock(&wait->mutex);
	return wait->status;
}

static void delivery_wake(void *context, enum store_status status, const struct fault *fault)
{
	(void)fault;
	wake(context, status);
}

static void job_wake(struct store_job *job)
{
	wake(job->context, job->status);
}

/* --- deliveries ---------------------------------------------------------------------------------- */

enum store_status fixture_flush(struct delivery *delivery)
{
	struct wait wait = WAIT_INIT;

	delivery_flush(delivery, delivery_wake, &wait);
	return await(&wait);
}

enum store_status fixture_finish(struct delivery *delivery, const unsigned char *digest)
{
	struct wait wait = WAIT_INIT;

	delivery_finish(delivery, digest, delivery_wake, &wait);
	return await(&wait);
}

bool fixture_append(struct delivery *delivery, struct str octets)
{
	for (;;) {
		switch (delivery_append(delivery, &octets)) {
		case DELIVERY_TAKEN:
			return true;
		case DELIVERY_NO_MEMORY:
			return false;
		case DELIVERY_FLUSH:
			if (fixture_flush(delivery) != STORE_OK)
				return false;
			break;
		}
	}
}

struct delivery_target fixture_deliver_as(struct fixture *fixture,
					  struct delivery_target target, struct str octets,
					  size_t piece, const unsigned char *digest)
{
	struct delivery *delivery = NULL;

	if (target.prefix == NULL)
		target.prefix = "";
	assert_int_equal(delivery_begin(fixture->store, &target, 1, 0, &delivery), STORE_OK);
	while (octets.n > 0) {
		struct str part = { octets.p,
				    piece > 0 && piece < octets.n ? piece : octets.n };

		assert_true(fixture_append(delivery, part));
		octets = str_from(octets, part.n);
	}
	(void)fixture_finish(delivery, digest);
	delivery_close(&delivery);
	assert_null(delivery);
	return target;
}

uint64_t fixture_deliver(struct fixture *fixture, unsigned number, const char *text)
{
	struct delivery_target target = { .key = fixture_key(number) };

	target = fixture_deliver_as(fixture, target, str_of(text), 0, NULL);
	assert_int_equal(target.status, STORE_OK);
	return target.uid;
}

void fixture_fill(struct fixture *fixture, unsigned number, unsigned n)
{
	char text[64];

	for (unsigned i = 1; i <= n; i++) {
		(void)snprintf(text, sizeof text, "Subject: %u\r\n\r\nbody\r\n", i);
		(void)fixture_deliver(fixture, number, text);
	}
}

void fixture_make_rows(struct fixture *fixture, unsigned n, unsigned step)
{
	char sql[1024];

	fixture_fill(fixture, 1, 1);
	(void)snprintf(
		sql, sizeof sql,
		"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
		" INSERT INTO message(mailbox, uid, octets, header_octets, longest_line,"
		" flags, received, epoch, body, prefix_octets, prefix)"
		" SELECT mailbox, i * %u, octets + i %% 7, header_octets, longest_line, flags,"
		" received, epoch, body, prefix_octets, prefix FROM message, n"
		" WHERE uid = 1",
		n, step);
	(void)fixture_sql(fixture, 1, sql);
	(void)fixture_sql(fixture, 1, "UPDATE body SET refs = (SELECT count(*) FROM message)");
	(void)fixture_sql(fixture, 1,
			  "UPDATE mailbox SET (uidnext, messages, octets) ="
			  " (SELECT max(uid) + 1, count(*), sum(octets) FROM message)");
}

/* --- sessions ------------------------------------------------------------------------------------ */

struct maildrop *fixture_maildrop(struct fixture *fixture, unsigned number)
{
	struct maildrop_key key = fixture_key(number);
	struct maildrop *maildrop = NULL;
	struct fault fault = { "" };

	if (maildrop_open(fixture->reader, &key, &maildrop, &fault) != STORE_OK)
		fail_msg("maildrop_open: %s", fault.text);
	return maildrop;
}

struct message fixture_message(struct fixture *fixture, struct maildrop *maildrop,
			       uint64_t msgno)
{
	struct message message = { 0 };
	struct fault fault = { "" };

	if (maildrop_message(fixture->reader, maildrop, msgno, &message, &fault) != STORE_OK)
		fail_msg("maildrop_message %llu: %s", (unsigned long long)msgno, fault.text);
	assert_int_equal(message.msgno, msgno);
	return message;
}

void fixture_mark(struct fixture *fixture, struct maildrop *maildrop, uint64_t msgno)
{
	struct message message = fixture_message(fixture, maildrop, msgno);

	assert_int_equal(maildrop_mark(maildrop, &message), STORE_OK);
}

char *fixture_read(struct fixture *fixture, struct maildrop *maildrop, uint64_t msgno,
		   size_t cap, size_t *n)
{
	struct message message = fixture_message(fixture, maildrop, msgno);
	char *octets = malloc((size_t)message.octets + cap);
	struct fault fault = { "" };
	size_t part;

	assert_non_null(octets);
	*n = 0;
	do {
		if (message_read(fixture->reader, maildrop, &message, *n, octets + *n, cap,
				 &part, &fault) != STORE_OK)
			fail_msg("message_read: %s", fault.text);
		*n += part;
		assert_true(*n <= message.octets);
	} while (part > 0);
	assert_int_equal(*n, message.octets);
	return octets;
}

struct maildrop_lock *fixture_lock(struct fixture *fixture, unsigned number, uint64_t session)
{
	struct maildrop_key key = fixture_key(number);
	struct lock_holder holder = { .session = session, .since = 1, .peer = "192.0.2.1" };
	struct lock_holder other;
	struct maildrop_lock *lock = NULL;

	assert_int_equal(maildrop_lock(fixture->store, &key, &holder, &lock, &other), STORE_OK);
	return lock;
}

enum store_status fixture_update(struct fixture *fixture, struct maildrop *maildrop,
				 struct maildrop_lock **lock, uint64_t session,
				 uint64_t *deleted)
{
	struct wait wait = WAIT_INIT;
	struct maildrop_update update = {
		.job = { .done = job_wake, .context = &wait },
		.maildrop = maildrop,
		.by = { .session = session, .started = 1, .peer = "192.0.2.1" },
	};
	enum store_status status;

	maildrop_update_submit(fixture->store, &update, lock);
	assert_null(*lock);
	status = await(&wait);
	assert_null(update.lock);
	if (deleted != NULL)
		*deleted = update.deleted;
	return status;
}

void fixture_delete(struct fixture *fixture, unsigned number, uint64_t session,
		    const uint64_t *msgnos)
{
	struct maildrop_lock *lock = fixture_lock(fixture, number, session);
	struct maildrop *maildrop = fixture_maildrop(fixture, number);
	uint64_t deleted = 0;
	uint64_t wanted = 0;

	for (; msgnos[wanted] != 0; wanted++)
		fixture_mark(fixture, maildrop, msgnos[wanted]);
	assert_int_equal(fixture_update(fixture, maildrop, &lock, session, &deleted), STORE_OK);
	assert_int_equal(deleted, wanted);
	maildrop_close(&maildrop);
}

static void print_finding(void *context, const char *sentence)
{
	(void)context;
	print_error("finding: %s\n", sentence);
}

void fixture_expect_clean(struct fixture *fixture)
{
	struct fault fault;
	uint64_t findings = 0;

	assert_int_equal(store_check(fixture->reader, NULL, print_finding, NULL, &findings,
				     &fault),
			 STORE_OK);
	assert_int_equal(findings, 0);
}
