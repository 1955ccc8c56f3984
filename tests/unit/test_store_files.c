/* The store's files: made, opened, refused, checked, copied, restored. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store_private.h"
#include "store_fixture.h"

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

/* By the shell of an operator, while nobody else has the file open. */
static void sqlite_run(const struct fixture *f, const char *sql)
{
	char command[400];

	(void)snprintf(command, sizeof command, "sqlite3 %s \"%s\" >/dev/null",
		       fixture_path(f, "mail-01.db"), sql);
	run(command);
}

static void create_twice_is_refused_and_harms_nothing(void **state)
{
	struct fixture *f = *state;
	struct fault fault;

	fixture_fill(f, 1, 2);
	assert_int_equal(store_create(f->dir, FIXTURE_SHARDS, &fault), STORE_FOREIGN);
	assert_non_null(strstr(fault.text, "exists already"));
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(fixture_sql(f, 1, "SELECT messages FROM mailbox"), 2);
	assert_int_equal(store_create(f->dir, 0, &fault), STORE_UNAVAILABLE);
	assert_int_equal(store_create(f->dir, STORE_SHARDS_MAX + 1, &fault), STORE_UNAVAILABLE);
}

static void create_in_a_folder_that_is_not_there_fails(void **state)
{
	struct fixture *f = *state;
	struct fault fault;

	assert_int_equal(store_create(fixture_path(f, "nowhere"), 2, &fault),
			 STORE_UNAVAILABLE);
	assert_non_null(strstr(fault.text, "nowhere"));
}

static void open_twice_is_in_use_and_names_the_file(void **state)
{
	struct fixture *f = *state;
	struct store_options options = { .dir = f->dir, .exclusive = true };
	struct store *second = NULL;
	struct store_reader *reader = NULL;
	struct maildrop_key key = fixture_key(1);
	struct maildrop_usage usage;
	struct fault fault;

	fixture_fill(f, 1, 2);
	assert_int_equal(store_open(&options, &second, &fault), STORE_IN_USE);
	assert_null(second);
	assert_non_null(strstr(fault.text, fixture_path(f, "lock")));
	/* Reading beside it is fine; writing is not. */
	options.exclusive = false;
	assert_int_equal(store_open(&options, &second, &fault), STORE_OK);
	assert_int_equal(store_shards(second), FIXTURE_SHARDS);
	assert_int_equal(store_reader_open(second, &reader, &fault), STORE_OK);
	assert_int_equal(maildrop_usage(reader, &key, &usage, &fault), STORE_OK);
	assert_int_equal(usage.messages, 2);
	assert_int_equal(maildrop_delete(second, &key, 0, &usage.messages, &fault),
			 STORE_UNAVAILABLE);
	store_reader_close(&reader);
	store_close(&second);
	store_close(&second);
}

/* What was done to the files of a closed store, and what opening it then says. */
static void open_wrong_files_are_refused_in_words(void **state)
{
	static const struct {
		const char *command; /* in the store's folder */
		const char *says;
	} cases[] = {
		{ "rm mail-01.db", "mail-01.db is missing: remove its -wal" },
		{ "rm mail-00.db", "mail-00.db is missing: remove its -wal" },
		{ "cp mail-00.db mail-01.db", "mail-01.db is shard 0 of 2, not 1 of 2" },
		{ "cp other/mail-01.db mail-01.db", "mail-01.db belongs to another store" },
		{ ": > mail-01.db", "mail-01.db is not a mail shard" },
		{ "echo hello | dd of=mail-01.db conv=notrunc status=none",
		  "mail-01.db is damaged or no database" },
		{ "printf '\\000\\000\\000\\011' | dd of=mail-01.db bs=1 seek=60 conv=notrunc"
		  " status=none",
		  "mail-01.db is of schema 9 and this program knows only" },
		{ "printf '\\000\\000\\000\\011' | dd of=mail-00.db bs=1 seek=60 conv=notrunc"
		  " status=none",
		  "mail-00.db is of schema 9 and this program knows only" },
	};
	struct fixture *f = *state;
	struct fault fault;
	char command[640];
	char other[192];

	(void)snprintf(other, sizeof other, "%s/other", f->dir);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(store_create(other, FIXTURE_SHARDS, &fault), STORE_OK);
	fixture_fill(f, 1, 1);
	fixture_close(f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(command, sizeof command,
			       "cd '%s' && rm -rf keep && mkdir keep && cp mail-* keep && %s",
			       f->dir, cases[i].command);
		run(command);
		assert_int_equal(fixture_try_open(f, &fault), STORE_FOREIGN);
		assert_null(f->store);
		if (strstr(fault.text, cases[i].says) == NULL)
			fail_msg("%s: \"%s\"", cases[i].command, fault.text);
		(void)snprintf(command, sizeof command, "cd '%s' && cp keep/* .", f->dir);
		run(command);
	}
	fixture_open(f);
	assert_int_equal(fixture_sql(f, 1, "SELECT messages FROM mailbox"), 1);
}

static void lock_ends_with_the_process(void **state)
{
	struct fixture *f = *state;
	struct fault fault;
	int status = 0;
	pid_t child;

	fixture_close(f);
	child = fork();
	if (child == 0) {
		struct store_options options = { .dir = f->dir, .exclusive = true };
		struct store *store = NULL;

		_exit(store_open(&options, &store, &fault) == STORE_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fixture_open(f);
}

static void room_is_what_the_disk_has(void **state)
{
	struct fixture *f = *state;
	struct store_options options = { .dir = f->dir,
					 .exclusive = true,
					 .min_free = UINT64_MAX };
	struct fault fault;

	assert_true(store_has_room(f->store));
	fixture_close(f);
	assert_int_equal(store_open(&options, &f->store, &fault), STORE_OK);
	assert_false(store_has_room(f->store));
}

/* --- check ------------------------------------------------------------------------------------ */

struct findings {
	unsigned n;
	char last[512];
};

static void keep_finding(void *context, const char *sentence)
{
	struct findings *findings = context;

	findings->n++;
	(void)snprintf(findings->last, sizeof findings->last, "%s", sentence);
}

static bool known_are_odd(void *context, const char *key_id)
{
	(void)context;
	return strcmp(key_id, fixture_key(1).id) == 0;
}

static void check_finds_what_was_broken(void **state)
{
	static const struct {
		const char *breaks;
		const char *mends;
		const char *says;
	} cases[] = {
		{ "UPDATE mailbox SET messages = messages + 1 WHERE id = 1",
		  "UPDATE mailbox SET messages = messages - 1 WHERE id = 1",
		  "counters say 4 messages of 60 octets, rows say 3 of 60" },
		{ "UPDATE mailbox SET octets = octets + 1 WHERE id = 1",
		  "UPDATE mailbox SET octets = octets - 1 WHERE id = 1", "counters say" },
		{ "UPDATE mailbox SET uidnext = 3 WHERE id = 1",
		  "UPDATE mailbox SET uidnext = 4 WHERE id = 1", "not below uidnext 3" },
		{ "UPDATE body SET refs = 5 WHERE id = 1",
		  "UPDATE body SET refs = 1 WHERE id = 1",
		  "body 1: 5 references counted, 1 messages name it" },
		{ "UPDATE chunk SET id = id + 1 WHERE id = 2 << 16",
		  "UPDATE chunk SET id = id - 1 WHERE id = (2 << 16) + 1", "body 2: 1 chunks" },
		{ "UPDATE chunk SET id = 99 << 16 WHERE id = 2 << 16",
		  "UPDATE chunk SET id = 2 << 16 WHERE id = 99 << 16",
		  "chunks of body 99, which is not there" },
		{ "UPDATE message SET octets = octets + 1 WHERE uid = 2;",
		  "UPDATE message SET octets = octets - 1 WHERE uid = 2",
		  "has 21 octets, its prefix 0 and its body 20" },
		{ "UPDATE message SET body = 77 WHERE uid = 3",
		  "UPDATE message SET body = 3 WHERE uid = 3",
		  "names body 77, which is not there" },
		{ "UPDATE message SET mailbox = 9 WHERE uid = 3",
		  "UPDATE message SET mailbox = 1 WHERE uid = 3",
		  "1 messages of mailbox row 9, which is not there" },
		/* RFC 1939 section 7: unique, and 1 to 70 octets from ! to ~. */
		{ "UPDATE message SET uidl = printf('%012x.3', epoch) WHERE uid = 2",
		  "UPDATE message SET uidl = NULL WHERE uid = 2", "2 messages have the UIDL" },
		{ "UPDATE message SET uidl = 'a b' WHERE uid = 2",
		  "UPDATE message SET uidl = NULL WHERE uid = 2",
		  "message uid 2 has a UIDL that POP3 does not allow" },
		{ "UPDATE message SET uidl = '' WHERE uid = 2",
		  "UPDATE message SET uidl = NULL WHERE uid = 2",
		  "message uid 2 has a UIDL that POP3 does not allow" },
	};
	struct fixture *f = *state;
	struct fault fault;

	fixture_fill(f, 1, 3);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char seen[4096] = "";
		struct findings findings = { 0 };
		uint64_t n;

		(void)fixture_sql(f, 1, cases[i].breaks);
		assert_int_equal(store_check(f->reader, NULL, keep_finding, &findings, &n,
					     &fault),
				 STORE_OK);
		(void)snprintf(seen, sizeof seen, "%s", findings.last);
		assert_int_equal(n, findings.n);
		assert_true(n > 0);
		(void)fixture_sql(f, 1, cases[i].mends);
		if (n == 1 && strstr(seen, cases[i].says) == NULL)
			fail_msg("%s: \"%s\"", cases[i].breaks, seen);
	}
	fixture_expect_clean(f);
}

static void check_reports_maildrops_without_account(void **state)
{
	struct fixture *f = *state;
	struct findings findings = { 0 };
	struct fault fault;
	uint64_t n;

	fixture_fill(f, 1, 1);
	fixture_fill(f, 2, 4);
	assert_int_equal(store_check(f->reader, known_are_odd, keep_finding, &findings, &n,
				     &fault),
			 STORE_OK);
	assert_int_equal(n, 1);
	assert_non_null(strstr(findings.last, "mail-00.db: maildrop"));
	assert_non_null(strstr(findings.last, "no account has it (4 messages)"));
}

/* --- backup and restore ------------------------------------------------------------------------ */

struct busy {
	struct fixture *f;
	atomic_bool stop;
};

static void *deliver_on(void *context)
{
	struct busy *busy = context;

	while (!atomic_load(&busy->stop)) {
		struct delivery_target target = { .key = fixture_key(1) };

		(void)fixture_deliver_as(busy->f, target, STR("A: b\r\n\r\nx\r\n"), 0, NULL);
	}
	return NULL;
}

static void make_dir(const struct fixture *f, const char *name, char path[192])
{
	(void)snprintf(path, 192, "%s/%s", f->dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void backup_beside_deliveries_is_consistent(void **state)
{
	struct fixture *f = *state;
	struct store_options options = { .exclusive = false };
	struct busy busy = { .f = f };
	struct store_reader *reader = NULL;
	struct store *copy = NULL;
	struct fault fault;
	uint64_t findings;
	pthread_t thread;
	char to[192];

	make_dir(f, "backup", to);
	fixture_fill(f, 1, 20);
	assert_int_equal(pthread_create(&thread, NULL, deliver_on, &busy), 0);
	assert_int_equal(store_copy(f->dir, to, &fault), STORE_OK);
	atomic_store(&busy.stop, true);
	pthread_join(thread, NULL);
	/* What is there already is not written over. */
	assert_int_equal(store_copy(f->dir, to, &fault), STORE_FOREIGN);
	options.dir = to;
	assert_int_equal(store_open(&options, &copy, &fault), STORE_OK);
	assert_int_equal(store_reader_open(copy, &reader, &fault), STORE_OK);
	assert_int_equal(store_check(reader, NULL, keep_finding, &(struct findings){ 0 },
				     &findings, &fault),
			 STORE_OK);
	assert_int_equal(findings, 0);
	store_reader_close(&reader);
	store_close(&copy);
}

static void restore_keeps_uidls_and_starts_a_new_epoch(void **state)
{
	struct fixture *f = *state;
	struct fixture restored = { .store = NULL };
	struct maildrop *maildrop;
	struct fault fault;
	char old[POP3_UIDL_MAX + 1];
	char lost[POP3_UIDL_MAX + 1];
	char backup[192];
	char to[192];

	make_dir(f, "backup", backup);
	make_dir(f, "to", to);
	fixture_fill(f, 1, 1);
	assert_int_equal(store_copy(f->dir, backup, &fault), STORE_OK);
	/* Given to a client after the backup, then lost. */
	fixture_fill(f, 1, 1);
	maildrop = fixture_maildrop(f, 1);
	memcpy(old, fixture_message(f, maildrop, 1).uidl, sizeof old);
	memcpy(lost, fixture_message(f, maildrop, 2).uidl, sizeof lost);
	maildrop_close(&maildrop);

	assert_int_equal(store_copy(backup, to, &fault), STORE_OK);
	(void)snprintf(restored.dir, sizeof restored.dir, "%.*s", (int)sizeof restored.dir - 1,
		       to);
	fixture_open(&restored);
	fixture_fill(&restored, 1, 1);
	maildrop = fixture_maildrop(&restored, 1);
	assert_string_equal(fixture_message(&restored, maildrop, 1).uidl, old);
	assert_int_equal(fixture_message(&restored, maildrop, 2).uid, 2);
	assert_string_not_equal(fixture_message(&restored, maildrop, 2).uidl, lost);
	maildrop_close(&maildrop);
	fixture_expect_clean(&restored);
	fixture_close(&restored);
	/* Never over a store that is there. */
	assert_int_equal(store_copy(backup, to, &fault), STORE_FOREIGN);
	fixture_open(&restored);
	fixture_close(&restored);
}

static uint64_t epoch_of(struct fixture *f)
{
	return (uint64_t)fixture_sql(f, 1, "SELECT epoch FROM mailbox");
}

/* A lost file is put back by hand, more than once out of the same backup. */
static void file_copied_from_a_backup_by_hand_starts_a_new_epoch(void **state)
{
	struct fixture *f = *state;
	struct fault fault;
	char command[640];
	char backup[192];
	uint64_t epochs[3];

	make_dir(f, "backup", backup);
	fixture_fill(f, 1, 1);
	epochs[0] = epoch_of(f);
	assert_int_equal(store_copy(f->dir, backup, &fault), STORE_OK);
	(void)snprintf(command, sizeof command,
		       "cd '%s' && rm mail-01.db && cp backup/mail-01.db .", f->dir);
	for (unsigned i = 1; i < 3; i++) {
		/* The uid that is given here, and lost, is given once more after the copy. */
		fixture_fill(f, 1, 1);
		fixture_close(f);
		run(command);
		fixture_open(f);
		epochs[i] = epoch_of(f);
		assert_non_null(strstr(f->log, "shard-from-backup shard=1"));
	}
	assert_true(epochs[0] != epochs[1] && epochs[1] != epochs[2] && epochs[0] != epochs[2]);
	/* Once for each copy, not at every start. */
	fixture_close(f);
	fixture_open(f);
	assert_true(epoch_of(f) == epochs[2]);
	fixture_expect_clean(f);
}

static void restore_of_half_a_backup_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct fault fault;
	char command[256];
	char backup[192];
	char to[192];

	make_dir(f, "backup", backup);
	make_dir(f, "to", to);
	assert_int_equal(store_copy(f->dir, backup, &fault), STORE_OK);
	(void)snprintf(command, sizeof command, "rm '%s/mail-01.db'", backup);
	run(command);
	assert_int_equal(store_copy(backup, to, &fault), STORE_FOREIGN);
	/* Empty again. */
	assert_int_equal(rmdir(to), 0);
}

/* The first files stay as they are, whatever is wrong with a later one. */
static void open_refused_changes_no_file(void **state)
{
	struct fixture *f = *state;
	char command[512];
	struct fault fault;

	fixture_fill(f, 0, 1);
	fixture_close(f);
	(void)fixture_sql(f, 0, "INSERT INTO meta(key, value) VALUES('copy', 1)");
	(void)snprintf(command, sizeof command, "cp %s/mail-00.db %s/mail-01.db", f->dir,
		       f->dir);
	run(command);
	assert_int_equal(fixture_try_open(f, &fault), STORE_FOREIGN);
	assert_non_null(strstr(fault.text, "mail-01.db is shard 0 of"));
	assert_int_equal(fixture_sql(f, 0, "SELECT count(*) FROM meta WHERE key = 'copy'"), 1);
}

/* What a fault quotes must not end the quotes or the line. */
/* What page a file was made with is the file's own matter: it goes on as it is. */
static void store_with_larger_pages_is_served(void **state)
{
	static const struct str message = STR_INIT("Subject: s\r\n\r\nbody\r\n");
	struct fixture *f = *state;
	struct maildrop *maildrop;
	char *octets;
	char *large = calloc(1, 100000);
	size_t n;

	assert_non_null(large);
	memcpy(large, message.p, message.n);
	memset(large + message.n, 'x', 99000);
	memcpy(large + message.n + 99000, "\r\n", 2);
	fixture_deliver(f, 1, large);
	fixture_close(f);
	sqlite_run(f, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 16384; VACUUM; PRAGMA "
		      "journal_mode = WAL");
	fixture_open(f);
	assert_int_equal(fixture_sql(f, 1, "PRAGMA page_size"), 16384);
	fixture_deliver(f, 1, large);
	maildrop = fixture_maildrop(f, 1);
	for (uint64_t msgno = 1; msgno <= 2; msgno++) {
		octets = fixture_read(f, maildrop, msgno, 30000, &n);
		assert_int_equal(n, strlen(large));
		assert_memory_equal(octets, large, n);
		free(octets);
	}
	maildrop_close(&maildrop);
	fixture_delete(f, 1, 7, (const uint64_t[]){ 1, 2, 0 });
	fixture_expect_clean(f);
	free(large);
}

static void log_escapes_what_others_say(void **state)
{
	struct fixture *f = *state;
	char longest[FAULT_TEXT_MAX];

	store_say(f->store, LOG_ERR, "no \"x\"\n", "some-event shard=%u", 1);
	assert_non_null(strstr(f->log, "some-event shard=1 msg=\"no \\\"x\\\"\\x0a\"\n"));
	memset(longest, 1, sizeof longest);
	longest[sizeof longest - 1] = '\0';
	store_say(f->store, LOG_ERR, longest, "long-event shard=%u", 1);
	assert_non_null(strstr(f->log, "\\x01\"...\n"));
	assert_true(strlen(strstr(f->log, "long-event")) < LOG_LINE_MAX - 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CASE(create_twice_is_refused_and_harms_nothing),
		STORE_CASE(create_in_a_folder_that_is_not_there_fails),
		STORE_CASE(open_twice_is_in_use_and_names_the_file),
		STORE_CASE(open_wrong_files_are_refused_in_words),
		STORE_CASE(lock_ends_with_the_process),
		STORE_CASE(room_is_what_the_disk_has),
		STORE_CASE(check_finds_what_was_broken),
		STORE_CASE(check_reports_maildrops_without_account),
		STORE_CASE(backup_beside_deliveries_is_consistent),
		STORE_CASE(restore_keeps_uidls_and_starts_a_new_epoch),
		STORE_CASE(file_copied_from_a_backup_by_hand_starts_a_new_epoch),
		STORE_CASE(restore_of_half_a_backup_leaves_nothing),
		STORE_CASE(open_refused_changes_no_file),
		STORE_CASE(store_with_larger_pages_is_served),
		STORE_CASE(log_escapes_what_others_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
