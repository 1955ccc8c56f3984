/* What the responder answers from: POP3's replies about one maildrop, made beforehand. */
#ifndef RESTANTE_BENCH_ANSWERS_H
#define RESTANTE_BENCH_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

struct answer {
	char *text;
	size_t n;
};

struct answers {
	struct answer stat, list, uidl, retr;
};

/* For a maildrop of `messages`, each with `kib` of body. Never freed. */
void answers_prepare(struct answers *answers, uint64_t messages, uint64_t kib);

#endif
