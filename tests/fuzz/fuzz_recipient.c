/*
 * Recipients and logins against an accounts.db that the input fills. Input: a line for each row and
 * question, by its first letter:
 *
 *	d DOMAIN      m ADDRESS      a ADDRESS GOTO      D ALIAS-DOMAIN TARGET-DOMAIN
 *	p ADDRESS     the postmaster
 *	?ADDRESS      whom does mail for it go to, with "+" as separator; "!": with none
 *
 * What must hold: exactly the mailboxes that can be reached from the address by a naive reading of
 * the rows that were taken, and none from an address with control characters or over ADDRESS_MAX; a
 * login name finds the mailbox of that name or none.
 */
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"
#include "restante/accounts.h"

#define ROWS_MAX 64
#define REACHED_MAX (4 * ROWS_MAX)

struct row {
	char kind;
	char *name, *target; /* owned; target "" = none */
};

struct world {
	struct accounts *accounts;
	struct row rows[ROWS_MAX];
	size_t count;
	char postmaster[ADDRESS_MAX + 1];
};

static char path[320];
static char *template_octets;
static size_t template_n;

static FILE *file_open(const char *mode)
{
	FILE *file = fopen(path, mode);

	if (file == NULL)
		abort();
	return file;
}

static void forget_template(void)
{
	free(template_octets);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct store_identity store = { .id = "0", .shards = 8 };
	struct fault fault;
	FILE *file;

	(void)argc, (void)argv;
	(void)snprintf(path, sizeof path, "%s/accounts.db", fuzz_folder());
	if (accounts_create(path, &store, &fault) != ACCOUNTS_OK)
		abort();
	file = file_open("rb");
	template_octets = malloc(1 << 20);
	if (template_octets == NULL)
		abort();
	template_n = fread(template_octets, 1, 1 << 20, file);
	(void)fclose(file);
	return atexit(forget_template);
}

static struct accounts *accounts_fresh(void)
{
	struct accounts *accounts = NULL;
	struct fault fault;
	FILE *file = file_open("wb");

	if (fwrite(template_octets, 1, template_n, file) != template_n || fclose(file) != 0 ||
	    accounts_open(path, true, &accounts, &fault) != ACCOUNTS_OK)
		abort();
	return accounts;
}

/* --- the rows as they are read by a person ------------------------------------------------------ */

static bool same(struct str a, const char *b)
{
	return str_equal_nocase(a, str_of(b));
}

/* The domain that serves `domain`; NULL = none here. */
static const char *serving(const struct world *world, struct str domain)
{
	for (size_t i = 0; i < world->count; i++)
		if (world->rows[i].kind == 'd' && same(domain, world->rows[i].name))
			return world->rows[i].name;
	for (size_t i = 0; i < world->count; i++)
		if (world->rows[i].kind == 'D' && same(domain, world->rows[i].name))
			for (size_t j = 0; j < world->count; j++)
				if (world->rows[j].kind == 'd' &&
				    same(str_of(world->rows[i].target), world->rows[j].name))
					return world->rows[j].name;
	return NULL;
}

struct reached {
	const char *address[REACHED_MAX];
	const char *mailbox[ROWS_MAX];
	size_t addresses, mailboxes;
	bool again; /* an address was met once more */
};

static void reach(struct reached *reached, const char *address)
{
	for (size_t i = 0; i < reached->addresses; i++)
		if (strcasecmp(reached->address[i], address) == 0) {
			reached->again = true;
			return;
		}
	FUZZ_CHECK(reached->addresses < REACHED_MAX);
	reached->address[reached->addresses++] = address;
}

static void reach_mailbox(struct reached *reached, const char *name)
{
	for (size_t i = 0; i < reached->mailboxes; i++)
		if (reached->mailbox[i] == name)
			return;
	reached->mailbox[reached->mailboxes++] = name;
}

/* Whether rows have the address local@domain; what they lead to is reached. */
static bool look(const struct world *world, struct str local, const char *domain,
		 struct reached *reached)
{
	struct fuzz_text text = { 0 };
	bool found = false;

	fuzz_add(&text, local);
	fuzz_add(&text, STR("@"));
	fuzz_add(&text, str_of(domain));
	for (size_t i = 0; i < world->count; i++) {
		const struct row *row = &world->rows[i];

		if ((row->kind != 'm' && row->kind != 'a') || !same(fuzz_str(&text), row->name))
			continue;
		found = true;
		if (row->kind == 'm')
			reach_mailbox(reached, row->name);
		else
			reach(reached, row->target);
	}
	free(text.p);
	return found;
}

static void follow(const struct world *world, const char *address, char separator,
		   struct reached *reached)
{
	const char *at = strrchr(address, '@'), *domain, *cut;
	struct str local;

	if (at == NULL || at == address)
		return;
	local = (struct str){ address, (size_t)(at - address) };
	domain = serving(world, str_of(at + 1));
	if (domain == NULL)
		return;
	cut = separator == 0 ? NULL : memchr(local.p + 1, separator, local.n - 1);
	if (look(world, local, domain, reached))
		return;
	if (cut != NULL &&
	    look(world, (struct str){ local.p, (size_t)(cut - local.p) }, domain, reached))
		return;
	if (look(world, STR(""), domain, reached))
		return;
	if (same(local, "postmaster") && world->postmaster[0] != '\0')
		reach(reached, world->postmaster);
}

/* --- questions --------------------------------------------------------------------------------- */

/* Names of domains are put into lower case where a row is made. */
static void check_targets(const struct recipient_targets *targets,
			  const struct reached *reached)
{
	FUZZ_CHECK(targets->count == reached->mailboxes);
	for (size_t i = 0; i < targets->count; i++) {
		bool there = false;

		for (size_t j = 0; j < reached->mailboxes; j++)
			there |= strcasecmp(targets->account[i].address, reached->mailbox[j]) ==
				 0;
		for (size_t j = 0; j < i; j++)
			FUZZ_CHECK(targets->account[i].id != targets->account[j].id);
		FUZZ_CHECK(there);
	}
}

/* Nobody is called missing who has a mailbox. */
static void check_missing(struct world *world, const struct recipient_targets *targets)
{
	struct account account;
	struct fault fault;

	FUZZ_CHECK(targets->missing_count <= ALIAS_TARGETS_MAX);
	for (size_t i = 0; i < targets->missing_count; i++)
		FUZZ_CHECK(account_find(world->accounts, str_of(targets->missing[i]), &account,
					NULL, &fault) == ACCOUNTS_NOT_FOUND);
}

/* Whether it can be an address at all: not what comes behind the "detail" of one that is. */
static bool addressable(struct str address)
{
	for (size_t i = 0; i < address.n; i++)
		if ((unsigned char)address.p[i] < 0x20 || address.p[i] == 0x7f)
			return false;
	return address.n <= ADDRESS_MAX;
}

static void ask(struct world *world, struct str address, char separator)
{
	static struct recipient_targets targets;
	struct reached reached = { .addresses = 0 };
	struct fault fault;
	struct account account;
	char *copy = fuzz_copy(address), *text = fuzz_string(address);
	struct str exact = { copy, address.n };
	enum accounts_status status =
		recipient_resolve(world->accounts, exact, separator, &targets, &fault);

	FUZZ_CHECK(status == ACCOUNTS_OK || status == ACCOUNTS_NOT_FOUND ||
		   status == ACCOUNTS_LOOP);
	FUZZ_CHECK(status == ACCOUNTS_OK || targets.count == 0);
	check_missing(world, &targets);
	if (text != NULL && addressable(address)) {
		reach(&reached, strcasecmp(text, "postmaster") == 0 ? world->postmaster : text);
		for (size_t i = 0; i < reached.addresses; i++)
			follow(world, reached.address[i], separator, &reached);
	}
	if (status != ACCOUNTS_LOOP)
		check_targets(&targets, &reached);
	else /* a circle, too deep, or too many targets, which is more addresses still */
		FUZZ_CHECK(reached.again || reached.addresses > ALIAS_DEPTH_MAX);
	if (account_find(world->accounts, exact, &account, NULL, &fault) == ACCOUNTS_OK)
		FUZZ_CHECK(same(address, account.address));
	free(text);
	free(copy);
}

/* Words are parted by one space; a name with NUL is not tried. */
static void add_row(struct world *world, char kind, struct str words)
{
	const char *space = words.n == 0 ? NULL : memchr(words.p, ' ', words.n);
	size_t n = space == NULL ? words.n : (size_t)(space - words.p);
	struct row row = { kind, fuzz_string((struct str){ words.p, n }),
			   fuzz_string(str_from(words, n + 1)) };
	struct field field = { kind == 'D' ? "target_domain" : "goto", row.target };
	enum accounts_table table = kind == 'd'   ? TABLE_DOMAIN
				    : kind == 'm' ? TABLE_MAILBOX
				    : kind == 'a' ? TABLE_ALIAS
						  : TABLE_ALIAS_DOMAIN;
	struct fault fault;

	if (row.name != NULL && row.target != NULL && world->count < ROWS_MAX &&
	    accounts_add(world->accounts, table, row.name, &field,
			 kind == 'a' || kind == 'D' ? 1 : 0, &fault) == ACCOUNTS_OK) {
		world->rows[world->count++] = row;
		return;
	}
	free(row.name);
	free(row.target);
}

static void set_postmaster(struct world *world, struct str address)
{
	char *text = fuzz_string(address);

	world->postmaster[0] = '\0';
	if (text != NULL && accounts_set_postmaster(world->accounts, text))
		memcpy(world->postmaster, text, address.n + 1);
	else
		FUZZ_CHECK(accounts_set_postmaster(world->accounts, NULL));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .accounts = accounts_fresh() };
	struct str in = fuzz_input(data, size);

	for (size_t lines = 0; in.n > 0 && lines < 2 * ROWS_MAX; lines++) {
		struct str line = fuzz_line(&in);
		char kind = line.n == 0 ? '\0' : *line.p;

		if (kind == '?' || kind == '!')
			ask(&world, str_from(line, 1), kind == '?' ? '+' : '\0');
		else if (kind == 'p')
			set_postmaster(&world, str_from(line, 2));
		else if (kind != '\0' && strchr("dmaD", kind) != NULL)
			add_row(&world, kind, str_from(line, 2));
	}
	accounts_close(&world.accounts);
	for (size_t i = 0; i < world.count; i++) {
		free(world.rows[i].name);
		free(world.rows[i].target);
	}
	return 0;
}
