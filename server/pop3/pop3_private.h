/*
 * Between the files of the POP3 machine: pop3.c reads command lines and takes reports, verbs.c is
 * the table of commands, sasl.c is AUTH, language.c is UTF8 and LANG, send.c sends message octets,
 * capa.c says what we can do, replies.c holds
 * the words.
 */
#ifndef RESTANTE_POP3_PRIVATE_H
#define RESTANTE_POP3_PRIVATE_H

#include "pop3/pop3.h"

#define POP3_ARGUMENTS_MAX 2
#define POP3_STATUS_COUNT (POP3_BROKEN + 1)

/* A command line taken apart. */
struct pop3_command {
	const struct pop3_verb *verb;
	struct str argument[POP3_ARGUMENTS_MAX];
	size_t arguments;
	uint64_t number[POP3_ARGUMENTS_MAX]; /* set by the check of a verb that takes numbers */
};

/*
 * One row of the verb table. `check` looks at arguments and state and changes nothing: it returns
 * the complaint to reply with, or NULL. `proceed` then acts: it replies itself or asks for an
 * action, whose report is answered by `totals` or `message`.
 */
struct pop3_verb {
	struct str name;
	unsigned states;      /* bit 1 << enum pop3_state */
	unsigned least, most; /* arguments */
	bool verbatim; /* all that follows one SP is one argument, blanks at its end too */
	const struct str *(*check)(const struct pop3_session *session,
				   struct pop3_command *command);
	struct pop3_action (*proceed)(struct pop3_session *session,
				      const struct pop3_command *command, struct buf *out);
	void (*totals)(struct pop3_session *session, uint64_t messages, uint64_t octets,
		       struct buf *out);
	void (*message)(struct pop3_session *session, const struct pop3_message *message,
			struct buf *out);
};

/* verbs.c: STLS may be said now. */
bool pop3_takes_stls(const struct pop3_session *session);
/* verbs.c: the row of a keyword in any case, or NULL. */
const struct pop3_verb *pop3_verb_find(struct str name);

/* language.c: UTF8 and LANG. */
struct pop3_action pop3_proceed_utf8(struct pop3_session *session,
				     const struct pop3_command *command, struct buf *out);
struct pop3_action pop3_proceed_lang(struct pop3_session *session,
				     const struct pop3_command *command, struct buf *out);

/* sasl.c: AUTH, and a line that responds to a challenge. */
struct pop3_action pop3_proceed_auth(struct pop3_session *session,
				     const struct pop3_command *command, struct buf *out);
struct pop3_action pop3_respond(struct pop3_session *session, struct str line, struct buf *out);
void pop3_add_challenge(struct buf *out, struct str challenge);
/* Does the line on its way need more memory than others may have, and is it one that may. */
bool pop3_wants_more_line(const struct pop3_session *session, struct str in);

/* capa.c: CAPA's whole answer. */
void pop3_capa(const struct pop3_session *session, struct buf *out);

/* send.c: a message, stuffed, whole or its top. */
#define POP3_ALL_LINES UINT64_MAX
/* Sets the cursor; `lines` body lines, POP3_ALL_LINES for RETR (top = false). */
void pop3_send_begin(struct pop3_session *session, const struct pop3_message *message, bool top,
		     uint64_t lines, struct buf *out);
/* The next POP3_OCTETS for so much room. */
struct pop3_action pop3_send_next(const struct pop3_session *session, size_t room);
/* Octets of the message from the cursor on. */
void pop3_send_octets(struct pop3_session *session, struct str octets, struct buf *out);

/* replies.c: the words. Every line begins with "+OK " or "-ERR " (RFC 1957: some clients need the
 * space) and stays below POP3_REPLY_MAX. */
extern const struct str pop3_login_replies[POP3_STATUS_COUNT];
extern const struct str pop3_tls_replies[POP3_STATUS_COUNT];
extern const struct str pop3_failure_replies[POP3_STATUS_COUNT];
extern const struct str pop3_update_replies[POP3_STATUS_COUNT];

void pop3_reply(struct buf *out, struct str text);
/* "<before>2 messages (320 octets)" */
void pop3_reply_totals(struct buf *out, struct str before, uint64_t messages, uint64_t octets);
void pop3_reply_greeting(struct buf *out, struct str challenge);
void pop3_reply_in_use(struct buf *out, const struct pop3_in_use *holder);
/* "<before>number<after>" */
void pop3_reply_number(struct buf *out, struct str before, uint64_t number, struct str after);
/* A scan listing "1 120" or unique-id listing "1 uidl", after "" or "+OK "; false: no room. */
bool pop3_add_scan(struct buf *out, struct str before, const struct pop3_message *message);
bool pop3_add_uidl(struct buf *out, struct str before, const struct pop3_message *message);

/* pop3.c: the connection ends after what has been said. */
void pop3_end(struct pop3_session *session);
/* pop3.c: refused credentials, with the reply to them; only so many are taken. */
void pop3_refuse(struct pop3_session *session, struct str text, struct buf *out);
/* pop3.c: the reply to any password where one in clear is not accepted. */
void pop3_refuse_clear(struct pop3_session *session, struct buf *out);

#endif
