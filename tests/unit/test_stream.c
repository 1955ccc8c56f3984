/* The octets of one connection: what an accepted socket is given. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "net/stream.h"

static int value_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* A connection that a prepared listener accepts. */
static int accepted(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	stream_prepare_listener(listener);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(client);
	close(listener);
	return fd;
}

static void accepted_have_keepalive_that_finds_dead_peers(void **state)
{
	int fd = accepted();

	(void)state;
	assert_true(fd >= 0);
	assert_true(value_of(fd, IPPROTO_TCP, TCP_NODELAY));
	assert_true(value_of(fd, SOL_SOCKET, SO_KEEPALIVE));
	assert_int_equal(value_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	assert_int_equal(value_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 20);
	assert_int_equal(value_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 6);
	/* Any value here, and the kernel no longer looks at the count. */
	assert_int_equal(value_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_have_keepalive_that_finds_dead_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
