/* The way of a message: delivery, listing, reading, deletion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

static void deliver_plain_message_is_listed_and_read(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;
	struct message message;
	uint64_t messages;
	uint64_t octets;
	size_t n;
	char *text;

	assert_int_equal(fixture_deliver(f, 1, "A: b\n\nhello\n.dot"), 1);
	maildrop = fixture_maildrop(f, 1);
	maildrop_totals(maildrop, &messages, &octets);
	assert_int_equal(messages, 1);
	assert_int_equal(octets, 21);
	message = fixture_message(f, maildrop, 1);
	assert_int_equal(message.octets, 21);
	assert_int_equal(message.header_octets, 8);
	assert_int_equal(message.longest_line, 5);
	assert_int_equal(message.flags, MESSAGE_NEEDS_STUFFING);
	text = fixture_read(f, maildrop, 1, 7, &n);
	assert_memory_equal(text, "A: b\r\n\r\nhello\r\n.dot\r\n", 21);
	free(text);
	maildrop_close(&maildrop);
}

static void quit_marked_messages_are_gone_for_the_next_session(void **state)
{
	struct fixture *f = *state;
	static const uint64_t marks[] = { 2, 4, 0 };
	struct maildrop *maildrop;
	struct listed rows[8];
	struct fault fault;
	uint64_t from = 1;
	size_t count;

	fixture_fill(f, 1, 5);
	fixture_delete(f, 1, 77, marks);
	maildrop = fixture_maildrop(f, 1);
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, 8, &count, &fault),
			 STORE_OK);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].uid, 1);
	assert_int_equal(rows[1].uid, 3);
	assert_int_equal(rows[2].uid, 5);
	maildrop_close(&maildrop);
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT count(*) FROM message WHERE deleted_session = 77"),
			 2);
	assert_int_equal(fixture_sql(f, 1, "SELECT deleted FROM session WHERE number = 77"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(deliver_plain_message_is_listed_and_read),
		STORE_CASE(quit_marked_messages_are_gone_for_the_next_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
