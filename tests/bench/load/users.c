/* The users that clients are: see users.h. */
#include "users.h"

#include <stdlib.h>

#include "common.h"

void users_prepare(struct users *users)
{
	users->state = 1;
	users->busy = calloc(users->count, sizeof users->busy[0]);
	users->keys = calloc(users->count, sizeof users->keys[0]);
	if (users->busy == NULL || users->keys == NULL)
		die("calloc");
}

void users_free(struct users *users)
{
	for (size_t i = 0; i < users->count; i++)
		free(users->keys[i]);
	free(users->keys);
	free(users->busy);
}

size_t users_next(struct users *users)
{
	if (!users->random)
		return users->next++ % users->count;
	users->state = users->state * 6364136223846793005U + 1442695040888963407U;
	return (size_t)(users->state >> 33) % users->count;
}

size_t users_take(struct users *users)
{
	size_t user;

	do
		user = users_next(users);
	while (users->busy[user]);
	users->busy[user] = true;
	return user;
}

void users_give_back(struct users *users, size_t user)
{
	users->busy[user] = false;
}

void users_name(const struct users *users, size_t user, char *to, size_t cap)
{
	user_name(to, cap, users->prefix, user);
}
