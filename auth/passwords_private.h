/*
 * What the files passwords_*.c share: one file a family of schemes, one row a scheme (the table
 * stands in passwords.c).
 */
#ifndef RESTANTE_AUTH_PASSWORDS_PRIVATE_H
#define RESTANTE_AUTH_PASSWORDS_PRIVATE_H

#include <openssl/evp.h>

#include "restante/passwords.h"

/* How the value after "{SCHEME}" is written when no suffix (.HEX, .B64, .BASE64) says. */
enum value_form {
	VALUE_TEXT,
	VALUE_DIGEST, /* hexadecimal when it is as long as that would be, else base64 */
	VALUE_SALTED, /* digest and then salt, base64 */
	VALUE_HEX
};

struct scheme {
	const char *name;
	enum value_form form;
	/*
	 * `value` is decoded, `password` NUL-terminated at its end and without other NULs. One
	 * that is NULL differs from every value that is well formed, without any work.
	 */
	enum password_verdict (*verify)(const struct scheme *scheme, struct str value,
					struct str password, struct fault *fault);
	const EVP_MD *(*digest)(void); /* the digest families */
	const char *prefix;            /* the crypt family: what the value begins with */
	/* Value of a new hash, NUL-terminated; NULL = not for new passwords. */
	bool (*make)(const struct scheme *scheme, struct str password, char *value, size_t cap,
		     struct fault *fault);
	bool named; /* `password` is "local-part:domain:password" */
	/* The matrix of mechanisms and schemes: NULL = this scheme cannot answer that one. */
	enum password_verdict (*cram_md5)(const struct scheme *scheme, struct str value,
					  struct str challenge, struct str digest,
					  struct fault *fault);
	enum password_verdict (*scram)(const struct scheme *scheme, struct str value,
				       enum scram_hash hash, struct scram_keys *keys,
				       struct fault *fault);
};

enum password_verdict plain_verify(const struct scheme *scheme, struct str value,
				   struct str password, struct fault *fault);
enum password_verdict digest_verify(const struct scheme *scheme, struct str value,
				    struct str password, struct fault *fault);
enum password_verdict crypt_verify(const struct scheme *scheme, struct str value,
				   struct str password, struct fault *fault);
enum password_verdict argon2_scheme_verify(const struct scheme *scheme, struct str value,
					   struct str password, struct fault *fault);
enum password_verdict pbkdf2_verify(const struct scheme *scheme, struct str value,
				    struct str password, struct fault *fault);
enum password_verdict pbkdf2_389_verify(const struct scheme *scheme, struct str value,
					struct str password, struct fault *fault);
enum password_verdict scram_verify(const struct scheme *scheme, struct str value,
				   struct str password, struct fault *fault);
enum password_verdict cram_verify(const struct scheme *scheme, struct str value,
				  struct str password, struct fault *fault);

enum password_verdict cram_states_answer(const struct scheme *scheme, struct str value,
					 struct str challenge, struct str digest,
					 struct fault *fault);
enum password_verdict cram_plain_answer(const struct scheme *scheme, struct str value,
					struct str challenge, struct str digest,
					struct fault *fault);
enum password_verdict scram_answer(const struct scheme *scheme, struct str value,
				   enum scram_hash hash, struct scram_keys *keys,
				   struct fault *fault);

/* A stored value decoded; the column holds at most 500 octets. */
#define VALUE_MAX 512
/* PASSWORD_DIFFERS when there is a row and a value for it to verify with. */
enum password_verdict value_open(const char *stored, const struct scheme **scheme,
				 struct str *value, unsigned char memory[VALUE_MAX],
				 struct fault *fault);

bool crypt_make(const struct scheme *scheme, struct str password, char *value, size_t cap,
		struct fault *fault);
bool argon2_make(const struct scheme *scheme, struct str password, char *value, size_t cap,
		 struct fault *fault);
/* The work of crypt_verify for a new yescrypt hash, for nobody. */
void crypt_burn(struct str password);

/* PASSWORD_MALFORMED with a reason, PASSWORD_UNAVAILABLE likewise. */
enum password_verdict scheme_malformed(const struct scheme *scheme, const char *why,
				       struct fault *fault);
enum password_verdict scheme_unavailable(const struct scheme *scheme, const char *why,
					 struct fault *fault);
/* Equal or not, in time that depends on n alone. */
enum password_verdict octets_verdict(const void *a, const void *b, size_t n);
/* Takes the part before `separator` off *text; false when there is no separator. */
MUST_USE bool take_field(struct str *text, char separator, struct str *field);
/* A count of rounds, 1 to PASSWORD_ROUNDS_MAX. */
MUST_USE bool rounds_parse(struct str text, int *rounds);

#endif
