/*
 * Is the store what it says it is? One read transaction per shard, so that what is compared
 * belongs together, also beside a running server.
 *
 * Every question is a row of a table: SQL whose rows are findings, each a finished sentence.
 */
#include <stdio.h>

#include "base/log.h"
#include "store/maildrop_private.h"
#include "restante/store_admin.h"

#define CHUNK "262144"

static const char *const questions[] = {
	/* The file itself. */
	"SELECT integrity_check FROM pragma_integrity_check(20) WHERE integrity_check <> 'ok'",

	"SELECT printf('maildrop %s: counters say %d messages of %d octets, rows say %d of %d',"
	" m.key, m.messages, m.octets, coalesce(r.n, 0), coalesce(r.octets, 0))"
	" FROM mailbox m LEFT JOIN (SELECT mailbox, count(*) AS n, sum(octets) AS octets"
	"  FROM message INDEXED BY message_live WHERE deleted_at IS NULL GROUP BY mailbox) r"
	" ON r.mailbox = m.id"
	" WHERE m.messages <> coalesce(r.n, 0) OR m.octets <> coalesce(r.octets, 0)",

	"SELECT printf('maildrop %s: message uid %d is not below uidnext %d', m.key, x.uid,"
	" m.uidnext) FROM mailbox m JOIN message x ON x.mailbox = m.id AND x.uid >= m.uidnext",

	"SELECT printf('maildrop %s: message uid %d was deleted by change %d, the latest is "
	"%d',"
	" m.key, x.uid, x.deleted_change, m.change) FROM mailbox m JOIN message x"
	" ON x.mailbox = m.id WHERE x.deleted_change > m.change",

	"SELECT printf('%d messages of mailbox row %d, which is not there', count(*), mailbox)"
	" FROM message WHERE mailbox NOT IN (SELECT id FROM mailbox) GROUP BY mailbox",

	"SELECT printf('body %d: %d references counted, %d messages name it', b.id, b.refs,"
	" coalesce(u.n, 0)) FROM body b LEFT JOIN"
	" (SELECT body, count(*) AS n FROM message GROUP BY body) u ON u.body = b.id"
	" WHERE b.refs <> coalesce(u.n, 0)",

	"SELECT printf('maildrop %s: message uid %d names body %d, which is not there', m.key,"
	" x.uid, x.body) FROM message x JOIN mailbox m ON m.id = x.mailbox"
	" WHERE x.body NOT IN (SELECT id FROM body)",

	"SELECT printf('maildrop %s: message uid %d has %d octets, its prefix %d and its body "
	"%d',"
	" m.key, x.uid, x.octets, length(x.prefix), b.octets)"
	" FROM message x JOIN mailbox m ON m.id = x.mailbox JOIN body b ON b.id = x.body"
	" WHERE x.octets <> length(x.prefix) + b.octets OR x.prefix_octets <> length(x.prefix)"
	" OR x.header_octets > x.octets",

	"SELECT printf('maildrop %s: message uid %d has a UIDL that POP3 does not allow', "
	"m.key,"
	" x.uid) FROM message x JOIN mailbox m ON m.id = x.mailbox WHERE x.uidl IS NOT NULL"
	" AND (length(x.uidl) NOT BETWEEN 1 AND 70 OR x.uidl GLOB '*[^!-~]*')",

	/* Our own cannot meet one another, only imported ones. */
	"SELECT printf('maildrop %s: %d messages have the UIDL %s', m.key, count(*), u.name)"
	" FROM (SELECT mailbox, coalesce(uidl, printf('%012x.%d', epoch, uid)) AS name"
	"  FROM message INDEXED BY message_live WHERE deleted_at IS NULL AND mailbox IN"
	"  (SELECT mailbox FROM message INDEXED BY message_live"
	"   WHERE deleted_at IS NULL AND uidl IS NOT NULL)) u"
	" JOIN mailbox m ON m.id = u.mailbox GROUP BY u.mailbox, u.name HAVING count(*) > 1",

	/* Bodies without references are coming in or going. */
	"SELECT printf('body %d: %d chunks of %d octets expected, %d of %d found', b.id, "
	"b.chunks,"
	" b.octets, count(c.id), coalesce(sum(length(c.data)), 0))"
	" FROM body b LEFT JOIN chunk c ON c.id >= b.id << 16 AND c.id < (b.id + 1) << 16"
	" WHERE b.refs > 0 GROUP BY b.id HAVING count(c.id) <> b.chunks"
	" OR coalesce(sum(length(c.data)), 0) <> b.octets"
	" OR max(c.id) <> (b.id << 16) + b.chunks - 1"
	" OR sum((c.id & 65535) < b.chunks - 1 AND length(c.data) <> " CHUNK ") > 0",

	"SELECT printf('chunks of body %d, which is not there', id >> 16) FROM chunk"
	" WHERE id >> 16 NOT IN (SELECT id FROM body) GROUP BY id >> 16",
};

struct check {
	struct shard *shard;
	sqlite3 *db;
	check_known *known;
	check_report *report;
	void *context;
	uint64_t findings;
};

static void report(struct check *check, const char *sentence)
{
	char text[FAULT_TEXT_MAX];

	check->findings++;
	(void)snprintf(text, sizeof text, "mail-%02u.db: %s", check->shard->number, sentence);
	check->report(check->context, text);
}

/* A file so damaged that a question cannot be asked is a finding too. */
static enum store_status ask(struct check *check, const char *sql, struct fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(check->db, sql, -1, &stmt, NULL);

	if (code == SQLITE_OK)
		while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
			const unsigned char *text = sqlite3_column_text(stmt, 0);

			report(check, text != NULL ? (const char *)text : "?");
		}
	sqlite3_finalize(stmt);
	if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) {
		report(check, "damaged: restore it from a backup");
		return STORE_OK;
	}
	return store_fault(check->db, code, "checking", fault);
}

static enum store_status look_for_accounts(struct check *check, struct fault *fault)
{
	static const char *const sql = "SELECT key, messages FROM mailbox ORDER BY id";
	sqlite3_stmt *stmt = NULL;
	enum store_status status = statements_prepare(check->db, &sql, 1, &stmt, fault);

	if (status != STORE_OK)
		return status;
	while ((status = statement_row(stmt, fault)) == STORE_OK) {
		const char *key = (const char *)sqlite3_column_text(stmt, 0);
		char text[128];

		if (key == NULL || check->known(check->context, key))
			continue;
		(void)snprintf(text, sizeof text,
			       "maildrop %s: no account has it (%lld messages)", key,
			       (long long)sqlite3_column_int64(stmt, 1));
		report(check, text);
	}
	statements_finalize(&stmt, 1);
	return status == STORE_NOT_FOUND ? STORE_OK : status;
}

static enum store_status check_shard(struct check *check, struct fault *fault)
{
	enum store_status status =
		store_fault(check->db, sqlite3_exec(check->db, "BEGIN", NULL, NULL, NULL),
			    "checking", fault);

	for (size_t i = 0; i < ARRAY_SIZE(questions) && status == STORE_OK; i++)
		status = ask(check, questions[i], fault);
	if (status == STORE_OK && check->known != NULL)
		status = look_for_accounts(check, fault);
	(void)sqlite3_exec(check->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

enum store_status store_check(struct store_reader *reader, check_known *known,
			      check_report *report_to, void *context, uint64_t *findings,
			      struct fault *fault)
{
	struct check check = { .known = known, .report = report_to, .context = context };
	enum store_status status = STORE_OK;

	fault->text[0] = '\0';
	for (unsigned i = 0; i < reader->store->shard_count && status == STORE_OK; i++) {
		struct reader_shard *shard;

		status = reader_shard(reader, i, &shard, fault);
		if (status != STORE_OK)
			break;
		check.shard = &reader->store->shards[i];
		check.db = shard->db;
		status = check_shard(&check, fault);
	}
	*findings = check.findings;
	return status;
}
