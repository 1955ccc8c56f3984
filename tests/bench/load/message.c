/* The messages of the benches: see message.h. */
#include "message.h"

#include <stdio.h>
#include <string.h>

#define LINE 64             /* octets with CRLF; 16 of them are a KiB */
#define KIB_WIRE (1024 + 1) /* one dot is stuffed */
#define BLOCK_KIB 64        /* as much lies in memory, again and again */
#define BLOCK (BLOCK_KIB * KIB_WIRE)

static char block[BLOCK];

void message_prepare(void)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	char *to = block;

	for (size_t line = 0; line < (size_t)BLOCK_KIB * 16; line++) {
		if (line % 16 == 7) { /* ".." on the wire, "." in the message */
			*to++ = '.';
			*to = '.';
		} else {
			*to = 'x';
		}
		for (size_t i = 1; i < LINE - 2; i++)
			to[i] = letters[(line + i * 7) % (sizeof letters - 1)];
		memcpy(to + LINE - 2, "\r\n", 2);
		to += LINE;
	}
}

size_t message_header(char *to, size_t cap, uint64_t run, uint64_t number)
{
	return (size_t)snprintf(to, cap,
				"From: Bench <bench@example.net>\r\n"
				"To: somebody@example.test\r\n"
				"Subject: one of many\r\n"
				"Date: Thu, 26 Nov 2026 12:00:00 +0000\r\n"
				"Message-ID: <%016llx.%010llu@example.net>\r\n",
				(unsigned long long)run, (unsigned long long)number);
}

uint64_t message_rest_octets(uint64_t kib)
{
	return 2 + kib * 1024;
}

uint64_t message_rest_wire(uint64_t kib)
{
	return 2 + kib * KIB_WIRE + 3;
}

const char *message_rest_at(uint64_t kib, uint64_t at, size_t *n)
{
	const uint64_t body = kib * KIB_WIRE;

	if (at < 2) {
		*n = (size_t)(2 - at);
		return &"\r\n"[at];
	}
	at -= 2;
	if (at >= body) {
		*n = (size_t)(body + 3 - at);
		return &".\r\n"[at - body];
	}
	const size_t inside = (size_t)(at % BLOCK);
	*n = BLOCK - inside < body - at ? BLOCK - inside : (size_t)(body - at);
	return block + inside;
}
