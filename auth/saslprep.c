/*
 * SASLprep (RFC 4013): ASCII here, all else by libidn. What libidn keeps of a password on its way
 * is memory that it frees; our copies are the caller's to wipe.
 */
#include <stringprep.h>

#include "restante/passwords.h"

/* RFC 4013 section 2.3: control characters are prohibited; other ASCII stands for itself. */
static bool has_control(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return true;
	return false;
}

bool saslprep(struct str text, bool stored, char *to, size_t cap)
{
	Stringprep_profile_flags flags = stored ? STRINGPREP_NO_UNASSIGNED : 0;
	bool good = text.n > 0 && text.n < cap && !has_control(text);

	if (good) {
		memcpy(to, text.p, text.n);
		to[text.n] = '\0';
		good = str_is_ascii(text) ||
		       stringprep(to, cap, flags, stringprep_saslprep) == STRINGPREP_OK;
	}
	if (!good || to[0] == '\0') {
		explicit_bzero(to, cap);
		return false;
	}
	return true;
}

bool saslprep_user(struct str name, char *to, size_t cap)
{
	const char *at = name.n == 0 ? NULL : memrchr(name.p, '@', name.n);
	struct str local;
	size_t n;

	if (at == NULL)
		return saslprep(name, false, to, cap);
	local = (struct str){ name.p, (size_t)(at - name.p) };
	if (!saslprep(local, false, to, cap))
		return false;
	n = strlen(to);
	to[n] = '@';
	if (n + 1 < cap &&
	    saslprep(str_from(name, local.n + 1), false, to + n + 1, cap - n - 1))
		return true;
	explicit_bzero(to, cap);
	return false;
}
