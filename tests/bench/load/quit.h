/* QUIT through the store's own interface, waited for. */
#ifndef RESTANTE_BENCH_QUIT_H
#define RESTANTE_BENCH_QUIT_H

#include "restante/store.h"

/*
 * Submits update->maildrop's marks and waits for the outcome, which must be good; nanoseconds that
 * it took. *lock is the store's from here on.
 */
int64_t quit_and_wait(struct store *store, struct maildrop_update *update,
		      struct maildrop_lock **lock);

#endif
