/*
 * TLS, both ends in one process. What clients ask for by name (SNI) leaves nothing behind: counted
 * in octets of the heap, which a process's memory, seen from outside, is too coarse for.
 */
#include <fcntl.h>
#include <malloc.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "net/tls.h"

#define HANDSHAKES 500

/* A sanitizer has a heap of its own, and counts it. */
__attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes(void);

static size_t heap_octets(void)
{
	struct mallinfo2 info;

	if (__sanitizer_get_current_allocated_bytes != NULL)
		return __sanitizer_get_current_allocated_bytes();
	info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static void write_pair(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	FILE *file = fopen(path, "w");

	assert_non_null(key);
	assert_non_null(file);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
						    (const unsigned char *)"mx.example", -1, -1,
						    0),
			 1);
	assert_int_equal(X509_set_issuer_name(certificate, name), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void no_trouble(void *context, const char *pair, bool kept, const char *why)
{
	(void)context, (void)kept;
	fail_msg("%s: %s", pair, why);
}

static struct tls_server *open_server(void)
{
	char folder[] = "/tmp/restante-test-XXXXXX";
	char path[128];
	struct fault fault = { "" };
	struct tls_server *server;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/mx.example.pem", folder);
	write_pair(path);
	assert_true(tls_server_open("DEFAULT", &server, &fault));
	assert_int_equal(tls_server_load(server, folder, "mx.example", no_trouble, NULL,
					 &fault),
			 TLS_LOADED);
	assert_true(tls_server_ready(server));
	unlink(path);
	rmdir(folder);
	return server;
}

/* A connection of a client that asks for this name. */
static void connect_asking(struct tls_server *server, SSL_CTX *clients, char *name)
{
	enum stream_status status = STREAM_WAIT;
	SSL *client = SSL_new(clients);
	struct tls *tls;
	int fds[2];
	int done = 0;

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(SSL_set_fd(client, fds[0]), 1);
	assert_int_equal(SSL_set_tlsext_host_name(client, name), 1);
	tls = tls_accept(server, fds[1], NULL);
	assert_non_null(tls);
	while (done != 1 || status == STREAM_WAIT) {
		if (done != 1)
			done = SSL_connect(client);
		if (status == STREAM_WAIT)
			status = tls_handshake(tls);
	}
	assert_int_equal(status, STREAM_OK);
	SSL_free(client);
	tls_close(&tls);
	close(fds[0]);
	close(fds[1]);
}

static void names_asked_for_leave_nothing_behind(void **state)
{
	struct tls_server *server = open_server();
	SSL_CTX *clients = SSL_CTX_new(TLS_client_method());
	char name[TLS_NAME_MAX];
	size_t before = 0;

	(void)state;
	/* What is made once and for all is made in the first half. */
	for (int i = 0; i < 2 * HANDSHAKES; i++) {
		if (i == HANDSHAKES)
			before = heap_octets();
		(void)snprintf(name, sizeof name, "%060d.%060d.%060d.example", i, i, i);
		connect_asking(server, clients, name);
	}
	/* Half of a name for each, and a free list of libc's may have its part in it. */
	assert_true(heap_octets() < before + HANDSHAKES * strlen(name) / 2);
	SSL_CTX_free(clients);
	tls_server_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_asked_for_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
