/*
 * SASL (RFC 4422) as a server: one exchange, from the mechanism's name to a verdict. What the
 * protocol around it looks like (base64, "+ ", "*") is the caller's.
 *
 *	sasl_open(...)
 *	step = sasl_respond(x, response or NULL)	a worker: never slow
 *	SASL_WORK: step = sasl_work(x, ...)		a hasher: passwords and accounts
 *	SASL_CHALLENGE: send sasl_challenge(x), wait for the response, sasl_respond again
 *	else: the verdict
 *	sasl_close(&x)
 *
 * An exchange belongs to one connection and has no state outside of its own memory.
 */
#ifndef RESTANTE_SASL_H
#define RESTANTE_SASL_H

#include "restante/auth.h"

/* The best first, as CAPA lists them. */
enum sasl_mechanism {
	SASL_SCRAM_SHA_256_PLUS,
	SASL_SCRAM_SHA_1_PLUS,
	SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_1,
	SASL_CRAM_MD5,
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_MECHANISM_COUNT
};
/* Their names in this order, for tables. */
#define SASL_NAMES                                                                            \
	"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", \
		"PLAIN", "LOGIN"
#define SASL_BIT(mechanism) (1U << (mechanism))

/*
 * Of the mechanisms configured, those that a connection can use: what shows a password, or lets
 * it be guessed from what is overheard, only where a password in clear is taken; -PLUS only with
 * a channel to bind to. Sets of SASL_BITs.
 */
unsigned sasl_offered(unsigned configured, bool clear_password, bool channel);
/* ... those left out for want of encryption alone. */
unsigned sasl_withheld(unsigned configured, bool clear_password);

#define SASL_CHANNEL_OCTETS 32
#define SASL_CHALLENGE_MAX 1024

/* What an exchange has to know of its connection; copied. */
struct sasl_terms {
	enum sasl_mechanism mechanism;
	unsigned offered;                   /* on this connection */
	const unsigned char *channel;       /* tls-exporter (RFC 9266); NULL = none */
	const struct network_address *from; /* NULL: a peer of this machine */
	const char *peer;                   /* its address as text, for PAM; NULL = unknown */
	const char *hostname;               /* CRAM-MD5's challenge */
	const char *nonce; /* NULL = random: another only to replay an exchange */
};

enum sasl_step {
	SASL_CHALLENGE, /* to be sent; may be empty */
	SASL_WORK,      /* for a hasher; what was responded stays valid until it is done */
	SASL_ACCEPTED,
	SASL_REFUSED,
	SASL_UNAVAILABLE
};

struct sasl_exchange;
MUST_USE bool sasl_open(const struct sasl_terms *terms, struct sasl_exchange **exchange);
/* NULL: the client gave no initial response with the mechanism's name (RFC 4422 section 3). */
MUST_USE enum sasl_step sasl_respond(struct sasl_exchange *exchange,
				     const struct str *response);
/* SASL_WORK again: the backends said AUTH_WAITS, and others are to be asked. */
MUST_USE enum sasl_step sasl_work(struct sasl_exchange *exchange, struct auth_backend *backends,
				  size_t count, int64_t now);
struct str sasl_challenge(const struct sasl_exchange *exchange);
/* Whom the client said to be, so far; "" = nobody. */
struct str sasl_user(const struct sasl_exchange *exchange);
/* The password that was shown, while the response is valid that it came with; "" = none. */
struct str sasl_password(const struct sasl_exchange *exchange);
/* "scram-sha-256-plus": for the log. */
const char *sasl_word(const struct sasl_exchange *exchange);
/* The account with SASL_ACCEPTED; the reason, and the fault if there is one. */
const struct auth_result *sasl_result(const struct sasl_exchange *exchange);
const struct fault *sasl_fault(const struct sasl_exchange *exchange);
/* Wipes all it holds. */
void sasl_close(struct sasl_exchange **exchange);

#endif
