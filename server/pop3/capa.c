/*
 * CAPA (RFC 2449 section 5): what we can do, the same before and after login but for STLS, which is
 * announced where it may be said (RFC 2595 section 4). Only what is true is said; there is no tag
 * for APOP (section 6).
 */
#include "pop3/pop3_private.h"

static const struct str always[] = {
	STR_INIT("TOP"),
	STR_INIT("UIDL"),
	STR_INIT("RESP-CODES"),
	STR_INIT("AUTH-RESP-CODE"),
	STR_INIT("PIPELINING"),
	/* Nothing is ever deleted but by the client (RFC 2449 section 6.7). */
	STR_INIT("EXPIRE NEVER"),
	STR_INIT("LANG"),
};

void pop3_capa(const struct pop3_session *session, struct buf *out)
{
	const struct pop3_policy *policy = &session->policy;

	pop3_reply(out, STR("+OK capability list follows"));
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		pop3_reply(out, always[i]);
	if (pop3_takes_stls(session))
		pop3_reply(out, STR("STLS"));
	/* RFC 8314 section 4.1: not offered where a password in clear is not accepted. */
	if (policy->clear_password)
		pop3_reply(out, STR("USER"));
	/* RFC 5034 section 3: it stays after login, though AUTH may be given no more. */
	if (policy->offered != 0) {
		(void)buf_add(out, STR("SASL"));
		for (unsigned i = 0; policy->offered >> i != 0; i++) {
			if ((policy->offered >> i & 1) == 0)
				continue;
			(void)buf_add_char(out, ' ');
			(void)buf_add(out, str_of(policy->mechanisms[i]));
		}
		pop3_reply(out, STR(""));
	}
	/* RFC 6856 section 2.2: USER says that names and passwords may be UTF-8. */
	pop3_reply(out, policy->clear_password ? STR("UTF8 USER") : STR("UTF8"));
	/* RFC 2449 section 6.5: without "USER", since it is the same for every mailbox. */
	if (policy->login_delay_seconds > 0)
		pop3_reply_number(out, STR("LOGIN-DELAY "), policy->login_delay_seconds,
				  STR(""));
	if (policy->implementation != NULL) {
		struct str told = str_of(policy->implementation);

		/* RFC 2449 section 5: a capability line has at most 512 octets. */
		if (told.n > 0 && told.n + sizeof "IMPLEMENTATION \r\n" - 1 <= POP3_REPLY_MAX) {
			(void)buf_add(out, STR("IMPLEMENTATION "));
			pop3_reply(out, told);
		}
	}
	pop3_reply(out, STR("."));
}
