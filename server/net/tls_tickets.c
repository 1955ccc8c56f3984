/* Keys of session tickets: see tls_tickets.h. */
#include "net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NAME_OCTETS 16

struct ticket_key {
	unsigned char name[NAME_OCTETS];
	unsigned char cipher[32];
	unsigned char mac[32];
};

struct tls_tickets {
	pthread_mutex_t mutex;
	int64_t made; /* seconds; when key[0] was */
	unsigned n;
	struct ticket_key key[2]; /* the newest first */
};

struct tls_tickets *tls_tickets_open(void)
{
	struct tls_tickets *tickets = calloc(1, sizeof *tickets);

	if (tickets != NULL && pthread_mutex_init(&tickets->mutex, NULL) != 0) {
		free(tickets);
		return NULL;
	}
	return tickets;
}

void tls_tickets_close(struct tls_tickets **tickets)
{
	if (*tickets == NULL)
		return;
	pthread_mutex_destroy(&(*tickets)->mutex);
	explicit_bzero(*tickets, sizeof **tickets);
	free(*tickets);
	*tickets = NULL;
}

/* Under the mutex. False without random octets: then there are no tickets. */
static bool renew(struct tls_tickets *tickets, int64_t now)
{
	struct ticket_key key;

	if (tickets->n > 0 && now - tickets->made < TICKET_SECONDS)
		return true;
	if (RAND_bytes((unsigned char *)&key, sizeof key) != 1)
		return false;
	/* Nobody came for two periods: what the last key sealed is out of date as well. */
	tickets->n = tickets->n > 0 && now - tickets->made < 2 * TICKET_SECONDS ? 2 : 1;
	tickets->key[1] = tickets->key[0];
	tickets->key[0] = key;
	tickets->made = now;
	explicit_bzero(&key, sizeof key);
	return true;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac,
						  sizeof key->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" },
						 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

static int seal_with(struct ticket_key *key, unsigned char *name, unsigned char *iv,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	int n = EVP_CIPHER_get_iv_length(EVP_aes_256_cbc());

	memcpy(name, key->name, NAME_OCTETS);
	return RAND_bytes(iv, n) == 1 &&
			       EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher,
						  iv) == 1 &&
			       set_mac(mac, key)
		       ? 1
		       : -1;
}

static int open_with(struct tls_tickets *tickets, const unsigned char *name, unsigned char *iv,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (unsigned i = 0; i < tickets->n; i++) {
		struct ticket_key *key = &tickets->key[i];

		if (memcmp(name, key->name, NAME_OCTETS) != 0)
			continue;
		if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) != 1 ||
		    !set_mac(mac, key))
			return -1;
		return i == 0 ? 1 : 2; /* 2: and give the client a fresh one */
	}
	return 0; /* unknown: a full handshake */
}

int tls_tickets_key(struct tls_tickets *tickets, int64_t now, unsigned char name[NAME_OCTETS],
		    unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seal)
{
	int answer = -1;

	pthread_mutex_lock(&tickets->mutex);
	if (renew(tickets, now))
		answer = seal ? seal_with(&tickets->key[0], name, iv, cipher, mac)
			      : open_with(tickets, name, iv, cipher, mac);
	pthread_mutex_unlock(&tickets->mutex);
	return answer;
}
