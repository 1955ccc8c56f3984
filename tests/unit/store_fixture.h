/*
 * A store of its own for each test, and the store's calls made short: jobs are waited for, and
 * whatever should work fails the test when it does not.
 */
#ifndef RESTANTE_TESTS_STORE_FIXTURE_H
#define RESTANTE_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "restante/store_admin.h"

#define FIXTURE_SHARDS 2

struct fixture {
	char dir[128];
	struct store *store;
	struct store_reader *reader;
	char log[4096]; /* every event, a line each */
};

/* cmocka's setup and teardown: *state is a struct fixture with an open store. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define STORE_CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

void fixture_close(struct fixture *fixture);
void fixture_open(struct fixture *fixture);
enum store_status fixture_try_open(struct fixture *fixture, struct fault *fault);
/* "DIR/name", valid until the next call. */
const char *fixture_path(const struct fixture *fixture, const char *name);
/* Runs SQL on a shard's file beside the store; returns the first column of the first row. */
int64_t fixture_sql(const struct fixture *fixture, unsigned shard, const char *sql);

/* The same key for the same number; shard = number % FIXTURE_SHARDS. */
struct maildrop_key fixture_key(unsigned number);

/* Delivers to one maildrop in pieces of `piece` octets (0 = whole); returns the target. */
struct delivery_target fixture_deliver_as(struct fixture *fixture,
					  struct delivery_target target, struct str octets,
					  size_t piece, const unsigned char *digest);
/* ... the plain case: must work; returns the uid. */
uint64_t fixture_deliver(struct fixture *fixture, unsigned number, const char *text);
/* n messages "Subject: i\r\n\r\nbody\r\n". */
void fixture_fill(struct fixture *fixture, unsigned number, unsigned n);
/* n rows in maildrop 1, made beside the writer to be quick: uid 1, then message number * step. */
void fixture_make_rows(struct fixture *fixture, unsigned n, unsigned step);
/* append and flush as a driver does; false when a flush failed. */
bool fixture_append(struct delivery *delivery, struct str octets);
/* Waits for a job round. */
struct fixture_wait;
enum store_status fixture_finish(struct delivery *delivery, const unsigned char *digest);
enum store_status fixture_flush(struct delivery *delivery);

/* The whole message by message_read in slices of `cap`; to be freed. */
char *fixture_read(struct fixture *fixture, struct maildrop *maildrop, uint64_t msgno,
		   size_t cap, size_t *n);
struct maildrop *fixture_maildrop(struct fixture *fixture, unsigned number);
struct message fixture_message(struct fixture *fixture, struct maildrop *maildrop,
			       uint64_t msgno);
void fixture_mark(struct fixture *fixture, struct maildrop *maildrop, uint64_t msgno);

struct maildrop_lock *fixture_lock(struct fixture *fixture, unsigned number, uint64_t session);
/* QUIT: submits and waits; closes neither. */
enum store_status fixture_update(struct fixture *fixture, struct maildrop *maildrop,
				 struct maildrop_lock **lock, uint64_t session,
				 uint64_t *deleted);
/* Lock, open, mark the message numbers (0 ends the list), QUIT, close; must work. */
void fixture_delete(struct fixture *fixture, unsigned number, uint64_t session,
		    const uint64_t *msgnos);
void fixture_expect_clean(struct fixture *fixture);

#endif
