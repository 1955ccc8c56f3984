/* What modules hear: see conversation.h. */
#include "conversation.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

static void give_back(struct pam_response *responses, int count)
{
	for (int i = 0; i < count; i++) {
		if (responses[i].resp != NULL)
			explicit_bzero(responses[i].resp, strlen(responses[i].resp));
		free(responses[i].resp);
	}
	free(responses);
}

/* True for what wants no answer. */
static bool only_tells(const struct pam_message *message)
{
	return message->msg_style == PAM_TEXT_INFO || message->msg_style == PAM_ERROR_MSG;
}

static int answer_one(struct conversation *c, const struct pam_message *message,
		      struct pam_response *response)
{
	if (only_tells(message))
		return PAM_SUCCESS;
	if (message->msg_style != PAM_PROMPT_ECHO_OFF || c->answered) {
		c->refused = true;
		return PAM_CONV_ERR;
	}
	c->answered = true;
	response->resp = strdup(c->password);
	return response->resp == NULL ? PAM_BUF_ERR : PAM_SUCCESS;
}

/* Some modules pass no place for responses where none is wanted. */
static int nothing_to_answer(int count, const struct pam_message **messages)
{
	for (int i = 0; i < count; i++)
		if (!only_tells(messages[i]))
			return PAM_CONV_ERR;
	return PAM_SUCCESS;
}

int conversation_answer(int count, const struct pam_message **messages,
			struct pam_response **responses, void *context)
{
	struct pam_response *made;
	int code = PAM_SUCCESS;

	if (context == NULL || messages == NULL || count < 1 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	if (responses == NULL)
		return nothing_to_answer(count, messages);
	*responses = NULL;
	made = calloc((size_t)count, sizeof *made);
	if (made == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count && code == PAM_SUCCESS; i++)
		code = answer_one(context, messages[i], &made[i]);
	if (code != PAM_SUCCESS) {
		give_back(made, count);
		return code;
	}
	*responses = made; /* the module's now, who frees it */
	return PAM_SUCCESS;
}
