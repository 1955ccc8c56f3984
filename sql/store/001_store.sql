-- One shard of the store: mail-NN.db. It holds what happens (mail that came, mail that was
-- deleted, sessions); what the administrator states (domains, mailboxes, aliases) is in
-- accounts.db. Look at it with SELECT as you like, but never write to it: the server keeps sums
-- and reference counts in step, and a change from outside shows up as lost or doubled mail.
--
-- Units: sizes are octets, times are seconds since 1970 (UTC).

-- Which file this is. A store with a file missing or from another store is refused.
--   store    the store's identity, 32 hexadecimal digits, the same in all its files and in
--            accounts.db
--   shard    this file's number, from 0
--   shards   how many files the store has
--   created  when
--   clock    the wall clock at the last housekeeping: a clock that jumps ahead must not purge
--   hold     seconds that purging still has to wait since that happened; 0 or not there = none
--   reopened how often the server had to reopen this file after an I/O error
--   copy     there in a copy out of a backup until the server has opened it: it then begins new
--            epochs, so that no UIDL is given twice
CREATE TABLE meta(
	key   TEXT PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per maildrop that ever had mail or a login. AUTOINCREMENT: an id is never used twice.
CREATE TABLE mailbox(
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	key        TEXT    NOT NULL UNIQUE CHECK(length(key) = 32), -- store_key in accounts.db
	epoch      INTEGER NOT NULL,            -- random; first half of new UIDLs; new after a restore
	uidnext    INTEGER NOT NULL DEFAULT 1,  -- uid of the next message; only ever grows
	change     INTEGER NOT NULL DEFAULT 0,  -- number of the latest deletion; only ever grows
	messages   INTEGER NOT NULL DEFAULT 0 CHECK(messages >= 0), -- that are not deleted
	octets     INTEGER NOT NULL DEFAULT 0 CHECK(octets >= 0),   -- of these
	last_login INTEGER NOT NULL DEFAULT 0,  -- 0 = never
	orphan_since INTEGER                    -- since when no account has this key; NULL = it has
) STRICT;

-- One row per message in a maildrop. What POP3 says about a message is computed once, when it
-- comes, and stands here; listing a maildrop touches no body.
CREATE TABLE message(
	mailbox       INTEGER NOT NULL,         -- mailbox.id
	uid           INTEGER NOT NULL,         -- from 1 upwards within the maildrop, never used twice
	octets        INTEGER NOT NULL CHECK(octets > 0), -- what RETR sends: prefix and body
	header_octets INTEGER NOT NULL,         -- of these, up to and including the empty line
	longest_line  INTEGER NOT NULL,         -- octets without CRLF
	flags         INTEGER NOT NULL,         -- 1 a line begins with ".", 2 SMTPUTF8, 4 NUL, 8 8-bit
	received      INTEGER NOT NULL,         -- when
	epoch         INTEGER NOT NULL,         -- UIDL = epoch in hexadecimal, ".", uid
	uidl          TEXT,                     -- ... unless another server's UIDL was imported
	body          INTEGER NOT NULL,         -- body.id
	prefix_octets INTEGER NOT NULL,         -- length of prefix
	deleted_at      INTEGER,                -- NULL = live; 0 = brought back as another row
	deleted_session INTEGER,                -- the session's number in the log; 0 = the tool
	deleted_change  INTEGER,                -- mailbox.change of that deletion
	prefix        BLOB    NOT NULL,         -- trace lines that name this recipient
	PRIMARY KEY(mailbox, uid),
	CHECK((deleted_at IS NULL) = (deleted_change IS NULL))
) STRICT, WITHOUT ROWID;

-- The listing of a maildrop: holds all that a listing needs, and live messages only, so that it
-- costs the same beside any number of deleted ones.
CREATE INDEX message_live ON message(mailbox, uid, octets, header_octets, longest_line, flags,
	received, epoch, uidl, body, prefix_octets, deleted_at) WHERE deleted_at IS NULL;
-- What is to be purged or can be brought back.
CREATE INDEX message_deleted ON message(mailbox, deleted_at) WHERE deleted_at IS NOT NULL;

-- The octets of a message as they came, shared by all its recipients in this shard. refs = how
-- many rows of message name it; 0 = still coming in, or to be removed.
CREATE TABLE body(
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	refs   INTEGER NOT NULL CHECK(refs >= 0),
	chunks INTEGER NOT NULL,
	octets INTEGER NOT NULL
) STRICT;
CREATE INDEX body_unreferenced ON body(id) WHERE refs = 0;

-- The body itself in pieces of 262144 octets, the last one shorter.
-- id = body.id * 65536 + number of the piece from 0.
CREATE TABLE chunk(
	id   INTEGER PRIMARY KEY,
	data BLOB NOT NULL
) STRICT;

-- Deliveries of the last days, so that one repeated by the MTA after a lost connection is
-- recognised. Grouped by day so that old ones go in one piece.
CREATE TABLE recent(
	day     INTEGER NOT NULL,               -- at / 86400
	mailbox INTEGER NOT NULL,
	digest  BLOB    NOT NULL,               -- SHA-256 of reverse-path and message
	at      INTEGER NOT NULL,
	uid     INTEGER NOT NULL,               -- the message it became
	PRIMARY KEY(day, mailbox, digest)
) STRICT, WITHOUT ROWID;

-- Who deleted: one row per session (or command of the tool) that deleted something.
-- message.deleted_change leads here.
CREATE TABLE session(
	mailbox   INTEGER NOT NULL,
	change    INTEGER NOT NULL,             -- mailbox.change that this deletion made
	number    INTEGER NOT NULL,             -- the session's number in the log; 0 = the tool
	peer      TEXT    NOT NULL,             -- address of the client
	started   INTEGER NOT NULL,
	ended     INTEGER NOT NULL,             -- = message.deleted_at
	retrieved INTEGER NOT NULL,             -- messages sent whole in that session
	deleted   INTEGER NOT NULL,             -- messages
	octets    INTEGER NOT NULL,             -- of the deleted messages
	PRIMARY KEY(mailbox, change)
) STRICT, WITHOUT ROWID;
