/*
 * Paths of MAIL and RCPT (RFC 5321 section 4.1.2, with UTF-8 by RFC 6531 section 3.3). Knows
 * grammar and limits, no session and no policy.
 *
 * Refused everywhere: control characters, those of UTF-8 (U+0080 to U+009F) too; UTF-8 that is not
 * well-formed (overlong, surrogates, cut off); a missing bracket; white space outside quotes.
 */
#include "base/utf8.h"
#include "lmtp/lmtp_private.h"

static bool take(struct str *s, char c)
{
	if (s->n == 0 || *s->p != c)
		return false;
	*s = str_from(*s, 1);
	return true;
}

static bool is_let_dig(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322 section 3.2.3. */
static bool is_atext(char c)
{
	return is_let_dig(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Takes one UTF-8 character. */
static bool take_utf8(struct str *s, bool *non_ascii)
{
	size_t n = utf8_character(*s);

	*s = str_from(*s, n);
	*non_ascii = *non_ascii || n > 0;
	return n > 0;
}

/* What has been taken since `from`. */
static struct str taken(struct str from, struct str rest)
{
	return (struct str){ from.p, from.n - rest.n };
}

/*
 * One label. Section 4.1.2: letters, digits and inner hyphens. A reverse-path's may also hold "_"
 * (docs/DEVIATIONS.md): such hosts send mail, and the MTA has accepted it.
 */
static bool take_label(struct str *s, enum lmtp_path_kind kind, bool *non_ascii)
{
	struct str start = *s, label;

	while (s->n > 0 && (is_let_dig(*s->p) || *s->p == '-' || *s->p == '_' ||
			    (unsigned char)*s->p >= 0x80)) {
		if (*s->p == '_' && kind == LMTP_FORWARD_PATH)
			return false;
		if ((unsigned char)*s->p < 0x80)
			*s = str_from(*s, 1);
		else if (!take_utf8(s, non_ascii))
			return false;
	}
	label = taken(start, *s);
	if (label.n == 0)
		return false;
	return kind == LMTP_REVERSE_PATH || (label.p[0] != '-' && label.p[label.n - 1] != '-');
}

static bool take_domain(struct str *s, enum lmtp_path_kind kind, bool *non_ascii)
{
	do {
		if (!take_label(s, kind, non_ascii))
			return false;
	} while (take(s, '.'));
	return true;
}

/* "[" 1*dcontent "]"; which addresses there are is nothing to us. */
static bool take_literal(struct str *s)
{
	struct str start;

	if (!take(s, '['))
		return false;
	start = *s;
	while (s->n > 0 && *s->p > ' ' && *s->p <= '~' && *s->p != '[' && *s->p != '\\' &&
	       *s->p != ']')
		*s = str_from(*s, 1);
	return taken(start, *s).n > 0 && take(s, ']');
}

static bool take_quoted_string(struct str *s, bool *non_ascii)
{
	if (!take(s, '"'))
		return false;
	while (s->n > 0 && *s->p != '"') {
		if ((unsigned char)*s->p >= 0x80) {
			if (!take_utf8(s, non_ascii))
				return false;
			continue;
		}
		(void)take(s, '\\'); /* quoted-pair: any of 32 to 126 behind it */
		if (s->n == 0 || *s->p < ' ' || *s->p > '~')
			return false;
		*s = str_from(*s, 1);
	}
	return take(s, '"');
}

/*
 * Atoms between dots. A reverse-path may have its dots anywhere: there are providers whose users
 * have such addresses, and not every MTA quotes them on the way.
 */
static bool take_dot_string(struct str *s, enum lmtp_path_kind kind, bool *non_ascii)
{
	struct str start = *s;
	char before = '.';

	while (s->n > 0 && (*s->p == '.' || is_atext(*s->p) || (unsigned char)*s->p >= 0x80)) {
		if (kind == LMTP_FORWARD_PATH && *s->p == '.' && before == '.')
			return false;
		before = *s->p;
		if ((unsigned char)before < 0x80)
			*s = str_from(*s, 1);
		else if (!take_utf8(s, non_ascii))
			return false;
	}
	return taken(start, *s).n > 0 && (kind == LMTP_REVERSE_PATH || before != '.');
}

/* Appendix C: a source route must be accepted and is ignored. */
static bool take_source_route(struct str *s)
{
	bool non_ascii = false;

	do {
		if (!take(s, '@') || !take_domain(s, LMTP_REVERSE_PATH, &non_ascii))
			return false;
	} while (take(s, ','));
	return take(s, ':');
}

static bool take_mailbox(struct str *s, enum lmtp_path_kind kind, struct lmtp_path *path)
{
	struct str start = *s, from = *s;
	bool quoted = from.n > 0 && *from.p == '"';

	if (quoted ? !take_quoted_string(s, &path->non_ascii)
		   : !take_dot_string(s, kind, &path->non_ascii))
		return false;
	path->local = taken(from, *s);
	if (take(s, '@')) {
		from = *s;
		path->literal = from.n > 0 && *from.p == '[';
		if (path->literal ? !take_literal(s) : !take_domain(s, kind, &path->non_ascii))
			return false;
		path->domain = taken(from, *s);
	} else if (kind == LMTP_REVERSE_PATH || quoted ||
		   !str_equal_nocase(path->local, STR("postmaster"))) {
		return false; /* section 4.1.1.3: <Postmaster> alone has no domain */
	}
	path->mailbox = taken(start, *s);
	return true;
}

enum lmtp_path_status lmtp_path_take(struct str *text, enum lmtp_path_kind kind,
				     struct lmtp_path *path)
{
	struct str start = *text;

	*path = (struct lmtp_path){ .mailbox = STR_INIT("") };
	if (!take(text, '<'))
		return LMTP_PATH_SYNTAX;
	if (kind == LMTP_REVERSE_PATH && take(text, '>'))
		return LMTP_PATH_OK;
	if (text->n > 0 && *text->p == '@' && !take_source_route(text))
		return LMTP_PATH_SYNTAX;
	if (!take_mailbox(text, kind, path) || !take(text, '>'))
		return LMTP_PATH_SYNTAX;
	if (taken(start, *text).n > LMTP_PATH_MAX || path->domain.n > LMTP_DOMAIN_MAX)
		return LMTP_PATH_TOO_LONG;
	return LMTP_PATH_OK;
}

bool lmtp_path_unquote(const struct lmtp_path *path, struct buf *address)
{
	struct str local = path->local;

	if (path->domain.n == 0)
		return buf_add(address, STR("postmaster"));
	if (local.n > 0 && *local.p == '"')
		local = (struct str){ local.p + 1, local.n - 2 };
	while (local.n > 0) {
		(void)take(&local, '\\');
		if (!buf_add(address, (struct str){ local.p, 1 }))
			return false;
		local = str_from(local, 1);
	}
	return address->n <= LMTP_LOCAL_PART_MAX && buf_add_char(address, '@') &&
	       buf_add(address, path->domain);
}

bool lmtp_client_name_valid(struct str name)
{
	struct str rest = name;
	bool non_ascii = false;

	if (name.n > LMTP_DOMAIN_MAX)
		return false;
	if (name.n > 0 && *name.p == '[')
		return take_literal(&rest) && rest.n == 0;
	/* RFC 6531 section 3.7.1: ASCII here, whatever comes later. */
	return take_domain(&rest, LMTP_REVERSE_PATH, &non_ascii) && rest.n == 0 && !non_ascii;
}
