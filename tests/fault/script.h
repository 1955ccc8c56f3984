/*
 * One script of everything that writes: what the fault tests run again and again, each time with
 * another operation failing.
 */
#ifndef RESTANTE_TESTS_SCRIPT_H
#define RESTANTE_TESTS_SCRIPT_H

#include "ledger.h"

struct bench {
	char dir[128];      /* of this test */
	char pristine[160]; /* a store with some mail, made once */
	char store[160];    /* the copy that a run works on */
	struct ledger *ledger;
};

/* What is enough to be purged, and shrunk, in several steps. */
#define BENCH_LARGE 4300000

/* Makes the pristine store; its mail, with a message of `large` octets, is in the ledger. */
void bench_make(struct bench *bench, size_t large);
/* A fresh copy, and the ledger as it was. */
void bench_reset(struct bench *bench);
void bench_remove(struct bench *bench);
/* Opens the store and does everything once; what fails is given up. */
void script_run(struct bench *bench);
/* Compares; prints and returns false when a promise was broken. */
bool bench_verify(struct bench *bench, const char *what, long at);

#endif
