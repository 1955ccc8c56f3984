/*
 * What the files of accounts_*.c share. Nobody else includes this.
 */
#ifndef RESTANTE_AUTH_ACCOUNTS_PRIVATE_H
#define RESTANTE_AUTH_ACCOUNTS_PRIVATE_H

#include <sqlite3.h>

#include "restante/accounts.h"
#include "sql/database.h"

/* Statements that are kept, prepared at their first use. Their SQL stands in accounts.c. */
enum accounts_statement {
	STATEMENT_BEGIN,
	STATEMENT_BEGIN_WRITE,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_FIND_ADDRESS,
	STATEMENT_FIND_LOGIN,
	STATEMENT_FIND_KEY,
	STATEMENT_KEY_RECORDED,
	STATEMENT_REMOVED,
	STATEMENT_DOMAIN,
	STATEMENT_ALIAS,
	STATEMENT_APP_PASSWORDS,
	STATEMENT_SET_PASSWORD,
	STATEMENT_SET_APOP_SECRET,
	STATEMENT_CLEAR_SECRETS,
	STATEMENT_COUNT
};

struct accounts {
	sqlite3 *db;
	bool writable;
	struct store_identity store;
	char postmaster[ADDRESS_MAX + 1]; /* "" = none */
	sqlite3_stmt *statement[STATEMENT_COUNT];
};

extern const struct database_kind accounts_kind;

/* A kept statement, reset and without values. */
MUST_USE enum accounts_status statement_get(struct accounts *accounts,
					    enum accounts_statement which, sqlite3_stmt **stmt,
					    struct fault *fault);
/* Runs one that returns no rows and takes no values. */
MUST_USE enum accounts_status accounts_run(struct accounts *accounts,
					   enum accounts_statement which, struct fault *fault);
/* Ends the use of a statement: no row, no value and no read transaction stay behind. */
void statement_done(sqlite3_stmt *stmt);

/*
 * The status an SQLite result code stands for. What a rule of the schema said goes to fault
 * without SQLite's words around it.
 */
enum accounts_status accounts_fault(struct accounts *accounts, int code, const char *doing,
				    struct fault *fault);
enum accounts_status accounts_from_database(enum database_status status);
MUST_USE enum accounts_status accounts_must_write(struct accounts *accounts,
						  struct fault *fault);

/* "" and false when the column holds more than fits, or a NUL. NULL is "". */
MUST_USE bool column_copy(sqlite3_stmt *stmt, int column, char *to, size_t cap);

/* Could this be an address at all: length, and no control character. */
bool address_plausible(struct str address);
/* local-part and domain around the last "@"; false when there is none. */
MUST_USE bool address_split(struct str address, struct str *local, struct str *domain);

#endif
