/*
 * What a recipient address stands for: mailboxes, through aliases, alias domains, catch-alls and
 * "+detail".
 *
 * Addresses form a graph: a mailbox is a leaf, an alias row an edge. It is walked depth first.
 * Every address met is a node with a state: NEW, OPEN (its targets are being walked now) or DONE.
 * Meeting an OPEN one again is a circle; meeting a DONE one is merely two ways to the same place.
 * So every address is looked up once, however the aliases are tangled, and no circle is missed.
 * All targets of a node are read before the first is followed, because the statement is one.
 *
 * Bounds: ALIAS_DEPTH_MAX, ALIAS_TARGETS_MAX, NODES_MAX. Beyond one of them the answer is
 * ACCOUNTS_LOOP, never a part of the targets.
 */
#include "accounts_private.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

/* Addresses that one expansion may meet, mailboxes and aliases together. */
#define NODES_MAX 256
static_assert(NODES_MAX >= 2 * ALIAS_TARGETS_MAX, "a full alias must fit");

enum node_state { NODE_NEW, NODE_OPEN, NODE_DONE };

struct node {
	enum node_state state;
	char address[ADDRESS_MAX + 1];
};

struct expansion {
	struct accounts *accounts;
	struct recipient_targets *targets;
	struct fault *fault;
	char separator;
	size_t nodes;
	struct node node[NODES_MAX];
};

/* The targets of one alias, as indices of nodes. */
struct edges {
	size_t count;
	uint16_t to[ALIAS_TARGETS_MAX];
};

bool accounts_set_postmaster(struct accounts *accounts, const char *address)
{
	struct str local;
	struct str domain;
	struct str text = str_of(address == NULL ? "" : address);

	accounts->postmaster[0] = '\0';
	if (text.n == 0)
		return address == NULL;
	if (!address_plausible(text) || !address_split(text, &local, &domain))
		return false;
	memcpy(accounts->postmaster, text.p, text.n + 1);
	return true;
}

static enum accounts_status too_much(struct expansion *e, const struct node *at,
				     const char *why)
{
	fault_set(e->fault, "%s: %s", at->address, why);
	return ACCOUNTS_LOOP;
}

/* The node of an address, a new one when it was not met before; NULL when there are too many. */
static struct node *node_of(struct expansion *e, struct str address)
{
	struct node *node;

	for (size_t i = 0; i < e->nodes; i++)
		if (str_equal_nocase(str_of(e->node[i].address), address))
			return &e->node[i];
	if (e->nodes == NODES_MAX || address.n > ADDRESS_MAX)
		return NULL;
	node = &e->node[e->nodes++];
	node->state = NODE_NEW;
	memcpy(node->address, address.p, address.n);
	node->address[address.n] = '\0';
	return node;
}

static enum accounts_status add_mailbox(struct expansion *e, const struct node *at,
					const struct account *account, bool active)
{
	struct recipient_targets *targets = e->targets;

	for (size_t i = 0; i < targets->count; i++)
		if (targets->account[i].id == account->id)
			return ACCOUNTS_OK;
	if (targets->count == ALIAS_TARGETS_MAX)
		return too_much(e, at, "its aliases have too many targets");
	targets->account[targets->count] = *account;
	if (!active)
		targets->account[targets->count].active = false;
	targets->count++;
	return ACCOUNTS_OK;
}

/* All active alias rows of an address. */
static enum accounts_status read_edges(struct expansion *e, const struct node *at,
				       struct str address, struct edges *edges)
{
	sqlite3_stmt *stmt;
	enum accounts_status status =
		statement_get(e->accounts, STATEMENT_ALIAS, &stmt, e->fault);
	int code;

	edges->count = 0;
	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_text(stmt, 1, address.p, (int)address.n, SQLITE_STATIC);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		struct node *target;

		code = sqlite3_step(stmt);
		if (code != SQLITE_ROW)
			break;
		target = node_of(e, (struct str){ (const char *)sqlite3_column_text(stmt, 0),
						  (size_t)sqlite3_column_bytes(stmt, 0) });
		if (target == NULL || edges->count == ALIAS_TARGETS_MAX) {
			statement_done(stmt);
			return too_much(e, at, "its aliases have too many targets");
		}
		edges->to[edges->count++] = (uint16_t)(target - e->node);
	}
	status = accounts_fault(e->accounts, code, "reading aliases", e->fault);
	statement_done(stmt);
	return status;
}

static enum accounts_status expand(struct expansion *e, struct node *node, unsigned depth,
				   bool active);

static enum accounts_status follow(struct expansion *e, struct node *from, struct node *to,
				   unsigned depth, bool active)
{
	if (to->state == NODE_DONE)
		return ACCOUNTS_OK;
	if (to->state == NODE_OPEN)
		return too_much(e, to, "its aliases run in a circle");
	if (depth == ALIAS_DEPTH_MAX)
		return too_much(e, from, "its aliases are nested too deep");
	return expand(e, to, depth + 1, active);
}

/* One form of the address: its mailbox and its alias rows, both. *found tells if there was any. */
static enum accounts_status look(struct expansion *e, struct node *node, struct str address,
				 unsigned depth, bool active, bool *found)
{
	struct account account;
	struct edges edges;
	bool mailbox;
	enum accounts_status status =
		account_find(e->accounts, address, &account, NULL, e->fault);

	mailbox = status == ACCOUNTS_OK;
	if (mailbox)
		status = add_mailbox(e, node, &account, active);
	else if (status == ACCOUNTS_NOT_FOUND)
		status = ACCOUNTS_OK;
	if (status == ACCOUNTS_OK)
		status = read_edges(e, node, address, &edges);
	if (status != ACCOUNTS_OK)
		return status;
	*found = mailbox || edges.count > 0;
	for (size_t i = 0; i < edges.count && status == ACCOUNTS_OK; i++) {
		struct node *to = &e->node[edges.to[i]];

		/* "ann goes to ann and bob" means ann's own mailbox, which is there already. */
		if (!mailbox || !str_equal_nocase(str_of(to->address), address))
			status = follow(e, node, to, depth, active);
	}
	return status;
}

/*
 * The domain that serves this address, its own or the target of an alias domain, in canon;
 * ACCOUNTS_NOT_FOUND when it is not served here.
 */
static enum accounts_status serving_domain(struct expansion *e, struct str domain, char *canon,
					   size_t cap, bool *active)
{
	sqlite3_stmt *stmt;
	enum accounts_status status =
		statement_get(e->accounts, STATEMENT_DOMAIN, &stmt, e->fault);
	int code;

	if (status != ACCOUNTS_OK)
		return status;
	code = sqlite3_bind_text(stmt, 1, domain.p, (int)domain.n, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_DONE) {
		status = ACCOUNTS_NOT_FOUND;
	} else if (code == SQLITE_ROW && !column_copy(stmt, 0, canon, cap)) {
		fault_set(e->fault, "a row of table domain is damaged: run restante check");
		status = ACCOUNTS_FOREIGN;
	} else {
		status = accounts_fault(e->accounts, code, "finding a domain", e->fault);
	}
	*active = status == ACCOUNTS_OK && sqlite3_column_int(stmt, 1) == 1;
	statement_done(stmt);
	return status;
}

/* Lengths of the local-part to look for, in this order: whole, without detail, none at all. */
static size_t local_lengths(struct str local, char separator, size_t length[3])
{
	const char *cut = separator == '\0' || local.n == 0
				  ? NULL
				  : memchr(local.p + 1, separator, local.n - 1);
	size_t count = 0;

	length[count++] = local.n;
	if (cut != NULL)
		length[count++] = (size_t)(cut - local.p);
	length[count++] = 0;
	return count;
}

static void note_missing(struct expansion *e, struct str address)
{
	struct recipient_targets *targets = e->targets;
	char *to;

	if (targets->missing_count == ALIAS_TARGETS_MAX || address.n > ADDRESS_MAX)
		return;
	to = targets->missing[targets->missing_count++];
	memcpy(to, address.p, address.n);
	to[address.n] = '\0';
}

static enum accounts_status look_all_forms(struct expansion *e, struct node *node,
					   struct str local, const char *domain, unsigned depth,
					   bool active, bool *found)
{
	enum accounts_status status = ACCOUNTS_OK;
	char address[2 * ADDRESS_MAX + 2];
	size_t length[3];
	size_t forms = local_lengths(local, e->separator, length);
	size_t domain_n = strlen(domain);

	for (size_t i = 0; i < forms && status == ACCOUNTS_OK && !*found; i++) {
		size_t n = length[i];

		memcpy(address, local.p, n);
		address[n] = '@';
		memcpy(address + n + 1, domain, domain_n);
		status = look(e, node, (struct str){ address, n + 1 + domain_n }, depth, active,
			      found);
		if (status == ACCOUNTS_OK && !*found && n > 0)
			note_missing(e, (struct str){ address, n + 1 + domain_n });
	}
	return status;
}

static enum accounts_status expand(struct expansion *e, struct node *node, unsigned depth,
				   bool active)
{
	struct str local = { "", 0 };
	struct str domain = { "", 0 };
	char canon[LMTP_DOMAIN_MAX + 1];
	bool served_active = false;
	bool found = false;
	enum accounts_status status = ACCOUNTS_NOT_FOUND;

	node->state = NODE_OPEN;
	/* An empty local-part would ask for the catch-all's own row. */
	if (address_split(str_of(node->address), &local, &domain) && local.n > 0)
		status = serving_domain(e, domain, canon, sizeof canon, &served_active);
	active = active && served_active;
	if (status == ACCOUNTS_OK)
		status = look_all_forms(e, node, local, canon, depth, active, &found);
	if (status == ACCOUNTS_OK && !found && e->accounts->postmaster[0] != '\0' &&
	    str_equal_nocase(local, STR("postmaster"))) {
		struct node *postmaster = node_of(e, str_of(e->accounts->postmaster));

		found = true;
		status = postmaster == NULL
				 ? too_much(e, node, "its aliases have too many targets")
				 : follow(e, node, postmaster, depth, active);
	}
	node->state = NODE_DONE;
	if (status == ACCOUNTS_NOT_FOUND || (status == ACCOUNTS_OK && !found)) {
		if (depth > 0)
			fault_set(e->fault, "an alias goes to %s, which does not exist",
				  node->address);
		return ACCOUNTS_OK; /* the other targets count; none at all is seen at the end */
	}
	return status;
}

/* In one read transaction: a row that is moved meanwhile is seen in one place or the other. */
static enum accounts_status expand_in_transaction(struct expansion *e, struct str address)
{
	struct node *start = node_of(e, address);
	enum accounts_status status;

	assert(start != NULL); /* the first one, and of a plausible length */
	status = accounts_run(e->accounts, STATEMENT_BEGIN, e->fault);
	if (status != ACCOUNTS_OK)
		return status;
	status = accounts_end(e->accounts, expand(e, start, 0, true), e->fault);
	if (status == ACCOUNTS_OK && e->targets->count == 0)
		status = ACCOUNTS_NOT_FOUND;
	if (status != ACCOUNTS_OK)
		e->targets->count = 0;
	if (status != ACCOUNTS_OK && status != ACCOUNTS_NOT_FOUND)
		e->targets->missing_count = 0;
	return status;
}

enum accounts_status recipient_resolve(struct accounts *accounts, struct str address,
				       char detail_separator, struct recipient_targets *targets,
				       struct fault *fault)
{
	struct expansion *e;
	enum accounts_status status;

	fault_set(fault, "%s", "");
	targets->count = targets->missing_count = 0;
	/* RFC 5321 section 2.3.5: "postmaster" alone, in any case, is a recipient. */
	if (str_equal_nocase(address, STR("postmaster")))
		address = str_of(accounts->postmaster);
	if (!address_plausible(address))
		return ACCOUNTS_NOT_FOUND;
	e = malloc(sizeof *e);
	if (e == NULL) {
		fault_set(fault, "out of memory");
		return ACCOUNTS_UNAVAILABLE;
	}
	e->accounts = accounts;
	e->targets = targets;
	e->fault = fault;
	e->separator = detail_separator;
	e->nodes = 0;
	status = expand_in_transaction(e, address);
	free(e);
	return status;
}
