/*
 * accounts.db: what the administrator states (domains, mailboxes, aliases). The only code that
 * opens it. Plain SQL beside it is a supported way in, so every call reads the database as it is
 * now and nothing is cached here.
 *
 * A struct accounts is one connection and belongs to one thread.
 */
#ifndef RESTANTE_ACCOUNTS_H
#define RESTANTE_ACCOUNTS_H

#include <stdint.h>

#include "restante/store.h"

enum accounts_status {
	ACCOUNTS_OK,
	ACCOUNTS_NOT_FOUND,
	ACCOUNTS_EXISTS,      /* there is one of that name already */
	ACCOUNTS_REFUSED,     /* the schema's rules say no; fault tells which, in words */
	ACCOUNTS_LOOP,        /* aliases in a circle, too deep, or too many targets */
	ACCOUNTS_UNAVAILABLE, /* busy, I/O error, memory */
	ACCOUNTS_FOREIGN,     /* not our file, newer schema, damaged */
	ACCOUNTS_STATUS_COUNT
};

struct accounts;

/* Makes accounts.db (mode 0600) in an existing directory, for this store and no other. */
MUST_USE enum accounts_status
accounts_create(const char *path, const struct store_identity *store, struct fault *fault);
/* Which store it was made for; it is not migrated, and not open afterwards. */
MUST_USE enum accounts_status accounts_identify(const char *path, struct store_identity *store,
						struct fault *fault);
/* `writable` also migrates an older schema. */
MUST_USE enum accounts_status accounts_open(const char *path, bool writable,
					    struct accounts **accounts, struct fault *fault);
void accounts_close(struct accounts **accounts);
/*
 * Which store it was made for. With the mail databases of another one every user would have an
 * empty maildrop, and all the mail would be reaped for want of accounts.
 */
const struct store_identity *accounts_store(const struct accounts *accounts);
/*
 * Who gets the mail for "postmaster", and for postmaster@domain where a domain here has no such
 * mailbox, alias or catch-all (RFC 5321 section 4.5.1: it must be accepted). A local address;
 * NULL = nobody. Per connection; false = no address.
 */
MUST_USE bool accounts_set_postmaster(struct accounts *accounts, const char *address);

enum account_switch {
	ACCOUNT_POP3 = 1, /* may use POP3 */
	ACCOUNT_LMTP = 2, /* takes mail */
	ACCOUNT_PASS = 4, /* may log in with USER and PASS */
	ACCOUNT_APOP = 8, /* may log in with APOP (also needs a secret) */
	/* May log in with AUTH and this mechanism. */
	ACCOUNT_PLAIN = 16,
	ACCOUNT_LOGIN = 32,
	ACCOUNT_CRAM_MD5 = 64,
	ACCOUNT_SCRAM_SHA_1 = 128,
	ACCOUNT_SCRAM_SHA_256 = 256
};

struct account {
	int64_t id;
	char address[ADDRESS_MAX +
		     1]; /* as stored: local-part as given, domain in lower case */
	char domain[LMTP_DOMAIN_MAX + 1];
	struct maildrop_key key;
	unsigned switches;     /* enum account_switch */
	bool active;           /* the mailbox and its domain are */
	int64_t expires_at;    /* seconds since 1970, 0 = never */
	uint64_t quota_octets; /* 0 = none; the mailbox's, else its domain's default */
	uint64_t quota_messages;
	int64_t undelete_seconds;
};

/* What verification needs; wipe with account_secrets_wipe as soon as the verdict is known. */
struct account_secrets {
	char password[512];    /* "{SCHEME}..." or a bare crypt string; "" = none */
	char apop_secret[512]; /* "{SEALED}..." or "{CLEAR}..."; "" = none */
	char scram_sha1[512];  /* "rounds,salt,StoredKey,ServerKey"; "" = none */
	char scram_sha256[512];
	char allow_nets[ALLOW_NETS_MAX + 1]; /* networks that it may log in from; "" = any */
};
void account_secrets_wipe(struct account_secrets *secrets);

/* By address, domain without regard to case, local-part likewise (see ADR on case). */
MUST_USE enum accounts_status account_find(struct accounts *accounts, struct str address,
					   struct account *account,
					   struct account_secrets *secrets /* may be NULL */,
					   struct fault *fault);
MUST_USE enum accounts_status account_find_by_key(struct accounts *accounts, const char *key_id,
						  struct account *account, struct fault *fault);
/* ACCOUNTS_OK when an account has this maildrop, or had it until it was removed. */
MUST_USE enum accounts_status account_key_recorded(struct accounts *accounts,
						   const char *key_id, struct fault *fault);

/* The passwords beside the mailbox's own, in the order of their making. False of visit: stop. */
typedef bool app_password_visit(void *context, const char *label, const char *stored);
MUST_USE enum accounts_status app_passwords_visit(struct accounts *accounts,
						  const struct account *account,
						  app_password_visit *visit, void *context,
						  struct fault *fault);

/*
 * The maildrops of deleted mailboxes of this address, the latest first, with the second it was
 * deleted. A mailbox that is added with such a key as its store_key gets the mail that is left
 * there.
 */
typedef bool account_removed_visit(void *context, const struct maildrop_key *key,
				   int64_t removed); /* false = stop */
MUST_USE enum accounts_status accounts_visit_removed(struct accounts *accounts,
						     const char *address,
						     account_removed_visit *visit,
						     void *context, struct fault *fault);

/*
 * What a recipient address stands for: mailbox, alias (nested), alias domain, catch-all, and
 * `local+detail` in this order: exact mailbox or alias, without detail, catch-all. `postmaster`
 * without a domain is the configured postmaster address. Every target is a local account, none
 * twice. ACCOUNTS_NOT_FOUND: unknown here.
 *
 * A mailbox and the alias rows of the same address go together. What goes through an inactive
 * domain comes with `active` false. A target that does not exist is left out and named in
 * fault->text, also with ACCOUNTS_OK: a warning for the log when it is not "".
 */
struct recipient_targets {
	struct account account[ALIAS_TARGETS_MAX];
	size_t count;
	/*
	 * Addresses met that have neither mailbox nor alias of their own, with and without detail;
	 * a catch-all or the postmaster may stand in for them. Their users may be known elsewhere.
	 */
	char missing[ALIAS_TARGETS_MAX][ADDRESS_MAX + 1];
	size_t missing_count;
};
MUST_USE enum accounts_status recipient_resolve(struct accounts *accounts, struct str address,
						char detail_separator /* 0 = none */,
						struct recipient_targets *targets,
						struct fault *fault);

/* --- administration ----------------------------------------------------------------------- */

/* One column to set or that was read: everything the tool knows about a row goes by name. */
struct field {
	const char *name;  /* a column of the table */
	const char *value; /* NULL = SQL NULL */
};
enum accounts_table {
	TABLE_DOMAIN,
	TABLE_MAILBOX,
	TABLE_ALIAS,
	TABLE_ALIAS_DOMAIN,
	TABLE_APP_PASSWORD /* of one mailbox, by its label */
};

/* Columns of a table that the tool may show and set (secrets are not among them), in order. */
size_t accounts_columns(enum accounts_table table, const char *const **names);
/* `name` is the row's key: domain, address, alias address. A duplicate is ACCOUNTS_EXISTS. */
MUST_USE enum accounts_status accounts_add(struct accounts *accounts, enum accounts_table table,
					   const char *name, const struct field *fields,
					   size_t n, struct fault *fault);
MUST_USE enum accounts_status accounts_set(struct accounts *accounts, enum accounts_table table,
					   const char *name, const struct field *fields,
					   size_t n, struct fault *fault);
/*
 * Several changes as one: between begin and end all calls of this connection belong together.
 * accounts_end commits when `status` is ACCOUNTS_OK, else rolls back; it returns `status`, or why
 * the commit failed. What was begun is over in every case.
 */
MUST_USE enum accounts_status accounts_begin(struct accounts *accounts, struct fault *fault);
MUST_USE enum accounts_status accounts_end(struct accounts *accounts,
					   enum accounts_status status, struct fault *fault);
/* An alias has a row per target, a mailbox one per app password: `target` NULL removes them all. */
MUST_USE enum accounts_status accounts_remove(struct accounts *accounts,
					      enum accounts_table table, const char *name,
					      const char *target, struct fault *fault);
/* Calls visit with accounts_columns() fields; `name` NULL = all rows, `domain` NULL = any. */
typedef bool accounts_visit(void *context, const struct field *fields,
			    size_t n); /* false = stop */
MUST_USE enum accounts_status accounts_list(struct accounts *accounts,
					    enum accounts_table table, const char *name,
					    const char *domain, accounts_visit *visit,
					    void *context, struct fault *fault);
/* The hash and SCRAM's keys as passwords.h makes them; a key that is "" becomes NULL. */
struct new_password;
MUST_USE enum accounts_status account_set_password(struct accounts *accounts,
						   const char *address,
						   const struct new_password *password,
						   struct fault *fault);
/* `sealed` as secret_seal makes it; NULL = none. */
MUST_USE enum accounts_status account_set_apop_secret(struct accounts *accounts, int64_t id,
						      const char *sealed, struct fault *fault);
/* Rows whose apop_secret begins with "{CLEAR}": to be sealed in the background. */
typedef bool account_clear_visit(void *context, int64_t id, const char *clear_secret);
MUST_USE enum accounts_status accounts_visit_clear_secrets(struct accounts *accounts,
							   account_clear_visit *visit,
							   void *context, struct fault *fault);
/* integrity_check and the schema's own rules; as store_check. */
struct secret_key;
struct accounts_checking {
	const struct secret_key *key; /* sealed secrets are to open with it; NULL = not tried */
	char detail_separator;        /* as for recipient_resolve */
	void (*report)(void *context, const char *sentence);
	void *context;
};
MUST_USE enum accounts_status accounts_check(struct accounts *accounts,
					     const struct accounts_checking *how,
					     uint64_t *findings, struct fault *fault);
MUST_USE enum accounts_status accounts_backup(const char *path, const char *to,
					      struct fault *fault);

#endif
