/* Logging in: see login.h. */
#include "login.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "scram.h"

/* Of each method, the replies until the user is in. */
static const struct dialogue {
	size_t steps;
	enum reply_kind replies[LOGIN_STEPS_MAX];
} dialogues[] = {
	[LOGIN_PASS] = { 3, { REPLY_OK, REPLY_OK, REPLY_OK } },
	[LOGIN_APOP] = { 2, { REPLY_OK, REPLY_OK } },
	[LOGIN_SCRAM] = { 4, { REPLY_OK, REPLY_CONTINUE, REPLY_CONTINUE, REPLY_OK } },
	[LOGIN_NONE] = { 1, { REPLY_OK } },
};

size_t login_steps(enum login_method method)
{
	return dialogues[method].steps;
}

enum reply_kind login_reply(enum login_method method, size_t step)
{
	return dialogues[method].replies[step];
}

/* RFC 1939 section 7: MD5 of the greeting's time stamp and the secret. */
static size_t apop(const struct login *login, const char *greeting, char *line, size_t cap)
{
	const char *stamp = strchr(greeting, '<'), *end = strchr(greeting, '>');
	unsigned char digest[16];
	char hex[33];
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();

	if (stamp == NULL || end == NULL || md5 == NULL) {
		fprintf(stderr, "no APOP: %s\n", greeting);
		exit(1);
	}
	if (EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1 ||
	    EVP_DigestUpdate(md5, stamp, (size_t)(end - stamp) + 1) != 1 ||
	    EVP_DigestUpdate(md5, login->password, strlen(login->password)) != 1 ||
	    EVP_DigestFinal_ex(md5, digest, NULL) != 1)
		die("MD5");
	EVP_MD_CTX_free(md5);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return (size_t)snprintf(line, cap, "APOP %s %s\r\n", login->user, hex);
}

size_t login_next(struct login *login, size_t step, const char *reply, char *line, size_t cap)
{
	if (step + 1 == login_steps(login->method))
		return 0;
	switch (login->method) {
	case LOGIN_PASS:
		if (step == 0)
			return (size_t)snprintf(line, cap, "USER %s\r\n", login->user);
		return (size_t)snprintf(line, cap, "PASS %s\r\n", login->password);
	case LOGIN_APOP:
		return apop(login, reply, line, cap);
	case LOGIN_SCRAM:
		if (step == 0)
			return scram_first(login, line, cap);
		if (step == 1)
			return scram_final(login, reply + 2, line, cap);
		scram_check(login, reply + 2);
		return (size_t)snprintf(line, cap, "\r\n");
	case LOGIN_NONE:
		break;
	}
	return 0;
}
