/*
 * Deletion marks: a bit per message of the snapshot, in memory only, made at the first DELE.
 * RFC 1939 section 5: marks take effect at QUIT and at no other end of a session.
 */
#include <assert.h>
#include <stdlib.h>

#include "store/maildrop_private.h"

#define WORD_BITS 64

static size_t words(const struct maildrop *maildrop)
{
	return (size_t)(maildrop->messages / WORD_BITS + 1);
}

bool marks_has(const struct maildrop *maildrop, uint64_t msgno)
{
	uint64_t index = msgno - 1;

	return maildrop->marks != NULL &&
	       (maildrop->marks[index / WORD_BITS] >> index % WORD_BITS & 1) != 0;
}

uint64_t marks_next(const struct maildrop *maildrop, uint64_t msgno, bool marked)
{
	uint64_t index = msgno - 1;

	if (maildrop->marks == NULL)
		return marked ? maildrop->messages + 1 : msgno;
	while (index < maildrop->messages) {
		uint64_t word = maildrop->marks[index / WORD_BITS];

		if (!marked)
			word = ~word;
		word >>= index % WORD_BITS;
		if (word != 0) {
			index += (uint64_t)__builtin_ctzll(word);
			break;
		}
		index += WORD_BITS - index % WORD_BITS;
	}
	return index < maildrop->messages ? index + 1 : maildrop->messages + 1;
}

enum store_status maildrop_mark(struct maildrop *maildrop, const struct message *message)
{
	uint64_t index = message->msgno - 1;

	assert(message->msgno >= 1 && message->msgno <= maildrop->messages);
	if (maildrop->marks == NULL)
		maildrop->marks = calloc(words(maildrop), sizeof maildrop->marks[0]);
	if (maildrop->marks == NULL)
		return STORE_UNAVAILABLE;
	if (marks_has(maildrop, message->msgno))
		return STORE_OK;
	maildrop->marks[index / WORD_BITS] |= UINT64_C(1) << index % WORD_BITS;
	maildrop->marked++;
	maildrop->marked_octets += message->octets;
	return STORE_OK;
}

void maildrop_unmark_all(struct maildrop *maildrop)
{
	free(maildrop->marks);
	maildrop->marks = NULL;
	maildrop->marked = 0;
	maildrop->marked_octets = 0;
}

uint64_t maildrop_marked(const struct maildrop *maildrop)
{
	return maildrop->marked;
}
