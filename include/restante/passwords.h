/*
 * Stored passwords ("{SCHEME}value" or a bare crypt string), and secrets sealed at rest.
 */
#ifndef RESTANTE_PASSWORDS_H
#define RESTANTE_PASSWORDS_H

#include <stdint.h>

#include "restante/compiler.h"
#include "restante/fault.h"
#include "restante/str.h"

enum password_verdict {
	PASSWORD_MATCHES,
	PASSWORD_DIFFERS,
	PASSWORD_UNKNOWN_SCHEME, /* fails closed; the log says which */
	PASSWORD_MALFORMED,      /* the stored value is not what its scheme says */
	PASSWORD_UNAVAILABLE     /* cannot tell now: memory, the crypto library */
};
/*
 * Thread-safe. Constant-time compares. `user` is the address of whose password it is: DIGEST-MD5
 * has it in the digest. `password` may hold any octet; one with NUL, or longer than PASSWORD_MAX,
 * matches nothing. `fault` is set for the last three verdicts.
 */
MUST_USE enum password_verdict password_verify(const char *stored, struct str user,
					       struct str password, struct fault *fault);
/* Could a stored value match anything: a scheme that we know, and a value of its form. Cheap. */
MUST_USE bool password_sound(const char *stored, struct fault *fault);
/* The same work for nobody: a hash in the default scheme, thrown away. */
void password_burn(struct str password);
/*
 * New hash of the password, prepared by SASLprep, with its "{SCHEME}": `scheme` NULL = "CRYPT", which is yescrypt. False: an unknown
 * scheme, one not for new passwords, or a password that no login could give (fault says).
 * PASSWORD_HASH_MAX octets are always enough.
 */
#define PASSWORD_HASH_MAX 512
MUST_USE bool password_hash(const char *scheme, struct str password, char *hash, size_t cap,
			    struct fault *fault);
/* Names that password_verify knows, NULL-terminated; *writable tells those for new hashes. */
const char *const *password_schemes(void);
bool password_scheme_writable(const char *scheme);
/* 20 characters of 5.9 bits each, no look-alikes; NUL-terminated. */
void password_generate(char *password, size_t cap);

/*
 * SASLprep (RFC 4013) of a name or password in UTF-8, NUL-terminated. `stored`: as it is kept,
 * where unassigned code points are refused. False: prohibited, ill-formed, empty or too long.
 */
MUST_USE bool saslprep(struct str text, bool stored, char *to, size_t cap);
/*
 * ... of a user name in a login. An address's two halves are prepared each alone: RFC 4013 section
 * 2.4 would refuse a right-to-left name in front of a domain in ASCII.
 */
MUST_USE bool saslprep_user(struct str name, char *to, size_t cap);

/* The store's key: 32 random octets in a file of mode 0600, made at first start. */
struct secret_key;
MUST_USE bool secret_key_create(const char *path, struct fault *fault);
MUST_USE bool secret_key_open(const char *path, struct secret_key **key, struct fault *fault);
void secret_key_close(struct secret_key **key);
/* AES-256-GCM, the account's id as associated data; "{SEALED}" + base64. */
MUST_USE bool secret_seal(const struct secret_key *key, int64_t account, struct str clear,
			  char *sealed, size_t cap, struct fault *fault);
MUST_USE bool secret_open(const struct secret_key *key, int64_t account, const char *sealed,
			  char *clear, size_t cap, size_t *n, struct fault *fault);

/* APOP (RFC 1939 section 7): MD5(challenge secret) in lower-case hexadecimal, compared. */
MUST_USE bool apop_matches(struct str challenge, struct str secret, struct str digest);

#endif
