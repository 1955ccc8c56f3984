/* See fault_memory.h. */
#include "fault_memory.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Linked with --wrap: what the objects of this program call. */
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *old, size_t n);
char *__wrap_strdup(const char *text);
void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *old, size_t n);
char *__real_strdup(const char *text);

static struct fault_memory own;
static struct fault_memory *state = &own;
static sqlite3_mem_methods usual;

static bool fails(void)
{
	long at = atomic_load(&state->at);
	long now;

	if (at == 0)
		return false;
	now = atomic_fetch_add(&state->count, 1) + 1;
	if (now != at && !(atomic_load(&state->forever) && now > at))
		return false;
	atomic_store(&state->reached, true);
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

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static void *sqlite_malloc(int n)
{
	return fails() ? NULL : usual.xMalloc(n);
}

static void *sqlite_realloc(void *old, int n)
{
	return fails() ? NULL : usual.xRealloc(old, n);
}

struct fault_memory *fault_memory_register(struct fault_memory *memory)
{
	sqlite3_mem_methods mine;

	if (memory != NULL)
		state = memory;
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual) != SQLITE_OK)
		return NULL;
	mine = usual;
	mine.xMalloc = sqlite_malloc;
	mine.xRealloc = sqlite_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK ? state : NULL;
}
