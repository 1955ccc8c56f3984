/*
 * What the load programs share: numbers of the command line, connecting to loopback, durations. They
 * end the program when something goes wrong that a measurement cannot survive.
 */
#ifndef RESTANTE_BENCH_COMMON_H
#define RESTANTE_BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "restante/compiler.h"

/* Ends the program: `what` failed, with errno's text. */
_Noreturn void die(const char *what);
/* A number of the command line; ends the program when it is none. */
unsigned long number_of(const char *text);
/* As many descriptors as the system allows. */
void raise_descriptors(void);

/* A blocking connection to 127.0.0.1; `receive_buffer` 0 = the system's. */
MUST_USE int connect_loopback(unsigned port, int receive_buffer);
void set_nonblocking(int fd);
/* "PREFIX<number>@example.test" */
void user_name(char *to, size_t cap, const char *prefix, unsigned long number);

int64_t now_ns(void);

/* Durations of one run. */
struct durations {
	int64_t *ns;
	size_t n, cap;
};
void durations_add(struct durations *durations, int64_t ns);
/* Milliseconds below which `part` (0 to 1) of them lie. Sorts. */
double durations_quantile(struct durations *durations, double part);

#endif
