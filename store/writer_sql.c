/*
 * What the writer does, in SQL. tests/unit/test_store_plans.c asserts that every statement here
 * uses the index it is meant to.
 */
#include "store/store_private.h"

/* id * 65536 .. (id + 1) * 65536 - 1 are a body's chunks. */
#define CHUNKS_OF(parameter) "id >= " parameter " << 16 AND id < (" parameter " + 1) << 16"

const char *const writer_sql[W_STMT_COUNT] = {
	[W_BEGIN] = "BEGIN IMMEDIATE",
	[W_COMMIT] = "COMMIT",
	[W_ROLLBACK] = "ROLLBACK",
	[W_SAVEPOINT] = "SAVEPOINT job",
	[W_RELEASE] = "RELEASE job",
	[W_UNDO] = "ROLLBACK TO job",

	[W_MAILBOX_FIND] = "SELECT id, epoch, uidnext, change, messages, octets"
			   " FROM mailbox WHERE key = ?1",
	/* 48 random bits. */
	[W_MAILBOX_ADD] = "INSERT INTO mailbox(key, epoch)"
			  " VALUES(?1, random() & 281474976710655)",
	[W_MAILBOX_GREW] = "UPDATE mailbox SET uidnext = uidnext + 1, messages = messages + 1,"
			   " octets = octets + ?2 WHERE id = ?1",
	[W_MAILBOX_SHRANK] =
		"UPDATE mailbox SET messages = messages - ?2, octets = octets - ?3,"
		" change = ?4 WHERE id = ?1",
	[W_MAILBOX_LOGIN] = "UPDATE mailbox SET last_login = max(last_login, ?2) WHERE id = ?1",
	[W_MAILBOX_ORPHAN] = "UPDATE mailbox SET orphan_since = ?2 WHERE key = ?1",
	[W_MAILBOX_REMOVE] = "DELETE FROM mailbox WHERE id = ?1",

	[W_MESSAGE_ADD] =
		"INSERT INTO message(mailbox, uid, octets, header_octets, longest_line,"
		" flags, received, epoch, body, prefix_octets, prefix)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	/*
	 * Both take the same parameters; the first has no use for ?3. The + keeps the second from
	 * the index that it changes, or it would have to collect the rows first.
	 */
	[W_MESSAGE_FLAG] = "UPDATE message SET deleted_at = ?4, deleted_session = ?5,"
			   " deleted_change = ?6 WHERE mailbox = ?1 AND uid = ?2"
			   " AND deleted_at IS NULL",
	[W_RUN_FLAG] = "UPDATE message SET deleted_at = ?4, deleted_session = ?5,"
		       " deleted_change = ?6 WHERE mailbox = ?1 AND uid >= ?2 AND uid <= ?3"
		       " AND +deleted_at IS NULL",
	[W_MESSAGE_REMOVE] = "DELETE FROM message WHERE mailbox = ?1 AND uid = ?2",
	/* The same message under a new uid and epoch: undelete. */
	[W_MESSAGE_COPY] = "INSERT INTO message(mailbox, uid, octets, header_octets,"
			   " longest_line, flags, received, epoch, body, prefix_octets, prefix)"
			   " SELECT mailbox, ?3, octets, header_octets, longest_line, flags,"
			   " received, ?4, body, prefix_octets, prefix"
			   " FROM message WHERE mailbox = ?1 AND uid = ?2",
	[W_MESSAGE_BROUGHT_BACK] = "UPDATE message SET deleted_at = 0"
				   " WHERE mailbox = ?1 AND uid = ?2",

	/* Both: what a snapshot shows; the second when somebody else deleted since. */
	[W_SCAN_LIVE] = "SELECT uid, octets, 0 FROM message INDEXED BY message_live"
			" WHERE mailbox = ?1 AND uid >= ?2 AND uid < ?3 AND deleted_at IS NULL"
			" ORDER BY uid LIMIT ?4",
	[W_SCAN_SNAPSHOT] =
		"SELECT uid, octets, deleted_at IS NOT NULL FROM message NOT INDEXED"
		" WHERE mailbox = ?1 AND uid >= ?2 AND uid < ?3"
		" AND (deleted_change IS NULL OR deleted_change > ?5)"
		" ORDER BY uid LIMIT ?4",
	[W_SCAN_PURGE] = "SELECT uid, body, octets, deleted_at"
			 " FROM message INDEXED BY message_deleted"
			 " WHERE mailbox = ?1 AND deleted_at IS NOT NULL AND deleted_at <= ?2"
			 " ORDER BY deleted_at, uid LIMIT ?3",
	/* ?4 = 0: every uid; ?5 = 0: every session. */
	[W_SCAN_DELETED] = "SELECT uid, body, octets, deleted_at"
			   " FROM message INDEXED BY message_deleted"
			   " WHERE mailbox = ?1 AND deleted_at IS NOT NULL AND deleted_at >= ?2"
			   " AND (?4 = 0 OR uid = ?4) AND (?5 = 0 OR deleted_session = ?5)"
			   " ORDER BY deleted_at, uid LIMIT ?3",
	[W_SCAN_ALL] = "SELECT uid, body, octets, deleted_at FROM message NOT INDEXED"
		       " WHERE mailbox = ?1 AND uid >= ?2 ORDER BY uid LIMIT ?3",

	[W_BODY_ADD] = "INSERT INTO body(refs, chunks, octets) VALUES(?1, ?2, ?3)",
	[W_BODY_GET] = "SELECT refs, chunks, octets FROM body WHERE id = ?1",
	[W_BODY_SET] = "UPDATE body SET refs = ?2, chunks = ?3, octets = ?4 WHERE id = ?1",
	[W_BODY_REF] = "UPDATE body SET refs = refs + ?2 WHERE id = ?1",
	[W_BODY_REMOVE] = "DELETE FROM body WHERE id = ?1 AND refs = 0",
	[W_BODY_UNREFERENCED] = "SELECT id FROM body INDEXED BY body_unreferenced"
				" WHERE refs = 0 AND id > ?1 ORDER BY id LIMIT 1",
	[W_CHUNK_ADD] = "INSERT INTO chunk(id, data) VALUES(?1, ?2)",
	[W_CHUNK_REMOVE] = "DELETE FROM chunk WHERE id IN"
			   " (SELECT id FROM chunk WHERE " CHUNKS_OF("?1") " LIMIT ?2)",

	/* The days that the window touches. */
	[W_RECENT_FIND] = "SELECT uid FROM recent WHERE day IN (?3, ?3 - 1, ?3 - 2, ?3 - 3)"
			  " AND mailbox = ?1 AND digest = ?2 AND at >= ?4",
	[W_RECENT_ADD] = "INSERT OR REPLACE INTO recent(day, mailbox, digest, at, uid)"
			 " VALUES(?1, ?2, ?3, ?4, ?5)",
	[W_RECENT_EXPIRE] =
		"DELETE FROM recent WHERE (day, mailbox, digest) IN"
		" (SELECT day, mailbox, digest FROM recent WHERE day < ?1 LIMIT ?2)",

	[W_SESSION_ADD] = "INSERT INTO session(mailbox, change, number, peer, started, ended,"
			  " retrieved, deleted, octets)"
			  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[W_SESSION_EXPIRE] = "DELETE FROM session WHERE mailbox = ?1 AND change = ?2",
	[W_SESSION_REMOVE] =
		"DELETE FROM session WHERE (mailbox, change) IN"
		" (SELECT mailbox, change FROM session WHERE mailbox = ?1 LIMIT ?2)",
	[W_META_SET] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
	[W_STAND] = "SELECT value FROM meta WHERE key = 'shard'",
	[W_FREE_PAGES] = "PRAGMA freelist_count",
	[W_VACUUM] = "PRAGMA incremental_vacuum(64)",
};
