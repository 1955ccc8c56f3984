/*
 * What makes restanted fail on purpose, linked with all the rest of it: RESTANTE_FAULTS names a file
 * of one struct faults, in which a test says what is to fail, and when (tests/live/faults.py).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fault_memory.h"
#include "fault_vfs.h"

struct faults {
	struct fault_state disk;
	struct fault_memory memory;
};

__attribute__((constructor)) static void register_faults(void)
{
	const char *path = getenv("RESTANTE_FAULTS");
	struct faults *faults;
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof *faults) != 0)
		abort();
	faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (faults == MAP_FAILED || fault_memory_register(&faults->memory) == NULL)
		abort();
	fault_vfs_register(&faults->disk);
}
