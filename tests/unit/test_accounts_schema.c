/*
 * sql/accounts/001_accounts.sql as an administrator meets it: plain SQL on a connection like the
 * sqlite3 shell's (foreign keys off, none of our code in between). Each rule refuses with its
 * sentence, and refuses nothing else.
 */
#include "accounts_fixture.h"

#include <sqlite3.h>

struct shell {
	struct fixture *f;
	sqlite3 *db;
};

static int shell_open(void **state)
{
	struct shell *shell = calloc(1, sizeof *shell);
	void *f = NULL;

	if (shell == NULL || fixture_open(&f) != 0)
		return -1;
	shell->f = f;
	*state = shell;
	return sqlite3_open(shell->f->path, &shell->db) == SQLITE_OK ? 0 : -1;
}

static int shell_close(void **state)
{
	struct shell *shell = *state;
	void *f = shell->f;

	if (sqlite3_close(shell->db) != SQLITE_OK)
		return -1;
	free(shell);
	return fixture_close(&f);
}

static void run(struct shell *shell, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(shell->db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

/* Runs what must fail; the sentence may have SQLite's words before it. */
static void refuse(struct shell *shell, const char *sql, const char *sentence)
{
	char *message = NULL;

	if (sqlite3_exec(shell->db, sql, NULL, NULL, &message) == SQLITE_OK)
		fail_msg("taken: %s", sql);
	if (strstr(message, sentence) == NULL)
		fail_msg("%s: \"%s\" and not \"%s\"", sql, message, sentence);
	sqlite3_free(message);
}

/* The first column of the first row, to be freed; NULL for none. */
static char *value(struct shell *shell, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	const char *text;
	char *copy;

	assert_int_equal(sqlite3_prepare_v2(shell->db, sql, -1, &stmt, NULL), SQLITE_OK);
	if (sqlite3_step(stmt) != SQLITE_ROW)
		fail_msg("no row: %s", sql);
	text = (const char *)sqlite3_column_text(stmt, 0);
	copy = text == NULL ? NULL : strdup(text);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return copy;
}

static void expect_row(struct shell *shell, const char *sql, const char *expected)
{
	char *found = value(shell, sql);

	if (found == NULL || strcmp(found, expected) != 0)
		fail_msg("%s: %s and not %s", sql, found == NULL ? "NULL" : found, expected);
	free(found);
}

/* What most tests begin with. */
static void populate(struct shell *shell)
{
	run(shell, "INSERT INTO domain(domain) VALUES ('example.org'), ('example.com')");
	run(shell, "INSERT INTO mailbox(address, password)"
		   " VALUES ('ann@example.org', '{SSHA512}...')");
	run(shell, "INSERT INTO alias(address, goto)"
		   " VALUES ('info@example.org', 'ann@example.org')");
	run(shell, "INSERT INTO alias_domain(alias_domain, target_domain)"
		   " VALUES ('example.net', 'example.org')");
}

static void the_shortest_forms_work(void **state)
{
	struct shell *shell = *state;

	expect_row(shell, "PRAGMA foreign_keys", "0");
	populate(shell);
	expect_row(shell, "SELECT local_part || ' ' || domain FROM mailbox", "ann example.org");
	expect_row(shell,
		   "SELECT length(store_key) || (store_key GLOB '*[^0-9a-f]*') FROM mailbox",
		   "320");
	expect_row(shell, "SELECT shard BETWEEN 0 AND 7 FROM mailbox", "1");
	expect_row(shell, "SELECT id FROM mailbox", "1");
	expect_row(shell, "SELECT created IS datetime(created) FROM mailbox", "1");
	expect_row(shell, "SELECT name || value FROM meta WHERE name = 'shards'", "shards8");
	expect_row(shell,
		   "SELECT count(*) FROM mailbox JOIN domain ON domain.domain = "
		   "mailbox.domain",
		   "1");
	expect_row(shell,
		   "SELECT count(*) FROM maildrop JOIN mailbox USING (store_key, shard) "
		   "WHERE maildrop.mailbox = mailbox.id AND removed IS NULL",
		   "1");
}

/* --- what SASL needs --------------------------------------------------------------------------- */

#define KEYS(salt) "'4096," salt ",AAAA,BBBB'"

static void password_alone_clears_the_keys_of_the_old_one(void **state)
{
	struct shell *shell = *state;

	populate(shell);
	run(shell, "UPDATE mailbox SET scram_sha1 = " KEYS("c2FsdA==") ", scram_sha256 = " KEYS(
			   "c2FsdA=="));
	expect_row(shell, "SELECT scram_forms FROM mailbox", "SHA-1 SHA-256");
	/* The same password, or another column: nothing has changed. */
	run(shell, "UPDATE mailbox SET password = password, name = 'Ann'");
	expect_row(shell, "SELECT scram_forms FROM mailbox", "SHA-1 SHA-256");
	/* What is set along with it stays; what is not goes. */
	run(shell,
	    "UPDATE mailbox SET password = '{SSHA512}other', scram_sha256 = " KEYS("bmV3cw=="));
	expect_row(shell, "SELECT scram_forms FROM mailbox", "SHA-256");
	run(shell, "UPDATE mailbox SET password = NULL");
	expect_row(shell, "SELECT scram_forms IS NULL FROM mailbox", "1");
}

static void app_passwords_go_with_their_mailbox(void **state)
{
	struct shell *shell = *state;

	populate(shell);
	refuse(shell,
	       "INSERT INTO app_password(address, label, password)"
	       " VALUES ('nobody@example.org', 'phone', '{SSHA512}x')",
	       "app_password.address: there is no such mailbox");
	refuse(shell,
	       "INSERT INTO app_password(address, label, password)"
	       " VALUES ('ann@example.org', 'my phone', '{SSHA512}x')",
	       "app_password.label has 1 to 40 letters");
	refuse(shell,
	       "INSERT INTO app_password(address, label, password)"
	       " VALUES ('ann@example.org', 'phone', 'clear')",
	       "app_password.password must be a hash");
	run(shell, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20)"
		   " INSERT INTO app_password(address, label, password)"
		   " SELECT 'ann@example.org', 'app' || i, '{SSHA512}x' FROM n");
	refuse(shell,
	       "INSERT INTO app_password(address, label, password)"
	       " VALUES ('ANN@example.org', 'more', '{SSHA512}x')",
	       "a mailbox has at most 20 app passwords");
	run(shell, "UPDATE mailbox SET address = 'anna@example.com'");
	expect_row(shell,
		   "SELECT count(*) FROM app_password WHERE address = 'anna@example.com'",
		   "20");
	run(shell, "DELETE FROM mailbox");
	expect_row(shell, "SELECT count(*) FROM app_password", "0");
}

static void networks_and_keys_have_their_form(void **state)
{
	struct shell *shell = *state;

	populate(shell);
	run(shell, "UPDATE mailbox SET allow_nets = '192.0.2.0/24, 2001:db8::/32 ::1'");
	refuse(shell, "UPDATE mailbox SET allow_nets = 'example.org'",
	       "mailbox.allow_nets is a list of networks");
	refuse(shell, "UPDATE mailbox SET allow_nets = ''",
	       "mailbox.allow_nets is a list of networks");
	refuse(shell, "UPDATE mailbox SET scram_sha256 = 'secret'",
	       "mailbox.scram_sha256 is written rounds,salt,StoredKey,ServerKey");
	refuse(shell, "UPDATE mailbox SET scram_sha1_enabled = 2",
	       "mailbox.scram_sha1_enabled is 1 or 0");
}

struct refusal {
	const char *sql;
	const char *sentence;
};

static void refuse_all(void **state, const struct refusal *rows, size_t count)
{
	struct shell *shell = *state;

	populate(shell);
	for (size_t i = 0; i < count; i++)
		refuse(shell, rows[i].sql, rows[i].sentence);
	expect_row(shell, "SELECT count(*) FROM mailbox", "1");
	expect_row(shell, "SELECT count(*) FROM alias", "1");
	expect_row(shell, "SELECT count(*) FROM domain", "2");
	expect_row(shell, "SELECT count(*) FROM alias_domain", "1");
	expect_row(shell, "SELECT count(*) FROM maildrop", "1");
	expect_row(shell, "PRAGMA integrity_check", "ok");
}

static void domain_nonsense_refused_in_words(void **state)
{
#define SYNTAX "domain.domain: a domain has letters, digits, hyphens and single dots"
	static const struct refusal rows[] = {
		{ "INSERT INTO domain(domain) VALUES ('Example.net')",
		  "domain.domain: write the domain in lower case, such as example.org" },
		{ "INSERT INTO domain(domain) VALUES ('')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('.example')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('example.')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a..b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a@b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a/b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a;b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('[192.0.2.1]')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a' || char(10) || 'b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a' || char(127) || 'b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES ('a' || char(0) || 'b')", SYNTAX },
		{ "INSERT INTO domain(domain) VALUES (printf('%.*c', 253, 'a'))",
		  "domain.domain: a domain has at most 252 octets" },
		{ "INSERT INTO domain(domain) VALUES (NULL)", "domain.domain" },
		{ "INSERT INTO domain(domain, active) VALUES ('a.org', 2)",
		  "domain.active is 1 or 0" },
		{ "INSERT INTO domain(domain, quota_octets) VALUES ('a.org', -1)",
		  "domain.quota_octets is a number of octets; 0 means no limit" },
		{ "INSERT INTO domain(domain, quota_messages) VALUES ('a.org', -1)",
		  "domain.quota_messages is a number of messages; 0 means no limit" },
		{ "INSERT INTO domain(domain, max_mailboxes) VALUES ('a.org', -1)",
		  "domain.max_mailboxes is a number of mailboxes; 0 means no limit" },
		{ "INSERT INTO domain(domain, undelete_seconds) VALUES ('a.org', -1)",
		  "domain.undelete_seconds is a number of seconds; NULL means the default" },
		{ "INSERT INTO domain(domain, quota_octets) VALUES ('a.org', '1G')",
		  "domain.quota_octets" },
		{ "INSERT INTO domain(domain) VALUES ('example.net')",
		  "domain.domain is an alias domain here: delete its row in alias_domain "
		  "first" },
		{ "UPDATE domain SET domain = 'example.edu' WHERE domain = 'example.org'",
		  "domain.domain cannot be changed" },
		{ "DELETE FROM domain WHERE domain = 'example.org'",
		  "the domain still has mailboxes: delete them first" },
	};
#undef SYNTAX
	refuse_all(state, rows, ARRAY_SIZE(rows));
}

static void mailbox_nonsense_refused_in_words(void **state)
{
#define SYNTAX "mailbox.address is written local@domain, such as ann@example.org"
#define LENGTH "mailbox.address: an address has at most 254 octets, 64 of them before the @"
#define EXPIRES "mailbox.expires_at is a date and time in UTC"
#define ADD(address) "INSERT INTO mailbox(address) VALUES (" address ")"
#define SET(what) "UPDATE mailbox SET " what
	static const struct refusal rows[] = {
		{ ADD("'ann'"), SYNTAX },
		{ ADD("''"), SYNTAX },
		{ ADD("'@example.org'"), SYNTAX },
		{ ADD("'ann@'"), SYNTAX },
		{ ADD("'a@b@example.org'"), SYNTAX },
		{ ADD("'a b@example.org'"), SYNTAX },
		{ ADD("'\"ann\"@example.org'"), SYNTAX },
		{ ADD("'<ann@example.org>'"), SYNTAX },
		{ ADD("'a,b@example.org'"), SYNTAX },
		{ ADD("'a\\b@example.org'"), SYNTAX },
		{ ADD("'a]@example.org'"), SYNTAX },
		{ ADD("'.ann@example.org'"), SYNTAX },
		{ ADD("'ann.@example.org'"), SYNTAX },
		{ ADD("'a..b@example.org'"), SYNTAX },
		{ ADD("'a' || char(9) || 'b@example.org'"), SYNTAX },
		{ ADD("'a' || char(13) || 'b@example.org'"), SYNTAX },
		{ ADD("'a' || char(0) || 'b@example.org'"), SYNTAX },
		{ ADD("'ann@example.org' || char(0)"), SYNTAX },
		{ ADD("'a' || char(127) || 'b@example.org'"), SYNTAX },
		{ ADD("'bob@Example.org'"),
		  "mailbox.address: write the domain in lower case, such as ann@example.org" },
		{ ADD("printf('%.*c', 65, 'a') || '@example.org'"), LENGTH },
		{ ADD("'a@' || printf('%.*c', 253, 'b')"), LENGTH },
		{ ADD("'bob@example.edu'"),
		  "mailbox.address: its domain is not served here: INSERT INTO domain" },
		{ ADD("'bob@example.net'"), "mailbox.address: its domain is not served here" },
		{ ADD("'ann@example.org'"), "UNIQUE constraint failed: mailbox.address" },
		{ ADD("'ANN@example.org'"), "UNIQUE constraint failed: mailbox.address" },
		{ SET("address = 'ann@example.edu'"),
		  "mailbox.address: its domain is not served here: INSERT INTO domain" },
		{ SET("address = 'ann'"), SYNTAX },
		{ SET("password = 'secret'"),
		  "mailbox.password must be a hash such as `restante hash` prints, or NULL" },
		{ SET("password = ''"), "mailbox.password must be a hash" },
		{ SET("password = '{SSHA512}'"), "mailbox.password must be a hash" },
		{ SET("password = '{}x'"), "mailbox.password must be a hash" },
		{ SET("password = '$6'"), "mailbox.password must be a hash" },
		{ SET("password = '5f4dcc3b5aa765d61d8327deb882cf99'"),
		  "mailbox.password must be a hash" },
		{ SET("password = 'blfqitzeBpyAE'"), "mailbox.password must be a hash" },
		{ SET("password = '{PLAIN}' || printf('%.*c', 494, 'a')"),
		  "mailbox.password: at most 500 octets, no control characters" },
		{ SET("password = '{PLAIN}a' || char(10)"),
		  "mailbox.password: at most 500 octets, no control characters" },
		{ SET("password = '{PLAIN}a' || char(0)"), "mailbox.password" },
		{ SET("apop_secret = 'tanstaaf'"),
		  "mailbox.apop_secret is written {CLEAR} and then the secret, or NULL" },
		{ SET("apop_secret = '{CLEAR}'"), "mailbox.apop_secret is written {CLEAR}" },
		{ SET("apop_secret = '{PLAIN}x'"), "mailbox.apop_secret is written {CLEAR}" },
		{ SET("apop_secret = '{CLEAR}' || printf('%.*c', 256, 'a')"),
		  "mailbox.apop_secret: a secret has at most 255 octets" },
		{ SET("apop_secret = '{CLEAR}a' || char(13)"),
		  "mailbox.apop_secret: a secret has at most 255 octets, no control" },
		{ SET("active = 2"), "mailbox.active is 1 or 0" },
		{ SET("pop3_enabled = 2"), "mailbox.pop3_enabled is 1 or 0" },
		{ SET("lmtp_enabled = -1"), "mailbox.lmtp_enabled is 1 or 0" },
		{ SET("pass_enabled = 'yes'"), "mailbox.pass_enabled" },
		{ SET("apop_enabled = 2"), "mailbox.apop_enabled is 1 or 0" },
		{ SET("quota_octets = -1"), "mailbox.quota_octets is a number of octets" },
		{ SET("quota_messages = -1"),
		  "mailbox.quota_messages is a number of messages" },
		{ SET("undelete_seconds = -1"),
		  "mailbox.undelete_seconds is a number of seconds" },
		{ SET("expires_at = 'tomorrow'"), EXPIRES },
		{ SET("expires_at = 'now'"), EXPIRES },
		{ SET("expires_at = ''"), EXPIRES },
		{ SET("expires_at = '2026'"), EXPIRES },
		{ SET("expires_at = '1798675200'"), EXPIRES },
		{ SET("expires_at = '31.12.2026'"), EXPIRES },
		{ SET("expires_at = '2026-13-01'"), EXPIRES },
		{ SET("expires_at = '2026-02-30'"), EXPIRES },
		{ SET("expires_at = '2026-12-31 24:00:00'"), EXPIRES },
		{ SET("expires_at = '2026-12-31T18:00:00'"), EXPIRES },
		{ SET("expires_at = '2026-12-31 18:00:00Z'"), EXPIRES },
		{ SET("expires_at = '2026-12-31 18:00'"), EXPIRES },
		{ "INSERT INTO mailbox(address, shard) VALUES ('bob@example.org', 3)",
		  "mailbox.shard and mailbox.store_key are chosen by restante" },
		{ "INSERT INTO mailbox(address, store_key) VALUES ('bob@example.org', 'x')",
		  "mailbox.shard and mailbox.store_key are chosen by restante" },
		{ "INSERT INTO mailbox(address, id) VALUES ('bob@example.org', 0)",
		  "mailbox.id is given by restante and never given twice: leave it out" },
		{ "INSERT INTO mailbox(id, address) VALUES (9223372036854775807, "
		  "'max@example.org')",
		  "mailbox.id is given by restante and never given twice: leave it out" },
		{ "INSERT INTO mailbox(address, id) VALUES ('bob@example.org', -5)",
		  "mailbox.id is given by restante" },
		{ SET("id = 9"), "they cannot be changed" },
		{ SET("shard = (shard + 1) % 8"), "they cannot be changed" },
		{ SET("store_key = lower(hex(randomblob(16)))"),
		  "mailbox.id, mailbox.shard and mailbox.store_key say where the mail is" },
		{ "INSERT OR REPLACE INTO mailbox(address) VALUES ('ann@example.org')",
		  "INSERT OR REPLACE would give the mailbox a new, empty maildrop: use "
		  "UPDATE" },
		{ "INSERT OR REPLACE INTO mailbox(address) VALUES ('Ann@example.org')",
		  "INSERT OR REPLACE would give the mailbox a new, empty maildrop" },
		{ "INSERT OR REPLACE INTO mailbox(id, address) VALUES (1, 'bob@example.org')",
		  "mailbox.id is given by restante" },
		{ "INSERT INTO mailbox(address, domain) VALUES ('bob@example.org', 'x')",
		  "cannot INSERT into generated column" },
	};
#undef SYNTAX
#undef LENGTH
#undef EXPIRES
#undef ADD
#undef SET
	refuse_all(state, rows, ARRAY_SIZE(rows));
}

static void alias_nonsense_refused_in_words(void **state)
{
#define ADD(address, target) \
	"INSERT INTO alias(address, goto) VALUES ('" address "', '" target "')"
	static const struct refusal rows[] = {
		{ ADD("info", "ann@example.org"), "alias.address is written local@domain" },
		{ ADD("in fo@example.org", "ann@example.org"),
		  "alias.address is written local@domain, or @domain for all other addresses" },
		{ ADD("x@Example.org", "ann@example.org"),
		  "alias.address: write the domain in lower case" },
		{ ADD("x@example.edu", "ann@example.org"),
		  "alias.address: its domain is not served here: INSERT INTO domain" },
		{ ADD("x@example.net", "ann@example.org"),
		  "alias.address is in an alias domain: give the alias in that one's target" },
		{ ADD("x@example.org", "ann"), "alias.goto is one address" },
		{ ADD("x@example.org", "@example.org"), "alias.goto is one address" },
		{ ADD("x@example.org", ""), "alias.goto is one address" },
		{ ADD("x@example.org", "a@example.org,b@example.org"),
		  "for several targets add a row for each" },
		{ ADD("x@example.org", "| /bin/sh"), "alias.goto is one address" },
		{ ADD("x@example.org", "ann@Example.org"),
		  "alias.goto: write the domain in lower case" },
		{ ADD("x@example.org", "somebody@elsewhere.example"),
		  "alias.goto: its domain is not served here; sending mail on to other servers "
		  "is the MTA's business" },
		{ ADD("x@example.org", "x@example.org"),
		  "alias.goto is the alias itself and there is no such mailbox" },
		{ ADD("x@example.org", "X@example.org"), "alias.goto is the alias itself" },
		{ ADD("info@example.org", "ann@example.org"), "UNIQUE constraint failed" },
		{ "INSERT INTO alias(address, goto, active) VALUES ('x@example.org', "
		  "'ann@example.org', 2)",
		  "alias.active is 1 or 0" },
		{ "INSERT INTO alias(address, goto) SELECT 'x@example.org', "
		  "printf('%.*c', 65, 'a') || '@example.org'",
		  "alias.goto: an address has at most 254 octets" },
		{ "INSERT INTO alias(address, goto) SELECT printf('%.*c', 65, 'a') || "
		  "'@example.org', 'ann@example.org'",
		  "alias.address: an address has at most 254 octets" },
		{ "UPDATE alias SET goto = 'somebody@elsewhere.example'",
		  "alias.goto: its domain is not served here" },
		{ "UPDATE alias SET goto = address", "alias.goto is the alias itself" },
		{ "UPDATE alias SET address = 'x@example.edu'",
		  "alias.address: its domain is not served here" },
		{ "UPDATE alias SET address = 'x@example.net'",
		  "alias.address is in an alias domain" },
		{ "INSERT INTO alias(address, goto) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
		  "SELECT i + 1 FROM n WHERE i < 101) SELECT 'all@example.org', 'u' || i || "
		  "'@example.org' FROM n",
		  "an alias has at most 100 targets" },
	};
#undef ADD
	refuse_all(state, rows, ARRAY_SIZE(rows));
}

static void alias_domain_nonsense_refused_in_words(void **state)
{
#define ADD(name, target)                                                                    \
	"INSERT INTO alias_domain(alias_domain, target_domain) VALUES ('" name "', '" target \
	"')"
	static const struct refusal rows[] = {
		{ ADD("Example.edu", "example.org"),
		  "alias_domain.alias_domain: write the domain in lower case" },
		{ ADD("a b", "example.org"),
		  "alias_domain.alias_domain: a domain has letters" },
		{ ADD("example.edu", "Example.org"),
		  "alias_domain.target_domain: write the domain in lower case" },
		{ ADD("example.edu", "example.info"),
		  "alias_domain.target_domain is not served here: INSERT INTO domain" },
		{ ADD("example.edu", "example.net"),
		  "alias_domain.target_domain is not served here" },
		{ ADD("example.com", "example.org"),
		  "alias_domain.alias_domain has a row in domain" },
		{ ADD("example.net", "example.com"), "UNIQUE constraint failed" },
		{ "UPDATE alias_domain SET alias_domain = 'example.edu'",
		  "alias_domain.alias_domain cannot be changed" },
		{ "UPDATE alias_domain SET target_domain = 'example.edu'",
		  "alias_domain.target_domain is not served here" },
		{ "UPDATE alias_domain SET active = 5", "alias_domain.active is 1 or 0" },
		{ "INSERT INTO alias_domain(alias_domain, target_domain) SELECT "
		  "printf('%.*c', 253, 'a'), 'example.org'",
		  "alias_domain.alias_domain: a domain has at most 252 octets" },
	};
#undef ADD
	refuse_all(state, rows, ARRAY_SIZE(rows));
}

static void meta_is_fixed(void **state)
{
	static const struct refusal rows[] = {
		{ "UPDATE meta SET value = 16 WHERE name = 'shards'",
		  "meta is restante's own: it is written once, when the store is made" },
		{ "DELETE FROM meta", "meta is restante's own" },
		{ "REPLACE INTO meta VALUES ('shards', 1)", "meta is restante's own" },
		{ "INSERT INTO meta VALUES ('shards', 1) "
		  "ON CONFLICT DO UPDATE SET value = excluded.value",
		  "meta is restante's own" },
	};
	refuse_all(state, rows, ARRAY_SIZE(rows));
}

static void good_values_taken(void **state)
{
	static const char *const rows[] = {
		"INSERT INTO mailbox(address) VALUES "
		"('a.b+c_d-e!#$%&''*/=?^`{|}~@example.org')",
		"INSERT INTO mailbox(address) VALUES ('\xc3\xa4rger@example.org')",
		"INSERT INTO mailbox(address) VALUES ('Bob.Lee@example.org')",
		"INSERT INTO mailbox(address) VALUES (printf('%.*c', 64, 'a') || "
		"'@example.org')",
		"INSERT INTO domain(domain) VALUES ('xn--bcher-kva.example')",
		"INSERT INTO domain(domain) VALUES ('b\xc3\xbc"
		"cher.example')",
		"INSERT INTO domain(domain) VALUES ('localhost')",
		"INSERT INTO domain(domain) VALUES ('a_b-c.example')",
		"INSERT INTO domain(domain) VALUES (printf('%.*c', 252, 'a'))",
		"UPDATE mailbox SET password = '$6$salt$hash'",
		"UPDATE mailbox SET password = '{CRYPT}$y$j9T$a$b'",
		"UPDATE mailbox SET password = '{BLF-CRYPT}$2y$05$x'",
		"UPDATE mailbox SET password = '{SHA512-CRYPT.B64}JDYk'",
		"UPDATE mailbox SET password = '{crypt}blfqitzeBpyAE'",
		"UPDATE mailbox SET password = NULL",
		"UPDATE mailbox SET apop_secret = '{CLEAR}tanstaaf'",
		"UPDATE mailbox SET apop_secret = '{CLEAR}' || printf('%.*c', 255, 'a')",
		"UPDATE mailbox SET apop_secret = NULL",
		"UPDATE mailbox SET expires_at = '2026-12-31'",
		"UPDATE mailbox SET expires_at = '2028-02-29 23:59:59'",
		"UPDATE mailbox SET expires_at = datetime('now', '+30 days')",
		"UPDATE mailbox SET expires_at = NULL",
		"UPDATE mailbox SET quota_octets = 0, quota_messages = NULL",
		"UPDATE mailbox SET quota_octets = '1073741824'",
		"UPDATE mailbox SET id = id, shard = shard, store_key = store_key",
		"UPDATE mailbox SET address = 'Ann@example.org' WHERE address = "
		"'ann@example.org'",
		"UPDATE mailbox SET address = 'ann@example.com' WHERE address = "
		"'ann@example.org'",
		"INSERT INTO alias(address, goto) VALUES ('@example.org', 'ann@example.org')",
		"INSERT INTO alias(address, goto) VALUES ('later@example.org', "
		"'x@example.org')",
		"INSERT INTO alias(address, goto) VALUES ('y@example.org', 'ann@example.net')",
		"INSERT INTO alias(address, goto) VALUES ('y@example.org', 'a+d@example.org')",
		/* PostfixAdmin writes an alias of each mailbox to itself. */
		"INSERT INTO alias(address, goto) VALUES ('ann@example.com', "
		"'ann@example.com')",
		"UPDATE alias SET active = 0",
		"UPDATE domain SET domain = domain",
		"UPDATE alias_domain SET target_domain = 'example.com'",
	};
	struct shell *shell = *state;

	populate(shell);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run(shell, rows[i]);
	expect_row(shell, "PRAGMA integrity_check", "ok");
}

static void upsert_updates_and_keeps_the_maildrop(void **state)
{
	struct shell *shell = *state;
	char *key;

	populate(shell);
	key = value(shell, "SELECT id || shard || store_key FROM mailbox");
	run(shell, "INSERT INTO mailbox(address, name) VALUES ('ann@example.org', 'Ann') "
		   "ON CONFLICT(address) DO UPDATE SET name = excluded.name");
	run(shell, "INSERT OR IGNORE INTO mailbox(address, name) VALUES ('ann@example.org', "
		   "'Eve')");
	expect_row(shell, "SELECT id || shard || store_key FROM mailbox", key);
	expect_row(shell, "SELECT name FROM mailbox", "Ann");
	free(key);
}

static void upsert_in_a_full_domain_updates(void **state)
{
	struct shell *shell = *state;

	populate(shell);
	run(shell, "UPDATE domain SET max_mailboxes = 1 WHERE domain = 'example.org'");
	run(shell, "INSERT INTO mailbox(address, name) VALUES ('ann@example.org', 'Ann') "
		   "ON CONFLICT(address) DO UPDATE SET name = excluded.name");
}

static void update_or_replace_keeps_the_other_mailbox(void **state)
{
	struct shell *shell = *state;

	populate(shell);
	run(shell, "INSERT INTO mailbox(address) VALUES ('bob@example.org')");
	refuse(shell,
	       "UPDATE OR REPLACE mailbox SET address = 'bob@example.org' WHERE address = "
	       "'ann@example.org'",
	       "UPDATE OR REPLACE would delete the mailbox that has this address: use UPDATE");
	expect_row(shell, "SELECT count(*) FROM mailbox", "2");
}

static void max_mailboxes_counts(void **state)
{
	struct shell *shell = *state;

	populate(shell);
	run(shell, "UPDATE domain SET max_mailboxes = 2 WHERE domain = 'example.org'");
	run(shell, "INSERT INTO mailbox(address) VALUES ('b@example.org'), ('c@example.com')");
	refuse(shell, "INSERT INTO mailbox(address) VALUES ('d@example.org')",
	       "the domain has as many mailboxes as domain.max_mailboxes allows");
	refuse(shell, "UPDATE mailbox SET address = 'c@example.org' WHERE address LIKE 'c@%'",
	       "the domain has as many mailboxes as domain.max_mailboxes allows");
	run(shell, "UPDATE mailbox SET address = 'e@example.org' WHERE address LIKE 'b@%'");
	run(shell, "DELETE FROM mailbox WHERE address = 'e@example.org'");
	run(shell, "INSERT INTO mailbox(address) VALUES ('d@example.org')");
	/* A limit set below what is there takes nothing away. */
	run(shell, "UPDATE domain SET max_mailboxes = 1 WHERE domain = 'example.org'");
	expect_row(shell, "SELECT count(*) FROM mailbox WHERE domain = 'example.org'", "2");
}

static void ids_and_keys_never_used_again(void **state)
{
	struct shell *shell = *state;

	run(shell, "INSERT INTO domain(domain) VALUES ('example.edu')");
	refuse(shell, "INSERT INTO mailbox(id, address) VALUES (-5, 'ann@example.edu')",
	       "mailbox.id is given by restante and never given twice");
	populate(shell);
	run(shell, "DELETE FROM mailbox");
	expect_row(shell, "SELECT removed IS NOT NULL FROM maildrop", "1");
	refuse(shell, "INSERT INTO mailbox(id, address) VALUES (1, 'ann@example.org')",
	       "mailbox.id is given by restante and never given twice");
	run(shell, "INSERT INTO mailbox(address) VALUES ('ann@example.org')");
	expect_row(shell, "SELECT id FROM mailbox", "2");
	expect_row(shell, "SELECT count(DISTINCT store_key) FROM maildrop", "2");
	expect_row(shell, "SELECT count(*) FROM maildrop WHERE removed IS NULL", "1");
}

/* As the comment on mailbox.store_key says it. */
static void deleted_mailbox_comes_back_under_its_key(void **state)
{
	static const char back[] =
		"INSERT INTO mailbox(address, password, store_key) SELECT address, NULL, "
		"store_key"
		" FROM maildrop WHERE address = 'ann@example.org' AND removed IS NOT NULL"
		" ORDER BY removed DESC LIMIT 1";
	struct shell *shell = *state;
	char *key;

	populate(shell);
	key = value(shell, "SELECT shard || store_key FROM mailbox");
	refuse(shell,
	       "INSERT INTO mailbox(address, store_key) VALUES ('x@example.org', 'made up')",
	       "of a deleted mailbox");
	refuse(shell,
	       "INSERT INTO mailbox(address, store_key) SELECT 'x@example.org', store_key"
	       " FROM maildrop",
	       "UNIQUE");
	run(shell, "DELETE FROM mailbox");
	/* Between the two somebody else got the next id, and with it another shard. */
	run(shell, "INSERT INTO mailbox(address) VALUES ('bob@example.org')");
	run(shell, back);
	expect_row(shell, "SELECT shard || store_key FROM mailbox WHERE address LIKE 'ann@%'",
		   key);
	expect_row(
		shell,
		"SELECT count(*) FROM maildrop JOIN mailbox USING (store_key, shard, address)"
		" WHERE maildrop.mailbox = mailbox.id AND removed IS NULL",
		"2");
	expect_row(shell, "SELECT count(*) FROM maildrop", "2");
	refuse(shell, "UPDATE mailbox SET shard = shard + 1", "they cannot be changed");
	refuse(shell, "INSERT INTO mailbox(address, id) VALUES ('eve@example.org', 1)",
	       "mailbox.id is given by restante");
	run(shell, "DELETE FROM mailbox WHERE address LIKE 'ann@%'");
	refuse(shell,
	       "INSERT INTO mailbox(address, shard, store_key) SELECT address, shard, store_key"
	       " FROM maildrop WHERE removed IS NOT NULL",
	       "mailbox.shard and mailbox.store_key");
	run(shell, back);
	free(key);
}

static void renamed_mailbox_keeps_its_maildrop(void **state)
{
	struct shell *shell = *state;
	char *key;

	populate(shell);
	key = value(shell, "SELECT id || shard || store_key FROM mailbox");
	run(shell, "UPDATE mailbox SET address = 'anne@example.com'");
	expect_row(shell, "SELECT id || shard || store_key FROM mailbox", key);
	expect_row(shell, "SELECT address FROM maildrop", "anne@example.com");
	expect_row(shell, "SELECT domain FROM mailbox", "example.com");
	run(shell, "INSERT INTO mailbox(address) VALUES ('ann@example.org')");
	free(key);
}

static void domain_goes_only_when_nothing_names_it(void **state)
{
	static const struct refusal steps[] = {
		{ "DELETE FROM mailbox", "the domain still has mailboxes" },
		{ "UPDATE alias SET address = 'info@example.com'",
		  "the domain still has aliases: delete them first" },
		{ "DELETE FROM alias",
		  "aliases of other domains still go to this domain: delete them first" },
		{ "DELETE FROM alias_domain",
		  "the domain is still the target of an alias domain" },
	};
	struct shell *shell = *state;

	populate(shell);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		refuse(shell, "DELETE FROM domain WHERE domain = 'example.org'",
		       steps[i].sentence);
		run(shell, steps[i].sql);
	}
	run(shell, "DELETE FROM domain WHERE domain = 'example.org'");
	expect_row(shell, "SELECT group_concat(domain) FROM domain", "example.com");
}

static void alias_domain_goes_only_when_no_alias_goes_to_it(void **state)
{
	struct shell *shell = *state;

	populate(shell);
	run(shell, "UPDATE alias SET goto = 'ann@example.net'");
	refuse(shell, "DELETE FROM alias_domain",
	       "aliases still go to this alias domain: delete them first");
	run(shell, "DELETE FROM alias");
	run(shell, "DELETE FROM alias_domain");
}

static void modified_is_kept(void **state)
{
	static const char *const tables[] = { "domain", "mailbox", "alias", "alias_domain" };
	struct shell *shell = *state;
	char sql[128];

	populate(shell);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		(void)snprintf(sql, sizeof sql, "UPDATE %s SET modified = 'long ago'",
			       tables[i]);
		run(shell, sql);
		(void)snprintf(sql, sizeof sql, "UPDATE %s SET active = 1", tables[i]);
		run(shell, sql);
		(void)snprintf(sql, sizeof sql,
			       "SELECT count(*) FROM %s WHERE modified = 'long ago'",
			       tables[i]);
		expect_row(shell, sql, "0");
	}
}

/* Recursive triggers are off by default; with them on nothing may go round for ever. */
static void works_with_recursive_triggers(void **state)
{
	struct shell *shell = *state;

	run(shell, "PRAGMA recursive_triggers = ON");
	populate(shell);
	run(shell, "UPDATE mailbox SET name = 'Ann'");
	refuse(shell, "INSERT OR REPLACE INTO mailbox(id, address) VALUES (1, 'x@example.org')",
	       "mailbox.id is given by restante");
	run(shell, "UPDATE domain SET active = 0");
}

static void several_rows_at_once(void **state)
{
	struct shell *shell = *state;

	run(shell, "INSERT INTO domain(domain) VALUES ('example.org')");
	run(shell,
	    "INSERT INTO mailbox(address) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
	    "SELECT i + 1 FROM n WHERE i < 500) SELECT 'u' || i || '@example.org' FROM n");
	expect_row(shell, "SELECT count(DISTINCT store_key) FROM mailbox", "500");
	expect_row(shell,
		   "SELECT max(n) - min(n) <= 1 FROM (SELECT count(*) n FROM mailbox "
		   "GROUP BY shard)",
		   "1");
	/* All or none. */
	refuse(shell,
	       "INSERT INTO mailbox(address) VALUES ('good@example.org'), ('bad@example.edu')",
	       "its domain is not served here");
	expect_row(shell, "SELECT count(*) FROM mailbox", "500");
}

#define SHELL_TEST(function) cmocka_unit_test_setup_teardown(function, shell_open, shell_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHELL_TEST(the_shortest_forms_work),
		SHELL_TEST(domain_nonsense_refused_in_words),
		SHELL_TEST(mailbox_nonsense_refused_in_words),
		SHELL_TEST(alias_nonsense_refused_in_words),
		SHELL_TEST(alias_domain_nonsense_refused_in_words),
		SHELL_TEST(meta_is_fixed),
		SHELL_TEST(good_values_taken),
		SHELL_TEST(upsert_updates_and_keeps_the_maildrop),
		SHELL_TEST(upsert_in_a_full_domain_updates),
		SHELL_TEST(update_or_replace_keeps_the_other_mailbox),
		SHELL_TEST(max_mailboxes_counts),
		SHELL_TEST(ids_and_keys_never_used_again),
		SHELL_TEST(deleted_mailbox_comes_back_under_its_key),
		SHELL_TEST(renamed_mailbox_keeps_its_maildrop),
		SHELL_TEST(domain_goes_only_when_nothing_names_it),
		SHELL_TEST(alias_domain_goes_only_when_no_alias_goes_to_it),
		SHELL_TEST(modified_is_kept),
		SHELL_TEST(password_alone_clears_the_keys_of_the_old_one),
		SHELL_TEST(app_passwords_go_with_their_mailbox),
		SHELL_TEST(networks_and_keys_have_their_form),
		SHELL_TEST(works_with_recursive_triggers),
		SHELL_TEST(several_rows_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
