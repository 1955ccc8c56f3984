/* The table of connections: limits by source, deadlines, takeover of idle sessions. */
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_connection.h"
#include "table.h"

static const struct takeover_rule rule = { .idle = 60000, .idle_marked = 600000 };

/* Which call of calloc from now on fails; 0 = none. */
static unsigned failing;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return failing > 0 && --failing == 0 ? NULL : __real_calloc(n, size);
}

static struct peer peer_of(const char *text)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct peer peer;

	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	peer_from_sockaddr(&peer, (struct sockaddr *)&in6);
	return peer;
}

static bool hung_up(const struct fake_connection *fake)
{
	char octet;

	return recv(fake->far, &octet, 1, 0) == 0;
}

static bool open_table(struct table *table, uint32_t capacity, unsigned per_source)
{
	const struct table_limits limits = { .per_source = per_source,
					     .before_login = UINT_MAX,
					     .before_login_per_source = UINT_MAX };

	return table_open(table, capacity, &limits);
}

static enum table_answer admits(struct table *table, const struct peer *peer)
{
	return table_admits(table, peer, &fake_protocol, false);
}

static void admits_same_source_up_to_its_limit(void **state)
{
	struct fake_connection *fakes[3];
	struct peer peer = peer_of("2001:db8::1");
	struct peer neighbour = peer_of("2001:db8::2"); /* same /64 */
	struct peer stranger = peer_of("2001:db8:0:1::1");
	struct table table;

	(void)state;
	assert_true(open_table(&table, 8, 3));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(admits(&table, &neighbour), TABLE_OK);
		fakes[i] = fake_connection();
		fakes[i]->base.peer = peer;
		assert_true(table_add(&table, &fakes[i]->base));
	}
	assert_int_equal(admits(&table, &neighbour), TABLE_SOURCE_FULL);
	assert_int_equal(admits(&table, &stranger), TABLE_OK);
	table_remove(&table, &fakes[1]->base);
	assert_int_equal(admits(&table, &neighbour), TABLE_OK);
	table_remove(&table, &fakes[0]->base);
	table_remove(&table, &fakes[2]->base);
	for (int i = 0; i < 3; i++)
		fake_free(fakes[i]);
	table_close(&table);
}

static void admits_local_peers_without_source_limit_until_full(void **state)
{
	struct fake_connection *fakes[4];
	struct table table;

	(void)state;
	assert_true(open_table(&table, 4, 1));
	for (int i = 0; i < 4; i++) {
		fakes[i] = fake_connection();
		assert_int_equal(admits(&table, &fakes[i]->base.peer), TABLE_OK);
		assert_true(table_add(&table, &fakes[i]->base));
	}
	assert_int_equal(admits(&table, &fakes[0]->base.peer), TABLE_FULL);
	assert_int_equal(table_used(&table), 4);
	for (int i = 0; i < 4; i++) {
		table_remove(&table, &fakes[i]->base);
		fake_free(fakes[i]);
	}
	table_close(&table);
}

/* A proxy's connections are not its own: counted when their clients are known, and as those. */
static void client_behind_proxy_is_counted_as_itself(void **state)
{
	struct fake_connection *fakes[4];
	struct peer proxy = peer_of("2001:db8::1");
	struct peer client = peer_of("2001:db8:0:1::1");
	struct table table;

	(void)state;
	assert_true(open_table(&table, 8, 2));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(admits(&table, NULL), TABLE_OK);
		fakes[i] = fake_connection();
		fakes[i]->base.peer = proxy;
		fakes[i]->base.awaits_proxy = true;
		assert_true(table_add(&table, &fakes[i]->base));
	}
	assert_int_equal(admits(&table, &proxy), TABLE_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(table_admit_client(&table, &fakes[i]->base, &client, false),
				 i < 2 ? TABLE_OK : TABLE_SOURCE_FULL);
	assert_int_equal(admits(&table, &client), TABLE_SOURCE_FULL);
	assert_int_equal(admits(&table, &proxy), TABLE_OK);
	/* Told of another peer, for the log, it still counts as what it was counted as. */
	table_set_peer(&table, &fakes[0]->base, &proxy);
	table_remove(&table, &fakes[2]->base); /* refused: was never counted */
	table_remove(&table, &fakes[3]->base); /* no header ever came */
	assert_int_equal(admits(&table, &client), TABLE_SOURCE_FULL);
	table_remove(&table, &fakes[0]->base);
	assert_int_equal(admits(&table, &client), TABLE_OK);
	table_remove(&table, &fakes[1]->base);
	assert_null(table.sources);
	for (int i = 0; i < 4; i++)
		fake_free(fakes[i]);
	table_close(&table);
}

static void client_without_memory_to_count_it_is_refused(void **state)
{
	struct fake_connection *fake = fake_connection();
	struct peer client = peer_of("2001:db8::1");
	struct table table;

	(void)state;
	assert_true(open_table(&table, 2, 1));
	fake->base.awaits_proxy = true;
	assert_true(table_add(&table, &fake->base));
	failing = 1;
	assert_int_equal(table_admit_client(&table, &fake->base, &client, false), TABLE_FULL);
	failing = 0;
	table_remove(&table, &fake->base);
	fake_free(fake);
	table_close(&table);
}

/* --- before login ------------------------------------------------------------------------ */

/* A connection that logs in, from 192.0.2.`host`, in the table. */
static struct fake_connection *newcomer(struct table *table, unsigned char host, bool exempt)
{
	struct fake_connection *fake = fake_connection();

	fake->base.protocol = &fake_login_protocol;
	fake->base.peer = (struct peer){ .family = AF_INET, .address = { 192, 0, 2, host } };
	fake->base.exempt = exempt;
	assert_true(table_add(table, &fake->base));
	return fake;
}

static enum table_answer admits_login(struct table *table, unsigned char host, bool exempt)
{
	const struct peer peer = { .family = AF_INET, .address = { 192, 0, 2, host } };

	return table_admits(table, &peer, &fake_login_protocol, exempt);
}

static void leave(struct table *table, struct fake_connection *fake)
{
	table_remove(table, &fake->base);
	fake_free(fake);
}

static bool evicted(const struct fake_connection *fake)
{
	return atomic_load(&fake->base.ending) == ENDING_EVICTED;
}

static void full_table_evicts_oldest_that_is_before_login_and_idle(void **state)
{
	const struct table_limits limits = { 10, 10, 10 };
	struct fake_connection *fakes[5];
	struct table table;

	(void)state;
	assert_true(table_open(&table, 4, &limits));
	for (unsigned char i = 0; i < 4; i++)
		fakes[i] = newcomer(&table, i, false);
	table_logged_in(&table, &fakes[0]->base);
	atomic_store(&fakes[1]->base.login_under_way, true);
	assert_int_equal(admits_login(&table, 9, false), TABLE_OK);
	assert_false(evicted(fakes[0]));
	assert_false(evicted(fakes[1]));
	assert_true(evicted(fakes[2]));
	assert_true(hung_up(fakes[2]));
	/* The newcomer is in before the evicted one has gone. */
	fakes[4] = newcomer(&table, 9, false);
	/* A protocol without login makes room in the same way. */
	assert_int_equal(admits(&table, &fakes[0]->base.peer), TABLE_OK);
	assert_true(evicted(fakes[3]));
	leave(&table, fakes[2]);
	leave(&table, fakes[3]);
	/* One place is free, and nobody need go. */
	assert_int_equal(admits_login(&table, 8, false), TABLE_OK);
	assert_false(evicted(fakes[4]));
	leave(&table, fakes[0]);
	leave(&table, fakes[1]);
	leave(&table, fakes[4]);
	assert_int_equal(table_used(&table), 0);
	table_close(&table);
}

static void full_of_sessions_and_logins_under_way_refuses(void **state)
{
	const struct table_limits limits = { 10, 10, 10 };
	struct fake_connection *fakes[3];
	struct table table;

	(void)state;
	assert_true(table_open(&table, 3, &limits));
	for (unsigned char i = 0; i < 3; i++)
		fakes[i] = newcomer(&table, i, false);
	table_logged_in(&table, &fakes[0]->base);
	atomic_store(&fakes[1]->base.login_under_way, true);
	fakes[2]->updating = true; /* cannot be ended now */
	assert_int_equal(admits_login(&table, 9, false), TABLE_FULL);
	for (int i = 0; i < 3; i++)
		leave(&table, fakes[i]);
	table_close(&table);
}

static void limits_before_login_count_those_only(void **state)
{
	const struct table_limits limits = { 10, 3, 2 };
	struct fake_connection *fakes[5];
	struct table table;

	(void)state;
	assert_true(table_open(&table, 20, &limits));
	fakes[0] = newcomer(&table, 1, false);
	fakes[1] = newcomer(&table, 1, false);
	assert_int_equal(admits_login(&table, 1, false), TABLE_SOURCE_LOGINS_FULL);
	/* Nor is anybody evicted for one who is refused. */
	assert_false(evicted(fakes[0]));
	/* LMTP, an exempt one, and one of another source are not concerned. */
	assert_int_equal(admits(&table, &fakes[0]->base.peer), TABLE_OK);
	assert_int_equal(admits_login(&table, 1, true), TABLE_OK);
	assert_int_equal(admits_login(&table, 2, false), TABLE_OK);
	table_logged_in(&table, &fakes[0]->base);
	assert_int_equal(admits_login(&table, 1, false), TABLE_OK);
	fakes[2] = newcomer(&table, 1, false);
	fakes[3] = newcomer(&table, 2, false);
	/* Three before login in all, and the fourth takes the place of the oldest. */
	assert_int_equal(admits_login(&table, 3, false), TABLE_OK);
	assert_true(evicted(fakes[1]));
	fakes[4] = newcomer(&table, 3, false);
	for (int i = 0; i < 5; i++)
		leave(&table, fakes[i]);
	assert_int_equal(table.before_login, 0);
	table_close(&table);
}

static void exempt_connections_are_not_counted_and_not_evicted(void **state)
{
	const struct table_limits limits = { 1, 1, 1 };
	struct fake_connection *fakes[3];
	struct table table;

	(void)state;
	assert_true(table_open(&table, 3, &limits));
	for (unsigned char i = 0; i < 3; i++) {
		assert_int_equal(admits_login(&table, 1, true), TABLE_OK);
		fakes[i] = newcomer(&table, 1, true);
	}
	assert_int_equal(admits_login(&table, 2, false), TABLE_FULL);
	leave(&table, fakes[1]);
	assert_int_equal(admits_login(&table, 1, false), TABLE_OK);
	leave(&table, fakes[0]);
	leave(&table, fakes[2]);
	table_close(&table);
}

/* Behind a proxy the client decides, as soon as it is known. */
static void client_behind_proxy_is_counted_before_login_or_exempt(void **state)
{
	const struct table_limits limits = { 10, 10, 1 };
	const struct peer client = { .family = AF_INET, .address = { 192, 0, 2, 1 } };
	struct fake_connection *fakes[3];
	struct table table;

	(void)state;
	assert_true(table_open(&table, 4, &limits));
	for (int i = 0; i < 3; i++) {
		fakes[i] = fake_connection();
		fakes[i]->base.protocol = &fake_login_protocol;
		fakes[i]->base.awaits_proxy = true;
		assert_true(table_add(&table, &fakes[i]->base));
	}
	assert_int_equal(table.before_login, 3);
	assert_int_equal(table_admit_client(&table, &fakes[0]->base, &client, false), TABLE_OK);
	assert_int_equal(table_admit_client(&table, &fakes[1]->base, &client, false),
			 TABLE_SOURCE_LOGINS_FULL);
	assert_int_equal(table_admit_client(&table, &fakes[2]->base, &client, true), TABLE_OK);
	assert_int_equal(table.before_login, 2);
	table_logged_in(&table, &fakes[0]->base);
	assert_int_equal(admits_login(&table, 1, false), TABLE_OK);
	for (int i = 0; i < 3; i++)
		leave(&table, fakes[i]);
	assert_int_equal(table.before_login, 0);
	assert_null(table.sources);
	table_close(&table);
}

static void session_numbers_are_never_given_twice(void **state)
{
	struct fake_connection *fake = fake_connection();
	struct table table;
	uint64_t last = 0;

	(void)state;
	assert_true(open_table(&table, 2, 1));
	for (int i = 0; i < 100; i++) {
		assert_true(table_add(&table, &fake->base));
		assert_true(fake->base.session > last);
		last = fake->base.session;
		table_remove(&table, &fake->base);
	}
	fake_free(fake);
	table_close(&table);
}

static void sweep_past_deadline_ends_late_sessions_only(void **state)
{
	struct fake_connection *late = fake_connection();
	struct fake_connection *early = fake_connection();
	struct fake_connection *updating = fake_connection();
	struct table table;

	(void)state;
	assert_true(open_table(&table, 4, 1));
	atomic_store(&late->base.deadline, 99);
	atomic_store(&early->base.deadline, 100);
	atomic_store(&updating->base.deadline, 50);
	updating->updating = true;
	assert_true(table_add(&table, &late->base));
	assert_true(table_add(&table, &early->base));
	assert_true(table_add(&table, &updating->base));
	table_sweep(&table, 100);
	assert_int_equal(atomic_load(&late->base.ending), ENDING_DEADLINE);
	assert_true(hung_up(late));
	assert_int_equal(atomic_load(&early->base.ending), ENDING_NOT);
	assert_false(hung_up(early));
	/* In UPDATE it is left alone, whatever the clock says. */
	assert_int_equal(atomic_load(&updating->base.ending), ENDING_NOT);
	assert_false(hung_up(updating));
	/* Asked before and after it was marked as ending; a second sweep does not ask again. */
	table_sweep(&table, 100);
	assert_int_equal(late->revoked, 2);
	table_remove(&table, &late->base);
	table_remove(&table, &early->base);
	table_remove(&table, &updating->base);
	fake_free(late);
	fake_free(early);
	fake_free(updating);
	table_close(&table);
}

static void sweep_while_reader_makes_progress_spares_it(void **state)
{
	struct fake_connection *reader = fake_connection();
	struct fake_connection *before_login = fake_connection();
	struct table table;
	char octets[4];

	(void)state;
	assert_true(open_table(&table, 4, 1));
	atomic_store(&reader->base.deadline, 99);
	atomic_store(&reader->base.logged_in, true);
	atomic_store(&before_login->base.deadline, 99);
	assert_true(table_add(&table, &reader->base));
	assert_true(table_add(&table, &before_login->base));
	assert_int_equal(send(reader->base.polled.fd, "octets", 6, 0), 6);
	assert_int_equal(send(before_login->base.polled.fd, "octets", 6, 0), 6);
	table_sweep(&table, 100);
	assert_int_equal(atomic_load(&reader->base.ending), ENDING_NOT);
	assert_int_equal(atomic_load(&before_login->base.ending), ENDING_DEADLINE);
	assert_int_equal(recv(reader->far, octets, sizeof octets, 0), 4);
	atomic_store(&reader->base.deadline, 99);
	table_sweep(&table, 100);
	/* A unix socket counts whole segments: it may or may not have seen the octets go. */
	atomic_store(&reader->base.deadline, 99);
	table_sweep(&table, 100);
	atomic_store(&reader->base.deadline, 99);
	table_sweep(&table, 100);
	assert_int_equal(atomic_load(&reader->base.ending), ENDING_DEADLINE);
	table_remove(&table, &reader->base);
	table_remove(&table, &before_login->base);
	fake_free(reader);
	fake_free(before_login);
	table_close(&table);
}

struct takeover_row {
	const char *what;
	bool resting, marked, updating;
	int64_t idle;
	bool taken;
};

static const struct takeover_row takeover_rows[] = {
	{ "idle for long", true, false, false, 60000, true },
	{ "idle not long enough", true, false, false, 59999, false },
	{ "with marks, as long", true, true, false, 60000, false },
	{ "with marks, longer", true, true, false, 600000, true },
	{ "in the middle of something", false, false, false, 900000, false },
	{ "in UPDATE", true, false, true, 900000, false },
};

static void takeover_by_idleness_and_marks(void **state)
{
	const int64_t now = 1000000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(takeover_rows); i++) {
		const struct takeover_row *row = &takeover_rows[i];
		struct fake_connection *fake = fake_connection();
		struct table table;

		assert_true(open_table(&table, 2, 1));
		assert_true(table_add(&table, &fake->base));
		atomic_store(&fake->base.resting, row->resting);
		atomic_store(&fake->base.marked, row->marked);
		atomic_store(&fake->base.active, now - row->idle);
		fake->updating = row->updating;
		if (table_take_over(&table, fake->base.session, &rule, now) != row->taken)
			fail_msg("takeover: %s", row->what);
		assert_false(table_take_over(&table, fake->base.session + 1, &rule, now));
		table_remove(&table, &fake->base);
		fake_free(fake);
		table_close(&table);
	}
}

static void takeover_while_octets_are_unsent_is_refused(void **state)
{
	struct fake_connection *fake = fake_connection();
	struct table table;

	(void)state;
	assert_true(open_table(&table, 2, 1));
	assert_true(table_add(&table, &fake->base));
	atomic_store(&fake->base.resting, true);
	assert_int_equal(send(fake->base.polled.fd, "octets", 6, 0), 6);
	assert_false(table_take_over(&table, fake->base.session, &rule, 900000));
	table_remove(&table, &fake->base);
	fake_free(fake);
	table_close(&table);
}

static void open_without_memory_leaves_nothing_to_close(void **state)
{
	struct table table;

	(void)state;
	for (unsigned nth = 1; nth <= 2; nth++) {
		failing = nth;
		assert_false(open_table(&table, 4, 1));
		failing = 0;
		table_close(&table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admits_same_source_up_to_its_limit),
		cmocka_unit_test(admits_local_peers_without_source_limit_until_full),
		cmocka_unit_test(client_behind_proxy_is_counted_as_itself),
		cmocka_unit_test(client_without_memory_to_count_it_is_refused),
		cmocka_unit_test(full_table_evicts_oldest_that_is_before_login_and_idle),
		cmocka_unit_test(full_of_sessions_and_logins_under_way_refuses),
		cmocka_unit_test(limits_before_login_count_those_only),
		cmocka_unit_test(exempt_connections_are_not_counted_and_not_evicted),
		cmocka_unit_test(client_behind_proxy_is_counted_before_login_or_exempt),
		cmocka_unit_test(session_numbers_are_never_given_twice),
		cmocka_unit_test(sweep_past_deadline_ends_late_sessions_only),
		cmocka_unit_test(sweep_while_reader_makes_progress_spares_it),
		cmocka_unit_test(takeover_by_idleness_and_marks),
		cmocka_unit_test(takeover_while_octets_are_unsent_is_refused),
		cmocka_unit_test(open_without_memory_leaves_nothing_to_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
