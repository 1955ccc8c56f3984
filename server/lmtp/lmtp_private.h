/*
 * What the files of the LMTP machine share: parsers that know no session, the replies, and the
 * commands of a mail transaction.
 */
#ifndef RESTANTE_LMTP_PRIVATE_H
#define RESTANTE_LMTP_PRIVATE_H

#include "lmtp/lmtp.h"

/* --- paths (lmtp_path.c) ------------------------------------------------------------------ */

/*
 * A forward-path names a mailbox of ours: strict. A reverse-path only goes into Return-Path, and
 * the MTA has already taken the responsibility for its mail: what harms nobody passes.
 */
enum lmtp_path_kind { LMTP_REVERSE_PATH, LMTP_FORWARD_PATH };
enum lmtp_path_status { LMTP_PATH_OK, LMTP_PATH_SYNTAX, LMTP_PATH_TOO_LONG };

struct lmtp_path {
	struct str mailbox; /* as it came, without brackets and source route; "" = null */
	struct str local;   /* its local-part, quotes and all */
	struct str domain;  /* "" = none: the null path, or postmaster */
	bool literal;       /* the domain is an address literal */
	bool non_ascii;     /* well-formed UTF-8 that needs SMTPUTF8 */
};

/* Takes a path with its brackets off the front of *text. */
MUST_USE enum lmtp_path_status lmtp_path_take(struct str *text, enum lmtp_path_kind kind,
					      struct lmtp_path *path);
/* local@domain without quoting; false when the local-part is longer than it may be. */
MUST_USE bool lmtp_path_unquote(const struct lmtp_path *path, struct buf *address);
/* LHLO's argument: a domain or an address literal. */
bool lmtp_client_name_valid(struct str name);

/* --- parameters (lmtp_parameters.c) ------------------------------------------------------- */

enum lmtp_parameters_status {
	LMTP_PARAMETERS_OK,
	LMTP_PARAMETERS_SYNTAX, /* 501 */
	LMTP_PARAMETERS_UNKNOWN /* 555: well-formed, but nothing that we offer */
};

struct lmtp_parameters {
	uint64_t size; /* UINT64_MAX also stands for more than that */
	bool size_given;
	bool body_given;
	bool body8bit;
	bool smtputf8;
};

/* Everything behind the path: nothing, or SP and parameters. */
MUST_USE enum lmtp_parameters_status lmtp_mail_parameters(struct str text,
							  struct lmtp_parameters *parameters);
MUST_USE enum lmtp_parameters_status lmtp_rcpt_parameters(struct str text);

/* --- the message after DATA (lmtp_data.c) -------------------------------------------------- */

enum lmtp_data_kind {
	LMTP_DATA_NONE,   /* all of `in` is taken; more is needed */
	LMTP_DATA_OCTETS, /* *octets is the next piece of the message, never empty */
	LMTP_DATA_END     /* CRLF.CRLF has been taken */
};

/* What *dot is set to before the first octet behind DATA's own CRLF. */
#define LMTP_DATA_START 0U
/* Takes octets off the front of *in. The pieces point into it wherever they can. */
enum lmtp_data_kind lmtp_data_decode(unsigned *dot, struct str *in, struct str *octets);

/* --- replies (lmtp_reply.c) ---------------------------------------------------------------- */

enum lmtp_reply {
	LMTP_REPLY_SENDER,
	LMTP_REPLY_RECIPIENT,
	LMTP_REPLY_SEND_DATA,
	LMTP_REPLY_CHUNK,
	LMTP_REPLY_DELIVERED,
	LMTP_REPLY_START_TLS,
	LMTP_REPLY_RESET,
	LMTP_REPLY_NOOP,
	LMTP_REPLY_VRFY,
	LMTP_REPLY_HELP,
	LMTP_REPLY_TOO_MANY_RECIPIENTS,
	LMTP_REPLY_NOT_RECOGNIZED,
	LMTP_REPLY_LINE_TOO_LONG,
	LMTP_REPLY_CONTROL_CHARACTER,
	LMTP_REPLY_LHLO_ONLY,
	LMTP_REPLY_NOT_IMPLEMENTED,
	LMTP_REPLY_NOT_AUTHORIZED,
	LMTP_REPLY_SEQUENCE,
	LMTP_REPLY_NO_RECIPIENTS,
	LMTP_REPLY_ARGUMENTS,
	LMTP_REPLY_LHLO_SYNTAX,
	LMTP_REPLY_BDAT_SIZE,
	LMTP_REPLY_PARAMETER,
	LMTP_REPLY_SENDER_SYNTAX,
	LMTP_REPLY_SENDER_TOO_LONG,
	LMTP_REPLY_SENDER_NOT_ASCII,
	LMTP_REPLY_RECIPIENT_SYNTAX,
	LMTP_REPLY_RECIPIENT_TOO_LONG,
	LMTP_REPLY_RECIPIENT_NOT_ASCII,
	LMTP_REPLY_RECIPIENT_LITERAL,
	LMTP_REPLY_COUNT
};

/* To a command that was understood, whatever came of it: errors are no longer in a row. */
void lmtp_answer(struct lmtp_session *session, enum lmtp_reply reply, struct buf *out);
/* To one that was not: counts; the last one that the policy allows becomes a 421. */
void lmtp_refuse(struct lmtp_session *session, enum lmtp_reply reply, struct buf *out);
/* What an action came to; `good` answers LMTP_ACCEPTED. */
void lmtp_answer_status(struct lmtp_session *session, enum lmtp_status status,
			enum lmtp_reply good, struct buf *out);
/* The same for one of several recipients: never ends the session in the middle. */
void lmtp_answer_recipient(struct lmtp_session *session, enum lmtp_status status,
			   struct buf *out);
void lmtp_greet(struct lmtp_session *session, struct buf *out);
void lmtp_answer_lhlo(struct lmtp_session *session, struct buf *out);
void lmtp_say_goodbye(struct lmtp_session *session, struct buf *out);
/* 421 4.3.2, and the session has ended. */
void lmtp_shut_down(struct lmtp_session *session, struct buf *out);

/* --- the transaction (lmtp_transaction.c) -------------------------------------------------- */

/*
 * A command or a piece of input. True: dealt with, the machine goes on. False: *action is for the
 * driver (LMTP_NEED_INPUT: `in` holds too little).
 */
typedef bool lmtp_command(struct lmtp_session *session, struct str argument, struct buf *out,
			  struct lmtp_action *action);
lmtp_command lmtp_mail, lmtp_rcpt, lmtp_data, lmtp_bdat;
bool lmtp_take_data(struct lmtp_session *session, struct str *in, struct buf *out,
		    struct lmtp_action *action);
bool lmtp_take_chunk(struct lmtp_session *session, struct str *in, struct buf *out,
		     struct lmtp_action *action);
/* RSET, LHLO: no transaction any more; the driver hears of it if it holds one. */
void lmtp_transaction_drop(struct lmtp_session *session);
/* No command will be taken any more. */
void lmtp_end(struct lmtp_session *session);

/* --- on whose behalf (lmtp_xclient.c) ------------------------------------------------------ */

lmtp_command lmtp_xclient;

#endif
