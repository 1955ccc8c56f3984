/* The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding. */
#ifndef RESTANTE_BENCH_SCRAM_H
#define RESTANTE_BENCH_SCRAM_H

#include "login.h"

/* "AUTH SCRAM-SHA-256 ..." */
size_t scram_first(struct login *login, char *line, size_t cap);
/* The answer to the server's first message (base64). */
size_t scram_final(struct login *login, const char *challenge, char *line, size_t cap);
/* The server's final message must prove that it knows the user; or the program ends. */
void scram_check(const struct login *login, const char *final);

#endif
