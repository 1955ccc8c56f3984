/*
 * What restanted and restante-pam say to each other over their SOCK_SEQPACKET socket: one request
 * and one reply per connection, each in one packet. Whoever encodes or decodes does it here.
 *
 *	request: version, kind, then user, password, address, service, each behind its length in
 *		 two octets (network order); nothing behind the last
 *	reply:	 version, verdict, stage, code
 *
 * Strict both ways: every field within its limit, no octet left over, no NUL or control character
 * (a password may hold any but NUL); there is one encoding of each request and reply.
 */
#ifndef RESTANTE_PAM_HELPER_H
#define RESTANTE_PAM_HELPER_H

#include "restante/compiler.h"
#include "restante/limits.h"
#include "restante/str.h"

#define HELPER_SOCKET "/run/restante-pam/pam.sock"
#define HELPER_SERVICE "restante"
#define HELPER_VERSION 1
#define HELPER_REQUEST_MAX \
	(2 + 4 * 2 + HELPER_USER_MAX + PASSWORD_MAX + HELPER_ADDRESS_MAX + HELPER_SERVICE_MAX)
#define HELPER_REPLY_OCTETS 4

enum helper_kind {
	HELPER_LOOK_UP = 1, /* is there such a user; no password, no service */
	HELPER_LOG_IN,      /* is it them, and may they log in now */
	HELPER_PRETEND,     /* the same for nobody: what an unknown user costs, UNKNOWN */
	HELPER_KIND_END
};

struct helper_request {
	enum helper_kind kind;
	struct str user; /* see helper_user_possible */
	struct str password;
	struct str address; /* the client's; "" = unknown */
	struct str service;
};

enum helper_verdict {
	HELPER_YES = 1,
	HELPER_NO,      /* such a user, but no login; LOG_IN only */
	HELPER_UNKNOWN, /* no such user */
	HELPER_TROUBLE, /* cannot tell now */
	HELPER_VERDICT_END
};

/* How far it came. */
enum helper_stage {
	HELPER_AT_LOOK_UP = 1,
	HELPER_AT_START,        /* pam_start */
	HELPER_AT_AUTHENTICATE, /* pam_authenticate */
	HELPER_AT_ACCOUNT,      /* pam_acct_mgmt */
	HELPER_AT_USER,         /* a module has put another user in the place of this one */
	HELPER_STAGE_END
};

struct helper_reply {
	enum helper_verdict verdict;
	enum helper_stage stage;
	unsigned char code; /* PAM's, or errno of the look-up; 0 = none. For the log. */
};

/*
 * Could this be a user of the system: lower-case letters, digits, ".", "_" and "-", the first one
 * neither "." nor "-". Keeps everything else from NSS, PAM and the modules that make paths of it.
 */
bool helper_user_possible(struct str user);
bool helper_service_possible(struct str service);

/* Octets written to `octets`; 0 when a field is not as it must be. */
MUST_USE size_t helper_request_encode(const struct helper_request *request,
				      char octets[HELPER_REQUEST_MAX]);
/* The texts of *request lie in `octets`. False: *request says nothing. */
MUST_USE bool helper_request_decode(struct str octets, struct helper_request *request);
void helper_reply_encode(const struct helper_reply *reply, char octets[HELPER_REPLY_OCTETS]);
MUST_USE bool helper_reply_decode(struct str octets, struct helper_reply *reply);

#endif
