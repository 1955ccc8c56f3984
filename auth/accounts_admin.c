/*
 * Rows of the tables by the names of their columns: what the tool adds, sets, removes and
 * lists. Which names there are is stated here once; SQL is put together from these names only,
 * and every value is bound.
 */
#include "accounts_private.h"

#include <assert.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"

#define FIELDS_MAX 32
#define SQL_MAX 1024

static const char *const domain_columns[] = {
	"domain",        "description",      "active",  "quota_octets", "quota_messages",
	"max_mailboxes", "undelete_seconds", "created", "modified",
};
static const char *const mailbox_columns[] = {
	"address",
	"name",
	"active",
	"quota_octets",
	"quota_messages",
	"undelete_seconds",
	"expires_at",
	"pop3_enabled",
	"lmtp_enabled",
	"pass_enabled",
	"apop_enabled",
	"plain_enabled",
	"login_enabled",
	"cram_md5_enabled",
	"scram_sha1_enabled",
	"scram_sha256_enabled",
	"allow_nets",
	"password_scheme",
	"scram_forms",
	"apop_secret_form",
	"id",
	"shard",
	"store_key",
	"created",
	"modified",
};
static const char *const alias_columns[] = { "address", "goto", "active", "created",
					     "modified" };
static const char *const alias_domain_columns[] = { "alias_domain", "target_domain", "active",
						    "created", "modified" };
static const char *const app_password_columns[] = { "address", "label", "created" };
/* May be set and are never shown. */
static const char *const mailbox_secrets[] = { "password", "apop_secret", "scram_sha1",
					       "scram_sha256" };
static const char *const app_password_secrets[] = { "password" };

static const struct table {
	const char *name;
	const char *const *columns; /* the first is the key */
	size_t count;
	const char *domain; /* what `domain` of accounts_list is compared with */
	const char *order;
	const char
		*other_name; /* what tells rows of one key apart: an address, domain, label */
	const char *const *secrets;
	size_t secret_count;
} tables[] = {
	[TABLE_DOMAIN] = { "domain", domain_columns, ARRAY_SIZE(domain_columns), "domain",
			   "domain", NULL, NULL, 0 },
	[TABLE_MAILBOX] = { "mailbox", mailbox_columns, ARRAY_SIZE(mailbox_columns), "domain",
			    "domain, address", NULL, mailbox_secrets,
			    ARRAY_SIZE(mailbox_secrets) },
	[TABLE_ALIAS] = { "alias", alias_columns, ARRAY_SIZE(alias_columns), "domain",
			  "domain, address, id", "goto", NULL, 0 },
	[TABLE_ALIAS_DOMAIN] = { "alias_domain", alias_domain_columns,
				 ARRAY_SIZE(alias_domain_columns), "target_domain",
				 "alias_domain", "target_domain", NULL, 0 },
	[TABLE_APP_PASSWORD] = { "app_password", app_password_columns,
				 ARRAY_SIZE(app_password_columns), "address", "address, id",
				 "label", app_password_secrets,
				 ARRAY_SIZE(app_password_secrets) },
};

static_assert(ARRAY_SIZE(mailbox_columns) <= FIELDS_MAX, "the largest table must fit");

size_t accounts_columns(enum accounts_table table, const char *const **names)
{
	*names = tables[table].columns;
	return tables[table].count;
}

/* Our own spelling of a column's name; NULL when there is no such column. */
static const char *column_find(const struct table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->columns[i], name) == 0)
			return table->columns[i];
	for (size_t i = 0; i < table->secret_count; i++)
		if (strcmp(table->secrets[i], name) == 0)
			return table->secrets[i];
	return NULL;
}

static enum accounts_status columns_known(const struct table *table, const struct field *fields,
					  size_t n, struct fault *fault)
{
	for (size_t i = 0; i < n; i++)
		if (column_find(table, fields[i].name) == NULL) {
			fault_set(fault, "%s has no column %s", table->name, fields[i].name);
			return ACCOUNTS_REFUSED;
		}
	if (n >= FIELDS_MAX) {
		fault_set(fault, "too many columns at once");
		return ACCOUNTS_REFUSED;
	}
	return ACCOUNTS_OK;
}

/* --- one statement ---------------------------------------------------------------------------- */

struct query {
	struct accounts *accounts;
	char memory[SQL_MAX];
	struct buf sql;
	sqlite3_stmt *stmt;
	int bound;
};

static void query_begin(struct query *query, struct accounts *accounts)
{
	query->accounts = accounts;
	query->sql = buf_over(query->memory, sizeof query->memory);
	query->stmt = NULL;
	query->bound = 0;
}

/* Words of this file. The longest statement has some 600 octets. */
static void query_add(struct query *query, const char *words)
{
	bool fits = buf_add(&query->sql, str_of(words));

	assert(fits);
	(void)fits;
}

static enum accounts_status query_prepare(struct query *query, struct fault *fault)
{
	int code = sqlite3_prepare_v2(query->accounts->db, query->sql.p, (int)query->sql.n,
				      &query->stmt, NULL);

	return accounts_fault(query->accounts, code, "preparing", fault);
}

static enum accounts_status query_bind(struct query *query, const char *value,
				       struct fault *fault)
{
	int index = ++query->bound;
	int code = value == NULL
			   ? sqlite3_bind_null(query->stmt, index)
			   : sqlite3_bind_text(query->stmt, index, value, -1, SQLITE_TRANSIENT);

	return accounts_fault(query->accounts, code, "binding a value", fault);
}

/*
 * A name as it is stored: its domain in lower case. People write it as they like, and the schema
 * insists, so that other programs can join on it.
 */
static enum accounts_status query_bind_name(struct query *query, const char *name,
					    struct fault *fault)
{
	char stored[ADDRESS_MAX + 1];
	const char *at = strrchr(name, '@');
	size_t from = at == NULL ? 0 : (size_t)(at - name);
	size_t n = strlen(name);

	if (n > ADDRESS_MAX) {
		fault_set(fault, "a name has at most %d octets", ADDRESS_MAX);
		return ACCOUNTS_REFUSED;
	}
	memcpy(stored, name, n + 1);
	for (size_t i = from; i < n; i++)
		if (stored[i] >= 'A' && stored[i] <= 'Z')
			stored[i] = (char)(stored[i] - 'A' + 'a');
	return query_bind(query, stored, fault);
}

static enum accounts_status query_bind_fields(struct query *query, const struct table *table,
					      const struct field *fields, size_t n,
					      struct fault *fault)
{
	enum accounts_status status = ACCOUNTS_OK;

	for (size_t i = 0; i < n && status == ACCOUNTS_OK; i++) {
		bool is_name = table->other_name != NULL && fields[i].value != NULL &&
			       strcmp(table->other_name, fields[i].name) == 0;

		status = is_name ? query_bind_name(query, fields[i].value, fault)
				 : query_bind(query, fields[i].value, fault);
	}
	return status;
}

/* Runs to the end; ACCOUNTS_NOT_FOUND when no row was touched. */
static enum accounts_status query_write(struct query *query, struct fault *fault)
{
	enum accounts_status status =
		accounts_fault(query->accounts, sqlite3_step(query->stmt), "writing", fault);

	return status == ACCOUNTS_OK && sqlite3_changes(query->accounts->db) == 0
		       ? ACCOUNTS_NOT_FOUND
		       : status;
}

static void query_end(struct query *query)
{
	/* Values may be secrets: SQLite frees its copies here. */
	(void)sqlite3_finalize(query->stmt);
	query->stmt = NULL;
}

/* --- what the tool calls ---------------------------------------------------------------------- */

static enum accounts_status may_write(struct accounts *accounts, const struct table *table,
				      const struct field *fields, size_t n, struct fault *fault)
{
	enum accounts_status status = accounts_must_write(accounts, fault);

	return status == ACCOUNTS_OK ? columns_known(table, fields, n, fault) : status;
}

enum accounts_status accounts_add(struct accounts *accounts, enum accounts_table which,
				  const char *name, const struct field *fields, size_t n,
				  struct fault *fault)
{
	const struct table *table = &tables[which];
	enum accounts_status status = may_write(accounts, table, fields, n, fault);
	struct query query;

	if (status != ACCOUNTS_OK)
		return status;
	query_begin(&query, accounts);
	query_add(&query, "INSERT INTO ");
	query_add(&query, table->name);
	query_add(&query, "(");
	query_add(&query, table->columns[0]);
	for (size_t i = 0; i < n; i++) {
		query_add(&query, ", ");
		query_add(&query, column_find(table, fields[i].name));
	}
	query_add(&query, ") VALUES (?");
	for (size_t i = 0; i < n; i++)
		query_add(&query, ", ?");
	query_add(&query, ")");
	status = query_prepare(&query, fault);
	if (status == ACCOUNTS_OK)
		status = query_bind_name(&query, name, fault);
	if (status == ACCOUNTS_OK)
		status = query_bind_fields(&query, table, fields, n, fault);
	if (status == ACCOUNTS_OK)
		status = query_write(&query, fault);
	query_end(&query);
	return status;
}

enum accounts_status accounts_set(struct accounts *accounts, enum accounts_table which,
				  const char *name, const struct field *fields, size_t n,
				  struct fault *fault)
{
	const struct table *table = &tables[which];
	enum accounts_status status = may_write(accounts, table, fields, n, fault);
	struct query query;

	if (status != ACCOUNTS_OK)
		return status;
	if (n == 0) {
		fault_set(fault, "nothing to set");
		return ACCOUNTS_REFUSED;
	}
	query_begin(&query, accounts);
	query_add(&query, "UPDATE ");
	query_add(&query, table->name);
	for (size_t i = 0; i < n; i++) {
		query_add(&query, i == 0 ? " SET " : ", ");
		query_add(&query, column_find(table, fields[i].name));
		query_add(&query, " = ?");
	}
	query_add(&query, " WHERE ");
	query_add(&query, table->columns[0]);
	query_add(&query, " = ?");
	status = query_prepare(&query, fault);
	if (status == ACCOUNTS_OK)
		status = query_bind_fields(&query, table, fields, n, fault);
	if (status == ACCOUNTS_OK)
		status = query_bind_name(&query, name, fault);
	if (status == ACCOUNTS_OK)
		status = query_write(&query, fault);
	query_end(&query);
	return status;
}

enum accounts_status accounts_remove(struct accounts *accounts, enum accounts_table which,
				     const char *name, const char *target, struct fault *fault)
{
	const struct table *table = &tables[which];
	enum accounts_status status = accounts_must_write(accounts, fault);
	struct query query;

	if (status != ACCOUNTS_OK)
		return status;
	if (target != NULL && table->other_name == NULL) {
		fault_set(fault, "%s has no targets", table->name);
		return ACCOUNTS_REFUSED;
	}
	query_begin(&query, accounts);
	query_add(&query, "DELETE FROM ");
	query_add(&query, table->name);
	query_add(&query, " WHERE ");
	query_add(&query, table->columns[0]);
	query_add(&query, " = ?");
	if (target != NULL) {
		query_add(&query, " AND ");
		query_add(&query, table->other_name);
		query_add(&query, " = ?");
	}
	status = query_prepare(&query, fault);
	if (status == ACCOUNTS_OK)
		status = query_bind_name(&query, name, fault);
	if (status == ACCOUNTS_OK && target != NULL)
		status = query_bind_name(&query, target, fault);
	if (status == ACCOUNTS_OK)
		status = query_write(&query, fault);
	query_end(&query);
	return status;
}

static void query_add_select(struct query *query, const struct table *table, const char *name,
			     const char *domain)
{
	for (size_t i = 0; i < table->count; i++) {
		query_add(query, i == 0 ? "SELECT " : ", ");
		query_add(query, table->columns[i]);
	}
	query_add(query, " FROM ");
	query_add(query, table->name);
	if (name != NULL) {
		query_add(query, " WHERE ");
		query_add(query, table->columns[0]);
		query_add(query, " = ?");
	}
	if (domain != NULL) {
		query_add(query, name == NULL ? " WHERE " : " AND ");
		query_add(query, table->domain);
		query_add(query, " = ?");
	}
	query_add(query, " ORDER BY ");
	query_add(query, table->order);
}

static enum accounts_status visit_rows(struct query *query, const struct table *table,
				       accounts_visit *visit, void *context,
				       struct fault *fault)
{
	struct field fields[FIELDS_MAX];
	int code;

	while ((code = sqlite3_step(query->stmt)) == SQLITE_ROW) {
		for (size_t i = 0; i < table->count; i++) {
			fields[i].name = table->columns[i];
			fields[i].value =
				(const char *)sqlite3_column_text(query->stmt, (int)i);
		}
		if (!visit(context, fields, table->count))
			return ACCOUNTS_OK;
	}
	return accounts_fault(query->accounts, code, "listing", fault);
}

enum accounts_status accounts_list(struct accounts *accounts, enum accounts_table which,
				   const char *name, const char *domain, accounts_visit *visit,
				   void *context, struct fault *fault)
{
	const struct table *table = &tables[which];
	enum accounts_status status;
	struct query query;

	query_begin(&query, accounts);
	query_add_select(&query, table, name, domain);
	status = query_prepare(&query, fault);
	if (status == ACCOUNTS_OK && name != NULL)
		status = query_bind_name(&query, name, fault);
	if (status == ACCOUNTS_OK && domain != NULL)
		status = query_bind_name(&query, domain, fault);
	if (status == ACCOUNTS_OK)
		status = visit_rows(&query, table, visit, context, fault);
	query_end(&query);
	return status;
}
