/*
 * Writing the secrets of an account: its password's hash and its APOP secret.
 */
#include "accounts_private.h"

#include "base/log.h"
#include "restante/passwords.h"

/* "" is none as well: no secret is empty. */
static int bind_text_or_null(sqlite3_stmt *stmt, int index, const char *text)
{
	return text == NULL || text[0] == '\0'
		       ? sqlite3_bind_null(stmt, index)
		       : sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

/* Steps an UPDATE of one row. */
static enum accounts_status update_one(struct accounts *accounts, sqlite3_stmt *stmt, int code,
				       const char *doing, struct fault *fault)
{
	enum accounts_status status;

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	status = accounts_fault(accounts, code, doing, fault);
	statement_done(stmt);
	if (status == ACCOUNTS_OK && sqlite3_changes(accounts->db) == 0)
		return ACCOUNTS_NOT_FOUND;
	return status;
}

enum accounts_status account_set_password(struct accounts *accounts, const char *address,
					  const struct new_password *password,
					  struct fault *fault)
{
	sqlite3_stmt *stmt;
	enum accounts_status status = accounts_must_write(accounts, fault);
	int code;

	if (status == ACCOUNTS_OK)
		status = statement_get(accounts, STATEMENT_SET_PASSWORD, &stmt, fault);
	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_text(stmt, 1, address, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = bind_text_or_null(stmt, 2, password->hash);
	if (code == SQLITE_OK)
		code = bind_text_or_null(stmt, 3, password->scram_sha1);
	if (code == SQLITE_OK)
		code = bind_text_or_null(stmt, 4, password->scram_sha256);
	return update_one(accounts, stmt, code, "setting a password", fault);
}

enum accounts_status account_set_apop_secret(struct accounts *accounts, int64_t id,
					     const char *sealed, struct fault *fault)
{
	sqlite3_stmt *stmt;
	enum accounts_status status = accounts_must_write(accounts, fault);
	int code;

	if (status == ACCOUNTS_OK)
		status = statement_get(accounts, STATEMENT_SET_APOP_SECRET, &stmt, fault);
	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_int64(stmt, 1, id);
	if (code == SQLITE_OK)
		code = bind_text_or_null(stmt, 2, sealed);
	return update_one(accounts, stmt, code, "setting an APOP secret", fault);
}

/* The next row with a secret in clear after *id; `secret` is "" when there is none. */
static enum accounts_status next_clear(struct accounts *accounts, int64_t *id, char *secret,
				       size_t cap, struct fault *fault)
{
	sqlite3_stmt *stmt;
	enum accounts_status status =
		statement_get(accounts, STATEMENT_CLEAR_SECRETS, &stmt, fault);
	int code;

	secret[0] = '\0';
	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_int64(stmt, 1, *id);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	status = accounts_fault(accounts, code, "looking for secrets to seal", fault);
	if (code == SQLITE_ROW) {
		*id = sqlite3_column_int64(stmt, 0);
		if (!column_copy(stmt, 1, secret, cap)) {
			fault_set(fault,
				  "the row of mailbox %lld is damaged: run restante check",
				  (long long)*id);
			status = ACCOUNTS_FOREIGN;
		}
	}
	statement_done(stmt);
	return status;
}

/*
 * The log still has the pages with the secrets in clear: written back and cut off as soon as no
 * reader needs it. If one does, a later checkpoint overwrites it.
 */
static void forget_log(struct accounts *accounts)
{
	(void)sqlite3_wal_checkpoint_v2(accounts->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					NULL);
}

/*
 * All in one write transaction: between reading a secret and storing its sealed form nobody can
 * put another one in its place. The first look is outside of it, as there is rarely anything.
 */
enum accounts_status accounts_visit_clear_secrets(struct accounts *accounts,
						  account_clear_visit *visit, void *context,
						  struct fault *fault)
{
	char secret[512] = "";
	int64_t id = 0;
	enum accounts_status status = accounts_must_write(accounts, fault);

	if (status == ACCOUNTS_OK)
		status = next_clear(accounts, &id, secret, sizeof secret, fault);
	if (status != ACCOUNTS_OK || secret[0] == '\0')
		return status;
	status = accounts_begin(accounts, fault);
	if (status == ACCOUNTS_OK) {
		id = 0;
		do {
			status = next_clear(accounts, &id, secret, sizeof secret, fault);
		} while (status == ACCOUNTS_OK && secret[0] != '\0' &&
			 visit(context, id, secret));
		status = accounts_end(accounts, status, fault);
	}
	if (status == ACCOUNTS_OK)
		forget_log(accounts);
	explicit_bzero(secret, sizeof secret);
	return status;
}
