/*
 * The commands of POP3: one row each, and the halves of their handlers. A check looks and changes
 * nothing; a proceed acts. What takes work outside the machine is an action; its answer is written
 * by the row's `totals` or `message` when the driver reports.
 */
#include "base/number.h"
#include "base/utf8.h"
#include "pop3/pop3_private.h"

#define IN_AUTHORIZATION (1U << POP3_AUTHORIZATION)
#define IN_TRANSACTION (1U << POP3_TRANSACTION)
#define IN_BOTH (IN_AUTHORIZATION | IN_TRANSACTION)
#define ANY_ARGUMENTS UINT32_MAX
#define APOP_DIGEST 32

static struct pop3_action ask(enum pop3_action_kind kind, uint64_t msgno)
{
	return (struct pop3_action){ .kind = kind, .msgno = msgno };
}

static struct pop3_action nothing_more(void)
{
	return ask(POP3_NEED_INPUT, 0);
}

/* --- AUTHORIZATION ------------------------------------------------------------------------ */

/*
 * Control characters in a name have no use but to deceive logs and databases. What is not UTF-8 is
 * refused by RFC 6856 section 2.2.
 */
static const struct str *check_name(struct str name)
{
	static const struct str bad = STR_INIT("-ERR ill-formed user name");

	if (name.n == 0 || name.n > POP3_USER_MAX)
		return &bad;
	while (name.n > 0) {
		size_t n = name.p[0] >= 0x20 && name.p[0] < 0x7F ? 1 : utf8_character(name);

		if (n == 0)
			return &bad;
		name = str_from(name, n);
	}
	return NULL;
}

static const struct str *check_user(const struct pop3_session *session,
				    struct pop3_command *command)
{
	(void)session;
	return check_name(command->argument[0]);
}

static void keep_user(struct pop3_session *session, struct str name)
{
	memcpy(session->user, name.p, name.n);
	session->user_n = name.n;
}

/* RFC 1939 section 7 lets us say +OK for a name that nobody has: the reply then tells nothing. */
static struct pop3_action proceed_user(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	keep_user(session, command->argument[0]);
	pop3_reply(out, STR("+OK send the password"));
	return nothing_more();
}

static const struct str *check_pass(const struct pop3_session *session,
				    struct pop3_command *command)
{
	static const struct str no_user = STR_INIT("-ERR USER comes first");

	(void)command;
	return session->user_n > 0 ? NULL : &no_user;
}

static struct pop3_action log_in(const struct pop3_session *session,
				 enum pop3_login_method method, struct str secret)
{
	struct pop3_action action = ask(POP3_LOGIN, 0);

	action.method = method;
	action.user = (struct str){ session->user, session->user_n };
	action.secret = secret;
	action.challenge = (struct str){ session->challenge, session->challenge_n };
	return action;
}

static struct pop3_action proceed_pass(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	/*
	 * RFC 8314 section 4.1: right and wrong credentials get the same answer, which is only so
	 * because nobody looks at them.
	 */
	if (!session->policy.clear_password) {
		pop3_refuse_clear(session, out);
		return ask(session->state == POP3_ENDED ? POP3_CLOSE : POP3_NEED_INPUT, 0);
	}
	return log_in(session, POP3_BY_PASS, command->argument[0]);
}

/* RFC 1939 section 7: 16 octets in hexadecimal, lower case. */
static bool is_digest(struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (memchr("0123456789abcdef", text.p[i], 16) == NULL)
			return false;
	}
	return text.n == APOP_DIGEST;
}

static const struct str *check_apop(const struct pop3_session *session,
				    struct pop3_command *command)
{
	static const struct str none = STR_INIT("-ERR APOP is not offered");
	static const struct str bad = STR_INIT("-ERR ill-formed digest");

	if (session->challenge_n == 0)
		return &none;
	if (!is_digest(command->argument[1]))
		return &bad;
	return check_name(command->argument[0]);
}

static struct pop3_action proceed_apop(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)out;
	keep_user(session, command->argument[0]);
	return log_in(session, POP3_BY_APOP, command->argument[1]);
}

/* RFC 6856 section 2.1: "Clients MUST NOT issue the STLS command after issuing UTF8". */
bool pop3_takes_stls(const struct pop3_session *session)
{
	return session->policy.stls && session->state == POP3_AUTHORIZATION && !session->utf8;
}

/* Whoever asks where there is none to be had is a client that tries: no error of the kind that ends
 * the connection. */
static struct pop3_action proceed_stls(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)command;
	if (pop3_takes_stls(session))
		return ask(POP3_START_TLS, 0);
	if (session->policy.secure)
		pop3_reply(out, STR("-ERR TLS is active already"));
	else if (session->policy.stls && session->utf8)
		pop3_reply(out, STR("-ERR too late for STLS, UTF8 was said"));
	else
		pop3_reply(out, STR("-ERR command not supported"));
	return nothing_more();
}

/* --- TRANSACTION -------------------------------------------------------------------------- */

static const struct str *check_numbers(const struct pop3_session *session,
				       struct pop3_command *command)
{
	static const struct str bad = STR_INIT("-ERR not a number");

	(void)session;
	for (size_t i = 0; i < command->arguments; i++) {
		if (!number_parse(command->argument[i], UINT64_MAX, &command->number[i]))
			return &bad;
	}
	return NULL;
}

static struct pop3_action proceed_stat(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)session, (void)command, (void)out;
	return ask(POP3_TOTALS, 0);
}

static void answer_stat(struct pop3_session *session, uint64_t messages, uint64_t octets,
			struct buf *out)
{
	const struct pop3_message drop_listing = { .msgno = messages, .octets = octets };

	(void)session;
	(void)pop3_add_scan(out, STR("+OK "), &drop_listing);
}

static struct pop3_action proceed_list(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)session, (void)out;
	return command->arguments > 0 ? ask(POP3_FIND, command->number[0])
				      : ask(POP3_TOTALS, 0);
}

static void begin_listing(struct pop3_session *session, enum pop3_producing producing)
{
	session->producing = producing;
	session->msgno = 1;
}

static void answer_list(struct pop3_session *session, uint64_t messages, uint64_t octets,
			struct buf *out)
{
	pop3_reply_totals(out, STR("+OK "), messages, octets);
	begin_listing(session, POP3_LISTING);
}

static void answer_list_one(struct pop3_session *session, const struct pop3_message *message,
			    struct buf *out)
{
	(void)session;
	(void)pop3_add_scan(out, STR("+OK "), message);
}

static struct pop3_action proceed_uidl(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	if (command->arguments > 0)
		return ask(POP3_FIND, command->number[0]);
	pop3_reply(out, STR("+OK unique-id listing follows"));
	begin_listing(session, POP3_UIDLING);
	return nothing_more();
}

static void answer_uidl_one(struct pop3_session *session, const struct pop3_message *message,
			    struct buf *out)
{
	(void)session;
	(void)pop3_add_uidl(out, STR("+OK "), message);
}

static struct pop3_action proceed_retr(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)session, (void)out;
	return ask(POP3_FIND, command->number[0]);
}

/* RFC 6856 section 5: the code tells the client what to do. Sizes are told all the same. */
static bool withhold(const struct pop3_session *session, const struct pop3_message *message,
		     struct buf *out)
{
	if (session->utf8 || !message->needs_utf8)
		return false;
	pop3_reply(out, STR("-ERR [UTF8] message needs the command UTF8 first"));
	return true;
}

static void answer_retr(struct pop3_session *session, const struct pop3_message *message,
			struct buf *out)
{
	if (withhold(session, message, out))
		return;
	pop3_reply_number(out, STR("+OK "), message->octets, STR(" octets"));
	pop3_send_begin(session, message, false, POP3_ALL_LINES, out);
}

static struct pop3_action proceed_top(struct pop3_session *session,
				      const struct pop3_command *command, struct buf *out)
{
	(void)out;
	session->lines_left = command->number[1];
	return ask(POP3_FIND, command->number[0]);
}

static void answer_top(struct pop3_session *session, const struct pop3_message *message,
		       struct buf *out)
{
	if (withhold(session, message, out))
		return;
	pop3_reply(out, STR("+OK top of message follows"));
	pop3_send_begin(session, message, true, session->lines_left, out);
}

static struct pop3_action proceed_dele(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)session, (void)out;
	return ask(POP3_MARK, command->number[0]);
}

static void answer_dele(struct pop3_session *session, const struct pop3_message *message,
			struct buf *out)
{
	(void)session;
	pop3_reply_number(out, STR("+OK message "), message->msgno, STR(" deleted"));
}

static struct pop3_action proceed_rset(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	struct pop3_action action = ask(POP3_TOTALS, 0);

	(void)session, (void)command, (void)out;
	action.reset = true;
	return action;
}

static void answer_rset(struct pop3_session *session, uint64_t messages, uint64_t octets,
			struct buf *out)
{
	(void)session;
	pop3_reply_totals(out, STR("+OK maildrop has "), messages, octets);
}

static struct pop3_action proceed_noop(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)session, (void)command;
	pop3_reply(out, STR("+OK nothing done"));
	return nothing_more();
}

/* --- both --------------------------------------------------------------------------------- */

static struct pop3_action proceed_quit(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)command;
	session->quit = true;
	if (session->state == POP3_TRANSACTION)
		return ask(POP3_UPDATE, 0);
	pop3_reply(out, pop3_update_replies[POP3_DONE]);
	pop3_end(session);
	return ask(POP3_CLOSE, 0);
}

static struct pop3_action proceed_capa(struct pop3_session *session,
				       const struct pop3_command *command, struct buf *out)
{
	(void)command;
	pop3_capa(session, out);
	return nothing_more();
}

/*
 * Commands that clients try whether we announce them or not (fetchmail: LAST; Netscape: XTND). They
 * are refused in so many words, and it is no error that
 * could end the connection.
 */
static struct pop3_action proceed_decline(struct pop3_session *session,
					  const struct pop3_command *command, struct buf *out)
{
	(void)session, (void)command;
	pop3_reply(out, STR("-ERR command not supported"));
	return nothing_more();
}

#define DECLINED(keyword)                                                            \
	{                                                                            \
		.name = STR_INIT(keyword), .states = IN_BOTH, .most = ANY_ARGUMENTS, \
		.proceed = proceed_decline                                           \
	}

static const struct pop3_verb verbs[] = {
	{ .name = STR_INIT("STAT"),
	  .states = IN_TRANSACTION,
	  .proceed = proceed_stat,
	  .totals = answer_stat },
	{ .name = STR_INIT("LIST"),
	  .states = IN_TRANSACTION,
	  .most = 1,
	  .check = check_numbers,
	  .proceed = proceed_list,
	  .totals = answer_list,
	  .message = answer_list_one },
	{ .name = STR_INIT("UIDL"),
	  .states = IN_TRANSACTION,
	  .most = 1,
	  .check = check_numbers,
	  .proceed = proceed_uidl,
	  .message = answer_uidl_one },
	{ .name = STR_INIT("RETR"),
	  .states = IN_TRANSACTION,
	  .least = 1,
	  .most = 1,
	  .check = check_numbers,
	  .proceed = proceed_retr,
	  .message = answer_retr },
	{ .name = STR_INIT("TOP"),
	  .states = IN_TRANSACTION,
	  .least = 2,
	  .most = 2,
	  .check = check_numbers,
	  .proceed = proceed_top,
	  .message = answer_top },
	{ .name = STR_INIT("DELE"),
	  .states = IN_TRANSACTION,
	  .least = 1,
	  .most = 1,
	  .check = check_numbers,
	  .proceed = proceed_dele,
	  .message = answer_dele },
	{ .name = STR_INIT("RSET"),
	  .states = IN_TRANSACTION,
	  .proceed = proceed_rset,
	  .totals = answer_rset },
	{ .name = STR_INIT("NOOP"), .states = IN_TRANSACTION, .proceed = proceed_noop },
	{ .name = STR_INIT("USER"),
	  .states = IN_AUTHORIZATION,
	  .least = 1,
	  .most = 1,
	  .check = check_user,
	  .proceed = proceed_user },
	{ .name = STR_INIT("PASS"),
	  .states = IN_AUTHORIZATION,
	  .least = 1,
	  .most = 1,
	  .verbatim = true,
	  .check = check_pass,
	  .proceed = proceed_pass },
	{ .name = STR_INIT("APOP"),
	  .states = IN_AUTHORIZATION,
	  .least = 2,
	  .most = 2,
	  .check = check_apop,
	  .proceed = proceed_apop },
	{ .name = STR_INIT("AUTH"),
	  .states = IN_BOTH,
	  .most = 2,
	  .proceed = pop3_proceed_auth },
	{ .name = STR_INIT("STLS"), .states = IN_BOTH, .proceed = proceed_stls },
	{ .name = STR_INIT("QUIT"), .states = IN_BOTH, .proceed = proceed_quit },
	{ .name = STR_INIT("CAPA"), .states = IN_BOTH, .proceed = proceed_capa },
	/* RFC 6856 has it in AUTHORIZATION alone; Outlook says it after the login. */
	{ .name = STR_INIT("UTF8"), .states = IN_BOTH, .proceed = pop3_proceed_utf8 },
	{ .name = STR_INIT("LANG"),
	  .states = IN_BOTH,
	  .most = 1,
	  .proceed = pop3_proceed_lang },
	DECLINED("LAST"),
	DECLINED("XTND"),
};

const struct pop3_verb *pop3_verb_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (str_equal_nocase(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}
