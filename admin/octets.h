/*
 * Stream sockets of the tool, which may wait: it has nothing else to do. Interrupted calls are
 * taken up again.
 */
#ifndef RESTANTE_ADMIN_OCTETS_H
#define RESTANTE_ADMIN_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "restante/compiler.h"

/* -1 and errno where nobody answers. */
MUST_USE int octets_connect_unix(const char *path);
/* All of them, or false. */
bool octets_send(int fd, const char *p, size_t n);
/* Some of them; 0 at the end, -1 for an error. */
MUST_USE ssize_t octets_receive(int fd, char *p, size_t cap);

#endif
