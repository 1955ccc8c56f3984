/*
 * The keys that seal session tickets (RFC 5077, RFC 8446 section 4.6.1), in memory only. A new one
 * is made every TICKET_SECONDS; the one before it still opens tickets, so that a ticket is good for
 * that long at least, and a stolen memory image opens no older traffic.
 */
#ifndef RESTANTE_TLS_TICKETS_H
#define RESTANTE_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "restante/compiler.h"

#define TICKET_SECONDS (6 * 3600)

struct tls_tickets;

struct tls_tickets *tls_tickets_open(void);
void tls_tickets_close(struct tls_tickets **tickets);
/* What OpenSSL's callback of SSL_CTX_set_tlsext_ticket_key_evp_cb(3) returns; `now` in seconds. */
int tls_tickets_key(struct tls_tickets *tickets, int64_t now, unsigned char name[16],
		    unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seal);

#endif
