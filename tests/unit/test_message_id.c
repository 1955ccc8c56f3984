/* The Message-ID is found wherever it stands in a header, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message_id.h"
#include "restante/compiler.h"

struct example {
	const char *message;
	const char *found;
};

static const struct example examples[] = {
	{ "Message-ID: <a@b>\r\n\r\nbody", "<a@b>" },
	{ "message-id:<a@b>\r\n\r\n", "<a@b>" },
	{ "Subject: Message-ID: <no@no>\r\nMESSAGE-ID:  <a@b>\r\n", "<a@b>" },
	{ "Message-ID:\r\n <a@b>\r\n", "<a@b>" },
	{ "Message-ID: <a@b> (comment)\r\n", "<a@b>" },
	{ "Message-Id: <a@b>\nX: y\n", "<a@b>" },
	{ "Message-IDs: <no@no>\r\n\r\n", "" },
	{ "Subject: x\r\n\r\nMessage-ID: <no@no>\r\n", "" },
	{ "Message-ID:\r\n\r\ntext of the message", "" },
	{ "Message-ID:\r\nSubject: another field\r\n", "" },
	{ "Message-ID: \r\n \r\n\t<a@b>\r\n", "<a@b>" },
	{ "\r\nMessage-ID: <no@no>\r\n", "" },
	{ "Mess", "" },
	{ "", "" },
};

static void watch_pieces_finds_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		struct str message = str_of(examples[i].message);

		for (size_t piece = 1; piece <= message.n + 1; piece++) {
			struct message_id id = { 0 };

			for (size_t at = 0; at < message.n; at += piece) {
				struct str part = str_from(message, at);

				part.n = part.n < piece ? part.n : piece;
				message_id_watch(&id, part);
			}
			assert_int_equal(id.n, strlen(examples[i].found));
			assert_memory_equal(id.text, examples[i].found, id.n);
		}
	}
}

static void watch_endless_value_is_cut(void **state)
{
	struct message_id id = { 0 };

	(void)state;
	message_id_watch(&id, STR("Message-ID: <"));
	for (int i = 0; i < 10000; i++)
		message_id_watch(&id, STR("x"));
	assert_int_equal(id.n, sizeof id.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watch_pieces_finds_the_same),
		cmocka_unit_test(watch_endless_value_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
