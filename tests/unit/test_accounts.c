/* accounts.h: making and opening the database, finding accounts, administration, backup. */
#include "accounts_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "restante/passwords.h"

#define HASH "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols="

#define ALL_SWITCHES                                                                 \
	(ACCOUNT_POP3 | ACCOUNT_LMTP | ACCOUNT_PASS | ACCOUNT_APOP | ACCOUNT_PLAIN | \
	 ACCOUNT_LOGIN | ACCOUNT_CRAM_MD5 | ACCOUNT_SCRAM_SHA_1 | ACCOUNT_SCRAM_SHA_256)

static const struct new_password good = { .hash = HASH };
static const struct new_password none = { .hash = "" };

static struct account find(struct fixture *f, const char *address)
{
	struct account account;

	expect_status(f, account_find(f->accounts, str_of(address), &account, NULL, &f->fault),
		      ACCOUNTS_OK);
	return account;
}

/* --- the file -------------------------------------------------------------------------------- */

static void create_twice_exists(void **state)
{
	struct fixture *f = *state;
	struct stat file;

	assert_int_equal(accounts_create(f->path, &fixture_store, &f->fault), ACCOUNTS_EXISTS);
	assert_int_equal(stat(f->path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
}

static void create_with_bad_shards_refused(void **state)
{
	struct store_identity bad = fixture_store;
	struct fixture *f = *state;
	char path[128];

	(void)snprintf(path, sizeof path, "%s/copy.db", f->dir);
	bad.shards = 0;
	assert_int_equal(accounts_create(path, &bad, &f->fault), ACCOUNTS_REFUSED);
	bad.shards = STORE_SHARDS_MAX + 1;
	assert_int_equal(accounts_create(path, &bad, &f->fault), ACCOUNTS_REFUSED);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void open_missing_or_foreign_refused(void **state)
{
	struct fixture *f = *state;
	struct accounts *accounts;
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/copy.db", f->dir);
	assert_int_equal(accounts_open(path, true, &accounts, &f->fault), ACCOUNTS_FOREIGN);
	assert_null(accounts);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "not a database at all, but long enough", 38), 38);
	close(fd);
	assert_int_equal(accounts_open(path, false, &accounts, &f->fault), ACCOUNTS_FOREIGN);
	assert_null(accounts);
}

static bool note_removed(void *context, const struct maildrop_key *key, int64_t removed)
{
	struct maildrop_key *last = context;

	assert_true(removed > 1700000000);
	*last = *key;
	return false;
}

static void removed_maildrop_is_found_by_its_address(void **state)
{
	struct fixture *f = *state;
	struct maildrop_key key = { .id = "" };
	struct account account;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", NULL);
	expect_status(
		f, account_find(f->accounts, STR("ann@example.org"), &account, NULL, &f->fault),
		ACCOUNTS_OK);
	expect_status(f,
		      accounts_visit_removed(f->accounts, "ann@example.org", note_removed, &key,
					     &f->fault),
		      ACCOUNTS_OK);
	assert_string_equal(key.id, "");
	expect_status(f,
		      accounts_remove(f->accounts, TABLE_MAILBOX, "ann@example.org", NULL,
				      &f->fault),
		      ACCOUNTS_OK);
	expect_status(f,
		      accounts_visit_removed(f->accounts, "Ann@example.org", note_removed, &key,
					     &f->fault),
		      ACCOUNTS_OK);
	assert_string_equal(key.id, account.key.id);
	assert_int_equal(key.shard, account.key.shard);
}

static void store_told_at_creation_is_kept(void **state)
{
	struct fixture *f = *state;
	struct store_identity store;

	assert_int_equal(accounts_store(f->accounts)->shards, fixture_store.shards);
	assert_string_equal(accounts_store(f->accounts)->id, fixture_store.id);
	expect_status(f, accounts_identify(f->path, &store, &f->fault), ACCOUNTS_OK);
	assert_int_equal(store.shards, fixture_store.shards);
	assert_string_equal(store.id, fixture_store.id);
}

static void open_without_the_store_s_name_refused(void **state)
{
	static const char *const damage[] = {
		"DELETE FROM meta WHERE name = 'store'",
		"UPDATE meta SET value = x'00' WHERE name = 'store'",
		"UPDATE meta SET value = 0 WHERE name = 'shards'",
	};
	struct fixture *f = *state;
	struct accounts *accounts;
	struct store_identity store;
	sqlite3 *db;

	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db,
					      "DROP TRIGGER IF EXISTS meta_insert;"
					      "DROP TRIGGER IF EXISTS meta_update;"
					      "DROP TRIGGER IF EXISTS meta_delete;"
					      "INSERT OR IGNORE INTO meta VALUES('store', 'x')",
					      NULL, NULL, NULL),
				 SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, damage[i], NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		assert_int_equal(accounts_open(f->path, true, &accounts, &f->fault),
				 ACCOUNTS_FOREIGN);
		assert_null(accounts);
		assert_non_null(strstr(f->fault.text, "backup"));
		assert_int_equal(accounts_identify(f->path, &store, &f->fault),
				 ACCOUNTS_FOREIGN);
	}
}

static void reader_never_writes(void **state)
{
	struct fixture *f = *state;
	struct accounts *reader;

	add_domain(f, "example.org");
	expect_status(f, accounts_open(f->path, false, &reader, &f->fault), ACCOUNTS_OK);
	assert_int_equal(accounts_add(reader, TABLE_DOMAIN, "example.net", NULL, 0, &f->fault),
			 ACCOUNTS_UNAVAILABLE);
	assert_int_equal(accounts_remove(reader, TABLE_DOMAIN, "example.org", NULL, &f->fault),
			 ACCOUNTS_UNAVAILABLE);
	assert_int_equal(account_set_password(reader, "ann@example.org", &good, &f->fault),
			 ACCOUNTS_UNAVAILABLE);
	accounts_close(&reader);
	assert_null(reader);
	accounts_close(&reader);
}

/* --- finding --------------------------------------------------------------------------------- */

static void find_new_mailbox_has_defaults(void **state)
{
	struct fixture *f = *state;
	struct account account;

	add_domain(f, "Example.ORG");
	add_mailbox(f, "Ann.Lee@Example.ORG", HASH);
	account = find(f, "ann.lee@example.org");
	assert_string_equal(account.address, "Ann.Lee@example.org");
	assert_string_equal(account.domain, "example.org");
	assert_true(account.id > 0);
	assert_true(account.key.shard < 8);
	assert_int_equal(strlen(account.key.id), 32);
	assert_int_equal(account.switches, ALL_SWITCHES);
	assert_true(account.active);
	assert_int_equal(account.expires_at, 0);
	assert_int_equal(account.quota_octets, 0);
	assert_int_equal(account.quota_messages, 0);
	assert_int_equal(account.undelete_seconds, UNDELETE_SECONDS_DEFAULT);
}

static void find_ignores_case(void **state)
{
	static const char *const forms[] = { "ann@example.org", "ANN@EXAMPLE.ORG",
					     "Ann@Example.Org" };
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		assert_string_equal(find(f, forms[i]).address, "ann@example.org");
}

static void find_quota_of_mailbox_before_domain(void **state)
{
	static const struct {
		const char *domain;
		const char *mailbox;
		uint64_t expected;
	} rows[] = {
		{ "0", NULL, 0 },
		{ "500", NULL, 500 },
		{ "500", "0", 0 },
		{ "500", "7", 7 },
	};
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_column(f, TABLE_DOMAIN, "example.org", "quota_octets", rows[i].domain);
		set_column(f, TABLE_MAILBOX, "ann@example.org", "quota_octets",
			   rows[i].mailbox);
		set_column(f, TABLE_DOMAIN, "example.org", "quota_messages", rows[i].domain);
		set_column(f, TABLE_MAILBOX, "ann@example.org", "quota_messages",
			   rows[i].mailbox);
		assert_int_equal(find(f, "ann@example.org").quota_octets, rows[i].expected);
		assert_int_equal(find(f, "ann@example.org").quota_messages, rows[i].expected);
	}
}

static void find_undelete_of_mailbox_domain_default(void **state)
{
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	set_column(f, TABLE_DOMAIN, "example.org", "undelete_seconds", "60");
	assert_int_equal(find(f, "ann@example.org").undelete_seconds, 60);
	set_column(f, TABLE_MAILBOX, "ann@example.org", "undelete_seconds", "0");
	assert_int_equal(find(f, "ann@example.org").undelete_seconds, 0);
}

static void find_expiry_is_utc(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{ NULL, 0 },
		{ "2026-12-31", 1798675200 },
		{ "2026-12-31 18:00:01", 1798740001 },
		/* 0 would mean "never". */
		{ "1970-01-01", 1 },
		{ "1969-12-31 23:59:59", 1 },
	};
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_column(f, TABLE_MAILBOX, "ann@example.org", "expires_at", rows[i].text);
		assert_int_equal(find(f, "ann@example.org").expires_at, rows[i].seconds);
	}
}

static void find_inactive_mailbox_or_domain(void **state)
{
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	set_column(f, TABLE_DOMAIN, "example.org", "active", "0");
	assert_false(find(f, "ann@example.org").active);
	set_column(f, TABLE_DOMAIN, "example.org", "active", "1");
	assert_true(find(f, "ann@example.org").active);
	set_column(f, TABLE_MAILBOX, "ann@example.org", "active", "0");
	assert_false(find(f, "ann@example.org").active);
}

static void find_each_switch(void **state)
{
	static const struct {
		const char *column;
		unsigned bit;
	} rows[] = {
		{ "pop3_enabled", ACCOUNT_POP3 },
		{ "lmtp_enabled", ACCOUNT_LMTP },
		{ "pass_enabled", ACCOUNT_PASS },
		{ "apop_enabled", ACCOUNT_APOP },
		{ "plain_enabled", ACCOUNT_PLAIN },
		{ "login_enabled", ACCOUNT_LOGIN },
		{ "cram_md5_enabled", ACCOUNT_CRAM_MD5 },
		{ "scram_sha1_enabled", ACCOUNT_SCRAM_SHA_1 },
		{ "scram_sha256_enabled", ACCOUNT_SCRAM_SHA_256 },
	};
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_column(f, TABLE_MAILBOX, "ann@example.org", rows[i].column, "0");
		assert_int_equal(find(f, "ann@example.org").switches,
				 ALL_SWITCHES & ~rows[i].bit);
		set_column(f, TABLE_MAILBOX, "ann@example.org", rows[i].column, "1");
	}
}

/* Names from outside that are nobody's, whatever they try. */
static void find_hostile_name_unknown(void **state)
{
	static const struct str names[] = {
		STR_INIT(""),
		STR_INIT("@"),
		STR_INIT("ann"),
		STR_INIT("@example.org"),
		STR_INIT("ann@"),
		STR_INIT("ann@example.org\0"),
		STR_INIT("ann\0@example.org"),
		STR_INIT("ann@example.or\0"),
		STR_INIT("ann@example.org "),
		STR_INIT(" ann@example.org"),
		STR_INIT("ann@example.org\r"),
		STR_INIT("ann@example.org."),
		STR_INIT("ann@example.org%"),
		STR_INIT("%@example.org"),
		STR_INIT("_nn@example.org"),
		STR_INIT("*@example.org"),
		STR_INIT("%u@example.org"),
		STR_INIT("%s%n@example.org"),
		STR_INIT("=@example.org"),
		STR_INIT("\"ann\"@example.org"),
		STR_INIT("\"\"@example.org"),
		STR_INIT("."),
		STR_INIT(".."),
		STR_INIT("../ann@example.org"),
		STR_INIT("/"),
		STR_INIT("ann+@example.org"),
		STR_INIT("ann@example.org' OR '1'='1"),
		STR_INIT("' OR 1=1 --"),
		STR_INIT("ann@example.org'; DROP TABLE mailbox; --"),
		STR_INIT("ann@example.org' UNION SELECT * FROM mailbox --"),
		STR_INIT("ann@example.org\" OR \"\"=\""),
		STR_INIT("\xbf' OR 1=1 --"),
		STR_INIT("\x80@example.org"),
		STR_INIT("\xc0\xaf@example.org"),
		STR_INIT("\xe2\x80\xae@example.org"),
		STR_INIT("\xed\xa0\x80@example.org"),
		STR_INIT("ann@example.org\xff"),
		STR_INIT("\xef\xbb\xbf"
			 "ann@example.org"),
		STR_INIT("a\xcc\x84nn@example.org"),
	};
	struct fixture *f = *state;
	struct account account;
	struct account_secrets secrets;
	struct str huge = { calloc(1, 65536), 65536 };

	assert_non_null(huge.p);
	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (account_find(f->accounts, names[i], &account, &secrets, &f->fault) !=
		    ACCOUNTS_NOT_FOUND)
			fail_msg("name %zu was found", i);
		assert_string_equal(secrets.password, "");
	}
	assert_int_equal(account_find(f->accounts, huge, &account, &secrets, &f->fault),
			 ACCOUNTS_NOT_FOUND);
	free((void *)(uintptr_t)huge.p);
	assert_string_equal(find(f, "ann@example.org").address, "ann@example.org");
}

static void find_secrets_of_the_right_user(void **state)
{
	static const char *const order[][2] = {
		{ "ann@example.org", "bob@example.org" },
		{ "bob@example.org", "ann@example.org" },
		{ "ann@example.org", "ann@example.org" },
	};
	struct fixture *f = *state;
	struct account account;
	struct account_secrets secrets;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", "{PLAIN}of ann");
	add_mailbox(f, "bob@example.org", "{PLAIN}of bob");
	set_column(f, TABLE_MAILBOX, "bob@example.org", "apop_secret", "{CLEAR}bob's");
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t k = 0; k < 2; k++) {
			bool ann = order[i][k][0] == 'a';

			expect_status(f,
				      account_find(f->accounts, str_of(order[i][k]), &account,
						   &secrets, &f->fault),
				      ACCOUNTS_OK);
			assert_string_equal(account.address, order[i][k]);
			assert_string_equal(secrets.password,
					    ann ? "{PLAIN}of ann" : "{PLAIN}of bob");
			assert_string_equal(secrets.apop_secret, ann ? "" : "{CLEAR}bob's");
		}
	account_secrets_wipe(&secrets);
	for (size_t i = 0; i < sizeof secrets; i++)
		assert_int_equal(((const char *)&secrets)[i], 0);
}

static void find_by_key(void **state)
{
	struct fixture *f = *state;
	struct account account;
	struct account found;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	account = find(f, "ann@example.org");
	expect_status(f, account_find_by_key(f->accounts, account.key.id, &found, &f->fault),
		      ACCOUNTS_OK);
	assert_int_equal(found.id, account.id);
	assert_int_equal(account_find_by_key(f->accounts, "00000000000000000000000000000000",
					     &found, &f->fault),
			 ACCOUNTS_NOT_FOUND);
	/* The key of a mailbox not yet complete is "": it must not find anybody. */
	assert_int_equal(account_find_by_key(f->accounts, "", &found, &f->fault),
			 ACCOUNTS_NOT_FOUND);
}

static void key_of_a_removed_mailbox_is_recorded(void **state)
{
	struct fixture *f = *state;
	struct account account;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	account = find(f, "ann@example.org");
	expect_status(f, account_key_recorded(f->accounts, account.key.id, &f->fault),
		      ACCOUNTS_OK);
	expect_status(f,
		      accounts_remove(f->accounts, TABLE_MAILBOX, "ann@example.org", NULL,
				      &f->fault),
		      ACCOUNTS_OK);
	expect_status(f, account_key_recorded(f->accounts, account.key.id, &f->fault),
		      ACCOUNTS_OK);
	expect_status(f,
		      account_key_recorded(f->accounts, "00000000000000000000000000000000",
					   &f->fault),
		      ACCOUNTS_NOT_FOUND);
}

static void change_by_another_connection_seen_at_once(void **state)
{
	struct fixture *f = *state;
	struct accounts *reader;
	struct account account;
	struct account_secrets secrets;

	add_domain(f, "example.org");
	expect_status(f, accounts_open(f->path, false, &reader, &f->fault), ACCOUNTS_OK);
	assert_int_equal(account_find(reader, STR("ann@example.org"), &account, NULL,
				      &f->fault),
			 ACCOUNTS_NOT_FOUND);
	add_mailbox(f, "ann@example.org", HASH);
	expect_status(f,
		      account_find(reader, STR("ann@example.org"), &account, NULL, &f->fault),
		      ACCOUNTS_OK);
	set_column(f, TABLE_MAILBOX, "ann@example.org", "password", "{PLAIN}new");
	expect_status(
		f, account_find(reader, STR("ann@example.org"), &account, &secrets, &f->fault),
		ACCOUNTS_OK);
	assert_string_equal(secrets.password, "{PLAIN}new");
	accounts_close(&reader);
}

/* --- administration -------------------------------------------------------------------------- */

static void add_twice_exists(void **state)
{
	struct fixture *f = *state;
	struct field target = { "goto", "ann@example.org" };
	struct field domain = { "target_domain", "example.org" };

	add_domain(f, "example.org");
	assert_int_equal(accounts_add(f->accounts, TABLE_DOMAIN, "EXAMPLE.org", NULL, 0,
				      &f->fault),
			 ACCOUNTS_EXISTS);
	add_mailbox(f, "ann@example.org", HASH);
	assert_int_equal(accounts_add(f->accounts, TABLE_MAILBOX, "ANN@example.org", NULL, 0,
				      &f->fault),
			 ACCOUNTS_EXISTS);
	add_alias(f, "info@example.org", "ann@example.org");
	assert_int_equal(accounts_add(f->accounts, TABLE_ALIAS, "info@example.org", &target, 1,
				      &f->fault),
			 ACCOUNTS_EXISTS);
	expect_status(f,
		      accounts_add(f->accounts, TABLE_ALIAS_DOMAIN, "example.net", &domain, 1,
				   &f->fault),
		      ACCOUNTS_OK);
	assert_int_equal(accounts_add(f->accounts, TABLE_ALIAS_DOMAIN, "Example.NET", &domain,
				      1, &f->fault),
			 ACCOUNTS_EXISTS);
}

static void add_unknown_column_refused(void **state)
{
	static const char *const names[] = {
		"nonsense", "",      "active = 0 --", "password) VALUES ('x', 'y') --",
		"Active",   "rowid", "local_part",
	};
	struct fixture *f = *state;

	add_domain(f, "example.org");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct field field = { names[i], "1" };

		assert_int_equal(accounts_add(f->accounts, TABLE_MAILBOX, "ann@example.org",
					      &field, 1, &f->fault),
				 ACCOUNTS_REFUSED);
		assert_int_equal(accounts_set(f->accounts, TABLE_MAILBOX, "ann@example.org",
					      &field, 1, &f->fault),
				 ACCOUNTS_REFUSED);
	}
}

static void add_refusal_is_the_schema_sentence(void **state)
{
	struct fixture *f = *state;
	struct field field = { "password", "secret" };

	assert_int_equal(accounts_add(f->accounts, TABLE_MAILBOX, "ann@example.org", NULL, 0,
				      &f->fault),
			 ACCOUNTS_REFUSED);
	assert_string_equal(f->fault.text, "mailbox.address: its domain is not served here: "
					   "INSERT INTO domain(domain) first");
	add_domain(f, "example.org");
	assert_int_equal(accounts_add(f->accounts, TABLE_MAILBOX, "ann@example.org", &field, 1,
				      &f->fault),
			 ACCOUNTS_REFUSED);
	assert_string_equal(f->fault.text,
			    "mailbox.password must be a hash such as `restante hash` prints, "
			    "or NULL for none");
}

static void add_hostile_name_refused_or_kept_as_data(void **state)
{
	static const char *const names[] = {
		"ann@example.org'; DROP TABLE mailbox; --",
		"' OR 1=1 --@example.org",
		"x', 'y'); DELETE FROM mailbox; --@example.org",
		"",
		"@",
		"@example.org",
	};
	struct fixture *f = *state;

	add_domain(f, "example.org");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(accounts_add(f->accounts, TABLE_MAILBOX, names[i], NULL, 0,
					      &f->fault),
				 ACCOUNTS_REFUSED);
	/* An apostrophe alone is a good address. */
	add_mailbox(f, "o'neill@example.org", HASH);
	assert_string_equal(find(f, "o'neill@example.org").address, "o'neill@example.org");
}

static void set_unknown_not_found(void **state)
{
	struct fixture *f = *state;
	struct field field = { "name", "Ann" };

	assert_int_equal(accounts_set(f->accounts, TABLE_MAILBOX, "ann@example.org", &field, 1,
				      &f->fault),
			 ACCOUNTS_NOT_FOUND);
	assert_int_equal(accounts_remove(f->accounts, TABLE_MAILBOX, "ann@example.org", NULL,
					 &f->fault),
			 ACCOUNTS_NOT_FOUND);
	assert_int_equal(account_set_password(f->accounts, "ann@example.org", &good, &f->fault),
			 ACCOUNTS_NOT_FOUND);
	assert_int_equal(account_set_apop_secret(f->accounts, 7, NULL, &f->fault),
			 ACCOUNTS_NOT_FOUND);
}

static void set_bad_number_refused(void **state)
{
	static const char *const values[] = { "many", "-1", "", "1e", "99999999999999999999" };
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct field field = { "quota_octets", values[i] };

		if (accounts_set(f->accounts, TABLE_MAILBOX, "ann@example.org", &field, 1,
				 &f->fault) != ACCOUNTS_REFUSED)
			fail_msg("\"%s\" was taken", values[i]);
	}
}

static void changes_between_begin_and_end_belong_together(void **state)
{
	struct fixture *f = *state;
	struct accounts *reader;

	expect_status(f, accounts_open(f->path, false, &reader, &f->fault), ACCOUNTS_OK);
	assert_int_equal(accounts_begin(reader, &f->fault), ACCOUNTS_UNAVAILABLE);
	accounts_close(&reader);
	expect_status(f, accounts_begin(f->accounts, &f->fault), ACCOUNTS_OK);
	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	assert_int_equal(accounts_end(f->accounts, ACCOUNTS_REFUSED, &f->fault),
			 ACCOUNTS_REFUSED);
	expect_status(f, accounts_begin(f->accounts, &f->fault), ACCOUNTS_OK);
	add_domain(f, "example.org");
	expect_status(f, accounts_end(f->accounts, ACCOUNTS_OK, &f->fault), ACCOUNTS_OK);
	assert_int_equal(accounts_remove(f->accounts, TABLE_MAILBOX, "ann@example.org", NULL,
					 &f->fault),
			 ACCOUNTS_NOT_FOUND);
}

static void remove_one_target_or_all(void **state)
{
	struct fixture *f = *state;

	add_domain(f, "example.org");
	add_alias(f, "team@example.org", "ann@example.org");
	add_alias(f, "team@example.org", "bob@example.org");
	add_alias(f, "team@example.org", "eve@example.org");
	expect_status(f,
		      accounts_remove(f->accounts, TABLE_ALIAS, "Team@example.org",
				      "Bob@EXAMPLE.org", &f->fault),
		      ACCOUNTS_OK);
	assert_int_equal(accounts_remove(f->accounts, TABLE_ALIAS, "team@example.org",
					 "bob@example.org", &f->fault),
			 ACCOUNTS_NOT_FOUND);
	expect_status(f,
		      accounts_remove(f->accounts, TABLE_ALIAS, "team@example.org", NULL,
				      &f->fault),
		      ACCOUNTS_OK);
	assert_int_equal(accounts_remove(f->accounts, TABLE_ALIAS, "team@example.org", NULL,
					 &f->fault),
			 ACCOUNTS_NOT_FOUND);
}

static void new_mailbox_of_an_old_name_gets_a_new_maildrop(void **state)
{
	struct fixture *f = *state;
	struct account before;
	struct account after;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	before = find(f, "ann@example.org");
	expect_status(f,
		      accounts_remove(f->accounts, TABLE_MAILBOX, "ann@example.org", NULL,
				      &f->fault),
		      ACCOUNTS_OK);
	add_mailbox(f, "ann@example.org", HASH);
	after = find(f, "ann@example.org");
	assert_int_not_equal(before.id, after.id);
	assert_string_not_equal(before.key.id, after.key.id);
}

static void shards_are_used_evenly(void **state)
{
	struct fixture *f = *state;
	unsigned used[8] = { 0 };

	add_domain(f, "example.org");
	for (unsigned i = 0; i < 32; i++) {
		char address[64];

		(void)snprintf(address, sizeof address, "user%u@example.org", i);
		add_mailbox(f, address, HASH);
		used[find(f, address).key.shard]++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(used); i++)
		assert_int_equal(used[i], 4);
}

struct seen {
	char text[1024];
	unsigned rows;
	unsigned stop_after;
};

static bool note_row(void *context, const struct field *fields, size_t n)
{
	struct seen *seen = context;
	size_t used = strlen(seen->text);

	(void)snprintf(seen->text + used, sizeof seen->text - used, "%s ",
		       fields[0].value == NULL ? "NULL" : fields[0].value);
	assert_true(n > 1);
	seen->rows++;
	return seen->rows != seen->stop_after;
}

static void list_by_name_domain_and_order(void **state)
{
	static const struct {
		enum accounts_table table;
		const char *name;
		const char *domain;
		unsigned stop_after;
		const char *expected;
	} rows[] = {
		{ TABLE_DOMAIN, NULL, NULL, 0, "a.org b.org " },
		{ TABLE_DOMAIN, "B.org", NULL, 0, "b.org " },
		{ TABLE_DOMAIN, NULL, NULL, 1, "a.org " },
		{ TABLE_MAILBOX, NULL, NULL, 0, "x@a.org z@a.org y@b.org " },
		{ TABLE_MAILBOX, NULL, "A.org", 0, "x@a.org z@a.org " },
		{ TABLE_MAILBOX, "Y@B.org", NULL, 0, "y@b.org " },
		{ TABLE_MAILBOX, "y@b.org", "a.org", 0, "" },
		{ TABLE_MAILBOX, "nobody@a.org", NULL, 0, "" },
		{ TABLE_ALIAS, NULL, NULL, 0, "t@a.org t@a.org u@b.org " },
		{ TABLE_ALIAS, "T@a.org", NULL, 0, "t@a.org t@a.org " },
		{ TABLE_ALIAS, NULL, "b.org", 0, "u@b.org " },
		{ TABLE_ALIAS_DOMAIN, NULL, NULL, 0, "c.org " },
		{ TABLE_ALIAS_DOMAIN, NULL, "a.org", 0, "c.org " },
		{ TABLE_ALIAS_DOMAIN, NULL, "b.org", 0, "" },
	};
	struct fixture *f = *state;
	struct field target = { "target_domain", "a.org" };

	add_domain(f, "b.org");
	add_domain(f, "a.org");
	add_mailbox(f, "y@b.org", HASH);
	add_mailbox(f, "z@a.org", HASH);
	add_mailbox(f, "x@a.org", HASH);
	add_alias(f, "u@b.org", "y@b.org");
	add_alias(f, "t@a.org", "x@a.org");
	add_alias(f, "t@a.org", "z@a.org");
	expect_status(f,
		      accounts_add(f->accounts, TABLE_ALIAS_DOMAIN, "c.org", &target, 1,
				   &f->fault),
		      ACCOUNTS_OK);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct seen seen = { .stop_after = rows[i].stop_after };

		expect_status(f,
			      accounts_list(f->accounts, rows[i].table, rows[i].name,
					    rows[i].domain, note_row, &seen, &f->fault),
			      ACCOUNTS_OK);
		assert_string_equal(seen.text, rows[i].expected);
	}
}

static bool no_secret_shown(void *context, const struct field *fields, size_t n)
{
	unsigned *schemes = context;

	for (size_t i = 0; i < n; i++) {
		assert_string_not_equal(fields[i].name, "password");
		assert_string_not_equal(fields[i].name, "apop_secret");
		if (fields[i].value == NULL)
			continue;
		assert_null(strstr(fields[i].value, "K7gNU3sdo"));
		assert_null(strstr(fields[i].value, "tanstaaf"));
		if (strcmp(fields[i].name, "password_scheme") == 0)
			*schemes += strcmp(fields[i].value, "SHA256") == 0;
		if (strcmp(fields[i].name, "apop_secret_form") == 0)
			*schemes += strcmp(fields[i].value, "CLEAR") == 0;
	}
	return true;
}

static void list_shows_no_secret(void **state)
{
	struct fixture *f = *state;
	const char *const *columns;
	size_t n = accounts_columns(TABLE_MAILBOX, &columns);
	unsigned schemes = 0;

	for (size_t i = 0; i < n; i++) {
		assert_string_not_equal(columns[i], "password");
		assert_string_not_equal(columns[i], "apop_secret");
	}
	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	set_column(f, TABLE_MAILBOX, "ann@example.org", "apop_secret", "{CLEAR}tanstaaf");
	expect_status(f,
		      accounts_list(f->accounts, TABLE_MAILBOX, NULL, NULL, no_secret_shown,
				    &schemes, &f->fault),
		      ACCOUNTS_OK);
	assert_int_equal(schemes, 2);
}

/* --- secrets in clear ------------------------------------------------------------------------ */

/* Is `what` anywhere in the file? */
static bool file_holds(const char *path, const char *what)
{
	FILE *file = fopen(path, "rb");
	char *octets;
	long size;
	bool found;

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	rewind(file);
	octets = malloc((size_t)size);
	assert_non_null(octets);
	assert_int_equal(fread(octets, 1, (size_t)size, file), (size_t)size);
	(void)fclose(file);
	found = memmem(octets, (size_t)size, what, strlen(what)) != NULL;
	free(octets);
	return found;
}

struct sealer {
	struct fixture *f;
	unsigned calls;
	unsigned stop_after;
};

static bool seal_one(void *context, int64_t id, const char *clear)
{
	struct sealer *sealer = context;
	char sealed[64];

	(void)snprintf(sealed, sizeof sealed, "{SEALED}%s-%lld", clear, (long long)id);
	expect_status(sealer->f,
		      account_set_apop_secret(sealer->f->accounts, id, sealed,
					      &sealer->f->fault),
		      ACCOUNTS_OK);
	return ++sealer->calls != sealer->stop_after;
}

static void clear_secrets_each_visited_once(void **state)
{
	struct fixture *f = *state;
	struct sealer sealer = { f, 0, 1 };
	struct account account;
	struct account_secrets secrets;

	add_domain(f, "example.org");
	add_mailbox(f, "none@example.org", HASH);
	add_mailbox(f, "ann@example.org", HASH);
	add_mailbox(f, "bob@example.org", HASH);
	set_column(f, TABLE_MAILBOX, "ann@example.org", "apop_secret", "{CLEAR}a");
	set_column(f, TABLE_MAILBOX, "bob@example.org", "apop_secret", "{CLEAR}{CLEAR}b");
	expect_status(f,
		      accounts_visit_clear_secrets(f->accounts, seal_one, &sealer, &f->fault),
		      ACCOUNTS_OK);
	assert_int_equal(sealer.calls, 1);
	sealer.stop_after = 0;
	for (unsigned i = 0; i < 2; i++)
		expect_status(f,
			      accounts_visit_clear_secrets(f->accounts, seal_one, &sealer,
							   &f->fault),
			      ACCOUNTS_OK);
	assert_int_equal(sealer.calls, 2);
	expect_status(f,
		      account_find(f->accounts, STR("bob@example.org"), &account, &secrets,
				   &f->fault),
		      ACCOUNTS_OK);
	assert_string_equal(secrets.apop_secret, "{SEALED}{CLEAR}b-3");
}

static void sealing_leaves_nothing_in_the_log(void **state)
{
	struct fixture *f = *state;
	struct sealer sealer = { f, 0, 0 };
	char log[128];

	(void)snprintf(log, sizeof log, "%s-wal", f->path);
	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	set_column(f, TABLE_MAILBOX, "ann@example.org", "apop_secret", "{CLEAR}tanstaaf");
	assert_true(file_holds(log, "{CLEAR}tanstaaf"));
	expect_status(f,
		      accounts_visit_clear_secrets(f->accounts, seal_one, &sealer, &f->fault),
		      ACCOUNTS_OK);
	assert_false(file_holds(log, "{CLEAR}tanstaaf"));
	assert_false(file_holds(f->path, "{CLEAR}tanstaaf"));
}

static void set_secrets_to_none(void **state)
{
	struct fixture *f = *state;
	struct account account;
	struct account_secrets secrets;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	account = find(f, "ann@example.org");
	expect_status(f,
		      account_set_apop_secret(f->accounts, account.id, "{SEALED}x", &f->fault),
		      ACCOUNTS_OK);
	expect_status(f, account_set_apop_secret(f->accounts, account.id, NULL, &f->fault),
		      ACCOUNTS_OK);
	expect_status(f, account_set_password(f->accounts, "Ann@example.ORG", &none, &f->fault),
		      ACCOUNTS_OK);
	expect_status(f,
		      account_find(f->accounts, STR("ann@example.org"), &account, &secrets,
				   &f->fault),
		      ACCOUNTS_OK);
	assert_string_equal(secrets.password, "");
	assert_string_equal(secrets.apop_secret, "");
}

static void replaced_secret_leaves_no_copy(void **state)
{
	struct fixture *f = *state;
	char address[64];
	char clear[256];

	add_domain(f, "example.org");
	/* Several pages of rows, so that pages are divided and parts of them stay unused. */
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(address, sizeof address, "user%u@example.org", i);
		add_mailbox(f, address, NULL);
		(void)snprintf(clear, sizeof clear, "{CLEAR}%0200u-stands-nowhere-else", i);
		set_column(f, TABLE_MAILBOX, address, "apop_secret", clear);
	}
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(address, sizeof address, "user%u@example.org", i);
		set_column(f, TABLE_MAILBOX, address, "apop_secret",
			   i % 2 == 0 ? "{SEALED}x" : NULL);
	}
	accounts_close(&f->accounts);
	assert_false(file_holds(f->path, "-stands-nowhere-else"));
	assert_true(file_holds(f->path, "user39@example.org"));
}

/* --- check and backup ------------------------------------------------------------------------ */

static void note_sentence(void *context, const char *sentence)
{
	struct seen *seen = context;
	size_t used = strlen(seen->text);

	(void)snprintf(seen->text + used, sizeof seen->text - used, "%s\n", sentence);
	seen->rows++;
}

static void check_sound_database_finds_nothing(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .rows = 0 };
	struct accounts_checking how = { .detail_separator = '+',
					 .report = note_sentence,
					 .context = &seen };
	uint64_t findings = 7;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	add_alias(f, "info@example.org", "ann+info@example.org");
	add_alias(f, "@example.org", "info@example.org");
	expect_status(f, accounts_check(f->accounts, &how, &findings, &f->fault), ACCOUNTS_OK);
	assert_string_equal(seen.text, "");
	assert_int_equal(findings, 0);
}

static void check_knows_the_separator_of_details(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .rows = 0 };
	struct accounts_checking how = { .detail_separator = '-',
					 .report = note_sentence,
					 .context = &seen };
	uint64_t findings = 7;

	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	add_alias(f, "info@example.org", "ann-info@example.org");
	expect_status(f, accounts_check(f->accounts, &how, &findings, &f->fault), ACCOUNTS_OK);
	assert_int_equal(findings, 0);
	how.detail_separator = '\0';
	expect_status(f, accounts_check(f->accounts, &how, &findings, &f->fault), ACCOUNTS_OK);
	assert_int_equal(findings, 1);
}

/* What somebody may do who drops our rules: each is found. */
static void check_names_each_fault(void **state)
{
	static const struct {
		const char *sql;
		const char *expected;
	} rows[] = {
		{ "PRAGMA ignore_check_constraints = 1; UPDATE mailbox SET active = 7",
		  "CHECK constraint failed in mailbox" },
		{ "DROP TRIGGER domain_delete; DELETE FROM domain",
		  "no row in domain for mailbox ann@example.org" },
		{ "DROP TRIGGER mailbox_insert; INSERT INTO mailbox(address, shard, store_key)"
		  " VALUES ('eve@example.org', 3, lower(hex(randomblob(16))))",
		  "no record in maildrop for mailbox eve@example.org" },
		{ "DROP TRIGGER mailbox_delete; DELETE FROM mailbox",
		  "no mailbox for the record in maildrop of ann@example.org" },
		{ "DROP TRIGGER mailbox_fixed; UPDATE mailbox SET shard = 8",
		  "no such shard in this store: mailbox ann@example.org" },
		{ "DROP TRIGGER domain_insert; DROP TRIGGER alias_domain_insert;"
		  "INSERT INTO alias_domain(alias_domain, target_domain)"
		  " VALUES ('example.org', 'example.org')",
		  "both in domain and in alias_domain: example.org" },
		{ "INSERT INTO alias(address, goto)"
		  " VALUES ('info@example.org', 'gone@example.org')",
		  "alias info@example.org: an alias goes to gone@example.org, which does not "
		  "exist" },
		{ "INSERT INTO alias(address, goto) VALUES ('a@example.org', 'b@example.org'),"
		  " ('b@example.org', 'a@example.org')",
		  "its aliases run in a circle" },
		{ "INSERT INTO alias(address, goto)"
		  " VALUES ('@example.org', 'gone@example.org')",
		  "alias *@example.org" },
		{ "INSERT INTO mailbox(address) VALUES ('ju\xcc\x88@example.org')",
		  "mailbox ju\xcc\x88@example.org: nobody can log in, since RFC 4013 makes "
		  "another name of it: j\xc3\xbc@example.org" },
		{ "INSERT INTO mailbox(address) VALUES ('a\xee\x80\x80@example.org')",
		  "RFC 4013 prohibits the name" },
		{ "UPDATE mailbox SET password = '{SHA5}abc'",
		  "mailbox ann@example.org: stored password: unknown scheme {SHA5}" },
		{ "UPDATE mailbox SET password = '{SHA512}abc'",
		  "mailbox ann@example.org: stored password: not a value of {SHA512}" },
		{ "UPDATE mailbox SET password = '$6$salt$cut'",
		  "mailbox ann@example.org: stored password: not a value of {CRYPT}: its "
		  "hash" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct seen seen = { .rows = 0 };
		struct accounts_checking how = { .detail_separator = '+',
						 .report = note_sentence,
						 .context = &seen };
		uint64_t findings = 0;
		struct fixture *f;
		sqlite3 *db;
		char *message = NULL;

		assert_int_equal(fixture_open(state), 0);
		f = *state;
		add_domain(f, "example.org");
		add_mailbox(f, "ann@example.org", HASH);
		assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
		if (sqlite3_exec(db, rows[i].sql, NULL, NULL, &message) != SQLITE_OK)
			fail_msg("%s: %s", rows[i].sql, message);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		expect_status(f, accounts_check(f->accounts, &how, &findings, &f->fault),
			      ACCOUNTS_OK);
		if (findings == 0 || strstr(seen.text, rows[i].expected) == NULL)
			fail_msg("%s: \"%s\" and not \"%s\"", rows[i].sql, seen.text,
				 rows[i].expected);
		assert_int_equal(findings, seen.rows);
		assert_int_equal(fixture_close(state), 0);
	}
}

static void backup_holds_everything(void **state)
{
	struct fixture *f = *state;
	struct accounts *copy;
	struct account account;
	char to[128];

	(void)snprintf(to, sizeof to, "%s/copy.db", f->dir);
	add_domain(f, "example.org");
	add_mailbox(f, "ann@example.org", HASH);
	expect_status(f, accounts_backup(f->path, to, &f->fault), ACCOUNTS_OK);
	assert_int_equal(accounts_backup(f->path, to, &f->fault), ACCOUNTS_EXISTS);
	expect_status(f, accounts_open(to, false, &copy, &f->fault), ACCOUNTS_OK);
	expect_status(f, account_find(copy, STR("ann@example.org"), &account, NULL, &f->fault),
		      ACCOUNTS_OK);
	assert_string_equal(account.key.id, find(f, "ann@example.org").key.id);
	accounts_close(&copy);
	(void)snprintf(to, sizeof to, "%s/copy.db-wal", f->dir);
	(void)unlink(to);
	(void)snprintf(to, sizeof to, "%s/copy.db-shm", f->dir);
	(void)unlink(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(create_twice_exists),
		FIXTURE_TEST(create_with_bad_shards_refused),
		FIXTURE_TEST(open_missing_or_foreign_refused),
		FIXTURE_TEST(removed_maildrop_is_found_by_its_address),
		FIXTURE_TEST(store_told_at_creation_is_kept),
		FIXTURE_TEST(open_without_the_store_s_name_refused),
		FIXTURE_TEST(reader_never_writes),
		FIXTURE_TEST(find_new_mailbox_has_defaults),
		FIXTURE_TEST(find_ignores_case),
		FIXTURE_TEST(find_quota_of_mailbox_before_domain),
		FIXTURE_TEST(find_undelete_of_mailbox_domain_default),
		FIXTURE_TEST(find_expiry_is_utc),
		FIXTURE_TEST(find_inactive_mailbox_or_domain),
		FIXTURE_TEST(find_each_switch),
		FIXTURE_TEST(find_hostile_name_unknown),
		FIXTURE_TEST(find_secrets_of_the_right_user),
		FIXTURE_TEST(find_by_key),
		FIXTURE_TEST(key_of_a_removed_mailbox_is_recorded),
		FIXTURE_TEST(change_by_another_connection_seen_at_once),
		FIXTURE_TEST(add_twice_exists),
		FIXTURE_TEST(add_unknown_column_refused),
		FIXTURE_TEST(add_refusal_is_the_schema_sentence),
		FIXTURE_TEST(add_hostile_name_refused_or_kept_as_data),
		FIXTURE_TEST(set_unknown_not_found),
		FIXTURE_TEST(set_bad_number_refused),
		FIXTURE_TEST(changes_between_begin_and_end_belong_together),
		FIXTURE_TEST(remove_one_target_or_all),
		FIXTURE_TEST(new_mailbox_of_an_old_name_gets_a_new_maildrop),
		FIXTURE_TEST(shards_are_used_evenly),
		FIXTURE_TEST(list_by_name_domain_and_order),
		FIXTURE_TEST(list_shows_no_secret),
		FIXTURE_TEST(clear_secrets_each_visited_once),
		FIXTURE_TEST(sealing_leaves_nothing_in_the_log),
		FIXTURE_TEST(set_secrets_to_none),
		FIXTURE_TEST(replaced_secret_leaves_no_copy),
		FIXTURE_TEST(check_sound_database_finds_nothing),
		FIXTURE_TEST(check_knows_the_separator_of_details),
		cmocka_unit_test(check_names_each_fault),
		FIXTURE_TEST(backup_holds_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
