/*
 * The messages of the benches: a header that makes each of them different, and a body that is
 * always the same for its size, so that whoever retrieves one can compare every octet without
 * having kept any. One line in each KiB of body begins with a dot.
 *
 * Three forms: what DATA carries, what RETR carries, and the octets that LIST counts. The first two
 * are the same (RFC 5321 section 4.5.2, RFC 1939 section 3) behind the trace lines.
 */
#ifndef RESTANTE_BENCH_MESSAGE_H
#define RESTANTE_BENCH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_HEADER_MAX 512

/* Once, before anything else. */
void message_prepare(void);

/* A header for message `number` of run `run`, the empty line not included; its octets. */
size_t message_header(char *to, size_t cap, uint64_t run, uint64_t number);

/* From the empty line to the end, as LIST counts them. */
uint64_t message_rest_octets(uint64_t kib);
/* The same on the wire: empty line, stuffed body, final dot. */
uint64_t message_rest_wire(uint64_t kib);
/* Octets of that, from `at` on, and how many are there in one piece. */
const char *message_rest_at(uint64_t kib, uint64_t at, size_t *n);

#endif
