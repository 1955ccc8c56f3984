/*
 * The disk's ceiling: appends records to a file and makes each group of them durable with one
 * fdatasync, as writers do that share a group commit.
 *
 *	disk FOLDER OCTETS GROUP SECONDS
 *
 * Prints records a second.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 5) {
		fputs("usage: disk FOLDER OCTETS GROUP SECONDS\n", stderr);
		return 64;
	}
	const size_t octets = number_of(argv[2]), group = number_of(argv[3]);
	const int64_t start = now_ns(), end = start + (int64_t)(strtod(argv[4], NULL) * 1e9);
	char *record = malloc(octets + 1);
	uint64_t records = 0;

	snprintf(path, sizeof path, "%s/disk.XXXXXX", argv[1]);
	const int fd = mkostemp(path, O_CLOEXEC | O_APPEND);

	if (fd < 0 || record == NULL || unlink(path) != 0)
		die(path);
	memset(record, 'x', octets);
	while (now_ns() < end) {
		for (size_t i = 0; i < group; i++) {
			if (write(fd, record, octets) != (ssize_t)octets)
				die("write");
		}
		if (fdatasync(fd) != 0)
			die("fdatasync");
		records += group;
	}
	printf("%.1f\n", (double)records / ((double)(now_ns() - start) / 1e9));
	free(record);
	close(fd);
	return 0;
}
