/* The users that clients are: in turn or at random, none by two sessions at a time. */
#ifndef RESTANTE_BENCH_USERS_H
#define RESTANTE_BENCH_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scram_keys;

struct users {
	const char *prefix;
	size_t count, next;
	bool random;
	uint64_t state; /* of the random numbers: the same ones each time */
	bool *busy;
	struct scram_keys **keys; /* each user's own, or NULL */
};

void users_prepare(struct users *users);
void users_free(struct users *users);
/* The next user who has no session, who has one from now on. */
size_t users_take(struct users *users);
void users_give_back(struct users *users, size_t user);
/* The next user, whether or not there is a session. */
size_t users_next(struct users *users);
/* "PREFIX<number>@example.test" */
void users_name(const struct users *users, size_t user, char *to, size_t cap);

#endif
