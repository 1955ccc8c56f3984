/*
 * accounts.db: making, opening and closing it, its kept statements, and the one translation of
 * SQLite's results into accounts_status. The only place that says which file it is.
 */
#include "accounts_private.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

/* "rsta": what file(1) and a foreign program see. */
#define ACCOUNTS_APPLICATION_ID 0x72737461
#define ACCOUNTS_PAGE_OCTETS 4096
#define ACCOUNTS_CACHE_KIB 2048
/* Only writers checkpoint; SQLite's own default, as the file is small. */
#define ACCOUNTS_CHECKPOINT_PAGES 1000

static const char *const migrations[] = { sql_accounts_001_accounts_sql };

const struct database_kind accounts_kind = {
	.name = "database of accounts",
	.application_id = ACCOUNTS_APPLICATION_ID,
	.page_size = ACCOUNTS_PAGE_OCTETS,
	.migrations = migrations,
	.version = ARRAY_SIZE(migrations),
};

/* Column order: see account_row in accounts_find.c. */
#define SELECT_ACCOUNT                                                                         \
	"SELECT m.id, m.address, m.domain, m.shard, m.store_key, m.pop3_enabled,"              \
	" m.lmtp_enabled, m.pass_enabled, m.apop_enabled, m.active AND coalesce(d.active, 0)," \
	" coalesce(max(1, CAST(strftime('%s', m.expires_at) AS INTEGER)), 0),"                 \
	" coalesce(m.quota_octets, d.quota_octets, 0),"                                        \
	" coalesce(m.quota_messages, d.quota_messages, 0),"                                    \
	" coalesce(m.undelete_seconds, d.undelete_seconds, -1), m.plain_enabled,"              \
	" m.login_enabled, m.cram_md5_enabled, m.scram_sha1_enabled, m.scram_sha256_enabled,"  \
	" m.password, m.apop_secret, m.scram_sha1, m.scram_sha256, m.allow_nets"               \
	" FROM mailbox m LEFT JOIN domain d ON d.domain = m.domain "

static const char *const statement_sql[] = {
	[STATEMENT_BEGIN] = "BEGIN",
	[STATEMENT_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_FIND_ADDRESS] = SELECT_ACCOUNT "WHERE m.address = ?1",
	/*
	 * Somebody else's row, the first, where there is no such mailbox: who looks must look at the
	 * address. Both are looked for in any case.
	 */
	[STATEMENT_FIND_LOGIN] = SELECT_ACCOUNT
	"WHERE m.id = max(coalesce((SELECT id FROM mailbox WHERE address = ?1), 0),"
	" (SELECT min(id) FROM mailbox))",
	[STATEMENT_FIND_KEY] = SELECT_ACCOUNT "WHERE m.store_key = ?1",
	[STATEMENT_KEY_RECORDED] = "SELECT 1 FROM maildrop WHERE store_key = ?1",
	[STATEMENT_REMOVED] =
		"SELECT shard, store_key, CAST(strftime('%s', removed) AS INTEGER)"
		" FROM maildrop WHERE address = ?1 AND removed IS NOT NULL"
		" ORDER BY removed DESC",
	/* A name stands in one of the two tables only. */
	[STATEMENT_DOMAIN] =
		"SELECT domain, active FROM domain WHERE domain = ?1 UNION ALL "
		"SELECT a.target_domain, a.active AND d.active FROM alias_domain a "
		"JOIN domain d ON d.domain = a.target_domain "
		"WHERE a.alias_domain = ?1",
	[STATEMENT_ALIAS] = "SELECT goto FROM alias WHERE address = ?1 AND active ORDER BY id",
	[STATEMENT_APP_PASSWORDS] =
		"SELECT label, password FROM app_password WHERE address = ?1 ORDER BY id",
	[STATEMENT_SET_PASSWORD] = "UPDATE mailbox SET password = ?2, scram_sha1 = ?3, "
				   "scram_sha256 = ?4 WHERE address = ?1",
	[STATEMENT_SET_APOP_SECRET] = "UPDATE mailbox SET apop_secret = ?2 WHERE id = ?1",
	[STATEMENT_CLEAR_SECRETS] = "SELECT id, substr(apop_secret, 8) FROM mailbox "
				    "WHERE id > ?1 AND apop_secret GLOB '{CLEAR}*' "
				    "ORDER BY id LIMIT 1",
};
static_assert(ARRAY_SIZE(statement_sql) == STATEMENT_COUNT, "SQL missing");

enum accounts_status accounts_from_database(enum database_status status)
{
	switch (status) {
	case DATABASE_OK:
		return ACCOUNTS_OK;
	case DATABASE_EXISTS:
		return ACCOUNTS_EXISTS;
	case DATABASE_MISSING:
	case DATABASE_FOREIGN:
		return ACCOUNTS_FOREIGN;
	case DATABASE_FULL:
	case DATABASE_UNAVAILABLE:
		break;
	}
	return ACCOUNTS_UNAVAILABLE;
}

/*
 * SQLite writes "CHECK constraint failed: <our sentence>", and "NOT NULL constraint failed: " with
 * the column's name.
 */
static void fault_sentence(sqlite3 *db, struct fault *fault)
{
	static const char rule[] = "CHECK constraint failed: ";
	static const char missing[] = "NOT NULL constraint failed: ";
	const char *text = sqlite3_errmsg(db);

	if (strncmp(text, missing, sizeof missing - 1) == 0)
		fault_set(fault, "%s must have a value", text + sizeof missing - 1);
	else
		fault_set(fault, "%s",
			  strncmp(text, rule, sizeof rule - 1) == 0 ? text + sizeof rule - 1
								    : text);
}

enum accounts_status accounts_fault(struct accounts *accounts, int code, const char *doing,
				    struct fault *fault)
{
	int primary = code & 0xff;

	if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY) {
		fault_set(fault, "there is one of that name already");
		return ACCOUNTS_EXISTS;
	}
	if (primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH ||
	    primary == SQLITE_TOOBIG) {
		fault_sentence(accounts->db, fault);
		return ACCOUNTS_REFUSED;
	}
	return accounts_from_database(database_fault(accounts->db, code, doing, fault));
}

enum accounts_status accounts_must_write(struct accounts *accounts, struct fault *fault)
{
	if (accounts->writable)
		return ACCOUNTS_OK;
	fault_set(fault, "the accounts are open for reading only");
	return ACCOUNTS_UNAVAILABLE;
}

enum accounts_status statement_get(struct accounts *accounts, enum accounts_statement which,
				   sqlite3_stmt **stmt, struct fault *fault)
{
	sqlite3_stmt **kept = &accounts->statement[which];
	enum database_status status = DATABASE_OK;

	if (*kept == NULL)
		status = database_prepare(accounts->db, statement_sql[which], kept, fault);
	*stmt = *kept;
	return accounts_from_database(status);
}

void statement_done(sqlite3_stmt *stmt)
{
	/* The result of the last step was looked at already; reset only repeats it. */
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
}

enum accounts_status accounts_run(struct accounts *accounts, enum accounts_statement which,
				  struct fault *fault)
{
	sqlite3_stmt *stmt;
	enum accounts_status status = statement_get(accounts, which, &stmt, fault);

	if (status != ACCOUNTS_OK)
		return status;
	status = accounts_fault(accounts, sqlite3_step(stmt), statement_sql[which], fault);
	statement_done(stmt);
	return status;
}

enum accounts_status accounts_begin(struct accounts *accounts, struct fault *fault)
{
	enum accounts_status status = accounts_must_write(accounts, fault);

	return status == ACCOUNTS_OK ? accounts_run(accounts, STATEMENT_BEGIN_WRITE, fault)
				     : status;
}

enum accounts_status accounts_end(struct accounts *accounts, enum accounts_status status,
				  struct fault *fault)
{
	struct fault undone = { "" };

	if (status == ACCOUNTS_OK)
		status = accounts_run(accounts, STATEMENT_COMMIT, fault);
	/* A failed COMMIT may or may not have ended the transaction. */
	if (!sqlite3_get_autocommit(accounts->db) &&
	    accounts_run(accounts, STATEMENT_ROLLBACK, &undone) != ACCOUNTS_OK) {
		*fault = undone;
		status = ACCOUNTS_UNAVAILABLE;
	}
	return status;
}

bool column_copy(sqlite3_stmt *stmt, int column, char *to, size_t cap)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);
	size_t n = (size_t)sqlite3_column_bytes(stmt, column);

	to[0] = '\0';
	if (text == NULL)
		return sqlite3_column_type(stmt, column) == SQLITE_NULL;
	if (n >= cap || memchr(text, '\0', n) != NULL)
		return false;
	memcpy(to, text, n);
	to[n] = '\0';
	return true;
}

static int fill_meta(sqlite3 *db, void *context)
{
	const struct store_identity *store = context;
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(
		db, "INSERT INTO meta(name, value) VALUES ('store', ?1), ('shards', ?2)", -1,
		&stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(stmt, 1, store->id, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(stmt, 2, store->shards);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

enum accounts_status accounts_create(const char *path, const struct store_identity *store,
				     struct fault *fault)
{
	struct store_identity copy = *store;

	if (store->shards < 1 || store->shards > STORE_SHARDS_MAX) {
		fault_set(fault, "a store has 1 to %d shards, not %u", STORE_SHARDS_MAX,
			  store->shards);
		return ACCOUNTS_REFUSED;
	}
	return accounts_from_database(
		database_create(path, &accounts_kind, fill_meta, &copy, fault));
}

/* The triggers of the schema use the number of shards as well. */
static enum accounts_status read_meta(sqlite3 *db, const char *path,
				      struct store_identity *store, struct fault *fault)
{
	static const char sql[] = "SELECT (SELECT value FROM meta WHERE name = 'store'),"
				  "(SELECT value FROM meta WHERE name = 'shards')";
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	enum accounts_status status;
	int64_t shards = 0;

	store->id[0] = '\0';
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	status = accounts_from_database(database_fault(db, code, "reading meta", fault));
	if (code == SQLITE_ROW) {
		shards = sqlite3_column_int64(stmt, 1);
		if (!column_copy(stmt, 0, store->id, sizeof store->id))
			shards = 0;
	}
	(void)sqlite3_finalize(stmt);
	store->shards = (unsigned)shards;
	if (status != ACCOUNTS_OK ||
	    (store->id[0] != '\0' && shards >= 1 && shards <= STORE_SHARDS_MAX))
		return status;
	fault_set(fault,
		  "%s: its meta table does not name the store that it was made for: "
		  "put it back from a backup",
		  path);
	return ACCOUNTS_FOREIGN;
}

enum accounts_status accounts_identify(const char *path, struct store_identity *store,
				       struct fault *fault)
{
	sqlite3 *db = NULL;
	int64_t version;
	enum accounts_status status = accounts_from_database(
		database_open_known(path, &accounts_kind, &db, &version, fault));

	if (status == ACCOUNTS_OK)
		status = read_meta(db, path, store, fault);
	database_close(&db);
	return status;
}

enum accounts_status accounts_open(const char *path, bool writable, struct accounts **accounts,
				   struct fault *fault)
{
	struct accounts *opened = calloc(1, sizeof *opened);
	enum accounts_status status;

	*accounts = NULL;
	if (opened == NULL) {
		fault_set(fault, "out of memory");
		return ACCOUNTS_UNAVAILABLE;
	}
	opened->writable = writable;
	status = accounts_from_database(
		database_open(path, &accounts_kind, writable ? DATABASE_WRITE : DATABASE_READ,
			      ACCOUNTS_CACHE_KIB, writable ? ACCOUNTS_CHECKPOINT_PAGES : 0,
			      &opened->db, fault));
	/* A secret that was sealed or a password that was changed leaves no copy in free pages. */
	if (status == ACCOUNTS_OK && writable)
		status = accounts_from_database(
			database_run(opened->db, "PRAGMA secure_delete = ON", fault));
	if (status == ACCOUNTS_OK)
		status = read_meta(opened->db, path, &opened->store, fault);
	if (status != ACCOUNTS_OK)
		accounts_close(&opened);
	*accounts = opened;
	return status;
}

void accounts_close(struct accounts **accounts)
{
	if (*accounts == NULL)
		return;
	database_close(&(*accounts)->db); /* finalizes the statements as well */
	free(*accounts);
	*accounts = NULL;
}

const struct store_identity *accounts_store(const struct accounts *accounts)
{
	return &accounts->store;
}
