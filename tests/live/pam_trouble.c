/*
 * A module for PAM that misbehaves as its users' passwords say, for live.pam: "crash", "hang",
 * "unavailable", "change", "second" (asks again). "right" and "expired" (in the account stage) are
 * right, any other is wrong and wants a delay of twenty seconds, as pam_unix wants two.
 */
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static int prompt(pam_handle_t *pam, char *password, size_t cap)
{
	const struct pam_message message = { PAM_PROMPT_ECHO_OFF, "Password: " };
	const struct pam_message *messages[] = { &message };
	struct pam_response *responses = NULL;
	union {
		const void *item;
		const struct pam_conv *conv;
	} conv = { NULL };
	int code = pam_get_item(pam, PAM_CONV, &conv.item);

	if (code == PAM_SUCCESS)
		code = conv.conv->conv(1, messages, &responses, conv.conv->appdata_ptr);
	if (code != PAM_SUCCESS)
		return code;
	memcpy(password, responses[0].resp, strnlen(responses[0].resp, cap - 1));
	free(responses[0].resp);
	free(responses);
	return PAM_SUCCESS;
}

static int misbehave(pam_handle_t *pam, const char *password)
{
	char again[64] = "";

	if (strcmp(password, "crash") == 0)
		(void)raise(SIGSEGV);
	/* With a process of its own, which must not outlive the worker. */
	if (strcmp(password, "hang") == 0) {
		(void)fork();
		while (1)
			(void)pause();
	}
	if (strcmp(password, "unavailable") == 0)
		return PAM_AUTHINFO_UNAVAIL;
	if (strcmp(password, "change") == 0)
		return pam_set_item(pam, PAM_USER, "eve");
	if (strcmp(password, "second") == 0)
		return prompt(pam, again, sizeof again);
	if (strcmp(password, "right") == 0 || strcmp(password, "expired") == 0)
		return PAM_SUCCESS;
	(void)pam_fail_delay(pam, 20000000);
	return PAM_AUTH_ERR;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	char password[64] = "";
	int code = prompt(pam, password, sizeof password);

	(void)flags, (void)argc, (void)argv;
	if (code == PAM_SUCCESS)
		code = misbehave(pam, password);
	/* For the account stage. */
	if (code == PAM_SUCCESS && strcmp(password, "expired") == 0)
		code = pam_putenv(pam, "EXPIRED=yes");
	return code;
}

EXPORT int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)flags, (void)argc, (void)argv;
	return pam_getenv(pam, "EXPIRED") != NULL ? PAM_ACCT_EXPIRED : PAM_SUCCESS;
}
