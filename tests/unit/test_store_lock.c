/* Every transition of the maildrop lock, and QUIT racing a takeover. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

static atomic_uint released;

static void count_release(void *context, const struct maildrop_key *key)
{
	(void)context;
	(void)key;
	atomic_fetch_add(&released, 1);
}

static int setup(void **state)
{
	struct fixture *f;

	(void)fixture_setup(state);
	f = *state;
	atomic_store(&released, 0);
	store_on_release(f->store, count_release, NULL);
	return 0;
}

static enum store_status try_lock(struct fixture *f, unsigned number, uint64_t session,
				  struct maildrop_lock **lock, struct lock_holder *other)
{
	struct maildrop_key key = fixture_key(number);
	struct lock_holder holder = { .session = session, .since = 42, .peer = "2001:db8::1" };

	return maildrop_lock(f->store, &key, &holder, lock, other);
}

static bool revoke(struct fixture *f, unsigned number, uint64_t session)
{
	struct maildrop_key key = fixture_key(number);

	return maildrop_lock_revoke(f->store, &key, session);
}

static void lock_second_session_hears_who_holds_it(void **state)
{
	struct fixture *f = *state;
	struct maildrop_lock *first = NULL;
	struct maildrop_lock *second = NULL;
	struct lock_holder other = { 0 };

	assert_int_equal(try_lock(f, 1, 10, &first, &other), STORE_OK);
	assert_int_equal(try_lock(f, 1, 11, &second, &other), STORE_IN_USE);
	assert_null(second);
	assert_int_equal(other.session, 10);
	assert_int_equal(other.since, 42);
	assert_string_equal(other.peer, "2001:db8::1");
	/* Another maildrop is free. */
	assert_int_equal(try_lock(f, 3, 11, &second, &other), STORE_OK);
	maildrop_unlock(f->store, &second);
	maildrop_unlock(f->store, &first);
	assert_null(first);
	assert_int_equal(atomic_load(&released), 2);
	assert_int_equal(try_lock(f, 1, 12, &second, &other), STORE_OK);
	maildrop_unlock(f->store, &second);
	maildrop_unlock(f->store, &second);
}

static void revoke_held_lock_is_lost_and_free_at_once(void **state)
{
	struct fixture *f = *state;
	struct maildrop_lock *loser = NULL;
	struct maildrop_lock *winner = NULL;
	struct lock_holder other;

	assert_int_equal(try_lock(f, 1, 10, &loser, &other), STORE_OK);
	assert_false(revoke(f, 1, 99));
	assert_false(maildrop_lock_lost(loser));
	assert_true(revoke(f, 1, 10));
	assert_true(maildrop_lock_lost(loser));
	assert_int_equal(atomic_load(&released), 1);
	assert_int_equal(try_lock(f, 1, 11, &winner, &other), STORE_OK);
	assert_false(revoke(f, 1, 10));
	/* The loser's end does not touch the winner's lock. */
	maildrop_unlock(f->store, &loser);
	assert_int_equal(atomic_load(&released), 1);
	assert_int_equal(try_lock(f, 1, 12, &loser, &other), STORE_IN_USE);
	assert_int_equal(other.session, 11);
	maildrop_unlock(f->store, &winner);
}

static void update_after_loss_deletes_nothing(void **state)
{
	struct fixture *f = *state;
	struct maildrop_lock *lock = NULL;
	struct lock_holder other;
	struct maildrop *maildrop;
	uint64_t deleted = 1;

	fixture_fill(f, 1, 2);
	assert_int_equal(try_lock(f, 1, 10, &lock, &other), STORE_OK);
	maildrop = fixture_maildrop(f, 1);
	fixture_mark(f, maildrop, 1);
	assert_true(revoke(f, 1, 10));
	assert_int_equal(fixture_update(f, maildrop, &lock, 10, &deleted), STORE_LOST);
	assert_int_equal(deleted, 0);
	maildrop_close(&maildrop);
	assert_int_equal(
		fixture_sql(f, 1, "SELECT count(*) FROM message WHERE deleted_at IS NULL"), 2);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM session"), 0);
}

static void update_without_marks_writes_nothing_and_releases(void **state)
{
	struct fixture *f = *state;
	struct maildrop_lock *lock = NULL;
	struct lock_holder other;
	struct maildrop *maildrop;
	struct store_figures before;
	struct store_figures after;
	struct fault fault;

	fixture_fill(f, 1, 2);
	assert_int_equal(try_lock(f, 1, 10, &lock, &other), STORE_OK);
	maildrop = fixture_maildrop(f, 1);
	fixture_mark(f, maildrop, 2);
	maildrop_unmark_all(maildrop);
	assert_int_equal(store_figures(f->store, f->reader, 1, &before, &fault), STORE_OK);
	assert_int_equal(fixture_update(f, maildrop, &lock, 10, NULL), STORE_OK);
	assert_int_equal(store_figures(f->store, f->reader, 1, &after, &fault), STORE_OK);
	assert_int_equal(after.commits, before.commits);
	maildrop_close(&maildrop);
	assert_int_equal(atomic_load(&released), 1);
	assert_int_equal(try_lock(f, 1, 11, &lock, &other), STORE_OK);
	maildrop_unlock(f->store, &lock);
}

/* A job in front of the update keeps the writer busy until the gate opens. */
struct gate {
	struct store_job job;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool open;
};

struct quit {
	struct maildrop_update update;
	struct fixture *f;
	bool free_at_done;
	atomic_bool done;
};

static void quit_done(struct store_job *job)
{
	struct quit *quit = job->context;

	quit->free_at_done = quit->update.lock == NULL;
	atomic_store(&quit->done, true);
}

static void gate_wait(void *context, enum store_status status, const struct fault *fault)
{
	struct gate *gate = context;

	(void)status;
	(void)fault;
	pthread_mutex_lock(&gate->mutex);
	while (!gate->open)
		pthread_cond_wait(&gate->cond, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->open = true;
	pthread_cond_signal(&gate->cond);
	pthread_mutex_unlock(&gate->mutex);
}

static void updating_lock_cannot_be_revoked_and_ends_with_the_outcome(void **state)
{
	struct fixture *f = *state;
	struct gate gate = { .mutex = PTHREAD_MUTEX_INITIALIZER,
			     .cond = PTHREAD_COND_INITIALIZER };
	struct delivery_target target = { .key = fixture_key(3), .prefix = "" };
	struct quit quit = { .f = f };
	struct delivery *delivery = NULL;
	struct maildrop_lock *lock = NULL;
	struct maildrop_lock *other_lock = NULL;
	struct lock_holder other;

	fixture_fill(f, 1, 2);
	assert_int_equal(try_lock(f, 1, 10, &lock, &other), STORE_OK);
	quit.update = (struct maildrop_update){
		.job = { .done = quit_done, .context = &quit },
		.maildrop = fixture_maildrop(f, 1),
		.by = { .session = 10 },
	};
	fixture_mark(f, quit.update.maildrop, 1);
	/* Its done holds the writer. */
	assert_int_equal(delivery_begin(f->store, &target, 1, 0, &delivery), STORE_OK);
	delivery_finish(delivery, NULL, gate_wait, &gate);
	maildrop_update_submit(f->store, &quit.update, &lock);
	assert_null(lock);
	if (!atomic_load(&quit.done)) {
		assert_false(revoke(f, 1, 10));
		assert_int_equal(try_lock(f, 1, 11, &other_lock, &other), STORE_IN_USE);
	}
	gate_open(&gate);
	/* Closing works off every job. */
	store_reader_close(&f->reader);
	store_close(&f->store);
	assert_true(atomic_load(&quit.done));
	assert_true(quit.free_at_done);
	assert_int_equal(quit.update.job.status, STORE_OK);
	assert_int_equal(quit.update.deleted, 1);
	assert_int_equal(atomic_load(&released), 1);
	delivery_close(&delivery);
	maildrop_close(&quit.update.maildrop);
}

struct racer {
	struct fixture *f;
	uint64_t session;
	pthread_barrier_t *barrier;
	bool revoked;
};

static void *race(void *context)
{
	struct racer *racer = context;

	pthread_barrier_wait(racer->barrier);
	racer->revoked = revoke(racer->f, 1, racer->session);
	return NULL;
}

/* Takeover, kick, deadline and drain are this one call; exactly one side wins. */
static void quit_racing_revocations_has_one_winner(void **state)
{
	struct fixture *f = *state;
	unsigned won = 0;
	unsigned live = 64;

	fixture_fill(f, 1, live);
	for (uint64_t session = 1; session <= 60; session++) {
		pthread_barrier_t barrier;
		struct racer racers[2];
		pthread_t threads[2];
		struct maildrop_lock *lock = fixture_lock(f, 1, session);
		struct maildrop *maildrop = fixture_maildrop(f, 1);
		enum store_status status;

		fixture_mark(f, maildrop, 1);
		pthread_barrier_init(&barrier, NULL, 3);
		for (unsigned i = 0; i < 2; i++) {
			racers[i] = (struct racer){ f, session, &barrier, false };
			assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]),
					 0);
		}
		pthread_barrier_wait(&barrier);
		status = fixture_update(f, maildrop, &lock, session, NULL);
		for (unsigned i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&barrier);
		assert_false(racers[0].revoked && racers[1].revoked);
		assert_int_equal(status, racers[0].revoked || racers[1].revoked ? STORE_LOST
										: STORE_OK);
		if (status == STORE_OK)
			won++;
		maildrop_close(&maildrop);
		assert_int_equal(atomic_load(&released), session);
	}
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT count(*) FROM message WHERE deleted_at IS NULL"),
			 live - won);
	fixture_expect_clean(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(lock_second_session_hears_who_holds_it),
		CASE(revoke_held_lock_is_lost_and_free_at_once),
		CASE(update_after_loss_deletes_nothing),
		CASE(update_without_marks_writes_nothing_and_releases),
		CASE(updating_lock_cannot_be_revoked_and_ends_with_the_outcome),
		CASE(quit_racing_revocations_has_one_winner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
