/*
 * A private accounts.db in a new folder, opened for writing, for the tests of room auth.
 */
#ifndef RESTANTE_TESTS_ACCOUNTS_FIXTURE_H
#define RESTANTE_TESTS_ACCOUNTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "restante/accounts.h"

struct fixture {
	char dir[64];
	char path[96];
	char key_path[96];
	struct accounts *accounts;
	struct fault fault;
};

static const struct store_identity fixture_store = {
	.id = "0123456789abcdef0123456789abcdef",
	.shards = 8,
};

/* The test fails with the fault's sentence when `status` is not the expected one. */
static inline void expect_status(struct fixture *f, enum accounts_status status,
				 enum accounts_status expected)
{
	if (status != expected)
		fail_msg("status %d and not %d: %s", (int)status, (int)expected, f->fault.text);
}

static inline int fixture_open(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -1;
	*state = f;
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/restante-test-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	(void)snprintf(f->path, sizeof f->path, "%s/accounts.db", f->dir);
	(void)snprintf(f->key_path, sizeof f->key_path, "%s/key", f->dir);
	if (accounts_create(f->path, &fixture_store, &f->fault) != ACCOUNTS_OK)
		return -1;
	return accounts_open(f->path, true, &f->accounts, &f->fault) == ACCOUNTS_OK ? 0 : -1;
}

static inline int fixture_close(void **state)
{
	static const char *const names[] = { "accounts.db",     "accounts.db-wal",
					     "accounts.db-shm", "key",
					     "copy.db",         "link" };
	struct fixture *f = *state;
	char path[128];

	accounts_close(&f->accounts);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		(void)unlink(path);
	}
	if (rmdir(f->dir) != 0) {
		print_error("%s is not empty\n", f->dir);
		return -1;
	}
	free(f);
	return 0;
}

static inline void add_domain(struct fixture *f, const char *domain)
{
	expect_status(f, accounts_add(f->accounts, TABLE_DOMAIN, domain, NULL, 0, &f->fault),
		      ACCOUNTS_OK);
}

static inline void add_mailbox(struct fixture *f, const char *address, const char *password)
{
	struct field field = { "password", password };

	expect_status(f,
		      accounts_add(f->accounts, TABLE_MAILBOX, address, &field, 1, &f->fault),
		      ACCOUNTS_OK);
}

static inline void add_alias(struct fixture *f, const char *address, const char *target)
{
	struct field field = { "goto", target };

	expect_status(f, accounts_add(f->accounts, TABLE_ALIAS, address, &field, 1, &f->fault),
		      ACCOUNTS_OK);
}

static inline void set_column(struct fixture *f, enum accounts_table table, const char *name,
			      const char *column, const char *value)
{
	struct field field = { column, value };

	expect_status(f, accounts_set(f->accounts, table, name, &field, 1, &f->fault),
		      ACCOUNTS_OK);
}

#define FIXTURE_TEST(function) \
	cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

#endif
