/*
 * What was promised, and whether the store kept it. The ledger lies in memory shared with a child,
 * so that it outlives a child that dies at any moment: an entry says what was acknowledged before.
 *
 * Every copy of a message carries its number in its prefix and a body that follows from numbers
 * in the prefix, so that a copy found in the store can be checked octet for octet.
 */
#ifndef RESTANTE_TESTS_LEDGER_H
#define RESTANTE_TESTS_LEDGER_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "restante/store_admin.h"

#define LEDGER_COPIES 1000000
#define LEDGER_QUITS 200000
#define LEDGER_SHARDS 2
#define LEDGER_MAILDROPS 8
#define LEDGER_PREFIX_MAX 64

enum copy_state { COPY_NONE, COPY_SENT, COPY_KEPT, COPY_REFUSED };
enum quit_state { QUIT_NONE, QUIT_SENT, QUIT_OK };

struct copy {
	atomic_uchar state;
	_Atomic uint32_t quit; /* that marked it last; 0 = none */
};

struct ledger {
	_Atomic uint32_t copies; /* numbers given; from 1 */
	_Atomic uint32_t quits;
	_Atomic uint32_t copies_kept; /* acknowledged */
	_Atomic uint32_t quits_ok;
	struct copy copy[LEDGER_COPIES];
	atomic_uchar quit[LEDGER_QUITS];
};

struct ledger *ledger_new(void);
void ledger_forget(struct ledger *ledger);
struct maildrop_key ledger_key(unsigned maildrop);

/*
 * One delivery to `count` of the maildrops from `first` on; waits for it and writes down what
 * each target was told. `abandon`: closed before finish.
 */
void ledger_deliver(struct ledger *ledger, struct store *store, unsigned first, unsigned count,
		    size_t octets, bool abandon);
/* Several small deliveries and nothing waited for in between. */
void ledger_deliver_together(struct ledger *ledger, struct store *store, unsigned count);
/*
 * One session: locks, marks each `every`-th of the first messages, QUITs, writes down the answer.
 */
void ledger_quit(struct ledger *ledger, struct store *store, struct store_reader *reader,
		 unsigned maildrop, unsigned every);

struct verdict {
	uint64_t lost, doubled, undone, torn, wrong, findings;
};
static inline uint64_t verdict_sum(const struct verdict *v)
{
	return v->lost + v->doubled + v->undone + v->torn + v->wrong + v->findings;
}
/*
 * Opens the store in `dir` as a server would after a crash and compares. Bodies are read of
 * copies from number `bodies_from` on. Complaints are printed to `to`.
 */
struct verdict ledger_verify(struct ledger *ledger, const char *dir, uint32_t bodies_from,
			     FILE *to);

#endif
