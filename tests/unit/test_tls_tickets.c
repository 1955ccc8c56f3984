/* Keys of session tickets: what one seals another may open, for a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "net/tls_tickets.h"

#define TEXT_OCTETS 32

struct ticket {
	unsigned char name[16], iv[EVP_MAX_IV_LENGTH];
	unsigned char sealed[TEXT_OCTETS + EVP_MAX_BLOCK_LENGTH];
	int n;
};

static const unsigned char text[TEXT_OCTETS] = "what a session is made of";

static int with_key(struct tls_tickets *tickets, int64_t now, struct ticket *ticket, bool seal,
		    unsigned char *out, int *n)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
	int answer = tls_tickets_key(tickets, now, ticket->name, ticket->iv, cipher, mac, seal);
	int first = 0, last = 0;

	if (answer > 0) {
		assert_int_equal(EVP_CipherUpdate(cipher, out, &first,
						  seal ? text : ticket->sealed,
						  seal ? TEXT_OCTETS : ticket->n),
				 1);
		assert_int_equal(EVP_CipherFinal_ex(cipher, out + first, &last), 1);
		assert_int_equal(EVP_MAC_init(mac, NULL, 0, NULL), 1);
	}
	*n = first + last;
	EVP_MAC_CTX_free(mac);
	EVP_MAC_free(hmac);
	EVP_CIPHER_CTX_free(cipher);
	return answer;
}

static struct ticket ticket_sealed(struct tls_tickets *tickets, int64_t now)
{
	struct ticket ticket;

	memset(&ticket, 0, sizeof ticket);
	assert_int_equal(with_key(tickets, now, &ticket, true, ticket.sealed, &ticket.n), 1);
	return ticket;
}

static int opened(struct tls_tickets *tickets, int64_t now, struct ticket *ticket)
{
	unsigned char out[sizeof ticket->sealed + EVP_MAX_BLOCK_LENGTH];
	int n;
	int answer = with_key(tickets, now, ticket, false, out, &n);

	if (answer > 0) {
		assert_int_equal(n, TEXT_OCTETS);
		assert_memory_equal(out, text, TEXT_OCTETS);
	}
	return answer;
}

static void ticket_of_this_period_opens(void **state)
{
	struct tls_tickets *tickets = tls_tickets_open();
	struct ticket ticket = ticket_sealed(tickets, 1000);

	(void)state;
	assert_int_equal(opened(tickets, 1000 + TICKET_SECONDS - 1, &ticket), 1);
	tls_tickets_close(&tickets);
}

static void ticket_of_last_period_opens_and_is_renewed(void **state)
{
	struct tls_tickets *tickets = tls_tickets_open();
	struct ticket ticket = ticket_sealed(tickets, 1000);

	(void)state;
	assert_int_equal(opened(tickets, 1000 + TICKET_SECONDS, &ticket), 2);
	tls_tickets_close(&tickets);
}

static void ticket_of_earlier_periods_means_full_handshake(void **state)
{
	struct tls_tickets *tickets = tls_tickets_open();
	struct ticket ticket = ticket_sealed(tickets, 1000);

	(void)state;
	(void)ticket_sealed(tickets, 1000 + TICKET_SECONDS);
	assert_int_equal(opened(tickets, 1000 + 2 * TICKET_SECONDS, &ticket), 0);
	tls_tickets_close(&tickets);
}

static void ticket_after_long_silence_means_full_handshake(void **state)
{
	struct tls_tickets *tickets = tls_tickets_open();
	struct ticket ticket = ticket_sealed(tickets, 1000);

	(void)state;
	assert_int_equal(opened(tickets, 1000 + 2 * TICKET_SECONDS, &ticket), 0);
	tls_tickets_close(&tickets);
}

static void ticket_of_another_server_means_full_handshake(void **state)
{
	struct tls_tickets *tickets = tls_tickets_open(), *others = tls_tickets_open();
	struct ticket ticket = ticket_sealed(others, 1000);

	(void)state;
	assert_int_equal(opened(tickets, 1000, &ticket), 0);
	tls_tickets_close(&tickets);
	tls_tickets_close(&others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticket_of_this_period_opens),
		cmocka_unit_test(ticket_of_last_period_opens_and_is_renewed),
		cmocka_unit_test(ticket_of_earlier_periods_means_full_handshake),
		cmocka_unit_test(ticket_after_long_silence_means_full_handshake),
		cmocka_unit_test(ticket_of_another_server_means_full_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
