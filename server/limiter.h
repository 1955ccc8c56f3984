/*
 * How many guesses a stranger gets: failures by source prefix and by account, and the waits that
 * follow from them. Policy alone: the time is an argument, waits are numbers, whoever asks does the
 * waiting (with a timer). docs/adr/0030-failed-logins-are-slowed-down-never-locked-out.md has the
 * reasons.
 *
 * - A source with many failures gets turns, ever farther apart; who comes too early for the next
 *   one is told to come later. This bounds what one attacker can try.
 * - An account with many failures makes whoever asks for it wait. Only sources that have failed
 *   themselves must also wait their turn there: this bounds what many attackers can try together.
 *   A source without failures is never turned away, so nobody can lock a user out from elsewhere.
 * - Where an account has logged in lately it is at home: from there neither counts, until it fails
 *   there itself too often.
 * - The same wrong credentials again are no new guess: a client that repeats them counts once.
 *
 * Failures are forgotten one by one with time. All tables are bounded (recent.h) and in memory.
 * Thread-safe.
 */
#ifndef RESTANTE_LIMITER_H
#define RESTANTE_LIMITER_H

#include <pthread.h>

#include "net/peer.h"
#include "recent.h"
#include "restante/store.h"

/* The configured part. */
struct limiter_rule {
	unsigned failures; /* so many cost nothing; 0 = nobody is ever slowed down */
	int64_t delay_ms;  /* the longest wait, and the longest time between two turns */
};

/* One attempt to log in. */
struct limiter_login {
	struct source source;
	bool local;        /* a peer of this machine: stands for many, not limited by source */
	struct str user;   /* as the client said it */
	struct str secret; /* its password; empty where it would be another one each time */
};

struct limiter {
	pthread_mutex_t mutex;
	bool open;
	struct siphash_key name_key[2], secret_key;
	struct recent sources, accounts, homes;
	struct recent logins; /* when a maildrop was last opened */
};

MUST_USE bool limiter_open(struct limiter *limiter);
void limiter_close(struct limiter *limiter);

#define LIMITER_LATER (-1)
/* Before the credentials are looked at: how long to wait first, or LIMITER_LATER: not now. */
int64_t limiter_ask(struct limiter *limiter, const struct limiter_rule *rule,
		    const struct limiter_login *login, int64_t now);
/* They were refused. False: they had been before, from there, and count no more. */
bool limiter_failed(struct limiter *limiter, const struct limiter_rule *rule,
		    const struct limiter_login *login, int64_t now);
void limiter_succeeded(struct limiter *limiter, const struct limiter_login *login, int64_t now);

/* LOGIN-DELAY (RFC 2449 section 6.5): milliseconds until this maildrop may be opened again. */
int64_t limiter_login_wait(struct limiter *limiter, const struct maildrop_key *key,
			   int64_t delay_ms, int64_t now);
void limiter_note_login(struct limiter *limiter, const struct maildrop_key *key, int64_t now);

#endif
