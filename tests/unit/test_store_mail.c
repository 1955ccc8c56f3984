/* The way of a message: delivery, listing, reading, deletion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restante/store_admin.h"
#include "store/maildrop_private.h"
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

/*
 * Runs that end at an unmarked message, at one that is deleted already, and at one that somebody
 * else deletes meanwhile; and one that is longer than what the writer looks at at a time.
 */
static void quit_runs_of_marks_flag_exactly_these(void **state)
{
	struct fixture *f = *state;
	static const uint64_t before[] = { 5, 6, 10, 0 };
	struct maildrop_lock *lock;
	struct maildrop *maildrop;
	struct fault fault;
	uint64_t deleted;

	fixture_fill(f, 1, 700);
	fixture_delete(f, 1, 1, before);
	lock = fixture_lock(f, 1, 2);
	maildrop = fixture_maildrop(f, 1);
	/* Messages 1 to 697: uids 1-4, 7-9, 11-700. */
	for (uint64_t msgno = 1; msgno <= 697; msgno++)
		if (msgno != 2 && msgno != 6 && msgno != 680)
			fixture_mark(f, maildrop, msgno);
	assert_int_equal(maildrop_delete(f->store, &maildrop->key, 100, &deleted, &fault),
			 STORE_OK);
	assert_int_equal(fixture_update(f, maildrop, &lock, 2, &deleted), STORE_OK);
	assert_int_equal(deleted, 697 - 3 - 1);
	maildrop_close(&maildrop);
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT count(*) FROM message WHERE deleted_at"
				     " IS NULL AND uid IN (2, 8, 683)"),
			 3);
	assert_int_equal(
		fixture_sql(f, 1, "SELECT count(*) FROM message WHERE deleted_at IS NULL"), 3);
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT count(*) FROM message WHERE deleted_session = 2"),
			 693);
	assert_int_equal(fixture_sql(f, 1,
				     "SELECT group_concat(uid) = '5,6,10' FROM message"
				     " WHERE deleted_session = 1"),
			 1);
	fixture_expect_clean(f);
}

/* The count of a run is held against its rows. */
static void quit_run_with_a_row_missing_deletes_nothing(void **state)
{
	struct fixture *f = *state;
	struct maildrop_lock *lock;
	struct maildrop *maildrop;
	uint64_t deleted;

	fixture_fill(f, 1, 5);
	lock = fixture_lock(f, 1, 2);
	maildrop = fixture_maildrop(f, 1);
	for (uint64_t msgno = 1; msgno <= 5; msgno++)
		fixture_mark(f, maildrop, msgno);
	/* One row of them cannot be flagged. */
	(void)fixture_sql(f, 1,
			  "CREATE TRIGGER keep BEFORE UPDATE ON message"
			  " WHEN old.uid = 3 BEGIN SELECT raise(IGNORE); END");
	assert_int_equal(fixture_update(f, maildrop, &lock, 2, &deleted), STORE_UNAVAILABLE);
	assert_int_equal(deleted, 0);
	maildrop_close(&maildrop);
	assert_int_equal(
		fixture_sql(f, 1, "SELECT count(*) FROM message WHERE deleted_at IS NULL"), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(deliver_plain_message_is_listed_and_read),
		STORE_CASE(quit_marked_messages_are_gone_for_the_next_session),
		STORE_CASE(quit_runs_of_marks_flag_exactly_these),
		STORE_CASE(quit_run_with_a_row_missing_deletes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
