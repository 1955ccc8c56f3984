/* A session's view: what it shows stays as it was at login, whatever others do meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/slice.h"
#include "store_fixture.h"

/* STAT, LIST in slices of `cap`, and each message alone agree; returns the uids seen. */
static uint64_t expect_consistent(struct fixture *f, struct maildrop *maildrop, size_t cap,
				  uint64_t *uids)
{
	struct listed rows[16];
	struct fault fault;
	uint64_t messages;
	uint64_t octets;
	uint64_t from = 1;
	uint64_t n = 0;
	uint64_t sum = 0;
	size_t count;

	maildrop_totals(maildrop, &messages, &octets);
	for (;;) {
		assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, cap, &count,
					       &fault),
				 STORE_OK);
		if (count == 0)
			break;
		for (size_t i = 0; i < count; i++) {
			struct message one = fixture_message(f, maildrop, rows[i].msgno);

			assert_int_equal(one.uid, rows[i].uid);
			assert_int_equal(one.octets, rows[i].octets);
			assert_string_equal(one.uidl, rows[i].uidl);
			if (uids != NULL)
				uids[n] = one.uid;
			n++;
			sum += one.octets;
		}
	}
	assert_int_equal(n, messages);
	assert_int_equal(sum, octets);
	return n;
}

static void open_unknown_key_is_an_empty_maildrop(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop = fixture_maildrop(f, 9);
	struct message message;
	struct fault fault;

	assert_int_equal(maildrop_last(maildrop), 0);
	assert_int_equal(expect_consistent(f, maildrop, 4, NULL), 0);
	assert_int_equal(maildrop_message(f->reader, maildrop, 1, &message, &fault),
			 STORE_NOT_FOUND);
	maildrop_close(&maildrop);
	assert_null(maildrop);
	maildrop_close(&maildrop);
	/* Looking does not make a row. */
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM mailbox"), 0);
}

static void open_shard_out_of_range_is_refused(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = { .shard = FIXTURE_SHARDS };
	struct maildrop *maildrop;
	struct fault fault;

	assert_int_equal(maildrop_open(f->reader, &key, &maildrop, &fault), STORE_FOREIGN);
	assert_null(maildrop);
}

static void snapshot_new_mail_is_invisible(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;

	fixture_fill(f, 1, 3);
	maildrop = fixture_maildrop(f, 1);
	fixture_fill(f, 1, 4);
	assert_int_equal(expect_consistent(f, maildrop, 2, NULL), 3);
	maildrop_close(&maildrop);
	maildrop = fixture_maildrop(f, 1);
	assert_int_equal(expect_consistent(f, maildrop, 2, NULL), 7);
	maildrop_close(&maildrop);
}

static void snapshot_deletions_by_others_do_not_show(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct maildrop *before;
	struct maildrop *after;
	struct fault fault;
	uint64_t uids[8];
	uint64_t deleted;
	size_t n;
	char *text;

	fixture_fill(f, 1, 6);
	assert_int_equal(maildrop_delete(f->store, &key, 1, &deleted, &fault), STORE_OK);
	assert_int_equal(deleted, 1);
	before = fixture_maildrop(f, 1);
	assert_int_equal(maildrop_delete(f->store, &key, 3, &deleted, &fault), STORE_OK);
	assert_int_equal(maildrop_delete(f->store, &key, 5, &deleted, &fault), STORE_OK);
	after = fixture_maildrop(f, 1);

	assert_int_equal(expect_consistent(f, before, 2, uids), 5);
	assert_int_equal(uids[1], 3);
	assert_int_equal(uids[3], 5);
	/* ... and can still be read. */
	text = fixture_read(f, before, 2, 100, &n);
	free(text);
	assert_int_equal(expect_consistent(f, after, 2, uids), 3);
	assert_int_equal(uids[1], 4);
	maildrop_close(&before);
	maildrop_close(&after);
}

static void snapshot_undelete_is_new_mail(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct maildrop *maildrop;
	struct fault fault;
	uint64_t n;
	char uidl[POP3_UIDL_MAX + 1];

	fixture_fill(f, 1, 3);
	maildrop = fixture_maildrop(f, 1);
	memcpy(uidl, fixture_message(f, maildrop, 2).uidl, sizeof uidl);
	assert_int_equal(maildrop_delete(f->store, &key, 2, &n, &fault), STORE_OK);
	assert_int_equal(maildrop_undelete(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(expect_consistent(f, maildrop, 2, NULL), 3);
	maildrop_close(&maildrop);
	maildrop = fixture_maildrop(f, 1);
	assert_int_equal(expect_consistent(f, maildrop, 2, NULL), 3);
	assert_string_not_equal(fixture_message(f, maildrop, 3).uidl, uidl);
	/* Once only. */
	assert_int_equal(maildrop_undelete(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 0);
	maildrop_close(&maildrop);
	fixture_expect_clean(f);
}

static void marks_hide_messages_until_reset(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;
	struct message message;
	struct fault fault;
	uint64_t uids[8];
	uint64_t messages;
	uint64_t octets;
	uint64_t all;

	fixture_fill(f, 1, 5);
	maildrop = fixture_maildrop(f, 1);
	maildrop_totals(maildrop, &messages, &all);
	fixture_mark(f, maildrop, 1);
	message = fixture_message(f, maildrop, 4);
	assert_int_equal(maildrop_mark(maildrop, &message), STORE_OK);
	assert_int_equal(maildrop_mark(maildrop, &message), STORE_OK);
	assert_int_equal(maildrop_marked(maildrop), 2);
	assert_int_equal(maildrop_message(f->reader, maildrop, 4, &message, &fault),
			 STORE_NOT_FOUND);
	assert_int_equal(expect_consistent(f, maildrop, 2, uids), 3);
	assert_int_equal(uids[0], 2);
	assert_int_equal(uids[2], 5);
	/* DELE never renumbers. */
	assert_int_equal(maildrop_last(maildrop), 5);
	assert_int_equal(fixture_message(f, maildrop, 5).uid, 5);
	maildrop_unmark_all(maildrop);
	assert_int_equal(expect_consistent(f, maildrop, 2, NULL), 5);
	maildrop_totals(maildrop, &messages, &octets);
	assert_int_equal(octets, all);
	maildrop_close(&maildrop);
}

static void message_numbers_out_of_range_are_not_found(void **state)
{
	static const uint64_t msgnos[] = { 0, 3, 4294967297, UINT64_MAX };
	struct fixture *f = *state;
	struct maildrop *maildrop;
	struct message message;
	struct fault fault;

	fixture_fill(f, 1, 2);
	maildrop = fixture_maildrop(f, 1);
	for (size_t i = 0; i < ARRAY_SIZE(msgnos); i++)
		assert_int_equal(maildrop_message(f->reader, maildrop, msgnos[i], &message,
						  &fault),
				 STORE_NOT_FOUND);
	maildrop_close(&maildrop);
}

static uint64_t uid_of(uint64_t msgno)
{
	return msgno == 1 ? 1 : msgno * 2;
}

static void message_in_any_order_is_the_right_one(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;
	unsigned seed = 7;

	fixture_make_rows(f, 5000, 2);
	for (unsigned round = 0; round < 20; round++) {
		maildrop = fixture_maildrop(f, 1);
		assert_int_equal(maildrop_last(maildrop), 5000);
		for (unsigned i = 0; i < 60; i++) {
			uint64_t msgno = 1 + (uint64_t)rand_r(&seed) % 5000;

			assert_int_equal(fixture_message(f, maildrop, msgno).uid,
					 uid_of(msgno));
		}
		maildrop_close(&maildrop);
	}
}

static void message_far_away_learns_anchors_once(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;

	fixture_make_rows(f, 5000, 2);
	maildrop = fixture_maildrop(f, 1);
	(void)fixture_message(f, maildrop, 5000);
	assert_int_equal(maildrop->anchor_count, 5);
	for (size_t i = 0; i < maildrop->anchor_count; i++)
		assert_int_equal(maildrop->anchors[i], uid_of(i * STORE_ANCHOR_STEP + 1));
	/* Never further from a known place than a step. */
	for (uint64_t msgno = 1; msgno <= 5000; msgno += 37)
		assert_true(msgno - maildrop_place(maildrop, msgno).msgno <= STORE_ANCHOR_STEP);
	maildrop_close(&maildrop);
}

/* Many rows deleted before the session, and one by somebody else during it: bounded looks. */
static void snapshot_among_many_deleted_looks_at_each_once(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct maildrop *maildrop;
	struct listed rows[4];
	struct fault fault;
	uint64_t deleted;
	uint64_t from = 1;
	size_t count;

	fixture_make_rows(f, 20000, 2);
	/* Live are every 5,000th, and the last two. */
	(void)fixture_sql(f, 1,
			  "UPDATE message SET deleted_at = 1, deleted_change = 1"
			  " WHERE uid % 10000 <> 0 AND uid <> 39998");
	(void)fixture_sql(
		f, 1,
		"UPDATE mailbox SET change = 1, (messages, octets) = (SELECT count(*),"
		" sum(octets) FROM message WHERE deleted_at IS NULL)");
	maildrop = fixture_maildrop(f, 1);
	assert_int_equal(maildrop_delete(f->store, &key, 20000, &deleted, &fault), STORE_OK);
	assert_int_equal(deleted, 1);
	/* A slice ends where its rows do, and says where the next one goes on. */
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, 4, &count, &fault),
			 STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].uid, 10000);
	assert_int_equal(maildrop->last.msgno, 2);
	assert_true(maildrop->last.uid > 10000 && maildrop->last.uid < 20000);
	assert_int_equal(expect_consistent(f, maildrop, 4, NULL), 5);
	assert_int_equal(fixture_message(f, maildrop, 5).uid, 40000);
	assert_int_equal(fixture_message(f, maildrop, 1).uid, 10000);
	assert_int_equal(fixture_message(f, maildrop, 4).uid, 39998);
	assert_int_equal(fixture_message(f, maildrop, 2).uid, 20000);
	maildrop_close(&maildrop);
}

static void list_with_many_marks_jumps_over_them(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;
	struct message message = { 0 };
	struct listed rows[4];
	struct fault fault;
	uint64_t from = 1;
	size_t count;

	fixture_make_rows(f, 5000, 2);
	maildrop = fixture_maildrop(f, 1);
	for (uint64_t msgno = 1; msgno <= 5000; msgno++) {
		message.msgno = msgno;
		if (msgno != 4321)
			assert_int_equal(maildrop_mark(maildrop, &message), STORE_OK);
	}
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, 4, &count, &fault),
			 STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].msgno, 4321);
	assert_int_equal(rows[0].uid, uid_of(4321));
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, 4, &count, &fault),
			 STORE_OK);
	assert_int_equal(count, 0);
	maildrop_close(&maildrop);
}

static void uidl_is_epoch_and_uid_or_the_imported_one(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;
	char want[POP3_UIDL_MAX + 1];

	fixture_fill(f, 1, 2);
	(void)fixture_sql(f, 1, "UPDATE message SET uidl = '<imported!~>' WHERE uid = 2");
	(void)snprintf(want, sizeof want, "%012llx.1",
		       (unsigned long long)fixture_sql(f, 1, "SELECT epoch FROM mailbox"));
	maildrop = fixture_maildrop(f, 1);
	assert_string_equal(fixture_message(f, maildrop, 1).uidl, want);
	assert_string_equal(fixture_message(f, maildrop, 2).uidl, "<imported!~>");
	maildrop_close(&maildrop);
}

static void counters_that_promise_too_much_are_a_fault(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;
	struct listed rows[8];
	struct message message;
	struct fault fault;
	uint64_t from = 3;
	size_t count;

	fixture_fill(f, 1, 2);
	(void)fixture_sql(f, 1, "UPDATE mailbox SET messages = 3");
	maildrop = fixture_maildrop(f, 1);
	assert_int_equal(maildrop_message(f->reader, maildrop, 3, &message, &fault),
			 STORE_UNAVAILABLE);
	assert_non_null(strstr(fault.text, "restante check"));
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, 8, &count, &fault),
			 STORE_UNAVAILABLE);
	maildrop_close(&maildrop);
}

static void usage_counts_live_messages_and_logins(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	static const uint64_t marks[] = { 1, 0 };
	struct maildrop_usage usage;
	struct fault fault;

	assert_int_equal(maildrop_usage(f->reader, &key, &usage, &fault), STORE_OK);
	assert_int_equal(usage.messages, 0);
	fixture_fill(f, 1, 3);
	fixture_delete(f, 1, 5, marks);
	maildrop_note_login(f->store, &key, 1000);
	maildrop_note_login(f->store, &key, 2000);
	/* Closing writes what is pending. */
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(maildrop_usage(f->reader, &key, &usage, &fault), STORE_OK);
	assert_int_equal(usage.messages, 2);
	assert_int_equal(usage.octets, 2 * 20);
	assert_int_equal(usage.last_login, 2000);
}

static void read_purged_message_is_gone(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct maildrop *maildrop;
	struct message message;
	struct fault fault;
	uint64_t n;
	size_t part;
	char octets[8];

	fixture_fill(f, 1, 2);
	maildrop = fixture_maildrop(f, 1);
	message = fixture_message(f, maildrop, 1);
	assert_int_equal(message_read(f->reader, maildrop, &message, 0, octets, 8, &part,
				      &fault),
			 STORE_OK);
	assert_int_equal(part, 8);
	/* No lock is held, so nothing keeps the tool from it. */
	assert_int_equal(maildrop_delete(f->store, &key, 1, &n, &fault), STORE_OK);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(message_read(f->reader, maildrop, &message, 8, octets, 8, &part,
				      &fault),
			 STORE_GONE);
	assert_int_equal(part, 0);
	maildrop_close(&maildrop);
}

/* A row of calls is one transaction while the reader is held, and none is left when it rests. */
static void held_reader_sees_one_moment(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct maildrop *maildrop;
	struct message message;
	struct fault fault;
	uint64_t n;
	size_t part;
	char octets[8];

	fixture_fill(f, 1, 2);
	maildrop = fixture_maildrop(f, 1);
	store_reader_hold(f->reader);
	message = fixture_message(f, maildrop, 1);
	assert_int_equal(maildrop_delete(f->store, &key, 1, &n, &fault), STORE_OK);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(message_read(f->reader, maildrop, &message, 0, octets, 8, &part,
				      &fault),
			 STORE_OK);
	assert_int_equal(sqlite3_txn_state(f->reader->shards[key.shard].db, "main"),
			 SQLITE_TXN_READ);
	store_reader_rest(f->reader);
	assert_int_equal(message_read(f->reader, maildrop, &message, 0, octets, 8, &part,
				      &fault),
			 STORE_GONE);
	assert_int_equal(sqlite3_txn_state(f->reader->shards[key.shard].db, "main"),
			 SQLITE_TXN_NONE);
	maildrop_close(&maildrop);
}

/* Found by its uid where a list has shown it, from row to row in the same moment. */
static void held_reader_goes_from_message_to_message(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = fixture_key(1);
	struct deleted_selection all = { 0 };
	struct maildrop *maildrop;
	struct listed rows[8];
	struct message messages[3];
	struct fault fault;
	uint64_t from = 1;
	uint64_t n;
	size_t part;
	char octets[8];

	fixture_fill(f, 1, 6);
	maildrop = fixture_maildrop(f, 1);
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, 8, &part, &fault),
			 STORE_OK);
	assert_int_equal(part, 6);
	store_reader_hold(f->reader);
	messages[1] = fixture_message(f, maildrop, 1);
	assert_int_equal(maildrop_delete(f->store, &key, 2, &n, &fault), STORE_OK);
	assert_int_equal(maildrop_purge(f->store, &key, &all, &n, &fault), STORE_OK);
	assert_int_equal(n, 1);
	messages[2] = fixture_message(f, maildrop, 2);
	for (int i = 2; i > 0; i--) {
		assert_int_equal(messages[i].uid, i);
		assert_string_equal(messages[i].uidl, rows[i - 1].uidl);
		assert_int_equal(message_read(f->reader, maildrop, &messages[i], 0, octets, 8,
					      &part, &fault),
				 STORE_OK);
	}
	store_reader_rest(f->reader);
	assert_int_equal(message_read(f->reader, maildrop, &messages[1], 0, octets, 8, &part,
				      &fault),
			 STORE_OK);
	assert_int_equal(message_read(f->reader, maildrop, &messages[2], 0, octets, 8, &part,
				      &fault),
			 STORE_GONE);
	assert_int_equal(maildrop_message(f->reader, maildrop, 2, &messages[0], &fault),
			 STORE_UNAVAILABLE);
	maildrop_close(&maildrop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(open_unknown_key_is_an_empty_maildrop),
		STORE_CASE(open_shard_out_of_range_is_refused),
		STORE_CASE(snapshot_new_mail_is_invisible),
		STORE_CASE(snapshot_deletions_by_others_do_not_show),
		STORE_CASE(snapshot_undelete_is_new_mail),
		STORE_CASE(marks_hide_messages_until_reset),
		STORE_CASE(message_numbers_out_of_range_are_not_found),
		STORE_CASE(message_in_any_order_is_the_right_one),
		STORE_CASE(message_far_away_learns_anchors_once),
		STORE_CASE(snapshot_among_many_deleted_looks_at_each_once),
		STORE_CASE(list_with_many_marks_jumps_over_them),
		STORE_CASE(uidl_is_epoch_and_uid_or_the_imported_one),
		STORE_CASE(counters_that_promise_too_much_are_a_fault),
		STORE_CASE(usage_counts_live_messages_and_logins),
		STORE_CASE(read_purged_message_is_gone),
		STORE_CASE(held_reader_sees_one_moment),
		STORE_CASE(held_reader_goes_from_message_to_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
