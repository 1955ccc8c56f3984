/* Remembered passwords: see restante/credential_cache.h. A set-associative table of MACs. */
#include "restante/credential_cache.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "restante/limits.h"

#define KEY_OCTETS 32
#define TAG_OCTETS 32 /* SHA-256 */
#define WAYS 8        /* places that a tag may have */
#define TEXT_MAX 1024 /* of a label and of what is stored, together */

struct entry {
	unsigned char tag[TAG_OCTETS];
	int64_t until; /* monotonic ms; 0 = empty */
};

struct credential_cache {
	pthread_mutex_t mutex;
	/* HMAC-SHA-256, only ever copied: it is looked up, and its key prepared, once. */
	EVP_MAC_CTX *keyed;
	int64_t milliseconds;
	size_t sets; /* of WAYS entries */
	struct entry *entries;
};

/* HMAC-SHA-256 under a random key that nobody else has; NULL: no memory, or no randomness. */
static EVP_MAC_CTX *make_keyed(void)
{
	char digest[] = "SHA256";
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *keyed = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	unsigned char key[KEY_OCTETS];
	bool made = keyed != NULL && getrandom(key, sizeof key, 0) == (ssize_t)sizeof key &&
		    EVP_MAC_init(keyed, key, sizeof key, parameters) == 1;

	explicit_bzero(key, sizeof key);
	EVP_MAC_free(hmac);
	if (made)
		return keyed;
	EVP_MAC_CTX_free(keyed);
	return NULL;
}

struct credential_cache *credential_cache_new(size_t entries, int64_t seconds)
{
	struct credential_cache *cache = calloc(1, sizeof *cache);

	if (cache == NULL)
		return NULL;
	cache->milliseconds = seconds * 1000;
	cache->sets = entries < WAYS ? 1 : entries / WAYS;
	cache->entries = calloc(cache->sets * WAYS, sizeof cache->entries[0]);
	cache->keyed = make_keyed();
	pthread_mutex_init(&cache->mutex, NULL);
	if (cache->entries == NULL || cache->keyed == NULL)
		credential_cache_free(&cache);
	return cache;
}

void credential_cache_free(struct credential_cache **cache)
{
	if (*cache == NULL)
		return;
	free((*cache)->entries);
	EVP_MAC_CTX_free((*cache)->keyed); /* wipes the key */
	pthread_mutex_destroy(&(*cache)->mutex);
	free(*cache);
	*cache = NULL;
}

/* A field with its length before it: no two credentials are the same octets. */
static bool put(unsigned char **to, const unsigned char *end, const void *octets, size_t n)
{
	uint32_t length = (uint32_t)n;

	if ((size_t)(end - *to) < sizeof length + n)
		return false;
	memcpy(*to, &length, sizeof length);
	memcpy(*to + sizeof length, octets, n);
	*to += sizeof length + n;
	return true;
}

static bool mac(const struct credential_cache *cache, const unsigned char *text, size_t n,
		unsigned char tag[TAG_OCTETS])
{
	EVP_MAC_CTX *context = EVP_MAC_CTX_dup(cache->keyed);
	size_t made = 0;
	bool good = context != NULL && EVP_MAC_update(context, text, n) == 1 &&
		    EVP_MAC_final(context, tag, &made, TAG_OCTETS) == 1;

	EVP_MAC_CTX_free(context);
	return good && made == TAG_OCTETS;
}

/* False: not a credential that can be remembered. */
static bool make_tag(const struct credential_cache *cache, const struct credential *credential,
		     unsigned char tag[TAG_OCTETS])
{
	unsigned char text[PASSWORD_MAX + TEXT_MAX];
	unsigned char *to = text;
	const unsigned char *end = text + sizeof text;
	bool made = put(&to, end, &credential->account, sizeof credential->account) &&
		    put(&to, end, credential->label, strlen(credential->label)) &&
		    put(&to, end, credential->stored, strlen(credential->stored)) &&
		    put(&to, end, credential->password.p, credential->password.n) &&
		    mac(cache, text, (size_t)(to - text), tag);

	explicit_bzero(text, sizeof text);
	return made;
}

static struct entry *set_of(const struct credential_cache *cache,
			    const unsigned char tag[TAG_OCTETS])
{
	uint64_t number;

	memcpy(&number, tag, sizeof number);
	return cache->entries + number % cache->sets * WAYS;
}

/* With the mutex held; NULL: not there. */
static struct entry *find(const struct credential_cache *cache,
			  const unsigned char tag[TAG_OCTETS])
{
	struct entry *set = set_of(cache, tag);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].until != 0 && CRYPTO_memcmp(set[i].tag, tag, TAG_OCTETS) == 0)
			return &set[i];
	return NULL;
}

/* An empty one, or the one that ends first. */
static struct entry *place_for(const struct credential_cache *cache,
			       const unsigned char tag[TAG_OCTETS])
{
	struct entry *set = set_of(cache, tag);
	struct entry *first = set;

	for (size_t i = 1; i < WAYS; i++)
		if (set[i].until < first->until)
			first = &set[i];
	return first;
}

bool credential_cache_has(struct credential_cache *cache, const struct credential *credential,
			  int64_t now)
{
	unsigned char tag[TAG_OCTETS];
	const struct entry *entry;
	bool has;

	if (!make_tag(cache, credential, tag))
		return false;
	pthread_mutex_lock(&cache->mutex);
	entry = find(cache, tag);
	has = entry != NULL && entry->until > now;
	pthread_mutex_unlock(&cache->mutex);
	return has;
}

void credential_cache_add(struct credential_cache *cache, const struct credential *credential,
			  int64_t now)
{
	unsigned char tag[TAG_OCTETS];
	struct entry *entry;

	if (!make_tag(cache, credential, tag))
		return;
	pthread_mutex_lock(&cache->mutex);
	entry = find(cache, tag);
	if (entry == NULL)
		entry = place_for(cache, tag);
	memcpy(entry->tag, tag, sizeof entry->tag);
	entry->until = now + cache->milliseconds;
	pthread_mutex_unlock(&cache->mutex);
}
