/*
 * What the tool says when something is wrong, and the exit status for it. Nothing here decides
 * what is wrong.
 */
#include "complain.h"

#include <assert.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/log.h"

static const int accounts_codes[] = {
	[ACCOUNTS_OK] = EX_OK,
	[ACCOUNTS_NOT_FOUND] = EX_NOUSER,
	[ACCOUNTS_EXISTS] = EX_CANTCREAT,
	[ACCOUNTS_REFUSED] = EX_DATAERR,
	[ACCOUNTS_LOOP] = EX_DATAERR,
	[ACCOUNTS_UNAVAILABLE] = EX_TEMPFAIL,
	[ACCOUNTS_FOREIGN] = EX_DATAERR,
};
static_assert(ARRAY_SIZE(accounts_codes) == ACCOUNTS_STATUS_COUNT, "exit status missing");

static const char *const accounts_texts[] = {
	[ACCOUNTS_OK] = "done",
	[ACCOUNTS_NOT_FOUND] = "there is none of that name",
	[ACCOUNTS_EXISTS] = "there is one of that name already",
	[ACCOUNTS_REFUSED] = "the rules of accounts.db do not allow it",
	[ACCOUNTS_LOOP] = "aliases in a circle, too deep, or with too many targets",
	[ACCOUNTS_UNAVAILABLE] = "accounts.db cannot be used now; try again",
	[ACCOUNTS_FOREIGN] = "accounts.db is damaged, of a newer version, or not restante's",
};
static_assert(ARRAY_SIZE(accounts_texts) == ACCOUNTS_STATUS_COUNT, "text missing");

static const int store_codes[] = {
	[STORE_OK] = EX_OK,
	[STORE_NOT_FOUND] = EX_NOUSER,
	[STORE_IN_USE] = EX_TEMPFAIL,
	[STORE_LOST] = EX_TEMPFAIL,
	[STORE_GONE] = EX_TEMPFAIL,
	[STORE_OVER_QUOTA] = EX_CANTCREAT,
	[STORE_TOO_LARGE] = EX_DATAERR,
	[STORE_FULL] = EX_IOERR,
	[STORE_UNAVAILABLE] = EX_TEMPFAIL,
	[STORE_FOREIGN] = EX_DATAERR,
};
static_assert(ARRAY_SIZE(store_codes) == STORE_STATUS_COUNT, "exit status missing");

int accounts_exit(enum accounts_status status)
{
	return accounts_codes[status];
}

int store_exit(enum store_status status)
{
	return store_codes[status];
}

void format_sentence(char *text, size_t cap, const char *format, va_list args)
{
	char raw[SENTENCE_MAX];
	char hex[5];
	struct buf to = buf_over(text, cap - 1);
	bool fits = vsnprintf(raw, sizeof raw, format, args) >= 0;
	struct str rest = fits ? str_of(raw) : STR("");
	while (rest.n > 0 && fits) {
		size_t n = log_printable(rest);
		struct str shown = { n == 0 ? hex : rest.p, n == 0 ? 4 : n };
		snprintf(hex, sizeof hex, "\\x%02x", (unsigned char)rest.p[0]);
		fits = buf_add(&to, shown);
		rest = str_from(rest, n == 0 ? 1 : n);
	}
	text[to.n] = '\0';
}

int complain(int code, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	format_sentence(sentence, sizeof sentence, format, args);
	va_end(args);
	fflush(stdout);
	fprintf(stderr, "restante: %s\n", sentence);
	return code;
}

static int complain_fault(int code, const char *doing, const char *name, const char *why,
			  const struct fault *fault)
{
	const char *reason = fault->text[0] != '\0' ? fault->text : why;
	if (name == NULL)
		return complain(code, "cannot %s: %s", doing, reason);
	return complain(code, "cannot %s \"%s\": %s", doing, name, reason);
}

int complain_accounts(enum accounts_status status, const struct fault *fault, const char *doing,
		      const char *name)
{
	return complain_fault(accounts_codes[status], doing, name, accounts_texts[status],
			      fault);
}

int complain_store(enum store_status status, const struct fault *fault, const char *doing,
		   const char *name)
{
	return complain_fault(store_codes[status], doing, name, store_status_text(status),
			      fault);
}
