/*
 * A VFS that becomes SQLite's default and fails on purpose: the n-th operation of chosen kinds
 * fails (once or from then on), or the power goes: of what was not synced, everything or any part
 * is undone, and the process ends.
 */
#ifndef RESTANTE_TESTS_FAULT_VFS_H
#define RESTANTE_TESTS_FAULT_VFS_H

#include <stdbool.h>

enum fault_kind {
	FAULT_WRITE = 1,
	FAULT_SYNC = 2,
	FAULT_TRUNCATE = 4,
	FAULT_OPEN = 8,
	FAULT_READ = 16,
	FAULT_SHM = 32,
	FAULT_LOCK = 64, /* held by another process: SQLITE_BUSY */
};

struct fault_plan {
	unsigned kinds;
	long at;       /* 0 = never; 1 = the first */
	bool forever;  /* and every one after it */
	bool full;     /* writes and reads fail for want of space */
	bool cut;      /* a read ends before its end, as if the file did */
	bool power;    /* instead of failing: the power goes */
	unsigned torn; /* ... and of unsynced writes some sectors are there; 0 = none of them */
};

/* What is to come and what has come of it. */
struct fault_state {
	struct fault_plan plan;
	long count;
	bool reached;
};

#define FAULT_POWER_EXIT 77

/* With *state in memory that another process sees, or NULL. */
void fault_vfs_register(struct fault_state *state);
/* Counts from here. */
void fault_vfs_plan(struct fault_plan plan);
/* Was the n-th operation reached? Ends the plan. *count (or NULL): how many there were. */
bool fault_vfs_end(long *count);

#endif
