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

static void prepare_tcp_lets_keepalive_find_dead_peers(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	stream_prepare(fd, true);
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
		cmocka_unit_test(prepare_tcp_lets_keepalive_find_dead_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
