/*
 * The store's key and what is sealed with it: "{SEALED}" and base64 of a format octet, a random
 * nonce, the AES-256-GCM ciphertext and its tag. The format octet and the account's id are
 * authenticated as well, so that a sealed secret copied to another account's row does not open.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/encoding.h"
#include "restante/limits.h"
#include "restante/passwords.h"

#define KEY_OCTETS 32
#define NONCE_OCTETS 12
#define TAG_OCTETS 16
#define FORMAT_OCTET 1
#define OVERHEAD (1 + NONCE_OCTETS + TAG_OCTETS)
/* A secret has at most 255 octets (sql/accounts); one more would not fit the column. */
#define CLEAR_MAX 255
#define SEALED_PREFIX "{SEALED}"

struct secret_key {
	unsigned char octets[KEY_OCTETS];
};

/* --- the file -------------------------------------------------------------------------------- */

static bool fault_errno(struct fault *fault, const char *path)
{
	fault_set(fault, "%s: %s", path, strerror(errno));
	return false;
}

static bool write_all(int fd, const unsigned char *octets, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, octets, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		octets += written;
		n -= (size_t)written;
	}
	return true;
}

static bool sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int n = slash == NULL ? 0 : (int)(slash - path);
	int fd;
	bool good;

	(void)snprintf(folder, sizeof folder, "%.*s", n, path);
	fd = open(slash == NULL ? "."
		  : n == 0      ? "/"
				: folder,
		  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = fsync(fd) == 0;
	close(fd);
	return good;
}

bool secret_key_create(const char *path, struct fault *fault)
{
	unsigned char octets[KEY_OCTETS];
	bool good;
	int fd;

	if (RAND_priv_bytes(octets, sizeof octets) != 1) {
		fault_set(fault, "no random octets for a key");
		return false;
	}
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		explicit_bzero(octets, sizeof octets);
		return fault_errno(fault, path);
	}
	good = write_all(fd, octets, sizeof octets) && fsync(fd) == 0;
	explicit_bzero(octets, sizeof octets);
	/* The name must survive a power cut before anything is sealed with this key. */
	good = good && sync_folder_of(path);
	if (!good) {
		(void)fault_errno(fault, path);
		(void)unlink(path);
	}
	close(fd);
	return good;
}

/* Nobody but the owner may know the key, and it has exactly its length. */
static bool key_file_is_good(const char *path, const struct stat *file, struct fault *fault)
{
	if (!S_ISREG(file->st_mode)) {
		fault_set(fault, "%s: not a regular file", path);
		return false;
	}
	if ((file->st_mode & 077) != 0) {
		fault_set(fault, "%s: others may read or write it: chmod 600", path);
		return false;
	}
	if (file->st_size != KEY_OCTETS) {
		fault_set(fault,
			  "%s: has %lld octets and not %d: restore it from a backup; any %d "
			  "random octets are a new key, but then every APOP secret must be set "
			  "again",
			  path, (long long)file->st_size, KEY_OCTETS, KEY_OCTETS);
		return false;
	}
	return true;
}

static bool read_key(int fd, unsigned char octets[KEY_OCTETS])
{
	ssize_t n;

	do
		n = read(fd, octets, KEY_OCTETS);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && n != KEY_OCTETS)
		errno = EIO;
	return n == KEY_OCTETS;
}

bool secret_key_open(const char *path, struct secret_key **key, struct fault *fault)
{
	struct secret_key *opened = calloc(1, sizeof *opened);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat file;
	bool good = false;

	*key = NULL;
	if (opened == NULL)
		fault_set(fault, "out of memory");
	else if (fd < 0 || fstat(fd, &file) != 0)
		(void)fault_errno(fault, path);
	else if (key_file_is_good(path, &file, fault))
		good = read_key(fd, opened->octets) || fault_errno(fault, path);
	if (fd >= 0)
		close(fd);
	if (good)
		*key = opened;
	else
		secret_key_close(&opened);
	return good;
}

void secret_key_close(struct secret_key **key)
{
	if (*key == NULL)
		return;
	explicit_bzero(*key, sizeof **key);
	free(*key);
	*key = NULL;
}

/* --- keys of nobody ---------------------------------------------------------------------------- */

/* HMAC-SHA-256 under the key, of what it is for, the hash, and the name in lower case. */
static bool derive(const struct secret_key *key, const char *purpose, enum scram_hash hash,
		   struct str user, unsigned char derived[32])
{
	char text[64 + ADDRESS_MAX];
	int n = snprintf(text, sizeof text, "restante SCRAM %s %d ", purpose, (int)hash);

	if (user.n > ADDRESS_MAX)
		user.n = ADDRESS_MAX;
	for (size_t i = 0; i < user.n; i++) {
		char c = user.p[i];

		/* Ann@ and ann@ are one mailbox, so they are the same nobody. */
		text[(size_t)n + i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	return HMAC(EVP_sha256(), key->octets, sizeof key->octets, (const unsigned char *)text,
		    (size_t)n + user.n, derived, NULL) != NULL;
}

bool secret_scram_keys(const struct secret_key *key, enum scram_hash hash, struct str user,
		       struct scram_keys *keys)
{
	unsigned char salt[32];

	keys->rounds = SCRAM_ROUNDS;
	keys->salt_n = SCRAM_SALT_OCTETS;
	if (!derive(key, "salt", hash, user, salt) ||
	    !derive(key, "StoredKey", hash, user, keys->stored_key) ||
	    !derive(key, "ServerKey", hash, user, keys->server_key))
		return false;
	memcpy(keys->salt, salt, SCRAM_SALT_OCTETS);
	return true;
}

/* --- sealing --------------------------------------------------------------------------------- */

/* What is authenticated beside the text: format and account, most significant octet first. */
static void bind_account(int64_t account, unsigned char bound[1 + 8])
{
	bound[0] = FORMAT_OCTET;
	for (unsigned i = 0; i < 8; i++)
		bound[1 + i] = (unsigned char)((uint64_t)account >> (56 - 8 * i) & 0xff);
}

/* `sealed`: format, nonce (set), ciphertext, tag. */
static bool gcm_seal(const struct secret_key *key, int64_t account, struct str clear,
		     unsigned char *sealed)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *nonce = sealed + 1;
	unsigned char *text = nonce + NONCE_OCTETS;
	unsigned char bound[9];
	int n = 0;
	bool good;

	bind_account(account, bound);
	good = context != NULL &&
	       EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->octets, nonce) == 1 &&
	       EVP_EncryptUpdate(context, NULL, &n, bound, sizeof bound) == 1 &&
	       EVP_EncryptUpdate(context, text, &n, (const unsigned char *)clear.p,
				 (int)clear.n) == 1 &&
	       EVP_EncryptFinal_ex(context, text + clear.n, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_OCTETS, text + clear.n) ==
		       1;
	EVP_CIPHER_CTX_free(context);
	return good;
}

/* `text` and `tag` were cut out of the sealed octets. */
static bool gcm_open(const struct secret_key *key, int64_t account, unsigned char *sealed,
		     size_t clear_n, unsigned char *clear)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *nonce = sealed + 1;
	unsigned char *text = nonce + NONCE_OCTETS;
	unsigned char bound[9];
	int n = 0;
	bool good;

	bind_account(account, bound);
	good = context != NULL &&
	       EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->octets, nonce) == 1 &&
	       EVP_DecryptUpdate(context, NULL, &n, bound, sizeof bound) == 1 &&
	       EVP_DecryptUpdate(context, clear, &n, text, (int)clear_n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_OCTETS, text + clear_n) ==
		       1 &&
	       EVP_DecryptFinal_ex(context, clear + clear_n, &n) == 1;
	EVP_CIPHER_CTX_free(context);
	return good;
}

bool secret_seal(const struct secret_key *key, int64_t account, struct str clear, char *sealed,
		 size_t cap, struct fault *fault)
{
	static const char prefix[] = SEALED_PREFIX;
	unsigned char octets[OVERHEAD + CLEAR_MAX] = { FORMAT_OCTET };

	sealed[0] = '\0';
	if (clear.n == 0 || clear.n > CLEAR_MAX) {
		fault_set(fault, "a secret has 1 to %d octets", CLEAR_MAX);
		return false;
	}
	if (RAND_bytes(octets + 1, NONCE_OCTETS) != 1 ||
	    !gcm_seal(key, account, clear, octets)) {
		fault_set(fault, "sealing failed in the crypto library");
		return false;
	}
	if (cap < sizeof prefix ||
	    !base64_encode(octets, OVERHEAD + clear.n, sealed + sizeof prefix - 1,
			   cap - (sizeof prefix - 1))) {
		fault_set(fault, "no room for a sealed secret");
		return false;
	}
	memcpy(sealed, prefix, sizeof prefix - 1);
	return true;
}

bool secret_open(const struct secret_key *key, int64_t account, const char *sealed, char *clear,
		 size_t cap, size_t *n, struct fault *fault)
{
	static const char prefix[] = SEALED_PREFIX;
	unsigned char octets[OVERHEAD + CLEAR_MAX];
	unsigned char text[CLEAR_MAX + 1];
	size_t sealed_n = 0;
	bool good = false;

	*n = 0;
	if (strncmp(sealed, prefix, sizeof prefix - 1) != 0 ||
	    !base64_decode(str_of(sealed + sizeof prefix - 1), octets, sizeof octets,
			   &sealed_n) ||
	    sealed_n <= OVERHEAD || octets[0] != FORMAT_OCTET)
		fault_set(fault, "mailbox %lld: its APOP secret is not in a form of ours",
			  (long long)account);
	else if (sealed_n - OVERHEAD >= cap)
		fault_set(fault, "no room for a secret");
	else if (!gcm_open(key, account, octets, sealed_n - OVERHEAD, text))
		fault_set(fault,
			  "mailbox %lld: its APOP secret does not open: sealed with another "
			  "key, for another mailbox, or damaged",
			  (long long)account);
	else
		good = true;
	if (good) {
		*n = sealed_n - OVERHEAD;
		memcpy(clear, text, *n);
		clear[*n] = '\0';
	}
	explicit_bzero(text, sizeof text);
	return good;
}
