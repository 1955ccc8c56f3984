/* admin/lmtp_client.c: octets on the wire, what replies mean, and whole conversations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "lmtp_client.h"

/* --- stuffing ------------------------------------------------------------------------- */

static const struct {
	struct str in;
	struct str out;
} stuffed[] = {
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("a\n"), STR_INIT("a\r\n") },
	{ STR_INIT("a\r\n"), STR_INIT("a\r\n") },
	{ STR_INIT("a\n\nb\n"), STR_INIT("a\r\n\r\nb\r\n") },
	{ STR_INIT(".\n"), STR_INIT("..\r\n") },
	{ STR_INIT("..\r\n.x"), STR_INIT("...\r\n..x") },
	{ STR_INIT("a.b\n"), STR_INIT("a.b\r\n") },
	{ STR_INIT("a\r.b\n"), STR_INIT("a\r.b\r\n") },
	{ STR_INIT("a\r\r\n"), STR_INIT("a\r\r\n") },
	{ STR_INIT("\n.\nQUIT\n"), STR_INIT("\r\n..\r\nQUIT\r\n") },
	{ STR_INIT("x\0y\xff\n"), STR_INIT("x\0y\xff\r\n") },
};

/* With every size of the input's pieces and of the room for output: the result is the same. */
static void octets_are_stuffed_alike_however_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stuffed); i++) {
		for (size_t piece = 1; piece <= 8; piece++) {
			struct lmtp_stuffing stuffing = { false, false };
			char out[64];
			size_t n = 0;
			for (size_t at = 0; at < stuffed[i].in.n; at += piece) {
				struct str in = str_from(stuffed[i].in, at);
				in.n = in.n < piece ? in.n : piece;
				while (in.n > 0)
					n += lmtp_stuff(&stuffing, &in, out + n, 2 + piece % 3);
			}
			assert_int_equal(n, stuffed[i].out.n);
			assert_memory_equal(out, stuffed[i].out.p, n);
		}
	}
}

/* --- what replies mean ----------------------------------------------------------------- */

static void reply_becomes_exit_status(void **state)
{
	static const struct {
		int code;
		const char *text;
		int exit;
	} rows[] = {
		{ 250, "250 2.1.5 ok", EX_OK },
		{ 0, "the connection broke", EX_TEMPFAIL },
		{ 421, "421 4.3.2 going down", EX_TEMPFAIL },
		{ 452, "452 4.2.2 full", EX_TEMPFAIL },
		{ 450, "450 4.2.1 disabled", EX_TEMPFAIL },
		{ 550, "550 5.1.1 unknown", EX_NOUSER },
		{ 550, "550", EX_NOUSER },
		{ 550, "550 5.7.1 no", EX_NOPERM },
		{ 552, "552 5.2.2 full", EX_CANTCREAT },
		{ 552, "552 5.3.4 too large", EX_DATAERR },
		{ 554, "554 5.6.0 content", EX_DATAERR },
		{ 554, "554 no", EX_UNAVAILABLE },
		{ 501, "501 5.5.4 syntax", EX_PROTOCOL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lmtp_reply reply = { .code = rows[i].code };
		snprintf(reply.text, sizeof reply.text, "%s", rows[i].text);
		print_message("%s\n", rows[i].text);
		assert_int_equal(lmtp_reply_exit(&reply), rows[i].exit);
	}
}

static void worse_status_is_the_one_to_try_again(void **state)
{
	(void)state;
	assert_int_equal(lmtp_worse_exit(EX_OK, EX_OK), EX_OK);
	assert_int_equal(lmtp_worse_exit(EX_OK, EX_NOUSER), EX_NOUSER);
	assert_int_equal(lmtp_worse_exit(EX_NOUSER, EX_OK), EX_NOUSER);
	assert_int_equal(lmtp_worse_exit(EX_NOUSER, EX_TEMPFAIL), EX_TEMPFAIL);
	assert_int_equal(lmtp_worse_exit(EX_TEMPFAIL, EX_NOUSER), EX_TEMPFAIL);
	assert_int_equal(lmtp_worse_exit(EX_DATAERR, EX_NOUSER), EX_DATAERR);
}

/* --- conversations ---------------------------------------------------------------------- */

/* A server that answers each line with the next of `replies`, and keeps what it heard. */
struct fake {
	char path[64];
	char server[80];
	int listener;
	const char *const *replies;
	char heard[2048];
	pthread_t thread;
};

static void *serve(void *context)
{
	struct fake *fake = context;
	size_t n = 0;
	size_t answered = 0;
	int fd = accept(fake->listener, NULL, NULL);
	assert_true(fd >= 0);
	for (const char *const *reply = fake->replies; *reply != NULL; reply++) {
		assert_true(write(fd, *reply, strlen(*reply)) == (ssize_t)strlen(*reply));
		/* A final reply is answered by a line; after DATA by the dot alone on one. */
		const char *end = strncmp(*reply, "354", 3) == 0 ? "\r\n.\r\n" : "\r\n";
		while (reply[1] != NULL && strstr(fake->heard + answered, end) == NULL) {
			ssize_t got = read(fd, fake->heard + n, sizeof fake->heard - 1 - n);
			if (got <= 0)
				break;
			n += (size_t)got;
			fake->heard[n] = '\0';
		}
		answered = n;
	}
	close(fd);
	return NULL;
}

static void fake_start(struct fake *fake, const char *const *replies)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	*fake = (struct fake){ .replies = replies };
	snprintf(fake->path, sizeof fake->path, "/tmp/restante-test-%ld.lmtp", (long)getpid());
	snprintf(fake->server, sizeof fake->server, "unix:%s", fake->path);
	memcpy(address.sun_path, fake->path, sizeof fake->path);
	unlink(fake->path);
	fake->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
		bind(fake->listener, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fake->listener, 1), 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

static void fake_stop(struct fake *fake)
{
	pthread_join(fake->thread, NULL);
	close(fake->listener);
	unlink(fake->path);
}

static bool deliver(struct fake *fake, const char *message, struct lmtp_recipient *recipients,
		    size_t count, struct lmtp_reply *whole)
{
	char text[256];
	snprintf(text, sizeof text, "%s", message);
	FILE *from = fmemopen(text, strlen(text), "r");
	bool good = lmtp_deliver(fake->server, "tool.example.org", "s@example.net", recipients,
				 count, from, whole);
	fclose(from);
	fake_stop(fake);
	return good;
}

#define GREETING "220 mx LMTP\r\n"
#define LHLO_REPLY "250-mx\r\n250-SIZE 100\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"

static void delivery_each_recipient_gets_its_own_reply(void **state)
{
	static const char *const replies[] = { GREETING,
					       LHLO_REPLY,
					       "250 2.1.0 ok\r\n",
					       "250 2.1.5 ok\r\n",
					       "550 5.1.1 unknown\r\n",
					       "250 2.1.5 ok\r\n",
					       "354 go on\r\n",
					       "250 2.0.0 kept\r\n452 4.2.2 full\r\n",
					       NULL };
	struct lmtp_recipient to[] = { { .address = "a@x" },
				       { .address = "b@x" },
				       { .address = "c@x" } };
	struct lmtp_reply whole = { 0 };
	struct fake fake;
	(void)state;
	fake_start(&fake, replies);
	assert_true(deliver(&fake, "S: t\n\n.dot\nend", to, 3, &whole));
	assert_string_equal(fake.heard, "LHLO tool.example.org\r\n"
					"MAIL FROM:<s@example.net> BODY=8BITMIME\r\n"
					"RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\n"
					"DATA\r\nS: t\r\n\r\n..dot\r\nend\r\n.\r\n");
	assert_int_equal(to[0].reply.code, 250);
	assert_int_equal(to[1].reply.code, 550);
	assert_int_equal(to[2].reply.code, 452);
}

static void delivery_without_an_accepted_recipient_sends_no_data(void **state)
{
	static const char *const replies[] = { GREETING, "250 mx\r\n", "250 ok\r\n",
					       "550 5.1.1 unknown\r\n", NULL };
	struct lmtp_recipient to[] = { { .address = "a@x" } };
	struct lmtp_reply whole = { 0 };
	struct fake fake;
	(void)state;
	fake_start(&fake, replies);
	assert_true(deliver(&fake, "x\n", to, 1, &whole));
	assert_null(strstr(fake.heard, "DATA"));
	/* Nothing was offered, so nothing is asked for. */
	assert_non_null(strstr(fake.heard, "MAIL FROM:<s@example.net>\r\n"));
	assert_int_equal(lmtp_reply_exit(&to[0].reply), EX_NOUSER);
}

static void delivery_refused_at_a_step_is_refused_whole(void **state)
{
	static const struct {
		const char *replies[6];
		int code;
	} rows[] = {
		{ { "421 4.3.2 busy\r\n", NULL }, 421 },
		{ { GREETING, "500 what\r\n", NULL }, 500 },
		{ { GREETING, "250 mx\r\n", "452 4.3.1 disk\r\n", NULL }, 452 },
		{ { GREETING, "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "451 4.3.0 no\r\n",
		    NULL },
		  451 },
		/* Not the end of a delivery. */
		{ { GREETING, "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "250 2.0.0 ok\r\n",
		    NULL },
		  0 },
		{ { GREETING, "250 mx\r\n", NULL }, 0 },
		{ { "hello\r\n", NULL }, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lmtp_recipient to[] = { { .address = "a@x" } };
		struct lmtp_reply whole = { 0 };
		struct fake fake;
		fake_start(&fake, rows[i].replies);
		assert_false(deliver(&fake, "x\n", to, 1, &whole));
		assert_int_equal(whole.code, rows[i].code);
		assert_true(whole.text[0] != '\0');
	}
}

static void delivery_broken_before_the_verdict_is_temporary(void **state)
{
	static const char *const replies[] = { GREETING,     "250 mx\r\n", "250 ok\r\n",
					       "250 ok\r\n", "354 go\r\n", "",
					       NULL };
	struct lmtp_recipient to[] = { { .address = "a@x" } };
	struct lmtp_reply whole = { 0 };
	struct fake fake;
	(void)state;
	fake_start(&fake, replies);
	assert_true(deliver(&fake, "x\n", to, 1, &whole));
	assert_int_equal(lmtp_reply_exit(&to[0].reply), EX_TEMPFAIL);
}

static void delivery_without_a_server_is_temporary(void **state)
{
	struct lmtp_recipient to[] = { { .address = "a@x" } };
	static const char *const servers[] = { "unix:/nonexistent/lmtp", "127.0.0.1:1",
					       "nonsense", "[::1]:1" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		struct lmtp_reply whole = { .code = 1 };
		assert_false(lmtp_deliver(servers[i], "h", "", to, 1, stdin, &whole));
		assert_int_equal(whole.code, 0);
		assert_non_null(strstr(whole.text, servers[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_are_stuffed_alike_however_cut),
		cmocka_unit_test(reply_becomes_exit_status),
		cmocka_unit_test(worse_status_is_the_one_to_try_again),
		cmocka_unit_test(delivery_each_recipient_gets_its_own_reply),
		cmocka_unit_test(delivery_without_an_accepted_recipient_sends_no_data),
		cmocka_unit_test(delivery_refused_at_a_step_is_refused_whole),
		cmocka_unit_test(delivery_broken_before_the_verdict_is_temporary),
		cmocka_unit_test(delivery_without_a_server_is_temporary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
