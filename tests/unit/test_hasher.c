/*
 * The hashers' queue: sources take turns, a full queue says no, every job comes back. The real
 * verification is replaced by a gate and a list of who came when.
 */
#include <limits.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hasher.h"
#include "restante/limits.h"
#include "server.h"

static sem_t gate;  /* one post lets one verification through */
static sem_t begun; /* one post per verification begun */
static int opened, accounts_at_most;
static char order[HASHER_QUEUE + 2];
static size_t order_n;
static char waits_for; /* who is not known before another program has been asked */

enum accounts_status accounts_open(const char *path, bool writable, struct accounts **accounts,
				   struct fault *fault)
{
	(void)path, (void)writable, (void)fault;
	*accounts = NULL;
	if (opened == accounts_at_most)
		return ACCOUNTS_UNAVAILABLE;
	opened++;
	return ACCOUNTS_OK;
}

void accounts_close(struct accounts **accounts)
{
	opened--;
	*accounts = NULL;
}

enum auth_verdict auth_open(const struct config *config, const struct auth_means *means,
			    struct auth_backends *backends, struct fault *fault)
{
	(void)config, (void)means, (void)fault;
	*backends = (struct auth_backends){ .count = 0 };
	return AUTH_OK;
}

/* The one thing that a job sees of its backends here: which of the two it is given. */
void auth_stop_short(struct auth_backends *backends)
{
	backends->backend[0].name = "stops short";
}

void auth_go_on(struct auth_backends *backends)
{
	backends->backend[0].name = "goes on";
}

void auth_close(struct auth_backends *backends)
{
	(void)backends;
}

enum auth_verdict auth_verify(struct auth_backend *backends, size_t count,
			      const struct auth_request *request, int64_t now,
			      struct auth_result *result, struct fault *fault)
{
	(void)count, (void)now, (void)result, (void)fault;
	sem_post(&begun);
	sem_wait(&gate);
	if (waits_for == request->user.p[0] && strcmp(backends->name, "stops short") == 0)
		return AUTH_WAITS;
	order[order_n++] = request->user.p[0];
	return AUTH_OK;
}

static sem_t finished;

static void done(struct login_job *job)
{
	(void)job;
	sem_post(&finished);
}

static struct login_job job_of(char who)
{
	static const char names[] = "abcdefghijklmnopqrstuvwxyz";
	struct login_job job = { .done = done };

	job.source.family = 2;
	job.source.prefix[0] = (unsigned char)who;
	job.request.user = (struct str){ names + (who - 'a'), 1 };
	return job;
}

static int set_up(void **state)
{
	(void)state;
	order_n = 0;
	waits_for = '\0';
	accounts_at_most = INT_MAX;
	return sem_init(&gate, 0, 0) | sem_init(&finished, 0, 0) | sem_init(&begun, 0, 0);
}

static void queue_one_source_floods_others_take_turns(void **state)
{
	static struct login_job jobs[12];
	struct server server = { .started = 0 };
	struct hashers hashers;
	struct fault fault = { "" };
	const char *who = "aaaaaaaaabbc";

	(void)state;
	assert_true(hashers_start(&hashers, &server, 1, NULL, &fault));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = job_of(who[i]);
		hashers_submit(&hashers, &jobs[i]);
		/* The first is taken before the others come: the order is then certain. */
		if (i == 0)
			sem_wait(&begun);
	}
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		sem_post(&gate);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		sem_wait(&finished);
	hashers_stop(&hashers);
	order[order_n] = '\0';
	assert_string_equal(order, "aabcabaaaaaa");
}

static void submit_to_a_full_queue_takes_from_who_has_most(void **state)
{
	static struct login_job jobs[HASHER_QUEUE + 5];
	struct server server = { .started = 0 };
	struct hashers hashers;
	struct fault fault = { "" };
	size_t n = 0;

	(void)state;
	assert_true(hashers_start(&hashers, &server, 1, NULL, &fault));
	jobs[n] = job_of('z');
	hashers_submit(&hashers, &jobs[n++]);
	sem_wait(&begun);
	while (n < HASHER_QUEUE + 1) {
		jobs[n] = job_of('a');
		hashers_submit(&hashers, &jobs[n++]);
	}
	/* The flood's own next one is refused; another source takes the place of its newest. */
	jobs[n] = job_of('a');
	hashers_submit(&hashers, &jobs[n++]);
	assert_int_equal(jobs[n - 1].verdict, AUTH_UNAVAILABLE);
	assert_string_equal(jobs[n - 1].result.reason, "queue-full");
	for (int i = 0; i < 2; i++) {
		jobs[n] = job_of('b');
		hashers_submit(&hashers, &jobs[n++]);
		assert_int_equal(jobs[HASHER_QUEUE - i].verdict, AUTH_UNAVAILABLE);
	}
	jobs[n] = job_of('a');
	hashers_submit(&hashers, &jobs[n++]);
	assert_int_equal(jobs[n - 1].verdict, AUTH_UNAVAILABLE);
	for (size_t i = 0; i < n; i++)
		sem_post(&gate);
	for (size_t i = 0; i < n; i++)
		sem_wait(&finished);
	hashers_stop(&hashers);
	assert_int_equal(order_n, HASHER_QUEUE + 1);
	assert_memory_equal(order, "zababaa", 7);
}

static void submit_to_a_queue_full_of_many_sources_is_refused(void **state)
{
	static struct login_job jobs[HASHER_QUEUE + 2];
	struct server server = { .started = 0 };
	struct hashers hashers;
	struct fault fault = { "" };

	(void)state;
	assert_true(hashers_start(&hashers, &server, 1, NULL, &fault));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = job_of('a');
		memcpy(&jobs[i].source.prefix, &i, sizeof i);
		hashers_submit(&hashers, &jobs[i]);
		if (i == 0)
			sem_wait(&begun);
	}
	assert_int_equal(jobs[HASHER_QUEUE + 1].verdict, AUTH_UNAVAILABLE);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		sem_post(&gate);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		sem_wait(&finished);
	hashers_stop(&hashers);
	assert_int_equal(order_n, HASHER_QUEUE + 1);
}

static void stop_with_queued_jobs_refuses_them_without_the_work(void **state)
{
	static struct login_job jobs[8];
	struct server server = { .started = 0 };
	struct hashers hashers;
	struct fault fault = { "" };
	int answered;

	(void)state;
	assert_true(hashers_start(&hashers, &server, 1, NULL, &fault));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = job_of('a');
		hashers_submit(&hashers, &jobs[i]);
	}
	sem_wait(&begun);
	hashers_refuse(&hashers);
	/* What has begun goes on to its end; nothing else is begun. */
	sem_post(&gate);
	hashers_stop(&hashers);
	sem_getvalue(&finished, &answered);
	assert_int_equal(answered, ARRAY_SIZE(jobs));
	assert_int_equal(jobs[0].verdict, AUTH_OK);
	for (size_t i = 1; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(jobs[i].verdict, AUTH_UNAVAILABLE);
}

static bool work_of_its_own(struct login_job *job, struct auth_backends *backends)
{
	assert_int_equal(backends->count, 0);
	job->verdict = AUTH_UNAVAILABLE;
	return true;
}

static bool answered_at_once(struct login_job *job, struct auth_backends *backends)
{
	assert_string_equal(backends->backend[0].name, "stops short");
	job->verdict = AUTH_OK;
	return true;
}

static void job_with_work_of_its_own_does_that(void **state)
{
	struct login_job job = job_of('a');
	struct server server = { .started = 0 };
	struct hashers hashers;
	struct fault fault = { "" };

	(void)state;
	job.work = work_of_its_own;
	assert_true(hashers_start(&hashers, &server, 1, NULL, &fault));
	hashers_submit(&hashers, &job);
	sem_wait(&finished);
	assert_int_equal(job.verdict, AUTH_UNAVAILABLE);
	assert_int_equal(order_n, 0);
	hashers_stop(&hashers);
}

static void job_that_waits_is_handed_on_and_keeps_nobody(void **state)
{
	struct login_job slow = job_of('p');
	struct login_job quick = job_of('q');
	struct server server = { .started = 0 };
	struct hashers waiting;
	struct hashers hashers;
	struct fault fault = { "" };

	(void)state;
	waits_for = 'p';
	assert_true(hashers_start(&waiting, &server, 1, NULL, &fault));
	assert_true(hashers_start(&hashers, &server, 1, &waiting, &fault));
	hashers_submit(&hashers, &slow);
	sem_wait(&begun);
	sem_post(&gate);
	/* The second thread has it now, at a gate that stays shut. */
	sem_wait(&begun);
	quick.work = answered_at_once;
	hashers_submit(&hashers, &quick);
	sem_wait(&finished);
	assert_int_equal(quick.verdict, AUTH_OK);
	assert_int_equal(slow.verdict, AUTH_WAITS);
	sem_post(&gate);
	sem_wait(&finished);
	assert_int_equal(slow.verdict, AUTH_OK);
	hashers_stop(&hashers);
	hashers_stop(&waiting);
}

static void start_without_accounts_fails(void **state)
{
	struct server server = { .started = 0 };
	struct hashers hashers;
	struct fault fault = { "" };

	(void)state;
	accounts_at_most = 2;
	/* The third cannot have its accounts: none may stay behind and answer wrongly. */
	assert_false(hashers_start(&hashers, &server, 4, NULL, &fault));
	assert_int_equal(opened, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(queue_one_source_floods_others_take_turns, set_up),
		cmocka_unit_test_setup(submit_to_a_full_queue_takes_from_who_has_most, set_up),
		cmocka_unit_test_setup(submit_to_a_queue_full_of_many_sources_is_refused,
				       set_up),
		cmocka_unit_test_setup(stop_with_queued_jobs_refuses_them_without_the_work,
				       set_up),
		cmocka_unit_test_setup(job_with_work_of_its_own_does_that, set_up),
		cmocka_unit_test_setup(job_that_waits_is_handed_on_and_keeps_nobody, set_up),
		cmocka_unit_test_setup(start_without_accounts_fails, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
