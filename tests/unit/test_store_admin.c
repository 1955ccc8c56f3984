/* Undelete, purge, housekeeping, figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store_private.h"
#include "store_fixture.h"

#define DAY 86400
#define WEEK (INT64_C(7) * DAY)

/* --- looking ---------------------------------------------------------------------------------- */

struct seen {
	unsigned n;
	unsigned stop_after;
	struct message_info info[8];
};

static bool see(void *context, const struct message_info *info)
{
	struct seen *seen = context;

	if (seen->n < ARRAY_SIZE(seen->info))
		seen->info[seen->n] = *info;
	seen->n++;
	return seen->n != seen->stop_after;
}

static struct seen visit(struct fixture *f, unsigned number, bool deleted, unsigned stop_after)
{
	struct maildrop_key key = fixture_key(number);
	struct seen seen = { .stop_after = stop_after };
	struct fault fault;

	assert_int_equal(maildrop_visit(f->reader, &key, deleted, see, &seen, &fault),
			 STORE_OK);
	return seen;
}

static void visit_shows_live_and_deleted_with_who(void **state)
{
	static const uint64_t marks[] = { 2, 3, 0 };
	struct fixture *f = *state;
	struct seen seen;

	fixture_fill(f, 1, 4);
	fixture_delete(f, 1, 1234, marks);
	seen = visit(f, 1, false, 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.info[1].message.uid, 4);
	assert_int_equal(seen.info[1].message.msgno, 2);
	assert_int_equal(seen.info[1].deleted_at, 0);
	seen = visit(f, 1, true, 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.info[0].message.uid, 2);
	assert_int_equal(seen.info[0].message.msgno, 0);
	assert_int_equal(seen.info[0].deleted_session, 1234);
	assert_string_equal(seen.info[0].deleted_peer, "192.0.2.1");
	assert_true(seen.info[0].deleted_at > 0);
	assert_int_equal(visit(f, 1, false, 1).n, 1);
	assert_int_equal(visit(f, 7, false, 0).n, 0);
}

static void visit_more_than_a_slice_shows_each_once(void **state)
{
	struct fixture *f = *state;

	fixture_fill(f, 1, 300);
	assert_int_equal(visit(f, 1, false, 0).n, 300);
	assert_int_equal(visit(f, 1, false, 200).n, 200);
}

/* --- undelete --------------------------------------------------------------------------------- */

static void undelete_selects_by_session_or_uid(void **state)
{
	static const uint64_t first[] = { 1, 2, 0 };
	static const uint64_t second[] = { 1, 0 }; /* uid 3 */
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct fault fault;
	uint64_t n;

	fixture_fill(f, 1, 5);
	fixture_delete(f, 1, 100, first);
	fixture_delete(f, 1, 200, second);
	assert_int_equal(maildrop_undelete(f->store, &key,
					   &(struct deleted_selection){ .session = 200 }, &n,
					   &fault),
			 STORE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(maildrop_undelete(f->store, &key,
					   &(struct deleted_selection){ .uid = 2 }, &n, &fault),
			 STORE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(visit(f, 1, true, 0).n, 1);
	assert_int_equal(visit(f, 1, false, 0).info[3].message.uid, 7);
	fixture_expect_clean(f);
}

static void undelete_and_purge_many_go_in_steps(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct fault fault;
	uint64_t n;

	fixture_fill(f, 1, 2 * STORE_PURGE_MESSAGES + 1);
	assert_int_equal(maildrop_delete(f->store, &key, 0, &n, &fault), STORE_OK);
	assert_int_equal(n, 2 * STORE_PURGE_MESSAGES + 1);
	assert_int_equal(maildrop_undelete(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 2 * STORE_PURGE_MESSAGES + 1);
	fixture_expect_clean(f);
	/* The old rows go; the messages stay. */
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 2 * STORE_PURGE_MESSAGES + 1);
	assert_int_equal(visit(f, 1, false, 0).n, 2 * STORE_PURGE_MESSAGES + 1);
	fixture_expect_clean(f);
	assert_int_equal(maildrop_delete(f->store, &key, 0, &n, &fault), STORE_OK);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM message"), 0);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM body"), 0);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM chunk"), 0);
	fixture_expect_clean(f);
}

static void uid_of_purged_message_is_never_used_again(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct fault fault;
	uint64_t n;

	fixture_fill(f, 1, 3);
	assert_int_equal(maildrop_delete(f->store, &key, 3, &n, &fault), STORE_OK);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(fixture_deliver(f, 1, "A: b\r\n\r\n"), 4);
	assert_int_equal(fixture_sql(f, 1, "SELECT max(id) FROM body"), 4);
}

static void purge_with_a_session_is_refused(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct maildrop_lock *lock;
	struct fault fault;
	uint64_t n;

	fixture_fill(f, 1, 2);
	lock = fixture_lock(f, 1, 5);
	assert_int_equal(maildrop_delete(f->store, &key, 1, &n, &fault), STORE_OK);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_IN_USE);
	assert_int_equal(visit(f, 1, true, 0).n, 1);
	maildrop_unlock(f->store, &lock);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 1);
}

static void shared_body_stays_until_its_last_message(void **state)
{
	struct fixture *f = *state;
	struct delivery_target targets[2] = { { .key = fixture_key(1), .prefix = "" },
					      { .key = fixture_key(3), .prefix = "" } };
	struct deleted_selection all = { 0 };
	struct delivery *delivery = NULL;
	struct fault fault;
	uint64_t n;

	assert_int_equal(delivery_begin(f->store, targets, 2, 0, &delivery), STORE_OK);
	assert_true(fixture_append(delivery, STR("A: b\r\n\r\nshared\r\n")));
	assert_int_equal(fixture_finish(delivery, NULL), STORE_OK);
	delivery_close(&delivery);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM chunk"), 1);
		assert_int_equal(maildrop_delete(f->store, &targets[i].key, 0, &n, &fault),
				 STORE_OK);
		assert_int_equal(maildrop_purge(f->store, &targets[i].key, &all, &n, &fault),
				 STORE_OK);
		fixture_expect_clean(f);
	}
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM chunk"), 0);
}

/* --- housekeeping ----------------------------------------------------------------------------- */

static int64_t answer; /* of the window callback */

static int64_t window(void *context, const char *key_id)
{
	(void)context;
	(void)key_id;
	return answer;
}

static uint64_t keep(struct fixture *f, int64_t now)
{
	struct fault fault = { "" };
	uint64_t purged = 0;

	if (store_housekeep(f->store, 1, now, window, NULL, &purged, &fault) != STORE_OK)
		fail_msg("store_housekeep: %s", fault.text);
	return purged;
}

static void housekeep_purges_what_is_past_its_window(void **state)
{
	static const uint64_t marks[] = { 1, 2, 0 };
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL);

	fixture_fill(f, 1, 3);
	fixture_delete(f, 1, 5, marks);
	answer = WEEK;
	assert_int_equal(keep(f, now), 0);
	/* As the clock goes on, a round at least every day. */
	for (int half = 1; half < 14; half++)
		assert_int_equal(keep(f, now + half * DAY / 2), 0);
	assert_int_equal(keep(f, now + 7 * DAY + 60), 2);
	assert_int_equal(visit(f, 1, true, 0).n, 0);
	assert_int_equal(visit(f, 1, false, 0).n, 1);
	fixture_expect_clean(f);
}

static void housekeep_window_zero_purges_at_once_unless_unknown(void **state)
{
	static const uint64_t marks[] = { 1, 0 };
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL);
	struct maildrop_lock *lock;

	fixture_fill(f, 1, 3);
	fixture_delete(f, 1, 5, marks);
	answer = -2;
	assert_int_equal(keep(f, now), 0);
	answer = 0;
	lock = fixture_lock(f, 1, 6);
	assert_int_equal(keep(f, now + 1), 0);
	maildrop_unlock(f->store, &lock);
	assert_int_equal(keep(f, now + 1), 1);
}

static void housekeep_clock_jump_stops_purging_loudly(void **state)
{
	static const uint64_t marks[] = { 1, 0 };
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL);

	fixture_fill(f, 1, 2);
	fixture_delete(f, 1, 5, marks);
	answer = WEEK;
	assert_int_equal(keep(f, now), 0);
	assert_int_equal(keep(f, now + 365 * DAY), 0);
	assert_non_null(strstr(f->log, "clock-jumped shard=1"));
	assert_int_equal(visit(f, 1, true, 0).n, 1);
	/* Also after a restart. */
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keep(f, now + 365 * DAY), 0);
	/* A day later the clock has proved itself. */
	f->store->shards[1].clock_looked -= DAY;
	assert_int_equal(keep(f, now + 365 * DAY), 1);
	assert_int_equal(fixture_sql(f, 1, "SELECT value FROM meta WHERE key = 'hold'"), 0);
}

/* A machine that runs ten hours a day waits for three days, not for ever. */
static void housekeep_clock_jump_is_over_after_a_day_of_running(void **state)
{
	static const uint64_t marks[] = { 1, 0 };
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL);
	struct shard *shard;

	fixture_fill(f, 1, 2);
	fixture_delete(f, 1, 5, marks);
	answer = WEEK;
	assert_int_equal(keep(f, now), 0);
	for (int day = 30; day < 32; day++) {
		assert_int_equal(keep(f, now + day * DAY), 0);
		shard = &f->store->shards[1];
		shard->clock_looked -= 10 * 3600;
		shard->clock_said -= 10 * 3600;
		shard->clock_uptime -= 10 * 3600;
		assert_int_equal(keep(f, now + day * DAY + 10 * 3600), 0);
		fixture_close(f);
		fixture_open(f);
	}
	f->store->shards[1].clock_looked -= 5 * 3600;
	assert_int_equal(keep(f, now + 32 * DAY), 1);
}

static void housekeep_orphans_go_after_the_window(void **state)
{
	static const uint64_t marks[] = { 1, 0 };
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL);

	fixture_fill(f, 1, 450);
	fixture_delete(f, 1, 5, marks);
	fixture_fill(f, 3, 1);
	answer = -1;
	assert_int_equal(keep(f, now), 0);
	assert_non_null(strstr(f->log, "maildrop-orphaned shard=1"));
	/* The account came back. */
	answer = WEEK;
	(void)keep(f, now + DAY / 2);
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT count(*) FROM mailbox WHERE orphan_since NOTNULL"),
			 0);
	answer = -2;
	(void)keep(f, now + DAY);
	(void)keep(f, now + 3 * DAY / 2);
	(void)keep(f, now + 2 * DAY);
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT count(*) FROM mailbox WHERE orphan_since NOTNULL"),
			 0);
	answer = -1;
	for (int half = 5; half < 19; half++)
		assert_int_equal(keep(f, now + half * DAY / 2), 0);
	assert_int_equal(keep(f, now + 19 * DAY / 2), 451);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM mailbox"), 0);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM body"), 0);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM session"), 0);
	fixture_expect_clean(f);
	/* Its id is not given again. */
	fixture_fill(f, 1, 1);
	assert_int_equal(fixture_sql(f, 1, "SELECT id FROM mailbox"), 3);
}

/* A clock that was ahead and is right again: the hourly look must not wait for that hour. */
static void housekeep_clock_set_back_still_looks_at_every_maildrop(void **state)
{
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL);

	fixture_fill(f, 1, 1);
	answer = WEEK;
	(void)keep(f, now + DAY / 2);
	answer = -1;
	(void)keep(f, now);
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT count(*) FROM mailbox WHERE orphan_since NOTNULL"),
			 1);
}

static void housekeep_removes_old_digests_and_sessions(void **state)
{
	static const unsigned char digest[32] = "d";
	static const uint64_t marks[] = { 1, 0 };
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL);
	struct delivery_target target = { .key = fixture_key(1) };

	fixture_fill(f, 1, 2);
	(void)fixture_deliver_as(f, target, STR("A: b\r\n\r\n"), 0, digest);
	fixture_delete(f, 1, 5, marks);
	fixture_delete(f, 1, 6, marks);
	/* The first one's message can still be brought back. */
	(void)fixture_sql(f, 1, "UPDATE session SET ended = ended - 91 * 86400");
	(void)fixture_sql(f, 1,
			  "UPDATE message SET deleted_at = deleted_at - 91 * 86400"
			  " WHERE deleted_session = 5");
	answer = 400 * INT64_C(86400);
	(void)keep(f, now);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM session"), 1);
	assert_int_equal(fixture_sql(f, 1, "SELECT number FROM session"), 5);
	for (int half = 1; half < 6; half++)
		(void)keep(f, now + half * DAY / 2);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM recent"), 1);
	for (int half = 6; half < 10; half++)
		(void)keep(f, now + half * DAY / 2);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM recent"), 0);
}

static void hurried_store_ends_long_work_at_its_next_step(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	int64_t now = (int64_t)time(NULL);
	struct fault fault;
	uint64_t n;

	fixture_fill(f, 1, 3);
	assert_int_equal(maildrop_delete(f->store, &key, 0, &n, &fault), STORE_OK);
	store_hurry(f->store);
	answer = 0;
	assert_int_equal(keep(f, now + 1), 0);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_UNAVAILABLE);
	assert_non_null(strstr(fault.text, "being closed"));
	/* What clients wait for is served until the end. */
	fixture_fill(f, 1, 1);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(keep(f, now + 1), 3);
	assert_int_equal(visit(f, 1, false, 0).n, 1);
	fixture_expect_clean(f);
}

static void housekeep_gives_free_pages_back(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct delivery_target target = { .key = key };
	size_t n = 24 << 20;
	char *text = malloc(n);
	struct fault fault;
	int64_t before;
	uint64_t purged;

	assert_non_null(text);
	memset(text, 'x', n);
	text[0] = '\n';
	target = fixture_deliver_as(f, target, (struct str){ text, n }, 0, NULL);
	assert_int_equal(target.status, STORE_OK);
	free(text);
	assert_int_equal(maildrop_delete(f->store, &key, 0, &purged, &fault), STORE_OK);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &purged, &fault), STORE_OK);
	before = fixture_sql(f, 1, "PRAGMA page_count");
	assert_true(before > 1500);
	answer = -2;
	/* The large body goes in steps, then its pages down to what is kept for new mail. */
	(void)keep(f, (int64_t)time(NULL));
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM chunk"), 0);
	assert_true(fixture_sql(f, 1, "PRAGMA page_count") < before - 300);
	assert_true(fixture_sql(f, 1, "PRAGMA freelist_count") > 900);
	fixture_expect_clean(f);
}

static void figures_count_what_is_there(void **state)
{
	static const uint64_t marks[] = { 1, 0 };
	struct fixture *f = *state;
	struct store_figures figures;
	struct fault fault;

	fixture_fill(f, 1, 3);
	fixture_delete(f, 1, 5, marks);
	assert_int_equal(store_figures(f->store, f->reader, 1, &figures, &fault), STORE_OK);
	assert_int_equal(figures.maildrops, 1);
	assert_int_equal(figures.messages, 2);
	assert_int_equal(figures.octets, 40);
	assert_int_equal(figures.deleted, 1);
	assert_int_equal(figures.bodies, 3);
	assert_int_equal(figures.jobs, 4);
	assert_int_equal(figures.queued_jobs, 0);
	assert_true(figures.file_octets > 16384);
	assert_true(figures.in_service);
	assert_int_equal(store_figures(f->store, f->reader, 2, &figures, &fault),
			 STORE_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(visit_shows_live_and_deleted_with_who),
		STORE_CASE(visit_more_than_a_slice_shows_each_once),
		STORE_CASE(undelete_selects_by_session_or_uid),
		STORE_CASE(undelete_and_purge_many_go_in_steps),
		STORE_CASE(uid_of_purged_message_is_never_used_again),
		STORE_CASE(purge_with_a_session_is_refused),
		STORE_CASE(shared_body_stays_until_its_last_message),
		STORE_CASE(housekeep_purges_what_is_past_its_window),
		STORE_CASE(housekeep_window_zero_purges_at_once_unless_unknown),
		STORE_CASE(housekeep_clock_jump_stops_purging_loudly),
		STORE_CASE(housekeep_clock_jump_is_over_after_a_day_of_running),
		STORE_CASE(housekeep_orphans_go_after_the_window),
		STORE_CASE(housekeep_clock_set_back_still_looks_at_every_maildrop),
		STORE_CASE(housekeep_removes_old_digests_and_sessions),
		STORE_CASE(hurried_store_ends_long_work_at_its_next_step),
		STORE_CASE(housekeep_gives_free_pages_back),
		STORE_CASE(figures_count_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
