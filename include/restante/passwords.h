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
	PASSWORD_UNFIT, /* its scheme cannot answer this mechanism; never of password_verify */
	PASSWORD_UNAVAILABLE /* cannot tell now: memory, the crypto library */
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
/*
 * The same for a password that password_generate made: nobody guesses 118 random bits, so that a
 * quick hash, "{SSHA512}", is as good as a slow one.
 */
MUST_USE bool password_hash_generated(struct str password, char *hash, size_t cap);
/* 20 characters of 5.9 bits each, no look-alikes; NUL-terminated. */
void password_generate(char *password, size_t cap);

/*
 * What challenge-response mechanisms need of a stored password. Which scheme can answer which
 * mechanism is a column of the table of schemes (auth/passwords.c); any other pair is
 * PASSWORD_UNFIT, whatever the client sent.
 */
/* CRAM-MD5 (RFC 2195): `digest` is 32 hexadecimal digits, lower case. */
MUST_USE enum password_verdict password_cram_md5(const char *stored, struct str challenge,
						 struct str digest, struct fault *fault);

enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256, SCRAM_HASH_COUNT };
#define SCRAM_KEY_MAX 32
struct scram_keys {
	unsigned rounds;
	unsigned char salt[64];
	size_t salt_n;
	unsigned char stored_key[SCRAM_KEY_MAX];
	unsigned char server_key[SCRAM_KEY_MAX];
};
size_t scram_key_octets(enum scram_hash hash);
/* PASSWORD_MATCHES: *keys is set. */
MUST_USE enum password_verdict password_scram(const char *stored, enum scram_hash hash,
					      struct scram_keys *keys, struct fault *fault);
/* Does a password, as a client prepares it, lead to these keys. */
MUST_USE enum password_verdict
scram_keys_match(enum scram_hash hash, const struct scram_keys *keys, struct str password);
/* "rounds,salt,StoredKey,ServerKey" as the columns mailbox.scram_* hold it. */
MUST_USE bool scram_keys_parse(struct str text, enum scram_hash hash, struct scram_keys *keys);
/* ... of a new password, with a random salt; false: it is not one that SASLprep takes. */
#define SCRAM_KEYS_TEXT_MAX 256
MUST_USE bool scram_keys_make(enum scram_hash hash, struct str password, char *text, size_t cap,
			      struct fault *fault);

/* All that is stored of a new password. */
struct new_password {
	char hash[PASSWORD_HASH_MAX];
	char scram_sha1[SCRAM_KEYS_TEXT_MAX];
	char scram_sha256[SCRAM_KEYS_TEXT_MAX];
};
MUST_USE bool password_prepare(struct str password, struct new_password *prepared,
			       struct fault *fault);
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
/*
 * SCRAM's keys of nobody, the same each time for the same name, so that asking twice does not tell
 * whether somebody has it. Nobody's password leads to them. False: the crypto library failed.
 */
MUST_USE bool secret_scram_keys(const struct secret_key *key, enum scram_hash hash,
				struct str user, struct scram_keys *keys);
/* AES-256-GCM, the account's id as associated data; "{SEALED}" + base64. */
MUST_USE bool secret_seal(const struct secret_key *key, int64_t account, struct str clear,
			  char *sealed, size_t cap, struct fault *fault);
MUST_USE bool secret_open(const struct secret_key *key, int64_t account, const char *sealed,
			  char *clear, size_t cap, size_t *n, struct fault *fault);

/* APOP (RFC 1939 section 7): MD5(challenge secret) in lower-case hexadecimal, compared. */
MUST_USE bool apop_matches(struct str challenge, struct str secret, struct str digest);

#endif
