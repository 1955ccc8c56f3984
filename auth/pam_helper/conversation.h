/*
 * What PAM's modules hear when they ask something: the password, once, and nothing else.
 */
#ifndef RESTANTE_PAM_CONVERSATION_H
#define RESTANTE_PAM_CONVERSATION_H

#include <stdbool.h>

struct pam_message;
struct pam_response;

struct conversation {
	const char *password;
	bool answered;
	bool refused; /* something was asked that has no answer */
};

/*
 * The conversation function of pam_conv(3); `context` is a struct conversation. Information and
 * error texts are ignored: nobody is there to read them. A prompt with echo, or a second one, fails
 * the whole (PAM_CONV_ERR): POP3 has one password and no more.
 */
int conversation_answer(int count, const struct pam_message **messages,
			struct pam_response **responses, void *context);

#endif
