/*
 * What the PAM helper answers, as the server's login takes it. Input: a packet as a helper might
 * send it; an empty one is a helper that ended. It goes through a real socket and the client.
 *
 * What must hold: one octet alone lets in, in one packet of the right length; everything that is no
 * reply is "cannot tell", with a reason for the log; what is taken is the one encoding of itself.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"
#include "auth/pam_client.h"

static int listening = -1;
static char path[300];
static struct str packet;

static void close_listening(void)
{
	(void)close(listening);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)argc, (void)argv;
	(void)snprintf(path, sizeof path, "%s/pam", fuzz_folder());
	FUZZ_CHECK(strlen(path) < sizeof address.sun_path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(listening >= 0 &&
		   bind(listening, (const struct sockaddr *)&address, sizeof address) == 0 &&
		   listen(listening, 1) == 0 && atexit(close_listening) == 0);
	return 0;
}

/* The helper: takes one request and says the packet. */
static void *helper(void *unused)
{
	char octets[HELPER_REQUEST_MAX];
	struct helper_request request;
	sigset_t all;
	int fd;
	ssize_t n;

	(void)unused;
	/* libFuzzer's own signals are the client's to bear. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
	fd = accept(listening, NULL, NULL);
	FUZZ_CHECK(fd >= 0);
	n = recv(fd, octets, sizeof octets, 0);
	FUZZ_CHECK(n > 0 && helper_request_decode((struct str){ octets, (size_t)n }, &request));
	FUZZ_CHECK(str_equal(request.user, STR("ann")) &&
		   str_equal(request.password, STR("correct horse")));
	if (packet.n > 0)
		FUZZ_CHECK(send(fd, packet.p, packet.n, MSG_NOSIGNAL) == (ssize_t)packet.n);
	(void)close(fd);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct helper_request request = { HELPER_LOG_IN, STR("ann"), STR("correct horse"),
						STR("192.0.2.1"), STR("restante") };
	char again[HELPER_REPLY_OCTETS];
	struct helper_reply reply;
	struct fault fault = { "" };
	pthread_t thread;
	bool good;

	if (size > 4096)
		return -1;
	packet = fuzz_input(data, size);
	FUZZ_CHECK(pthread_create(&thread, NULL, helper, NULL) == 0);
	good = pam_client_ask(path, 60, &request, &reply, &fault);
	FUZZ_CHECK(pthread_join(thread, NULL) == 0);
	FUZZ_CHECK(good == (fault.text[0] == '\0'));
	if (!good)
		return 0;
	helper_reply_encode(&reply, again);
	FUZZ_CHECK(str_equal((struct str){ again, sizeof again }, packet));
	FUZZ_CHECK((reply.verdict == HELPER_YES) == (packet.p[1] == HELPER_YES));
	return 0;
}
