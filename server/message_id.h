/*
 * Watches a message go by and remembers its Message-ID, for the log.
 */
#ifndef RESTANTE_MESSAGE_ID_H
#define RESTANTE_MESSAGE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "restante/str.h"

struct message_id {
	uint32_t at; /* octets of the field's name matched on this line */
	bool done;   /* found and ended, or the header is over */
	bool in_value;
	bool other_line; /* this line is another field */
	uint16_t n;
	char text[200];
};

/* Starts with all zeros. */
void message_id_watch(struct message_id *id, struct str octets);

#endif
