/*
 * Listings in memory (store/listing.h): what one session has read another one need not read again,
 * and nothing of it is shown where it is not so any more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/listing.h"
#include "store/slice.h"
#include "store_fixture.h"

#define MESSAGES 1000

/* LIST from the first message on: so many lines, each as the message itself says. */
static uint64_t list_all(struct fixture *f, struct maildrop *maildrop, size_t cap)
{
	struct listed rows[300];
	struct fault fault;
	uint64_t from = 1;
	uint64_t n = 0;
	size_t count;

	do {
		assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, cap, &count,
					       &fault),
				 STORE_OK);
		for (size_t i = 0; i < count; i += 17) {
			struct message one = fixture_message(f, maildrop, rows[i].msgno);

			assert_int_equal(one.uid, rows[i].uid);
			assert_int_equal(one.octets, rows[i].octets);
			assert_string_equal(one.uidl, rows[i].uidl);
		}
		n += count;
	} while (count > 0);
	return n;
}

static uint64_t listed(struct fixture *f)
{
	struct maildrop *maildrop = fixture_maildrop(f, 1);
	uint64_t n = list_all(f, maildrop, 300);

	maildrop_close(&maildrop);
	return n;
}

/* Rows changed behind the store's back show whether they were looked at. */
static bool comes_from_memory(struct fixture *f)
{
	struct maildrop *maildrop = fixture_maildrop(f, 1);
	struct listed row;
	struct fault fault;
	uint64_t from = 1;
	size_t count;

	(void)fixture_sql(f, 1, "UPDATE message SET octets = octets + 1000 WHERE uid < 10");
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, &row, 1, &count, &fault),
			 STORE_OK);
	(void)fixture_sql(f, 1, "UPDATE message SET octets = octets - 1000 WHERE uid < 10");
	maildrop_close(&maildrop);
	return row.octets < 1000;
}

static void next_session_reads_no_rows(void **state)
{
	struct fixture *f = *state;

	fixture_make_rows(f, MESSAGES, 1);
	assert_false(comes_from_memory(f));
	assert_int_equal(listed(f), MESSAGES);
	assert_true(comes_from_memory(f));
	assert_int_equal(listed(f), MESSAGES);
}

static void half_a_list_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;
	struct listed rows[300];
	struct fault fault;
	uint64_t from = 1;
	size_t count;

	fixture_make_rows(f, MESSAGES, 1);
	maildrop = fixture_maildrop(f, 1);
	assert_int_equal(maildrop_list(f->reader, maildrop, &from, rows, 300, &count, &fault),
			 STORE_OK);
	maildrop_close(&maildrop);
	assert_false(comes_from_memory(f));
}

static void new_mail_is_added_to_what_is_known(void **state)
{
	struct fixture *f = *state;
	struct maildrop *before;

	fixture_make_rows(f, MESSAGES, 1);
	assert_int_equal(listed(f), MESSAGES);
	before = fixture_maildrop(f, 1);
	fixture_deliver(f, 1, "Subject: new\r\n\r\nmail\r\n");
	assert_true(comes_from_memory(f));
	assert_int_equal(listed(f), MESSAGES + 1);
	assert_int_equal(listed(f), MESSAGES + 1);
	/* Who was there before sees what was there then, out of the larger one. */
	assert_int_equal(list_all(f, before, 64), MESSAGES);
	maildrop_close(&before);
}

static void deletion_makes_it_unknown(void **state)
{
	static const uint64_t marks[] = { 1, 500, 0 };
	struct fixture *f = *state;
	struct maildrop *before;

	fixture_make_rows(f, MESSAGES, 1);
	assert_int_equal(listed(f), MESSAGES);
	before = fixture_maildrop(f, 1);
	fixture_delete(f, 1, 7, marks);
	assert_int_equal(listed(f), MESSAGES - 2);
	assert_true(comes_from_memory(f));
	/* A session of before keeps its view. */
	assert_int_equal(list_all(f, before, 300), MESSAGES);
	maildrop_close(&before);
	assert_int_equal(listed(f), MESSAGES - 2);
}

static void marked_messages_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct maildrop *maildrop;

	fixture_make_rows(f, MESSAGES, 1);
	for (unsigned round = 0; round < 2; round++) {
		maildrop = fixture_maildrop(f, 1);
		fixture_mark(f, maildrop, 1);
		fixture_mark(f, maildrop, 400);
		fixture_mark(f, maildrop, MESSAGES);
		assert_int_equal(list_all(f, maildrop, 300), MESSAGES - 3);
		maildrop_unmark_all(maildrop);
		assert_int_equal(list_all(f, maildrop, 300), MESSAGES);
		maildrop_close(&maildrop);
	}
}

static void imported_uidl_is_read_each_time(void **state)
{
	struct fixture *f = *state;

	fixture_make_rows(f, MESSAGES, 1);
	(void)fixture_sql(f, 1, "UPDATE message SET uidl = 'of another' WHERE uid = 700");
	assert_int_equal(listed(f), MESSAGES);
	assert_false(comes_from_memory(f));
	assert_int_equal(listed(f), MESSAGES);
}

/* --- the table --------------------------------------------------------------------------------- */

#define ROOM ((size_t)16384)

static const char *key_of(char key[33], unsigned number)
{
	(void)snprintf(key, 33, "%032x", number);
	return key;
}

static struct listing *made(struct listings *listings, unsigned number, size_t cap)
{
	char key[33];

	return listings_make(listings, key_of(key, number), 1, cap, NULL);
}

static bool has(struct listings *listings, unsigned number)
{
	char key[33];
	struct listing *found = listings_find(listings, key_of(key, number), 1);
	bool there = found != NULL;

	listing_release(&found);
	return there;
}

static void those_used_longest_ago_go_first(void **state)
{
	struct listings *listings = listings_new(ROOM);

	(void)state;
	assert_non_null(listings);
	for (unsigned i = 0; i < 4; i++) {
		struct listing *listing = made(listings, i, 400);

		assert_non_null(listing);
		assert_true(listing_add(listing, 1, i + 1, 100));
		listing_keep(listing);
		listing_release(&listing);
		assert_true(has(listings, 0));
	}
	/* 400 rows and what they hang on are 3.3 KB: four have room, a fifth takes number 1's. */
	struct listing *fifth = made(listings, 4, 400);

	assert_non_null(fifth);
	assert_true(has(listings, 0));
	assert_false(has(listings, 1));
	assert_true(has(listings, 2));
	listing_release(&fifth);
	listings_free(&listings);
}

static void those_in_use_are_left_alone(void **state)
{
	struct listings *listings = listings_new(ROOM);
	struct listing *large;

	(void)state;
	assert_non_null(listings);
	large = made(listings, 1, 1500);
	assert_non_null(large);
	listing_keep(large);
	assert_null(made(listings, 2, 1500));
	assert_true(has(listings, 1));
	/* Kept no more, it is there as long as somebody has it. */
	struct listing *newer = made(listings, 1, 10);
	assert_non_null(newer);
	assert_true(listing_add(large, 1, 1, 1));
	listing_keep(newer);
	listing_release(&newer);
	assert_int_equal(listing_count(large), 1);
	assert_null(made(listings, 2, 1500));
	listing_release(&large);
	large = made(listings, 2, 1500);
	assert_non_null(large);
	listing_release(&large);
	listings_free(&listings);
}

static void what_does_not_fit_a_row_is_refused(void **state)
{
	struct listings *listings = listings_new(ROOM);
	struct listing *listing;
	char key[33];

	(void)state;
	assert_non_null(listings);
	listing = made(listings, 1, 3);
	assert_false(listing_add(listing, 7, UINT64_C(1) << 32, 1));
	assert_false(listing_add(listing, 7, 1, UINT64_C(1) << 32));
	assert_true(listing_add(listing, 7, UINT32_MAX, UINT32_MAX));
	assert_false(listing_add(listing, 8, 1, 1));
	assert_true(listing_add(listing, 7, 1, 1));
	assert_true(listing_add(listing, 7, 1, 1));
	assert_false(listing_add(listing, 7, 1, 1));
	assert_int_equal(listing_count(listing), 3);
	listing_keep(listing);
	assert_null(listings_find(listings, key_of(key, 1), 2));
	listing_release(&listing);
	assert_null(made(listings, 2, SIZE_MAX / 8));
	listings_free(&listings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(next_session_reads_no_rows),
		STORE_CASE(half_a_list_is_not_kept),
		STORE_CASE(new_mail_is_added_to_what_is_known),
		STORE_CASE(deletion_makes_it_unknown),
		STORE_CASE(marked_messages_are_left_out),
		STORE_CASE(imported_uidl_is_read_each_time),
		cmocka_unit_test(those_used_longest_ago_go_first),
		cmocka_unit_test(those_in_use_are_left_alone),
		cmocka_unit_test(what_does_not_fit_a_row_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
