/*
 * Every connection there is: counting them by source, finding one by its session, and ending one
 * from outside. A descriptor is closed only after its connection has left the table, so nobody who
 * holds the table's mutex ever touches a descriptor used again.
 */
#ifndef RESTANTE_TABLE_H
#define RESTANTE_TABLE_H

#include <pthread.h>

#include "base/siphash.h"
#include "connection.h"

struct source_count;

/* Slots beyond the capacity, for newcomers whose evicted predecessors are still being closed. */
#define TABLE_SPARE 64

struct table_limits {
	unsigned per_source;
	unsigned before_login; /* of connections that log in at all */
	unsigned before_login_per_source;
};

struct table {
	pthread_mutex_t mutex;
	struct connection **slots;
	uint32_t *free_slots;
	uint32_t capacity, used, free_count;
	struct table_limits limits;
	uint64_t next_session;
	struct source_count *sources; /* uthash */
	struct siphash_key hash_key;
	struct connection *oldest, *newest; /* of those before login */
	uint32_t before_login;              /* how many these are */
	uint32_t leaving;                   /* evicted, and not closed yet */
};

enum table_answer { TABLE_OK, TABLE_FULL, TABLE_SOURCE_FULL, TABLE_SOURCE_LOGINS_FULL };

MUST_USE bool table_open(struct table *table, uint32_t capacity,
			 const struct table_limits *limits);
void table_close(struct table *table);
/* From now on; connections that are there stay. */
void table_set_limits(struct table *table, const struct table_limits *limits);
/*
 * Room for one more of this protocol from there? Where there is none in all, the oldest connection
 * before login whose login is not under way is evicted. Local peers are not counted by source, nor
 * is one whose client is yet to be told by a proxy: NULL. `exempt` ones are counted in all only,
 * and not evicted either.
 */
enum table_answer table_admits(struct table *table, const struct peer *peer,
			       const struct protocol *protocol, bool exempt);
/* Sets slot and session. By the acceptor alone, after table_admits said yes. */
MUST_USE bool table_add(struct table *table, struct connection *connection);
/*
 * A proxy has told who the client is: the connection's peer from now on, counted with its source.
 * TABLE_FULL: no memory to count it. By the owning worker, once.
 */
MUST_USE enum table_answer table_admit_client(struct table *table,
					      struct connection *connection,
					      const struct peer *client, bool exempt);
/* Another peer, for log and trace; counted as before. By the owning worker. */
void table_set_peer(struct table *table, struct connection *connection,
		    const struct peer *peer);
void table_remove(struct table *table, struct connection *connection);
/* It has logged in, and is counted among those before login no more. */
void table_logged_in(struct table *table, struct connection *connection);
/*
 * Returns when nobody looks at a connection any more as it was before: call it between taking
 * something away from the others (logged_in = false) and freeing it.
 */
void table_settle(struct table *table);
uint32_t table_used(struct table *table);

/* Calls visit for each with the mutex held; visit must not block. */
typedef void table_visit(void *context, struct connection *connection);
void table_each(struct table *table, table_visit *visit, void *context);
/* Ends every connection whose deadline has passed. */
void table_sweep(struct table *table, int64_t now);

/* How patient a holder's claim is: milliseconds of idleness, 0 = never taken over. */
struct takeover_rule {
	int64_t idle, idle_marked;
};
/* Ends session `session` if it has been idle long enough: true when its maildrop is free now. */
bool table_take_over(struct table *table, uint64_t session, const struct takeover_rule *rule,
		     int64_t now);

#endif
