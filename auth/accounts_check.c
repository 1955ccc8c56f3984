/*
 * Is accounts.db sound: what SQLite says of the file and of the rules of each row, and the rules
 * about several rows, which somebody may have gone around. And copying it beside writers.
 */
#include "accounts_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "restante/network.h"
#include "restante/passwords.h"

struct check {
	struct accounts *accounts;
	const struct accounts_checking *how;
	uint64_t findings;
};

static void finding(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);

static void finding(struct check *check, const char *format, ...)
{
	char sentence[1024];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(sentence, sizeof sentence, format, arguments) < 0)
		sentence[0] = '\0';
	va_end(arguments);
	check->findings++;
	if (check->how->report != NULL)
		check->how->report(check->how->context, sentence);
}

/* The first column of a row as text, "" when it is none. */
static const char *row_text(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	return text == NULL ? "" : (const char *)text;
}

typedef void row_check(struct check *check, sqlite3_stmt *stmt);

/* Calls `each` for every row of a query without values. */
static enum accounts_status for_rows(struct check *check, const char *sql, row_check *each,
				     struct fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(check->accounts->db, sql, -1, &stmt, NULL);
	enum accounts_status status;

	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(stmt);
		if (code != SQLITE_ROW)
			break;
		each(check, stmt);
	}
	status = accounts_fault(check->accounts, code, "checking", fault);
	(void)sqlite3_finalize(stmt);
	return status;
}

static void integrity_row(struct check *check, sqlite3_stmt *stmt)
{
	const char *text = row_text(stmt, 0);

	if (strcmp(text, "ok") != 0)
		finding(check, "accounts.db: %s", text);
}

/* Columns: what is wrong, and with which name. */
static void rule_row(struct check *check, sqlite3_stmt *stmt)
{
	finding(check, "%s %s", row_text(stmt, 0), row_text(stmt, 1));
}

static const char rules[] =
	"SELECT 'no row in domain for mailbox', address FROM mailbox m"
	" WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.domain = m.domain) "
	"UNION ALL SELECT 'no row in domain for alias', address FROM alias a"
	" WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.domain = a.domain) "
	"UNION ALL SELECT 'no row in domain for the target of alias domain', alias_domain"
	" FROM alias_domain a"
	" WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.domain = a.target_domain) "
	"UNION ALL SELECT 'both in domain and in alias_domain:', domain FROM domain d"
	" WHERE EXISTS (SELECT 1 FROM alias_domain a WHERE a.alias_domain = d.domain) "
	"UNION ALL SELECT 'no record in maildrop for mailbox', address FROM mailbox m"
	" WHERE NOT EXISTS (SELECT 1 FROM maildrop r WHERE r.store_key = m.store_key"
	"  AND r.shard = m.shard AND r.mailbox = m.id AND r.removed IS NULL) "
	"UNION ALL SELECT 'no mailbox for the record in maildrop of', address FROM maildrop r"
	" WHERE removed IS NULL"
	"  AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.id = r.mailbox) "
	"UNION ALL SELECT 'no mailbox for the app password of', address FROM app_password a"
	" WHERE NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.address = a.address) "
	"UNION ALL SELECT 'no such shard in this store: mailbox', address FROM mailbox"
	" WHERE shard NOT BETWEEN 0 AND (SELECT value - 1 FROM meta WHERE name = 'shards')";

/* An alias that ends nowhere, or runs in a circle. */
static void alias_row(struct check *check, sqlite3_stmt *stmt)
{
	struct recipient_targets *targets = malloc(sizeof *targets);
	struct fault why = { "out of memory" };
	enum accounts_status status = ACCOUNTS_UNAVAILABLE;

	if (targets != NULL)
		status = recipient_resolve(check->accounts, str_of(row_text(stmt, 0)),
					   check->how->detail_separator, targets, &why);
	free(targets);
	if (status != ACCOUNTS_OK || why.text[0] != '\0')
		finding(check, "alias %s: %s", row_text(stmt, 0),
			why.text[0] == '\0' ? "goes nowhere" : why.text);
}

/* Columns: which row, its password. */
static void password_row(struct check *check, sqlite3_stmt *stmt)
{
	struct fault why = { "" };

	if (!password_sound(row_text(stmt, 1), &why))
		finding(check, "%s: %s", row_text(stmt, 0), why.text);
}

static void scram_row(struct check *check, sqlite3_stmt *stmt)
{
	static const struct {
		const char *column;
		enum scram_hash hash;
	} columns[] = { { "scram_sha1", SCRAM_SHA_1 }, { "scram_sha256", SCRAM_SHA_256 } };
	struct scram_keys keys;

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		const char *text = row_text(stmt, (int)i + 1);

		if (text[0] != '\0' && !scram_keys_parse(str_of(text), columns[i].hash, &keys))
			finding(check, "mailbox %s: %s is not rounds,salt,StoredKey,ServerKey",
				row_text(stmt, 0), columns[i].column);
	}
	explicit_bzero(&keys, sizeof keys);
}

static void networks_row(struct check *check, sqlite3_stmt *stmt)
{
	struct str bad;

	if (!networks_parse(str_of(row_text(stmt, 1)), &bad))
		finding(check, "mailbox %s: allow_nets: %.*s is no network, nobody can log in",
			row_text(stmt, 0), STR_ARG(bad));
}

/* Sealed for another mailbox, with another key, or damaged: whoever has it cannot use APOP. */
static void secret_row(struct check *check, sqlite3_stmt *stmt)
{
	struct fault why = { "" };
	char clear[PASSWORD_HASH_MAX];
	char prepared[PASSWORD_HASH_MAX];
	size_t n;

	if (check->how->key == NULL)
		return;
	if (secret_open(check->how->key, sqlite3_column_int64(stmt, 1), row_text(stmt, 2),
			clear, sizeof clear, &n, &why)) {
		if (!saslprep((struct str){ clear, n }, true, prepared, sizeof prepared))
			finding(check,
				"mailbox %s: its APOP secret holds what RFC 4013 prohibits; "
				"set "
				"another one",
				row_text(stmt, 0));
	} else {
		finding(check,
			"mailbox %s: its APOP secret does not open with the key file; bring "
			"the right one back from a backup, or set the secret again",
			row_text(stmt, 0));
	}
	explicit_bzero(clear, sizeof clear);
	explicit_bzero(prepared, sizeof prepared);
}

/* A login's name is prepared before it is looked for. */
static void name_row(struct check *check, sqlite3_stmt *stmt)
{
	struct str address = str_of(row_text(stmt, 0));
	char prepared[ADDRESS_MAX + 1];

	if (!saslprep_user(address, prepared, sizeof prepared))
		finding(check, "mailbox %s: RFC 4013 prohibits the name, nobody can log in",
			address.p);
	else if (!str_equal(str_of(prepared), address))
		finding(check,
			"mailbox %s: nobody can log in, since RFC 4013 makes another name of "
			"it: "
			"%s",
			address.p, prepared);
}

enum accounts_status accounts_check(struct accounts *accounts,
				    const struct accounts_checking *how, uint64_t *findings,
				    struct fault *fault)
{
	static const struct {
		const char *sql;
		row_check *each;
	} checks[] = {
		{ "PRAGMA integrity_check", integrity_row },
		{ rules, rule_row },
		/* For a catch-all an address that nobody has. */
		{ "SELECT DISTINCT CASE WHEN address GLOB '@*' THEN '*' ELSE '' END || address"
		  " FROM alias WHERE active",
		  alias_row },
		{ "SELECT address FROM mailbox", name_row },
		{ "SELECT 'mailbox ' || address, password FROM mailbox"
		  " WHERE password IS NOT NULL UNION ALL SELECT 'app password ' || label ||"
		  " ' of ' || address, password FROM app_password",
		  password_row },
		{ "SELECT address, id, apop_secret FROM mailbox"
		  " WHERE apop_secret GLOB '{SEALED}*'",
		  secret_row },
		{ "SELECT address, scram_sha1, scram_sha256 FROM mailbox"
		  " WHERE scram_forms IS NOT NULL",
		  scram_row },
		{ "SELECT address, allow_nets FROM mailbox WHERE allow_nets IS NOT NULL",
		  networks_row },
	};
	struct check check = { accounts, how, 0 };
	enum accounts_status status = ACCOUNTS_OK;

	for (size_t i = 0; i < ARRAY_SIZE(checks) && status == ACCOUNTS_OK; i++)
		status = for_rows(&check, checks[i].sql, checks[i].each, fault);
	*findings = check.findings;
	return status;
}

enum accounts_status accounts_backup(const char *path, const char *to, struct fault *fault)
{
	return accounts_from_database(database_copy(path, &accounts_kind, to, NULL, fault));
}
