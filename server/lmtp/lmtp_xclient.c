/*
 * XCLIENT (Postfix, XCLIENT_README): a proxy or a filter in front of us tells whose mail it hands
 * over. Who may do that is the policy's; which addresses there are is the driver's to say.
 */
#include "lmtp/lmtp_private.h"

#include <assert.h>

#include "base/number.h"

static bool is_unavailable(struct str value)
{
	return str_equal_nocase(value, STR("[UNAVAILABLE]")) ||
	       str_equal_nocase(value, STR("[TEMPUNAVAIL]"));
}

/* Each may also say that nothing is known, by an empty *value. */
static bool take_host(struct str *value)
{
	return value->p[0] != '[' && lmtp_client_name_valid(*value);
}

static bool take_address(struct str *value)
{
	return value->n <= LMTP_XCLIENT_ADDRESS_MAX;
}

static bool take_port(struct str *value)
{
	uint64_t port;

	return number_parse(*value, UINT16_MAX, &port);
}

static bool take_protocol(struct str *value)
{
	return str_equal_nocase(*value, STR("SMTP")) ||
	       str_equal_nocase(*value, STR("ESMTP")) || str_equal_nocase(*value, STR("LMTP"));
}

/* Clients say anything; what no trace line can hold is as good as nothing. */
static bool take_hello(struct str *value)
{
	if (!lmtp_client_name_valid(*value))
		value->n = 0;
	return true;
}

static bool take_login(struct str *value)
{
	return value->n <= ADDRESS_MAX;
}

static const struct {
	struct str name;
	bool (*take)(struct str *value);
} attributes[] = {
	[LMTP_XCLIENT_NAME] = { STR_INIT("NAME"), take_host },
	[LMTP_XCLIENT_ADDR] = { STR_INIT("ADDR"), take_address },
	[LMTP_XCLIENT_PORT] = { STR_INIT("PORT"), take_port },
	[LMTP_XCLIENT_PROTO] = { STR_INIT("PROTO"), take_protocol },
	[LMTP_XCLIENT_HELO] = { STR_INIT("HELO"), take_hello },
	[LMTP_XCLIENT_LOGIN] = { STR_INIT("LOGIN"), take_login },
	[LMTP_XCLIENT_DESTADDR] = { STR_INIT("DESTADDR"), take_address },
	[LMTP_XCLIENT_DESTPORT] = { STR_INIT("DESTPORT"), take_port },
};
static_assert(ARRAY_SIZE(attributes) == LMTP_XCLIENT_COUNT, "attribute missing");

/* The value of an upper-case hexadecimal digit; 16 = it is none. */
static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

/*
 * RFC 3461 section 4: "+" and two digits stand for an octet, which here is no control character.
 * `to` may lie over `text`, not behind its beginning: what comes out is never longer.
 */
static bool decode_xtext(struct str text, struct buf *to)
{
	while (text.n > 0) {
		unsigned octet = (unsigned char)text.p[0];
		size_t n = 1;

		if (octet == '+') {
			if (text.n < 3 || hex_digit(text.p[1]) > 15 ||
			    hex_digit(text.p[2]) > 15)
				return false;
			octet = hex_digit(text.p[1]) << 4 | hex_digit(text.p[2]);
			n = 3;
		} else if (octet <= ' ' || octet > '~' || octet == '=') {
			return false;
		}
		if (octet < ' ' || octet == 0x7F || !buf_add_char(to, (char)octet))
			return false;
		text = str_from(text, n);
	}
	return true;
}

static bool take_value(struct str text, enum lmtp_xclient_attribute which, struct buf *to,
		       struct lmtp_xclient *xclient)
{
	struct str value = { to->p + to->n, 0 };

	if (xclient->given[which] || !decode_xtext(text, to))
		return false;
	value.n = (size_t)(to->p + to->n - value.p);
	if (value.n == 0)
		return false;
	if (is_unavailable(value))
		value.n = 0;
	else if (!attributes[which].take(&value))
		return false;
	xclient->given[which] = true;
	xclient->value[which] = value;
	return true;
}

/* "name=value" */
static bool take_attribute(struct str word, struct buf *to, struct lmtp_xclient *xclient)
{
	const char *equals = word.n > 0 ? memchr(word.p, '=', word.n) : NULL;
	struct str name = word;

	if (equals == NULL)
		return false;
	name.n = (size_t)(equals - word.p);
	for (unsigned i = 0; i < LMTP_XCLIENT_COUNT; i++)
		if (str_equal_nocase(name, attributes[i].name))
			return take_value(str_from(word, name.n + 1), i, to, xclient);
	return false;
}

static bool take_attributes(struct str argument, struct buf *to, struct lmtp_xclient *xclient)
{
	if (argument.n == 0)
		return false;
	do {
		const char *space = memchr(argument.p, ' ', argument.n);
		struct str word = argument;

		if (space != NULL)
			word.n = (size_t)(space - argument.p);
		argument = str_from(argument, word.n + 1);
		if (!take_attribute(word, to, xclient))
			return false;
	} while (argument.n > 0);
	return true;
}

bool lmtp_xclient(struct lmtp_session *session, struct str argument, struct buf *out,
		  struct lmtp_action *action)
{
	/* The line may stand there itself: the values come out where their words stood, or before. */
	struct buf text = buf_over(session->line, sizeof session->line);

	if (!session->policy.xclient)
		lmtp_refuse(session, LMTP_REPLY_NOT_AUTHORIZED, out);
	else if (session->state == LMTP_IN_MAIL)
		lmtp_refuse(session, LMTP_REPLY_SEQUENCE, out);
	else if (!take_attributes(argument, &text, &action->xclient))
		lmtp_refuse(session, LMTP_REPLY_ARGUMENTS, out);
	else
		session->owed = action->kind = LMTP_XCLIENT;
	return action->kind != LMTP_XCLIENT;
}

void lmtp_report_xclient(struct lmtp_session *session, bool good, struct buf *out)
{
	if (session->owed != LMTP_XCLIENT)
		return;
	session->owed = LMTP_NEED_INPUT;
	if (!good) {
		lmtp_refuse(session, LMTP_REPLY_ARGUMENTS, out);
		return;
	}
	*session = (struct lmtp_session){ .state = LMTP_FRESH,
					  .policy = session->policy,
					  .draining = session->draining };
	lmtp_greet(session, out);
}
