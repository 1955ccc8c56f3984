/*
 * The n-th allocation fails, SQLite's and our own counted together; then the store is opened again
 * and compared with what was acknowledged.
 *
 * Usage: test_store_memory [STEP]: every STEP-th allocation (default 1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fault_memory.h"
#include "script.h"

static struct fault_memory *memory;
static struct bench bench;
static long step = 1;

static int make(void **state)
{
	(void)state;
	bench_make(&bench, BENCH_LARGE);
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

	atomic_store(&memory->forever, for_good);
	do {
		bench_reset(&bench);
		atomic_store(&memory->count, 0);
		atomic_store(&memory->reached, false);
		atomic_store(&memory->at, at);
		script_run(&bench);
		atomic_store(&memory->at, 0);
		assert_true(bench_verify(&bench, what, at));
		at += step;
		runs++;
	} while (atomic_load(&memory->reached));
	print_message("%s: injection_points=%ld runs=%ld\n", what, atomic_load(&memory->count),
		      runs);
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

	if (argc > 1)
		step = strtol(argv[1], NULL, 10);
	memory = fault_memory_register(NULL);
	if (step < 1 || memory == NULL)
		return 2;
	return cmocka_run_group_tests(tests, make, remove_bench);
}
