/*
 * UTF8 and LANG (RFC 6856), both of the session and not of the user: they stay over the login.
 *
 * All our texts are in English, and one text serves both languages that we know: there is nothing
 * to remember of LANG. i-default (RFC 2277 section 4.5) is what everybody gets without asking, and
 * what "*", the administrator's choice, stands for, whoever the user is: section 7.
 */
#include "pop3/pop3_private.h"

#define SUBTAG_MAX 8

static const struct pop3_action nothing_more = { .kind = POP3_NEED_INPUT };

static const struct language {
	struct str tag;
	struct str listing; /* section 3.2: the tag, and its name in itself */
	struct str chosen;  /* section 3.2: +OK, the tag exactly, and words in it */
} languages[] = {
	{ STR_INIT("en"), STR_INIT("en English"), STR_INIT("+OK en English it is") },
	{ STR_INIT("i-default"), STR_INIT("i-default English, unless asked for another"),
	  STR_INIT("+OK i-default English it is") },
};

struct pop3_action pop3_proceed_utf8(struct pop3_session *session,
				     const struct pop3_command *command, struct buf *out)
{
	(void)command;
	session->utf8 = true;
	pop3_reply(out, STR("+OK UTF-8 it is"));
	return nothing_more;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 4647 section 2.1; letters alone in the first subtag is no matter where none is like it. */
static bool is_range(struct str text)
{
	size_t subtag = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '-' ? subtag == 0 : !is_alphanumeric(text.p[i]))
			return false;
		subtag = text.p[i] == '-' ? 0 : subtag + 1;
		if (subtag > SUBTAG_MAX)
			return false;
	}
	return subtag > 0;
}

/* RFC 4647 section 3.4, lookup: from its end the range loses subtags until a tag is like it. */
static const struct language *find_language(struct str range)
{
	if (str_equal(range, STR("*")))
		range = STR("i-default");
	if (!is_range(range))
		return NULL;
	while (range.n > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
			if (str_equal_nocase(languages[i].tag, range))
				return &languages[i];
		while (range.n > 0 && range.p[--range.n] != '-')
			;
	}
	return NULL;
}

struct pop3_action pop3_proceed_lang(struct pop3_session *session,
				     const struct pop3_command *command, struct buf *out)
{
	const struct language *language;

	(void)session;
	if (command->arguments > 0) {
		language = find_language(command->argument[0]);
		pop3_reply(out, language != NULL ? language->chosen
						 : STR("-ERR no texts in that language"));
		return nothing_more;
	}
	pop3_reply(out, STR("+OK languages follow"));
	for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
		pop3_reply(out, languages[i].listing);
	pop3_reply(out, STR("."));
	return nothing_more;
}
