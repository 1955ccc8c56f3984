/*
 * What a stored password can answer to mechanisms that do not show it, and all that is stored of a
 * new one for that.
 */
#include "passwords_private.h"

enum password_verdict password_cram_md5(const char *stored, struct str challenge,
					struct str digest, struct fault *fault)
{
	unsigned char memory[VALUE_MAX];
	const struct scheme *scheme;
	struct str value;
	enum password_verdict verdict = value_open(stored, &scheme, &value, memory, fault);

	if (verdict == PASSWORD_DIFFERS)
		verdict = scheme->cram_md5 == NULL
				  ? PASSWORD_UNFIT
				  : scheme->cram_md5(scheme, value, challenge, digest, fault);
	explicit_bzero(memory, sizeof memory);
	return verdict;
}

enum password_verdict password_scram(const char *stored, enum scram_hash hash,
				     struct scram_keys *keys, struct fault *fault)
{
	unsigned char memory[VALUE_MAX];
	const struct scheme *scheme;
	struct str value;
	enum password_verdict verdict = value_open(stored, &scheme, &value, memory, fault);

	if (verdict == PASSWORD_DIFFERS)
		verdict = scheme->scram == NULL
				  ? PASSWORD_UNFIT
				  : scheme->scram(scheme, value, hash, keys, fault);
	explicit_bzero(memory, sizeof memory);
	return verdict;
}

bool password_prepare(struct str password, struct new_password *prepared, struct fault *fault)
{
	return password_hash(NULL, password, prepared->hash, sizeof prepared->hash, fault) &&
	       scram_keys_make(SCRAM_SHA_1, password, prepared->scram_sha1,
			       sizeof prepared->scram_sha1, fault) &&
	       scram_keys_make(SCRAM_SHA_256, password, prepared->scram_sha256,
			       sizeof prepared->scram_sha256, fault);
}
