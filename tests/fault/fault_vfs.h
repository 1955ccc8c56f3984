/*
 * A VFS that becomes SQLite's default and fails on purpose: the n-th operation of chosen kinds
 * fails (once or from then on), or the power goes: everything that was not synced is undone and
 * the process ends.
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
};

struct fault_plan {
	unsigned kinds;
	long at;      /* 0 = never; 1 = the first */
	bool forever; /* and every one after it */
	bool full;    /* writes and reads fail for want of space */
	bool power;   /* instead of failing: the power goes */
};

#define FAULT_POWER_EXIT 77

void fault_vfs_register(void);
/* Counts from here. */
void fault_vfs_plan(struct fault_plan plan);
/* Was the n-th operation reached? Ends the plan. */
bool fault_vfs_end(void);

#endif
