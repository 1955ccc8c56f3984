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
	struct answer stat, list, uidl;
	struct answer *retr; /* `copies` of it, each in memory of its own */
	size_t copies, next;
};

/*
 * For a maildrop of `messages`, each with `kib` of body; `copies` (at least 1) as if there were so
 * many messages in all maildrops. Never freed.
 */
void answers_prepare(struct answers *answers, uint64_t messages, uint64_t kib, size_t copies);
/* The copies in turn. */
const struct answer *answers_retr(struct answers *answers);

#endif
