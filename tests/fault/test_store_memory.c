/*
 * The n-th allocation fails, SQLite's and our own counted together; then the store is opened again
 * and compared with what was acknowledged.
 *
 * Usage: test_store_memory [STEP]: every STEP-th allocation (default 1).
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "script.h"

/* Linked with --wrap: what the objects of this program call. */
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *old, size_t n);
void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *old, size_t n);

static atomic_long fail_at; /* 0 = never */
static atomic_bool forever;
static atomic_long allocations;
static atomic_bool reached;

static bool fails(void)
{
	long at = atomic_load(&fail_at);
	long now;

	if (at == 0)
		return false;
	now = atomic_fetch_add(&allocations, 1) + 1;
	if (now != at && !(atomic_load(&forever) && now > at))
		return false;
	atomic_store(&reached, true);
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
	return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *old, size_t n)
{
	return fails() ? NULL : __real_realloc(old, n);
}

static sqlite3_mem_methods usual;

static void *sqlite_malloc(int n)
{
	return fails() ? NULL : usual.xMalloc(n);
}

static void *sqlite_realloc(void *old, int n)
{
	return fails() ? NULL : usual.xRealloc(old, n);
}

static struct bench bench;
static long step = 1;

static int make(void **state)
{
	(void)state;
	bench_make(&bench);
	return 0;
}

static int remove_bench(void **state)
{
	(void)state;
	bench_remove(&bench);
	return 0;
}

static void run_until_clean(bool for_good, const char *what)
{
	long at = 1;
	long runs = 0;

	atomic_store(&forever, for_good);
	do {
		bench_reset(&bench);
		atomic_store(&allocations, 0);
		atomic_store(&reached, false);
		atomic_store(&fail_at, at);
		script_run(&bench);
		atomic_store(&fail_at, 0);
		assert_true(bench_verify(&bench, what, at));
		at += step;
		runs++;
	} while (atomic_load(&reached));
	print_message("%s: %ld runs\n", what, runs);
}

static void allocation_fails_once_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean(false, "an allocation fails");
}

static void memory_is_used_up_keeps_every_promise(void **state)
{
	(void)state;
	run_until_clean(true, "no memory from here on");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocation_fails_once_keeps_every_promise),
		cmocka_unit_test(memory_is_used_up_keeps_every_promise),
	};
	sqlite3_mem_methods mine;

	if (argc > 1)
		step = strtol(argv[1], NULL, 10);
	if (step < 1 || sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual) != SQLITE_OK)
		return 2;
	mine = usual;
	mine.xMalloc = sqlite_malloc;
	mine.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) != SQLITE_OK)
		return 2;
	return cmocka_run_group_tests(tests, make, remove_bench);
}
