/*
 * A driver for the POP3 machine with a maildrop in memory: what restanted's driver does with
 * sockets, accounts and a store, here without. For dialogue scripts and unit tests.
 */
#ifndef RESTANTE_TESTS_POP3_FAKE_H
#define RESTANTE_TESTS_POP3_FAKE_H

#include "pop3/pop3.h"

#define FAKE_MESSAGES_MAX 64
#define FAKE_OUT_MAX 65536
#define FAKE_SASL_MAX 4

struct fake_message {
	char *octets; /* owned */
	size_t n;
	bool marked;
	bool needs_utf8;
	char uidl[POP3_UIDL_MAX + 1];
};

struct pop3_fake {
	struct pop3_session session;
	struct fake_message messages[FAKE_MESSAGES_MAX];
	size_t count;
	struct str user, password, digest; /* who may log in */
	/* An exchange of AUTH: the first challenge, then what is heard, each followed by the next. */
	struct str sasl_first, sasl_hears[FAKE_SASL_MAX], sasl_says[FAKE_SASL_MAX];
	size_t sasl_count, sasl_at;
	bool exchanging;
	unsigned exchanges_over; /* given up by the client, or broken */
	bool no_lines;           /* there is no memory for a long line */
	bool lent;
	uint64_t more_octets; /* added to what the totals say: large maildrops */
	size_t slice;         /* octets read at once at most */
	size_t rows;          /* rows listed at once at most */
	size_t out_cap;       /* POP3_STEP_ROOM to FAKE_OUT_MAX */
	unsigned logins;      /* actions seen */
	unsigned updates;
	size_t removed; /* messages that an update has taken away */
	bool closed;
	bool sound; /* false: the machine did not keep its contract */
	/* Where the output goes. */
	void (*send)(void *context, struct str octets);
	/* What the world answers instead of the usual; may be NULL. */
	const char *(*answer)(void *context, const char *action);
	void *context;
	struct buf out;
	char memory[FAKE_OUT_MAX];
};

/* Everything but `session` was set, at least slice, rows, out_cap and send. Sends the greeting. */
void pop3_fake_start(struct pop3_fake *fake, const struct pop3_policy *policy,
		     struct str challenge);
/* Adds a message of octets that are copied; its UIDL is "uidl-<number>". */
void pop3_fake_add(struct pop3_fake *fake, struct str octets);
/* Works off `in` until the machine needs more or closes. */
void pop3_fake_run(struct pop3_fake *fake, struct str *in);
void pop3_fake_free(struct pop3_fake *fake);

/* Where the header ends, its empty line included; all of it when there is none. */
size_t fake_header_octets(struct str message);
bool fake_needs_stuffing(struct str message);

#endif
