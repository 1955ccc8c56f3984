/* Deliveries: sizes, recipients, quota, repetition, staging, and what is left behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

#define MIB (1024 * 1024)

/* A message of about `n` octets with lines that cross every boundary. */
static char *make_message(size_t n)
{
	char *text = malloc(n + 1);
	size_t at = (size_t)snprintf(text, n, "Subject: large\r\n\r\n");

	assert_non_null(text);
	for (unsigned i = 0; at < n; i++, at++)
		text[at] = (char)(i % 79 == 77   ? '\r'
				  : i % 79 == 78 ? '\n'
						 : 'a' + (int)(i % 23));
	/* A bare LF each, so that the stored form is longer than what came. */
	for (size_t i = 1000; i < n; i += 4099)
		text[i] = '\n';
	text[n] = '\0';
	return text;
}

/* What the store should keep of it. */
static char *canonical_form(const char *text, size_t n, size_t *length)
{
	char *form = malloc(2 * n + 4);
	size_t put = 0;

	assert_non_null(form);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' && (put == 0 || form[put - 1] != '\r'))
			form[put++] = '\r';
		form[put++] = text[i];
	}
	if (form[put - 1] != '\n') {
		if (form[put - 1] != '\r')
			form[put++] = '\r';
		form[put++] = '\n';
	}
	*length = put;
	return form;
}

static void expect_body(struct fixture *f, unsigned number, uint64_t msgno, const char *prefix,
			const char *form, size_t length, size_t cap)
{
	struct maildrop *maildrop = fixture_maildrop(f, number);
	size_t n;
	char *read = fixture_read(f, maildrop, msgno, cap, &n);

	assert_int_equal(n, strlen(prefix) + length);
	assert_memory_equal(read, prefix, strlen(prefix));
	assert_memory_equal(read + strlen(prefix), form, length);
	free(read);
	maildrop_close(&maildrop);
}

static void deliver_any_size_is_read_back_exactly(void **state)
{
	static const size_t sizes[] = { 100,
					8191,
					8192,
					STORE_CHUNK_OCTETS - 130,
					STORE_CHUNK_OCTETS,
					STORE_CHUNK_OCTETS + 1,
					3 * STORE_CHUNK_OCTETS,
					2 * MIB + 17 };
	static const size_t pieces[] = { 0, 4096, 65536 + 1 };
	static const char prefix[] = "Delivered-To: somebody@example.org\r\n";
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *text = make_message(sizes[i]);
		size_t length;
		char *form = canonical_form(text, sizes[i], &length);

		for (size_t j = 0; j < ARRAY_SIZE(pieces); j++) {
			struct delivery_target target = { .key = fixture_key(1),
							  .prefix = prefix };

			target = fixture_deliver_as(f, target, (struct str){ text, sizes[i] },
						    pieces[j], NULL);
			assert_int_equal(target.status, STORE_OK);
			assert_int_equal(target.octets, length + sizeof prefix - 1);
			expect_body(f, 1, target.uid, prefix, form, length, 50000);
		}
		free(text);
		free(form);
	}
	fixture_expect_clean(f);
}

/* Every end around a full chunk: the last CRLF must not be lost or doubled. */
static void deliver_end_at_chunk_boundary_is_whole(void **state)
{
	struct fixture *f = *state;

	for (size_t n = STORE_CHUNK_OCTETS - 5; n < STORE_CHUNK_OCTETS + 3; n++) {
		char *text = malloc(n);
		struct delivery_target target = { .key = fixture_key(1) };
		size_t length;
		char *form;

		assert_non_null(text);
		memset(text, 'x', n);
		memcpy(text, "\r\n", 2);
		form = canonical_form(text, n, &length);
		target = fixture_deliver_as(f, target, (struct str){ text, n }, 0, NULL);
		assert_int_equal(target.status, STORE_OK);
		expect_body(f, 1, target.uid, "", form, length, 100000);
		free(text);
		free(form);
	}
	fixture_expect_clean(f);
}

static void deliver_small_mail_costs_little_memory(void **state)
{
	struct fixture *f = *state;
	struct delivery_target target = { .key = fixture_key(1), .prefix = "" };
	struct delivery *delivery = NULL;
	char *text = make_message(2 * MIB);
	struct str octets = { text, 20000 };

	assert_int_equal(delivery_begin(f->store, &target, 1, 0, &delivery), STORE_OK);
	assert_true(delivery_memory(delivery) < 16384);
	assert_int_equal(delivery_append(delivery, &octets), DELIVERY_TAKEN);
	assert_true(delivery_memory(delivery) < 40000);
	octets = (struct str){ text, 2 * MIB };
	assert_int_equal(delivery_append(delivery, &octets), DELIVERY_FLUSH);
	assert_true(octets.n > MIB);
	assert_true(delivery_memory(delivery) < STORE_CHUNK_OCTETS + 8192);
	delivery_close(&delivery);
	free(text);
}

static void deliver_bad_targets_are_refused(void **state)
{
	static char long_prefix[STORE_PREFIX_MAX + 2];
	struct fixture *f = *state;
	struct delivery *delivery = NULL;
	const struct {
		unsigned shard;
		const char *prefix;
		enum store_status status;
	} cases[] = {
		{ FIXTURE_SHARDS, "", STORE_FOREIGN },    { 0, long_prefix, STORE_TOO_LARGE },
		{ 0, "X: no end", STORE_UNAVAILABLE },    { 0, "X: bare\n", STORE_UNAVAILABLE },
		{ 0, "X: y\r\n\r\n", STORE_UNAVAILABLE },
	};

	memset(long_prefix, 'x', STORE_PREFIX_MAX + 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct delivery_target target = { .key = fixture_key(0),
						  .prefix = cases[i].prefix };

		target.key.shard = cases[i].shard;
		assert_int_equal(delivery_begin(f->store, &target, 1, 0, &delivery),
				 cases[i].status);
		assert_null(delivery);
	}
}

/* Octets to begin with, then finish; the targets have their status. */
static enum store_status deliver_to(struct fixture *f, struct delivery_target *targets,
				    size_t count, struct str octets,
				    const unsigned char *digest)
{
	struct delivery *delivery = NULL;
	enum store_status status;

	assert_int_equal(delivery_begin(f->store, targets, count, MESSAGE_SMTPUTF8, &delivery),
			 STORE_OK);
	assert_true(fixture_append(delivery, octets));
	status = fixture_finish(delivery, digest);
	delivery_close(&delivery);
	return status;
}

static void deliver_to_many_shares_one_body_per_shard(void **state)
{
	struct fixture *f = *state;
	struct delivery_target targets[5];
	char prefix[5][64];
	char *text = make_message(600000);
	size_t length;
	char *form = canonical_form(text, 600000, &length);

	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(prefix[i], sizeof prefix[i], "Delivered-To: u%u@example.org\r\n",
			       i);
		targets[i] =
			(struct delivery_target){ .key = fixture_key(i), .prefix = prefix[i] };
	}
	assert_int_equal(deliver_to(f, targets, 5, (struct str){ text, 600000 }, NULL),
			 STORE_OK);
	for (unsigned i = 0; i < 5; i++) {
		struct maildrop *maildrop = fixture_maildrop(f, i);

		assert_int_equal(targets[i].status, STORE_OK);
		assert_true(fixture_message(f, maildrop, 1).flags & MESSAGE_SMTPUTF8);
		maildrop_close(&maildrop);
		/* Nobody sees another's trace lines. */
		expect_body(f, i, 1, prefix[i], form, length, 70000);
	}
	assert_int_equal(fixture_sql(f, 0, "SELECT sum(refs) FROM body"), 3);
	assert_int_equal(fixture_sql(f, 1, "SELECT sum(refs) FROM body"), 2);
	assert_int_equal(fixture_sql(f, 0, "SELECT count(*) FROM body"), 1);
	assert_int_equal(fixture_sql(f, 0, "SELECT count(*) FROM chunk"), 3);
	free(text);
	free(form);
	fixture_expect_clean(f);
}

static void quota_is_each_targets_own(void **state)
{
	static const struct {
		uint64_t octets;
		uint64_t messages;
		enum store_status status;
	} cases[] = {
		{ 0, 0, STORE_OK },          { 40, 0, STORE_OK }, /* exactly */
		{ 39, 0, STORE_OVER_QUOTA }, { 19, 0, STORE_TOO_LARGE },
		{ 0, 2, STORE_OK },          { 0, 1, STORE_OVER_QUOTA },
	};
	struct fixture *f = *state;
	struct delivery_target targets[ARRAY_SIZE(cases)];
	struct str octets = STR("Subject: 1\r\n\r\nbody\r\n");

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_fill(f, i, 1);
		targets[i] = (struct delivery_target){ .key = fixture_key(i),
						       .prefix = "",
						       .quota_octets = cases[i].octets,
						       .quota_messages = cases[i].messages };
	}
	assert_int_equal(octets.n, 20);
	assert_int_equal(deliver_to(f, targets, ARRAY_SIZE(cases), octets, NULL), STORE_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct maildrop_usage usage;
		struct fault fault;

		assert_int_equal(targets[i].status, cases[i].status);
		assert_int_equal(maildrop_usage(f->reader, &targets[i].key, &usage, &fault),
				 STORE_OK);
		assert_int_equal(usage.messages, cases[i].status == STORE_OK ? 2 : 1);
	}
	fixture_expect_clean(f);
}

static void large_mail_over_quota_everywhere_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct delivery_target target = { .key = fixture_key(1), .quota_octets = 1000 };
	char *text = make_message(3 * MIB);
	struct fault fault;
	uint64_t purged;

	target = fixture_deliver_as(f, target, (struct str){ text, 3 * MIB }, 0, NULL);
	assert_int_equal(target.status, STORE_TOO_LARGE);
	/* Low jobs in order: when housekeeping is through, so is the removal before it. */
	assert_int_equal(store_housekeep(f->store, 1, 0, NULL, NULL, &purged, &fault),
			 STORE_OK);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM chunk"), 0);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM body"), 0);
	free(text);
}

static void repeated_delivery_is_recognised_for_three_days(void **state)
{
	static const unsigned char digest[32] = "one";
	static const unsigned char other[32] = "two";
	struct fixture *f = *state;
	struct delivery_target targets[2] = { { .key = fixture_key(1), .prefix = "" },
					      { .key = fixture_key(3), .prefix = "" } };
	struct str octets = STR("A: b\r\n\r\n");

	assert_int_equal(deliver_to(f, targets, 1, octets, digest), STORE_OK);
	assert_int_equal(targets[0].uid, 1);
	assert_false(targets[0].duplicate);
	/* The second recipient did not get it before. */
	assert_int_equal(deliver_to(f, targets, 2, octets, digest), STORE_OK);
	assert_true(targets[0].duplicate);
	assert_int_equal(targets[0].status, STORE_OK);
	assert_int_equal(targets[0].uid, 1);
	assert_false(targets[1].duplicate);
	assert_int_equal(deliver_to(f, targets, 1, octets, other), STORE_OK);
	assert_false(targets[0].duplicate);
	assert_int_equal(deliver_to(f, targets, 1, octets, NULL), STORE_OK);
	assert_false(targets[0].duplicate);
	assert_int_equal(targets[0].uid, 3);
	/* Just inside the window, then just outside. */
	(void)fixture_sql(f, 1,
			  "UPDATE recent SET at = at - 3 * 86400 + 5,"
			  " day = (at - 3 * 86400 + 5) / 86400 WHERE mailbox = 1");
	assert_int_equal(deliver_to(f, targets, 1, octets, digest), STORE_OK);
	assert_true(targets[0].duplicate);
	(void)fixture_sql(f, 1,
			  "UPDATE recent SET at = at - 10, day = (at - 10) / 86400"
			  " WHERE mailbox = 1");
	assert_int_equal(deliver_to(f, targets, 1, octets, digest), STORE_OK);
	assert_false(targets[0].duplicate);
	fixture_expect_clean(f);
}

static void repeated_large_delivery_stores_no_second_body(void **state)
{
	static const unsigned char digest[32] = "large";
	struct fixture *f = *state;
	struct delivery_target target = { .key = fixture_key(1), .prefix = "" };
	char *text = make_message(700000);
	struct fault fault;
	uint64_t purged;

	assert_int_equal(deliver_to(f, &target, 1, (struct str){ text, 700000 }, digest),
			 STORE_OK);
	assert_int_equal(deliver_to(f, &target, 1, (struct str){ text, 700000 }, digest),
			 STORE_OK);
	assert_true(target.duplicate);
	assert_int_equal(store_housekeep(f->store, 1, 0, NULL, NULL, &purged, &fault),
			 STORE_OK);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM body"), 1);
	fixture_expect_clean(f);
	free(text);
}

static void aborted_large_delivery_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct delivery_target target = { .key = fixture_key(1), .prefix = "" };
	struct delivery *delivery = NULL;
	char *text = make_message(9 * MIB);
	struct fault fault;
	uint64_t purged;

	assert_int_equal(delivery_begin(f->store, &target, 1, 0, &delivery), STORE_OK);
	assert_true(fixture_append(delivery, (struct str){ text, 9 * MIB }));
	assert_true(fixture_sql(f, 1, "SELECT count(*) FROM chunk") >= 30);
	/* The housekeeper leaves a delivery under way alone. */
	assert_int_equal(store_housekeep(f->store, 1, 0, NULL, NULL, &purged, &fault),
			 STORE_OK);
	assert_true(fixture_sql(f, 1, "SELECT count(*) FROM chunk") >= 30);
	delivery_close(&delivery);
	assert_int_equal(store_housekeep(f->store, 1, 0, NULL, NULL, &purged, &fault),
			 STORE_OK);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM chunk"), 0);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM body"), 0);
	free(text);
}

static void rests_of_a_crash_are_removed_at_open(void **state)
{
	struct fixture *f = *state;

	fixture_fill(f, 1, 1);
	(void)fixture_sql(f, 1,
			  "INSERT INTO body(id, refs, chunks, octets) VALUES(50, 0, 40, 1)");
	(void)fixture_sql(
		f, 1,
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
		" WHERE i < 39) INSERT INTO chunk SELECT (50 << 16) + i, x'00' FROM n");
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM chunk"), 1);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM body"), 1);
	assert_non_null(strstr(f->log, "rests-removed shard=1 bodies=1"));
	/* The id is not given again. */
	fixture_fill(f, 1, 1);
	assert_int_equal(fixture_sql(f, 1, "SELECT max(id) FROM body"), 51);
	fixture_expect_clean(f);
}

static void staged_body_that_lost_a_chunk_is_not_made_visible(void **state)
{
	struct fixture *f = *state;
	struct delivery_target target = { .key = fixture_key(1), .prefix = "" };
	struct delivery *delivery = NULL;
	char *text = make_message(700000);

	assert_int_equal(delivery_begin(f->store, &target, 1, 0, &delivery), STORE_OK);
	assert_true(fixture_append(delivery, (struct str){ text, 700000 }));
	(void)fixture_sql(f, 1, "UPDATE body SET chunks = chunks - 1");
	assert_int_equal(fixture_finish(delivery, NULL), STORE_UNAVAILABLE);
	assert_int_equal(target.status, STORE_UNAVAILABLE);
	delivery_close(&delivery);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM message"), 0);
	free(text);
}

static void damaged_shard_fails_its_targets_alone(void **state)
{
	struct fixture *f = *state;
	struct delivery_target targets[2] = { { .key = fixture_key(0), .prefix = "" },
					      { .key = fixture_key(1), .prefix = "" } };

	(void)fixture_sql(f, 1,
			  "CREATE TRIGGER broken BEFORE INSERT ON message"
			  " BEGIN SELECT RAISE(ABORT, 'broken'); END");
	assert_int_equal(deliver_to(f, targets, 2, STR("A: b\r\n\r\n"), NULL),
			 STORE_UNAVAILABLE);
	assert_int_equal(targets[0].status, STORE_OK);
	assert_int_equal(targets[1].status, STORE_UNAVAILABLE);
	assert_int_equal(targets[0].uid, 1);
	assert_int_equal(targets[1].uid, 0);
	assert_int_equal(fixture_sql(f, 1, "SELECT count(*) FROM body"), 0);
	assert_int_equal(fixture_sql(f, 0, "SELECT count(*) FROM message"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(deliver_any_size_is_read_back_exactly),
		STORE_CASE(deliver_end_at_chunk_boundary_is_whole),
		STORE_CASE(deliver_small_mail_costs_little_memory),
		STORE_CASE(deliver_bad_targets_are_refused),
		STORE_CASE(deliver_to_many_shares_one_body_per_shard),
		STORE_CASE(quota_is_each_targets_own),
		STORE_CASE(large_mail_over_quota_everywhere_leaves_nothing),
		STORE_CASE(repeated_delivery_is_recognised_for_three_days),
		STORE_CASE(repeated_large_delivery_stores_no_second_body),
		STORE_CASE(aborted_large_delivery_leaves_nothing),
		STORE_CASE(rests_of_a_crash_are_removed_at_open),
		STORE_CASE(staged_body_that_lost_a_chunk_is_not_made_visible),
		STORE_CASE(damaged_shard_fails_its_targets_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
