/*
 * One PAM transaction: see verify.h.
 *
 * PAM's codes come in two kinds: those that say something of the user or the password, which a
 * client hears as one and the same refusal; and all the others, which say that something is wrong
 * with the machinery, so that nobody may be told that their password is wrong.
 */
#include "verify.h"

#include <security/pam_appl.h>

#include "base/log.h"
#include "conversation.h"

/* What fail2ban's and others' patterns for PAM's own log lines look for. */
#define TTY "restante"

/* pam_unix would sleep for two seconds in here; the server holds its answer back by itself. */
static void no_delay(int code, unsigned microseconds, void *context)
{
	(void)code, (void)microseconds, (void)context;
}

static bool is_refusal(int code)
{
	static const int refusals[] = {
		PAM_AUTH_ERR,         PAM_USER_UNKNOWN,    PAM_PERM_DENIED,  PAM_ACCT_EXPIRED,
		PAM_NEW_AUTHTOK_REQD, PAM_AUTHTOK_EXPIRED, PAM_CRED_EXPIRED, PAM_MAXTRIES,
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (code == refusals[i])
			return true;
	return false;
}

static enum helper_verdict verdict_of(int code, const struct conversation *conversation)
{
	if (code == PAM_SUCCESS)
		return HELPER_YES;
	/* A second factor that is asked for after a right password only must not tell of it. */
	if (conversation->refused)
		return HELPER_NO;
	return is_refusal(code) ? HELPER_NO : HELPER_TROUBLE;
}

static int set_items(pam_handle_t *pam, const struct login *login)
{
	/* PAM hands the address of a function around as data, as POSIX allows. */
	union {
		void (*function)(int code, unsigned microseconds, void *context);
		const void *item;
	} delay = { .function = no_delay };
	int code = pam_set_item(pam, PAM_FAIL_DELAY, delay.item);

	if (code == PAM_SUCCESS)
		code = pam_set_item(pam, PAM_TTY, TTY);
	if (code == PAM_SUCCESS && login->address[0] != '\0')
		code = pam_set_item(pam, PAM_RHOST, login->address);
	return code;
}

/* A module may map users to others; whose mail it is was decided by the name that was given. */
static bool user_is_unchanged(pam_handle_t *pam, const char *user)
{
	const void *item = NULL;

	return pam_get_item(pam, PAM_USER, &item) == PAM_SUCCESS && item != NULL &&
	       strcmp(item, user) == 0;
}

static int run_stages(pam_handle_t *pam, const struct login *login, enum helper_stage *stage)
{
	const int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
	int code = set_items(pam, login);

	if (code != PAM_SUCCESS)
		return code;
	*stage = HELPER_AT_AUTHENTICATE;
	code = pam_authenticate(pam, flags);
	if (code != PAM_SUCCESS)
		return code;
	*stage = HELPER_AT_ACCOUNT;
	code = pam_acct_mgmt(pam, flags);
	if (code != PAM_SUCCESS)
		return code;
	*stage = HELPER_AT_USER;
	return user_is_unchanged(pam, login->user) ? PAM_SUCCESS : PAM_PERM_DENIED;
}

static void log_trouble(pam_handle_t *pam, const struct login *login, int code)
{
	struct log_line line;
	const char *text = pam_strerror(pam, code);

	log_begin(&line, LOG_LEVEL_ERROR, "pam-trouble");
	log_number(&line, "code", (uint64_t)code);
	log_quoted(&line, "why", str_of(text == NULL ? "" : text));
	log_quoted(&line, "service", str_of(login->service));
	log_quoted(&line, "user", str_of(login->user));
	log_end(&line);
}

void verify_login(const struct login *login, struct helper_reply *reply)
{
	struct conversation conversation = { .password = login->password };
	const struct pam_conv conv = { conversation_answer, &conversation };
	enum helper_stage stage = HELPER_AT_START;
	pam_handle_t *pam = NULL;
	int code = pam_start(login->service, login->user, &conv, &pam);

	if (code == PAM_SUCCESS)
		code = run_stages(pam, login, &stage);
	*reply = (struct helper_reply){ .verdict = verdict_of(code, &conversation),
					.stage = stage,
					.code = (unsigned char)code };
	if (reply->verdict == HELPER_TROUBLE)
		log_trouble(pam, login, code);
	if (pam != NULL)
		(void)pam_end(pam, code);
}
