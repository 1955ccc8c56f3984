/* admin/control_client.c: answers of a server, whole and broken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "control_client.h"

/* Reads one request line, sends `answer`, reads and sends again until the answers end. */
struct fake {
	char path[64];
	int listener;
	const char *const *answers;
	char heard[CONTROL_LINE_MAX];
	pthread_t thread;
};

static void *serve(void *context)
{
	struct fake *fake = context;
	int fd = accept(fake->listener, NULL, NULL);
	for (const char *const *answer = fake->answers; *answer != NULL; answer++) {
		size_t n = 0;
		while (n + 1 < sizeof fake->heard && (n == 0 || fake->heard[n - 1] != '\n')) {
			if (read(fd, fake->heard + n, 1) != 1)
				break;
			n++;
		}
		fake->heard[n] = '\0';
		/* In pieces, as a stream may come. */
		for (const char *p = *answer; *p != '\0'; p++) {
			if (send(fd, p, 1, MSG_NOSIGNAL) != 1)
				break;
		}
	}
	close(fd);
	return NULL;
}

static struct control_client *fake_start(struct fake *fake, const char *const *answers)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control_client *client = NULL;
	struct fault fault;
	*fake = (struct fake){ .answers = answers };
	snprintf(fake->path, sizeof fake->path, "/tmp/restante-test-%ld.control",
		 (long)getpid());
	memcpy(address.sun_path, fake->path, sizeof fake->path);
	unlink(fake->path);
	fake->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
		bind(fake->listener, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fake->listener, 1), 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
	assert_int_equal(control_connect(fake->path, &client, &fault), CONTROL_DONE);
	return client;
}

static void fake_stop(struct fake *fake, struct control_client **client)
{
	control_close(client);
	assert_null(*client);
	pthread_join(fake->thread, NULL);
	close(fake->listener);
	unlink(fake->path);
}

struct seen {
	char text[256];
	int rows;
	int enough;
};

static bool see_row(void *context, char *const *words, int count)
{
	struct seen *seen = context;
	for (int i = 0; i < count; i++) {
		size_t n = strlen(seen->text);
		snprintf(seen->text + n, sizeof seen->text - n, "%s|", words[i]);
	}
	return ++seen->rows != seen->enough;
}

static void answer_rows_are_unescaped_and_counted(void **state)
{
	static const char *const answers[] = { "row\ta\tb%20c\nrow\t\td\nok\n", NULL };
	static const char *const words[] = { "session-kick", "ann smith" };
	struct control_client *client;
	struct fault fault = { "" };
	struct seen seen = { .rows = 0 };
	struct fake fake;
	int code;
	(void)state;
	client = fake_start(&fake, answers);
	assert_int_equal(control_request(client, words, 2, see_row, &seen, &code, &fault),
			 CONTROL_DONE);
	assert_string_equal(seen.text, "a|b c||d|");
	assert_int_equal(seen.rows, 2);
	fake_stop(&fake, &client);
	assert_string_equal(fake.heard, "session-kick\tann%20smith\n");
}

static void answer_rows_beyond_enough_are_read_and_dropped(void **state)
{
	static const char *const answers[] = { "row\t1\nrow\t2\nrow\t3\nok\n", "row\t4\nok\n",
					       NULL };
	static const char *const words[] = { "status" };
	struct control_client *client;
	struct fault fault = { "" };
	struct seen seen = { .enough = 1 };
	struct fake fake;
	int code;
	(void)state;
	client = fake_start(&fake, answers);
	assert_int_equal(control_request(client, words, 1, see_row, &seen, &code, &fault),
			 CONTROL_DONE);
	assert_string_equal(seen.text, "1|");
	/* The connection is in step: the next answer is the next request's. */
	assert_int_equal(control_request(client, words, 1, NULL, NULL, &code, &fault),
			 CONTROL_DONE);
	fake_stop(&fake, &client);
}

static void answer_refusal_carries_code_and_sentence(void **state)
{
	static const char *const answers[] = { "err\t67\tno%20such%20maildrop\n", NULL };
	static const char *const words[] = { "status" };
	struct control_client *client;
	struct fault fault = { "" };
	struct fake fake;
	int code = 0;
	(void)state;
	client = fake_start(&fake, answers);
	assert_int_equal(control_request(client, words, 1, NULL, NULL, &code, &fault),
			 CONTROL_REFUSED);
	assert_int_equal(code, EX_NOUSER);
	assert_string_equal(fault.text, "no such maildrop");
	fake_stop(&fake, &client);
}

static void answer_that_is_none_is_broken(void **state)
{
	static const char *const rows[][2] = {
		{ "", NULL },
		{ "row\ta\n", NULL },
		{ "ok", NULL },
		{ "what\n", NULL },
		{ "err\n", NULL },
		{ "err\tx\ty\n", NULL },
		{ "err\t0\tfine\n", NULL },
		{ "err\t1000\tbad\n", NULL },
		{ "row\t%zz\n", NULL },
		{ "\n", NULL },
	};
	static const char *const words[] = { "status" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fault fault = { "" };
		struct fake fake;
		struct control_client *client = fake_start(&fake, rows[i]);
		int code;
		assert_int_equal(control_request(client, words, 1, NULL, NULL, &code, &fault),
				 CONTROL_BROKEN);
		assert_true(fault.text[0] != '\0');
		fake_stop(&fake, &client);
	}
}

static void connecting_to_nobody_is_no_server(void **state)
{
	struct control_client *client;
	struct fault fault;
	char longer[200];
	(void)state;
	assert_int_equal(control_connect("/nonexistent/control", &client, &fault),
			 CONTROL_NO_SERVER);
	assert_null(client);
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(control_connect(longer, &client, &fault), CONTROL_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_rows_are_unescaped_and_counted),
		cmocka_unit_test(answer_rows_beyond_enough_are_read_and_dropped),
		cmocka_unit_test(answer_refusal_carries_code_and_sentence),
		cmocka_unit_test(answer_that_is_none_is_broken),
		cmocka_unit_test(connecting_to_nobody_is_no_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
