/*
 * Between sasl.c (the table of mechanisms; PLAIN, LOGIN, CRAM-MD5) and sasl_scram.c.
 */
#ifndef RESTANTE_AUTH_SASL_PRIVATE_H
#define RESTANTE_AUTH_SASL_PRIVATE_H

#include "base/buf.h"
#include "restante/sasl.h"

struct sasl_mechanism_row {
	const char *word; /* for the log */
	enum auth_method method;
	bool clear;   /* only where a password in clear is taken */
	bool channel; /* binds to the channel */
	enum sasl_step (*respond)(struct sasl_exchange *x, const struct str *response);
	/* After a hasher's work, whose verdict is given; NULL: that is the verdict. */
	enum sasl_step (*worked)(struct sasl_exchange *x, enum auth_verdict verdict);
};

/* How far an exchange has come: what the next response is. */
enum sasl_stage { STAGE_FIRST, STAGE_PASSWORD, STAGE_DIGEST, STAGE_PROOF, STAGE_NOTHING };

struct scram {
	struct scram_keys keys;
	bool may_succeed;  /* the keys are an account's that may log in */
	struct str header; /* the GS2 header and its binding flag, in `message_memory` ... */
	char binding;      /* 'n', 'y' or 'p' */
	struct str client_nonce; /* ... as all that is kept of the client's messages */
	size_t bare;             /* where AuthMessage begins, behind the header */
	struct buf message;      /* header; then AuthMessage as far as it is known */
	char message_memory[2 * SCRAM_MESSAGE_MAX + SASL_CHALLENGE_MAX];
	size_t nonce_n; /* both halves of the nonce, at the front of the challenge behind "r=" */
};

struct sasl_exchange {
	const struct sasl_mechanism_row *row;
	enum sasl_mechanism mechanism;
	enum sasl_stage stage;
	unsigned offered;
	bool has_channel, has_address;
	unsigned char channel[SASL_CHANNEL_OCTETS];
	struct network_address from;
	char peer[64];
	char hostname[256];
	char nonce[64];
	char user[ADDRESS_MAX + 1]; /* prepared */
	char challenge[SASL_CHALLENGE_MAX + 1];
	size_t challenge_n;
	struct str secret; /* borrowed from the response */
	struct auth_result result;
	struct fault fault;
	struct scram scram;
};

enum sasl_step sasl_challenge_with(struct sasl_exchange *x, struct str text);
enum sasl_step sasl_refuse(struct sasl_exchange *x, const char *reason);
/* Keeps the name, prepared; false: it is none. */
MUST_USE bool sasl_take_user(struct sasl_exchange *x, struct str name);
/* RFC 4616 section 2, RFC 5802 section 5.1: nobody acts for another here. */
MUST_USE bool sasl_may_act_as(const struct sasl_exchange *x, struct str other);

enum sasl_step scram_respond(struct sasl_exchange *x, const struct str *response);
enum sasl_step scram_worked(struct sasl_exchange *x, enum auth_verdict verdict);

#endif
