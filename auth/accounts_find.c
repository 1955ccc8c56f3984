/*
 * Finding one account by its address or its maildrop's key.
 */
#include "accounts_private.h"

#include "base/log.h"

/* The columns of SELECT_ACCOUNT in accounts.c. */
enum account_column {
	COLUMN_ID,
	COLUMN_ADDRESS,
	COLUMN_DOMAIN,
	COLUMN_SHARD,
	COLUMN_STORE_KEY,
	COLUMN_POP3,
	COLUMN_LMTP,
	COLUMN_PASS,
	COLUMN_APOP,
	COLUMN_ACTIVE,
	COLUMN_EXPIRES_AT,
	COLUMN_QUOTA_OCTETS,
	COLUMN_QUOTA_MESSAGES,
	COLUMN_UNDELETE_SECONDS,
	COLUMN_PLAIN,
	COLUMN_LOGIN,
	COLUMN_CRAM_MD5,
	COLUMN_SCRAM_SHA1_ENABLED,
	COLUMN_SCRAM_SHA256_ENABLED,
	COLUMN_PASSWORD,
	COLUMN_APOP_SECRET,
	COLUMN_SCRAM_SHA1,
	COLUMN_SCRAM_SHA256,
	COLUMN_ALLOW_NETS
};

void account_secrets_wipe(struct account_secrets *secrets)
{
	explicit_bzero(secrets, sizeof *secrets);
}

bool address_plausible(struct str address)
{
	if (address.n == 0 || address.n > ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < address.n; i++)
		if ((unsigned char)address.p[i] < 0x20 || address.p[i] == 0x7f)
			return false;
	return true;
}

bool address_split(struct str address, struct str *local, struct str *domain)
{
	const char *at = memrchr(address.p, '@', address.n);

	if (at == NULL)
		return false;
	*local = (struct str){ address.p, (size_t)(at - address.p) };
	*domain = str_from(address, local->n + 1);
	return true;
}

static unsigned read_switches(sqlite3_stmt *stmt)
{
	static const struct {
		enum account_column column;
		enum account_switch bit;
	} switches[] = {
		{ COLUMN_POP3, ACCOUNT_POP3 },
		{ COLUMN_LMTP, ACCOUNT_LMTP },
		{ COLUMN_PASS, ACCOUNT_PASS },
		{ COLUMN_APOP, ACCOUNT_APOP },
		{ COLUMN_PLAIN, ACCOUNT_PLAIN },
		{ COLUMN_LOGIN, ACCOUNT_LOGIN },
		{ COLUMN_CRAM_MD5, ACCOUNT_CRAM_MD5 },
		{ COLUMN_SCRAM_SHA1_ENABLED, ACCOUNT_SCRAM_SHA_1 },
		{ COLUMN_SCRAM_SHA256_ENABLED, ACCOUNT_SCRAM_SHA_256 },
	};
	unsigned set = 0;

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (sqlite3_column_int(stmt, (int)switches[i].column) == 1)
			set |= (unsigned)switches[i].bit;
	return set;
}

/* From a column with the shard and the next one with the key. */
static bool key_read(const struct accounts *accounts, sqlite3_stmt *stmt, int column,
		     struct maildrop_key *key)
{
	int64_t shard = sqlite3_column_int64(stmt, column);

	if (shard < 0 || shard >= (int64_t)accounts->store.shards)
		return false;
	key->shard = (unsigned)shard;
	return column_copy(stmt, column + 1, key->id, sizeof key->id) &&
	       strlen(key->id) == sizeof key->id - 1 &&
	       strspn(key->id, "0123456789abcdef") == sizeof key->id - 1;
}

static bool secrets_read(sqlite3_stmt *stmt, struct account_secrets *secrets)
{
	return column_copy(stmt, COLUMN_PASSWORD, secrets->password,
			   sizeof secrets->password) &&
	       column_copy(stmt, COLUMN_APOP_SECRET, secrets->apop_secret,
			   sizeof secrets->apop_secret) &&
	       column_copy(stmt, COLUMN_SCRAM_SHA1, secrets->scram_sha1,
			   sizeof secrets->scram_sha1) &&
	       column_copy(stmt, COLUMN_SCRAM_SHA256, secrets->scram_sha256,
			   sizeof secrets->scram_sha256) &&
	       column_copy(stmt, COLUMN_ALLOW_NETS, secrets->allow_nets,
			   sizeof secrets->allow_nets);
}

/*
 * The schema keeps every value within these bounds; they are checked again, because a file may be
 * damaged or its rules may have been dropped by hand.
 */
static bool account_row(const struct accounts *accounts, sqlite3_stmt *stmt,
			struct account *account, struct account_secrets *secrets)
{
	int64_t undelete = sqlite3_column_int64(stmt, COLUMN_UNDELETE_SECONDS);
	int64_t octets = sqlite3_column_int64(stmt, COLUMN_QUOTA_OCTETS);
	int64_t messages = sqlite3_column_int64(stmt, COLUMN_QUOTA_MESSAGES);

	memset(account, 0, sizeof *account);
	account->id = sqlite3_column_int64(stmt, COLUMN_ID);
	account->switches = read_switches(stmt);
	account->active = sqlite3_column_int(stmt, COLUMN_ACTIVE) == 1;
	account->expires_at = sqlite3_column_int64(stmt, COLUMN_EXPIRES_AT);
	account->quota_octets = octets > 0 ? (uint64_t)octets : 0;
	account->quota_messages = messages > 0 ? (uint64_t)messages : 0;
	account->undelete_seconds = undelete >= 0 ? undelete : UNDELETE_SECONDS_DEFAULT;
	return column_copy(stmt, COLUMN_ADDRESS, account->address, sizeof account->address) &&
	       column_copy(stmt, COLUMN_DOMAIN, account->domain, sizeof account->domain) &&
	       key_read(accounts, stmt, COLUMN_SHARD, &account->key) &&
	       (secrets == NULL || secrets_read(stmt, secrets));
}

static bool row_is_of(sqlite3_stmt *stmt, struct str address)
{
	const char *text = (const char *)sqlite3_column_text(stmt, COLUMN_ADDRESS);
	int n = sqlite3_column_bytes(stmt, COLUMN_ADDRESS);

	return text != NULL && str_equal_nocase((struct str){ text, (size_t)n }, address);
}

static enum accounts_status find(struct accounts *accounts, enum accounts_statement which,
				 struct str what, struct account *account,
				 struct account_secrets *secrets, struct fault *fault)
{
	sqlite3_stmt *stmt;
	enum accounts_status status = statement_get(accounts, which, &stmt, fault);
	int code;

	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_text(stmt, 1, what.p, (int)what.n, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW && !account_row(accounts, stmt, account, secrets)) {
		fault_set(fault, "the row of mailbox %lld is damaged: run restante check",
			  (long long)sqlite3_column_int64(stmt, COLUMN_ID));
		status = ACCOUNTS_FOREIGN;
	} else if (code == SQLITE_DONE) {
		status = ACCOUNTS_NOT_FOUND;
	} else {
		status = accounts_fault(accounts, code, "finding a mailbox", fault);
	}
	/* Nobody's: read for the time it took, and whatever was wrong with it is not ours. */
	if (code == SQLITE_ROW && which == STATEMENT_FIND_LOGIN && !row_is_of(stmt, what)) {
		memset(account, 0, sizeof *account);
		status = ACCOUNTS_NOT_FOUND;
	}
	statement_done(stmt);
	if (status != ACCOUNTS_OK && secrets != NULL)
		account_secrets_wipe(secrets);
	return status;
}

enum accounts_status account_find(struct accounts *accounts, struct str address,
				  struct account *account, struct account_secrets *secrets,
				  struct fault *fault)
{
	if (secrets != NULL)
		account_secrets_wipe(secrets);
	if (!address_plausible(address))
		return ACCOUNTS_NOT_FOUND;
	/* Whoever wants secrets has a login to decide, where reading no row would tell something. */
	return find(accounts, secrets != NULL ? STATEMENT_FIND_LOGIN : STATEMENT_FIND_ADDRESS,
		    address, account, secrets, fault);
}

enum accounts_status account_find_by_key(struct accounts *accounts, const char *key_id,
					 struct account *account, struct fault *fault)
{
	return find(accounts, STATEMENT_FIND_KEY, str_of(key_id), account, NULL, fault);
}

enum accounts_status account_key_recorded(struct accounts *accounts, const char *key_id,
					  struct fault *fault)
{
	sqlite3_stmt *stmt;
	enum accounts_status status =
		statement_get(accounts, STATEMENT_KEY_RECORDED, &stmt, fault);
	int code;

	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_text(stmt, 1, key_id, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	status = code == SQLITE_DONE
			 ? ACCOUNTS_NOT_FOUND
			 : accounts_fault(accounts, code, "finding a maildrop", fault);
	statement_done(stmt);
	return status;
}

enum accounts_status accounts_visit_removed(struct accounts *accounts, const char *address,
					    account_removed_visit *visit, void *context,
					    struct fault *fault)
{
	struct maildrop_key key;
	sqlite3_stmt *stmt;
	enum accounts_status status = statement_get(accounts, STATEMENT_REMOVED, &stmt, fault);
	int code;

	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_text(stmt, 1, address, -1, SQLITE_STATIC);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(stmt);
		if (code == SQLITE_ROW && key_read(accounts, stmt, 0, &key) &&
		    !visit(context, &key, sqlite3_column_int64(stmt, 2)))
			break;
	}
	status = accounts_fault(accounts, code, "finding deleted mailboxes", fault);
	statement_done(stmt);
	return status;
}

enum accounts_status app_passwords_visit(struct accounts *accounts,
					 const struct account *account,
					 app_password_visit *visit, void *context,
					 struct fault *fault)
{
	char label[64], stored[512];
	sqlite3_stmt *stmt;
	enum accounts_status status =
		statement_get(accounts, STATEMENT_APP_PASSWORDS, &stmt, fault);
	int code;

	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_text(stmt, 1, account->address, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	/* One that is damaged lets nobody in, and does not keep the others from it. */
	while (code == SQLITE_ROW) {
		if (column_copy(stmt, 0, label, sizeof label) &&
		    column_copy(stmt, 1, stored, sizeof stored) &&
		    !visit(context, label, stored))
			break;
		code = sqlite3_step(stmt);
	}
	status = accounts_fault(accounts, code, "reading app passwords", fault);
	statement_done(stmt);
	explicit_bzero(stored, sizeof stored);
	return status;
}
