/*
 * The n-th allocation fails: our own (this program is linked with --wrap) and SQLite's, counted
 * together.
 */
#ifndef RESTANTE_TESTS_FAULT_MEMORY_H
#define RESTANTE_TESTS_FAULT_MEMORY_H

#include <stdatomic.h>

struct fault_memory {
	atomic_long at; /* 0 = never; 1 = the first */
	atomic_bool forever;
	atomic_long count;
	atomic_bool reached;
};

/*
 * Before SQLite is used. With *memory as another process sees it, or NULL; what is in force
 * afterwards is returned, NULL when SQLite does not let its allocator be changed.
 */
struct fault_memory *fault_memory_register(struct fault_memory *memory);

#endif
