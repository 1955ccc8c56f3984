-- accounts.db: what the administrator states. Domains, mailboxes, app passwords, aliases.
--
-- Writing to these tables with the sqlite3 shell is a supported way to administer restante. A
-- running server sees each change at once. The shortest forms:
--
--	INSERT INTO domain(domain) VALUES ('example.org');
--	INSERT INTO mailbox(address, password) VALUES ('ann@example.org', '{CRYPT}$y$j9T$...');
--	INSERT INTO alias(address, goto) VALUES ('info@example.org', 'ann@example.org');
--	UPDATE mailbox SET active = 0 WHERE address = 'ann@example.org';
--
-- `restante hash` makes the value for a password. INSERT ... ON CONFLICT DO UPDATE is welcome.
-- INSERT OR REPLACE is refused for mailboxes: it would make a new one with an empty maildrop.
--
-- Conventions of every table
--	Names of domains are in lower case. Addresses are compared without regard to the case of
--	ASCII letters, so Ann@example.org and ann@example.org are one address.
--	Yes and no are 1 and 0.
--	Times are text in UTC: '2026-12-31 23:59:59'.
--	NULL in a quota means "as the domain says"; 0 means "no limit".
--	created and modified are kept by triggers; leave them out.
--
-- Rules about one row are CHECK constraints whose name is the sentence you read when one refuses;
-- rules about several rows are triggers. No foreign keys: the shell would not enforce them.

-- Which mail databases this one belongs to. Written once, when they were made together; with
-- others it is refused.
--	store	the store's identity, 32 hexadecimal digits, the same in each of them
--	shards	how many there are
CREATE TABLE meta (
	name TEXT NOT NULL PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE domain (
	-- The name, as it stands after the "@": 'example.org'. Internationalised names in the form
	-- in which the MTA hands them over ('xn--...' or UTF-8).
	domain TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
	-- For people.
	description TEXT NOT NULL DEFAULT '',
	-- 0: nobody in it can log in, and mail for it is put off (the MTA tries again).
	active INTEGER NOT NULL DEFAULT 1,
	-- For each of its mailboxes that has no quota of its own: octets (1073741824 is 1 GiB) and
	-- messages. 0 = no limit.
	quota_octets INTEGER NOT NULL DEFAULT 0,
	quota_messages INTEGER NOT NULL DEFAULT 0,
	-- How many mailboxes there may be in it. 0 = no limit.
	max_mailboxes INTEGER NOT NULL DEFAULT 0,
	-- How long deleted mail can be brought back, in seconds: 604800 is a week, 0 is not at all
	-- (the server then purges it within a minute).
	-- NULL = the server's default (a week).
	undelete_seconds INTEGER,
	created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
	modified TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,

	CONSTRAINT "domain.domain: write the domain in lower case, such as example.org"
		CHECK (domain NOT GLOB '*[A-Z]*'),
	-- The range from ":" to "^" holds the capitals, already refused above.
	CONSTRAINT "domain.domain: a domain has letters, digits, hyphens and single dots, such as example.org"
		CHECK (domain GLOB '?*' AND domain NOT GLOB '.*' AND domain NOT GLOB '*.'
			AND domain NOT GLOB '*..*' AND instr(domain, char(0)) = 0
			AND domain NOT GLOB ('*[' || char(1) || '-,/:-^`{-' || char(127) || ']*')),
	CONSTRAINT "domain.domain: a domain has at most 252 octets"
		CHECK (length(CAST(domain AS BLOB)) <= 252),
	CONSTRAINT "domain.active is 1 or 0" CHECK (active IN (0, 1)),
	CONSTRAINT "domain.quota_octets is a number of octets; 0 means no limit"
		CHECK (quota_octets >= 0),
	CONSTRAINT "domain.quota_messages is a number of messages; 0 means no limit"
		CHECK (quota_messages >= 0),
	CONSTRAINT "domain.max_mailboxes is a number of mailboxes; 0 means no limit"
		CHECK (max_mailboxes >= 0),
	CONSTRAINT "domain.undelete_seconds is a number of seconds; NULL means the default"
		CHECK (undelete_seconds >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE mailbox (
	-- Given by restante, never given twice. Leave it out.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	-- The user's address and login name: 'ann@example.org'.
	address TEXT NOT NULL UNIQUE COLLATE NOCASE,
	-- For people: 'Ann Example'.
	name TEXT NOT NULL DEFAULT '',
	-- A hash: '{SCHEME}...' with a scheme's name as
	-- Dovecot has it ('{CRYPT}$y$...', '{SSHA512}...'), or a bare crypt(5) string ('$6$...').
	-- NULL = nobody can log in with this row's password; where PAM is configured, a user of the
	-- system by this name can with their own.
	password TEXT,
	-- For the POP3 command APOP, which needs the secret itself. Write '{CLEAR}the secret'; the
	-- server replaces it by '{SEALED}...', readable only with its key file. NULL = no APOP.
	apop_secret TEXT,
	-- What SCRAM needs of the password: 'rounds,salt,StoredKey,ServerKey', all but the first in
	-- base64. `restante user passwd` makes them. An UPDATE of password alone sets them to NULL,
	-- since they would still let the old one in. NULL = no SCRAM, unless password itself is
	-- '{SCRAM-SHA-256}...' or '{SCRAM-SHA-1}...'.
	scram_sha1 TEXT,
	scram_sha256 TEXT,
	-- Where it may log in from: '192.0.2.0/24 2001:db8::/32', separated by spaces or commas.
	-- NULL = anywhere. What cannot be read lets nobody in.
	allow_nets TEXT,
	-- 0: cannot log in, and mail for it is put off (the MTA tries again).
	active INTEGER NOT NULL DEFAULT 1,
	-- No login from this moment on, UTC: '2026-12-31' (its first second) or
	-- '2026-12-31 18:00:00'. Mail is still taken. NULL = never.
	expires_at TEXT,
	-- What it may hold; NULL = as the domain says, 0 = no limit.
	quota_octets INTEGER,
	quota_messages INTEGER,
	-- How long deleted mail can be brought back; NULL = as the domain says.
	undelete_seconds INTEGER,
	-- May it use POP3; does it take mail by LMTP.
	pop3_enabled INTEGER NOT NULL DEFAULT 1,
	lmtp_enabled INTEGER NOT NULL DEFAULT 1,
	-- Ways to log in: USER and PASS; APOP; and the mechanisms of AUTH (SCRAM with and without
	-- -PLUS). The server must offer one as well (option sasl_mechanisms).
	pass_enabled INTEGER NOT NULL DEFAULT 1,
	apop_enabled INTEGER NOT NULL DEFAULT 1,
	plain_enabled INTEGER NOT NULL DEFAULT 1,
	login_enabled INTEGER NOT NULL DEFAULT 1,
	cram_md5_enabled INTEGER NOT NULL DEFAULT 1,
	scram_sha1_enabled INTEGER NOT NULL DEFAULT 1,
	scram_sha256_enabled INTEGER NOT NULL DEFAULT 1,
	-- Where its mail is: which mail database, under which key. Chosen by restante, and never
	-- changed. Leave both out; only to put a deleted mailbox back, with the mail that is kept
	-- for a week, give its store_key:
	--
	--	INSERT INTO mailbox(address, password, store_key) SELECT address, '...', store_key
	--		FROM maildrop WHERE address = 'ann@example.org' AND removed IS NOT NULL
	--		ORDER BY removed DESC LIMIT 1;
	shard INTEGER NOT NULL DEFAULT -1,
	store_key TEXT NOT NULL UNIQUE DEFAULT '',
	created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
	modified TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,

	-- Read these, they follow from the others.
	local_part TEXT GENERATED ALWAYS AS (substr(address, 1, instr(address, '@') - 1)) VIRTUAL,
	domain TEXT COLLATE NOCASE
		GENERATED ALWAYS AS (substr(address, instr(address, '@') + 1)) VIRTUAL,
	-- 'SSHA512', or for a crypt(5) string its first field: '$y$'.
	password_scheme TEXT GENERATED ALWAYS AS (CASE
		WHEN password GLOB '{*' THEN substr(password, 2, instr(password, '}') - 2)
		ELSE substr(password, 1, 1 + instr(substr(password, 2), '$')) END) VIRTUAL,
	-- 'SEALED' or 'CLEAR'; NULL = no secret.
	apop_secret_form TEXT GENERATED ALWAYS AS
		(substr(apop_secret, 2, instr(apop_secret, '}') - 2)) VIRTUAL,
	-- 'SHA-1 SHA-256', one of them, or NULL.
	scram_forms TEXT GENERATED ALWAYS AS
		(nullif(trim(iif(scram_sha1 IS NULL, '', 'SHA-1 ')
			|| iif(scram_sha256 IS NULL, '', 'SHA-256')), '')) VIRTUAL,

	CONSTRAINT "mailbox.address is written local@domain, such as ann@example.org, without spaces or quotes"
		CHECK (address GLOB '?*@?*' AND address NOT GLOB '*@*@*'
			AND address NOT GLOB '.*' AND address NOT GLOB '*..*'
			AND address NOT GLOB '*.@*' AND instr(address, char(0)) = 0
			AND address NOT GLOB
				('*[]' || char(1) || '- "(),:;<>[\' || char(127) || ']*')),
	CONSTRAINT "mailbox.address: write the domain in lower case, such as ann@example.org"
		CHECK (address NOT GLOB '*@*[A-Z]*'),
	-- RFC 5321 section 4.5.3.1: a path of 256 octets has the brackets in it.
	CONSTRAINT "mailbox.address: an address has at most 254 octets, 64 of them before the @"
		CHECK (length(CAST(address AS BLOB)) <= 254
			AND instr(CAST(address AS BLOB), x'40') <= 65),
	CONSTRAINT "mailbox.password must be a hash such as `restante hash` prints, or NULL for none"
		CHECK (password GLOB '{[A-Za-z]*}?*' OR password GLOB '$?*$?*'),
	CONSTRAINT "mailbox.password: at most 500 octets, no control characters"
		CHECK (length(CAST(password AS BLOB)) <= 500 AND instr(password, char(0)) = 0
			AND password NOT GLOB ('*[' || char(1) || '-' || char(31) || ']*')),
	CONSTRAINT "mailbox.apop_secret is written {CLEAR} and then the secret, or NULL for none"
		CHECK (apop_secret GLOB '{CLEAR}?*' OR apop_secret GLOB '{SEALED}?*'),
	CONSTRAINT "mailbox.apop_secret: a secret has at most 255 octets, no control characters"
		CHECK (length(CAST(apop_secret AS BLOB)) <=
				CASE WHEN apop_secret GLOB '{CLEAR}*' THEN 262 ELSE 500 END
			AND instr(apop_secret, char(0)) = 0
			AND apop_secret NOT GLOB ('*[' || char(1) || '-' || char(31) || ']*')),
	CONSTRAINT "mailbox.scram_sha1 is written rounds,salt,StoredKey,ServerKey, or NULL for none"
		CHECK (scram_sha1 GLOB '[1-9]*,?*,?*,?*'
			AND length(CAST(scram_sha1 AS BLOB)) <= 500
			AND scram_sha1 NOT GLOB '*[^0-9A-Za-z+/=,]*'),
	CONSTRAINT "mailbox.scram_sha256 is written rounds,salt,StoredKey,ServerKey, or NULL for none"
		CHECK (scram_sha256 GLOB '[1-9]*,?*,?*,?*'
			AND length(CAST(scram_sha256 AS BLOB)) <= 500
			AND scram_sha256 NOT GLOB '*[^0-9A-Za-z+/=,]*'),
	CONSTRAINT "mailbox.allow_nets is a list of networks such as 192.0.2.0/24 2001:db8::/32, or NULL for anywhere"
		CHECK (allow_nets GLOB '[0-9A-Fa-f:]*' AND length(CAST(allow_nets AS BLOB)) <= 500
			AND allow_nets NOT GLOB '*[^0-9A-Fa-f.:/, ]*'),
	CONSTRAINT "mailbox.active is 1 or 0" CHECK (active IN (0, 1)),
	-- '+0 days' makes SQLite recount the date, so that the 30th of February is noticed. The
	-- pattern comes first: it keeps out 'now', which SQLite forbids here.
	CONSTRAINT "mailbox.expires_at is a date and time in UTC, such as 2026-12-31 or 2026-12-31 18:00:00"
		CHECK (expires_at IS NULL OR CASE WHEN expires_at GLOB '[12][0-9][0-9][0-9]-*'
			THEN expires_at IS date(expires_at, '+0 days')
				OR expires_at IS datetime(expires_at, '+0 days')
			ELSE 0 END),
	CONSTRAINT "mailbox.quota_octets is a number of octets; 0 means no limit, NULL as the domain says"
		CHECK (quota_octets >= 0),
	CONSTRAINT "mailbox.quota_messages is a number of messages; 0 means no limit, NULL as the domain says"
		CHECK (quota_messages >= 0),
	CONSTRAINT "mailbox.undelete_seconds is a number of seconds; NULL means as the domain says"
		CHECK (undelete_seconds >= 0),
	CONSTRAINT "mailbox.pop3_enabled is 1 or 0" CHECK (pop3_enabled IN (0, 1)),
	CONSTRAINT "mailbox.lmtp_enabled is 1 or 0" CHECK (lmtp_enabled IN (0, 1)),
	CONSTRAINT "mailbox.pass_enabled is 1 or 0" CHECK (pass_enabled IN (0, 1)),
	CONSTRAINT "mailbox.apop_enabled is 1 or 0" CHECK (apop_enabled IN (0, 1)),
	CONSTRAINT "mailbox.plain_enabled is 1 or 0" CHECK (plain_enabled IN (0, 1)),
	CONSTRAINT "mailbox.login_enabled is 1 or 0" CHECK (login_enabled IN (0, 1)),
	CONSTRAINT "mailbox.cram_md5_enabled is 1 or 0" CHECK (cram_md5_enabled IN (0, 1)),
	CONSTRAINT "mailbox.scram_sha1_enabled is 1 or 0" CHECK (scram_sha1_enabled IN (0, 1)),
	CONSTRAINT "mailbox.scram_sha256_enabled is 1 or 0" CHECK (scram_sha256_enabled IN (0, 1))
) STRICT;
CREATE INDEX mailbox_domain ON mailbox(domain);
-- Nearly always empty: the server asks it what is to be sealed.
CREATE INDEX mailbox_to_seal ON mailbox(id) WHERE apop_secret GLOB '{CLEAR}*';

-- Further passwords of a mailbox: one for each program or device, so that one can be taken back
-- without changing the others. Good for USER and PASS and for AUTH PLAIN and LOGIN; SCRAM, CRAM-MD5
-- and APOP know one secret only. `restante user app-password add` generates one and stores its hash.
--
--	INSERT INTO app_password(address, label, password)
--		VALUES ('ann@example.org', 'phone', '{SSHA512}...');
CREATE TABLE app_password (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	-- The mailbox. Follows it when it is renamed, goes with it when it is removed.
	address TEXT NOT NULL COLLATE NOCASE,
	-- For people, and for the log: 'phone'.
	label TEXT NOT NULL COLLATE NOCASE,
	-- As mailbox.password. These are all tried, so choose a cheap scheme and a long random
	-- password, not the other way about.
	password TEXT NOT NULL,
	created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,

	CONSTRAINT "app_password.label has 1 to 40 letters, digits, dots, hyphens and underscores, such as phone"
		CHECK (length(label) BETWEEN 1 AND 40 AND label NOT GLOB '*[^-0-9A-Za-z._]*'),
	CONSTRAINT "app_password.password must be a hash such as `restante hash` prints"
		CHECK (password GLOB '{[A-Za-z]*}?*' OR password GLOB '$?*$?*'),
	CONSTRAINT "app_password.password: at most 500 octets, no control characters"
		CHECK (length(CAST(password AS BLOB)) <= 500 AND instr(password, char(0)) = 0
			AND password NOT GLOB ('*[' || char(1) || '-' || char(31) || ']*')),
	UNIQUE (address, label)
) STRICT;

-- Mail for `address` goes to `goto`: one row for each place it goes to, at most 100 rows for one
-- address. If there is a mailbox of the same address, that one gets its mail as well.
--
--	INSERT INTO alias(address, goto) VALUES
--		('team@example.org', 'ann@example.org'),
--		('team@example.org', 'bob@example.org'),	-- a second target
--		('@example.org', 'ann@example.org');		-- whatever else comes to the domain
--
-- A target is a mailbox or another alias of this server. Sending mail on to other servers is the
-- MTA's business (Postfix: virtual_alias_maps).
CREATE TABLE alias (
	id INTEGER PRIMARY KEY,
	address TEXT NOT NULL COLLATE NOCASE,
	goto TEXT NOT NULL COLLATE NOCASE,
	-- 0: as if the row were not there.
	active INTEGER NOT NULL DEFAULT 1,
	created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
	modified TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,

	-- Read these, they follow from the others.
	domain TEXT COLLATE NOCASE
		GENERATED ALWAYS AS (substr(address, instr(address, '@') + 1)) VIRTUAL,
	goto_domain TEXT COLLATE NOCASE
		GENERATED ALWAYS AS (substr(goto, instr(goto, '@') + 1)) VIRTUAL,

	CONSTRAINT "alias.address is written local@domain, or @domain for all other addresses of a domain"
		CHECK (address GLOB '*@?*' AND address NOT GLOB '*@*@*'
			AND address NOT GLOB '.*' AND address NOT GLOB '*..*'
			AND address NOT GLOB '*.@*' AND instr(address, char(0)) = 0
			AND address NOT GLOB
				('*[]' || char(1) || '- "(),:;<>[\' || char(127) || ']*')),
	CONSTRAINT "alias.address: write the domain in lower case, such as info@example.org"
		CHECK (address NOT GLOB '*@*[A-Z]*'),
	CONSTRAINT "alias.address: an address has at most 254 octets, 64 of them before the @"
		CHECK (length(CAST(address AS BLOB)) <= 254
			AND instr(CAST(address AS BLOB), x'40') <= 65),
	CONSTRAINT "alias.goto is one address, such as ann@example.org; for several targets add a row for each"
		CHECK (goto GLOB '?*@?*' AND goto NOT GLOB '*@*@*'
			AND goto NOT GLOB '.*' AND goto NOT GLOB '*..*'
			AND goto NOT GLOB '*.@*' AND instr(goto, char(0)) = 0
			AND goto NOT GLOB
				('*[]' || char(1) || '- "(),:;<>[\' || char(127) || ']*')),
	CONSTRAINT "alias.goto: write the domain in lower case, such as ann@example.org"
		CHECK (goto NOT GLOB '*@*[A-Z]*'),
	CONSTRAINT "alias.goto: an address has at most 254 octets, 64 of them before the @"
		CHECK (length(CAST(goto AS BLOB)) <= 254
			AND instr(CAST(goto AS BLOB), x'40') <= 65),
	CONSTRAINT "alias.active is 1 or 0" CHECK (active IN (0, 1)),
	UNIQUE (address, goto)
) STRICT;
CREATE INDEX alias_domain_of ON alias(domain);
CREATE INDEX alias_goto_domain ON alias(goto_domain);

-- Mail for anybody@alias_domain is treated as mail for anybody@target_domain. Logging in needs the
-- mailbox's own address.
CREATE TABLE alias_domain (
	alias_domain TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
	target_domain TEXT NOT NULL COLLATE NOCASE,
	-- 0: mail for it is put off (the MTA tries again).
	active INTEGER NOT NULL DEFAULT 1,
	created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
	modified TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,

	CONSTRAINT "alias_domain.alias_domain: write the domain in lower case, such as example.net"
		CHECK (alias_domain NOT GLOB '*[A-Z]*'),
	CONSTRAINT "alias_domain.alias_domain: a domain has letters, digits, hyphens and single dots, such as example.net"
		CHECK (alias_domain GLOB '?*' AND alias_domain NOT GLOB '.*'
			AND alias_domain NOT GLOB '*.' AND alias_domain NOT GLOB '*..*'
			AND instr(alias_domain, char(0)) = 0 AND alias_domain NOT GLOB
				('*[' || char(1) || '-,/:-^`{-' || char(127) || ']*')),
	CONSTRAINT "alias_domain.alias_domain: a domain has at most 252 octets"
		CHECK (length(CAST(alias_domain AS BLOB)) <= 252),
	CONSTRAINT "alias_domain.target_domain: write the domain in lower case, such as example.org"
		CHECK (target_domain NOT GLOB '*[A-Z]*'),
	CONSTRAINT "alias_domain.active is 1 or 0" CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_domain_target ON alias_domain(target_domain);

-- restante's own record of every maildrop there ever was: whose mail is, or was, under which key.
-- The mail of a deleted mailbox is kept for a week. Kept by triggers. Read it; never write to it.
CREATE TABLE maildrop (
	store_key TEXT NOT NULL PRIMARY KEY,
	shard INTEGER NOT NULL,
	mailbox INTEGER NOT NULL,	-- mailbox.id
	address TEXT NOT NULL COLLATE NOCASE,	-- the last one it had
	created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
	removed TEXT	-- when the mailbox was deleted; NULL = it is there
) STRICT, WITHOUT ROWID;
CREATE INDEX maildrop_mailbox ON maildrop(mailbox);
CREATE INDEX maildrop_address ON maildrop(address) WHERE removed IS NULL;

-- ---------------------------------------------------------------------------------------------
-- Rules about several rows, and what restante fills in.

-- Before and not after: REPLACE would have deleted the old row by then, without any trigger.
CREATE TRIGGER meta_insert BEFORE INSERT ON meta
WHEN EXISTS (SELECT 1 FROM meta WHERE name = NEW.name) BEGIN
	SELECT RAISE(ABORT, 'meta is restante''s own: it is written once, when the store is made');
END;
CREATE TRIGGER meta_update BEFORE UPDATE ON meta BEGIN
	SELECT RAISE(ABORT, 'meta is restante''s own: it is written once, when the store is made');
END;
CREATE TRIGGER meta_delete BEFORE DELETE ON meta BEGIN
	SELECT RAISE(ABORT, 'meta is restante''s own: it is written once, when the store is made');
END;

CREATE TRIGGER domain_insert AFTER INSERT ON domain BEGIN
	SELECT RAISE(ABORT, 'domain.domain is an alias domain here: delete its row in alias_domain first')
		WHERE EXISTS (SELECT 1 FROM alias_domain WHERE alias_domain = NEW.domain);
END;
CREATE TRIGGER domain_rename BEFORE UPDATE OF domain ON domain
WHEN NEW.domain IS NOT OLD.domain BEGIN
	SELECT RAISE(ABORT, 'domain.domain cannot be changed: insert the new domain, UPDATE mailbox SET address, then delete the old one');
END;
CREATE TRIGGER domain_modified AFTER UPDATE OF description, active, quota_octets, quota_messages,
	max_mailboxes, undelete_seconds ON domain BEGIN
	UPDATE domain SET modified = CURRENT_TIMESTAMP WHERE domain = NEW.domain;
END;
CREATE TRIGGER domain_delete BEFORE DELETE ON domain BEGIN
	SELECT RAISE(ABORT, 'the domain still has mailboxes: delete them first')
		WHERE EXISTS (SELECT 1 FROM mailbox WHERE domain = OLD.domain);
	SELECT RAISE(ABORT, 'the domain still has aliases: delete them first')
		WHERE EXISTS (SELECT 1 FROM alias WHERE domain = OLD.domain);
	SELECT RAISE(ABORT, 'aliases of other domains still go to this domain: delete them first')
		WHERE EXISTS (SELECT 1 FROM alias WHERE goto_domain = OLD.domain);
	SELECT RAISE(ABORT, 'the domain is still the target of an alias domain: delete its row in alias_domain first')
		WHERE EXISTS (SELECT 1 FROM alias_domain WHERE target_domain = OLD.domain);
END;

-- The rules stand in AFTER triggers, because BEFORE triggers also fire for the row that
-- ON CONFLICT DO UPDATE then does not insert.
CREATE TRIGGER mailbox_insert AFTER INSERT ON mailbox BEGIN
	SELECT RAISE(ABORT, 'mailbox.shard and mailbox.store_key are chosen by restante: leave them out; only the store_key of a deleted mailbox (table maildrop) may be given, to put its mail back')
		WHERE NEW.shard <> -1 OR (NEW.store_key <> '' AND NOT EXISTS
			(SELECT 1 FROM maildrop WHERE store_key = NEW.store_key AND removed IS NOT NULL));
	SELECT RAISE(ABORT, 'mailbox.address: its domain is not served here: INSERT INTO domain(domain) first')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.domain);
	SELECT RAISE(ABORT, 'the domain has as many mailboxes as domain.max_mailboxes allows')
		WHERE (SELECT max_mailboxes FROM domain WHERE domain = NEW.domain)
			BETWEEN 1 AND (SELECT count(*) - 1 FROM mailbox WHERE domain = NEW.domain);
	-- REPLACE deletes the old row without any trigger; the record of maildrops still has it.
	SELECT RAISE(ABORT, 'INSERT OR REPLACE would give the mailbox a new, empty maildrop: use UPDATE, or ON CONFLICT DO UPDATE')
		WHERE EXISTS (SELECT 1 FROM maildrop WHERE address = NEW.address AND removed IS NULL);
	-- Far ahead of the last one it would use up the numbers that there are.
	SELECT RAISE(ABORT, 'mailbox.id is given by restante and never given twice: leave it out')
		WHERE NEW.id - (SELECT coalesce(max(mailbox), 0) FROM maildrop) NOT BETWEEN 1 AND 1 << 40;
	UPDATE mailbox SET store_key = lower(hex(randomblob(16))),
		shard = NEW.id % (SELECT value FROM meta WHERE name = 'shards')
		WHERE id = NEW.id AND store_key = '';
	INSERT INTO maildrop(store_key, shard, mailbox, address)
		SELECT store_key, shard, id, address FROM mailbox WHERE id = NEW.id AND NEW.store_key = '';
	-- One that was deleted comes back, under the key that its mail is kept by.
	UPDATE mailbox SET shard = (SELECT shard FROM maildrop WHERE store_key = NEW.store_key)
		WHERE id = NEW.id AND NEW.store_key <> '';
	UPDATE maildrop SET mailbox = NEW.id, address = NEW.address, removed = NULL
		WHERE store_key = NEW.store_key;
END;
CREATE TRIGGER mailbox_fixed BEFORE UPDATE OF id, shard, store_key ON mailbox
WHEN OLD.shard <> -1 AND (NEW.id IS NOT OLD.id OR NEW.shard IS NOT OLD.shard
	OR NEW.store_key IS NOT OLD.store_key) BEGIN
	SELECT RAISE(ABORT, 'mailbox.id, mailbox.shard and mailbox.store_key say where the mail is: they cannot be changed');
END;
CREATE TRIGGER mailbox_rename AFTER UPDATE OF address ON mailbox
WHEN NEW.address COLLATE BINARY IS NOT OLD.address BEGIN
	SELECT RAISE(ABORT, 'mailbox.address: its domain is not served here: INSERT INTO domain(domain) first')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.domain);
	SELECT RAISE(ABORT, 'the domain has as many mailboxes as domain.max_mailboxes allows')
		WHERE NEW.domain IS NOT OLD.domain
			AND (SELECT max_mailboxes FROM domain WHERE domain = NEW.domain)
			BETWEEN 1 AND (SELECT count(*) - 1 FROM mailbox WHERE domain = NEW.domain);
	SELECT RAISE(ABORT, 'UPDATE OR REPLACE would delete the mailbox that has this address: use UPDATE')
		WHERE EXISTS (SELECT 1 FROM maildrop
			WHERE address = NEW.address AND mailbox <> NEW.id AND removed IS NULL);
	UPDATE maildrop SET address = NEW.address WHERE mailbox = NEW.id;
	UPDATE app_password SET address = NEW.address WHERE address = OLD.address;
END;
-- What one UPDATE sets together belongs together; what it leaves as it was is of the old password.
CREATE TRIGGER mailbox_password AFTER UPDATE OF password ON mailbox
WHEN NEW.password IS NOT OLD.password BEGIN
	UPDATE mailbox SET
		scram_sha1 = nullif(NEW.scram_sha1, OLD.scram_sha1),
		scram_sha256 = nullif(NEW.scram_sha256, OLD.scram_sha256)
		WHERE id = NEW.id;
END;
CREATE TRIGGER mailbox_modified AFTER UPDATE OF address, name, password, apop_secret, scram_sha1,
	scram_sha256, allow_nets, active, expires_at, quota_octets, quota_messages,
	undelete_seconds, pop3_enabled, lmtp_enabled, pass_enabled, apop_enabled, plain_enabled,
	login_enabled, cram_md5_enabled, scram_sha1_enabled, scram_sha256_enabled ON mailbox BEGIN
	UPDATE mailbox SET modified = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;
CREATE TRIGGER mailbox_delete AFTER DELETE ON mailbox BEGIN
	UPDATE maildrop SET removed = CURRENT_TIMESTAMP WHERE mailbox = OLD.id;
	DELETE FROM app_password WHERE address = OLD.address;
END;

CREATE TRIGGER app_password_insert AFTER INSERT ON app_password BEGIN
	SELECT RAISE(ABORT, 'app_password.address: there is no such mailbox')
		WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE address = NEW.address);
	SELECT RAISE(ABORT, 'a mailbox has at most 20 app passwords')
		WHERE (SELECT count(*) FROM app_password WHERE address = NEW.address) > 20;
END;
CREATE TRIGGER app_password_move AFTER UPDATE OF address ON app_password BEGIN
	SELECT RAISE(ABORT, 'app_password.address: there is no such mailbox')
		WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE address = NEW.address);
	SELECT RAISE(ABORT, 'a mailbox has at most 20 app passwords')
		WHERE (SELECT count(*) FROM app_password WHERE address = NEW.address) > 20;
END;

CREATE TRIGGER alias_insert AFTER INSERT ON alias BEGIN
	SELECT RAISE(ABORT, 'alias.address is in an alias domain: give the alias in that one''s target domain')
		WHERE EXISTS (SELECT 1 FROM alias_domain WHERE alias_domain = NEW.domain);
	SELECT RAISE(ABORT, 'alias.address: its domain is not served here: INSERT INTO domain(domain) first')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.domain);
	SELECT RAISE(ABORT, 'alias.goto: its domain is not served here; sending mail on to other servers is the MTA''s business')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.goto_domain)
			AND NOT EXISTS (SELECT 1 FROM alias_domain WHERE alias_domain = NEW.goto_domain);
	SELECT RAISE(ABORT, 'alias.goto is the alias itself and there is no such mailbox')
		WHERE NEW.goto = NEW.address
			AND NOT EXISTS (SELECT 1 FROM mailbox WHERE address = NEW.address);
	SELECT RAISE(ABORT, 'an alias has at most 100 targets')
		WHERE (SELECT count(*) FROM alias WHERE address = NEW.address) > 100;
END;
CREATE TRIGGER alias_change AFTER UPDATE OF address, goto ON alias BEGIN
	SELECT RAISE(ABORT, 'alias.address is in an alias domain: give the alias in that one''s target domain')
		WHERE EXISTS (SELECT 1 FROM alias_domain WHERE alias_domain = NEW.domain);
	SELECT RAISE(ABORT, 'alias.address: its domain is not served here: INSERT INTO domain(domain) first')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.domain);
	SELECT RAISE(ABORT, 'alias.goto: its domain is not served here; sending mail on to other servers is the MTA''s business')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.goto_domain)
			AND NOT EXISTS (SELECT 1 FROM alias_domain WHERE alias_domain = NEW.goto_domain);
	SELECT RAISE(ABORT, 'alias.goto is the alias itself and there is no such mailbox')
		WHERE NEW.goto = NEW.address
			AND NOT EXISTS (SELECT 1 FROM mailbox WHERE address = NEW.address);
	SELECT RAISE(ABORT, 'an alias has at most 100 targets')
		WHERE (SELECT count(*) FROM alias WHERE address = NEW.address) > 100;
END;
CREATE TRIGGER alias_modified AFTER UPDATE OF address, goto, active ON alias BEGIN
	UPDATE alias SET modified = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER alias_domain_insert AFTER INSERT ON alias_domain BEGIN
	SELECT RAISE(ABORT, 'alias_domain.alias_domain has a row in domain: it is either served itself or an alias of another')
		WHERE EXISTS (SELECT 1 FROM domain WHERE domain = NEW.alias_domain);
	SELECT RAISE(ABORT, 'alias_domain.target_domain is not served here: INSERT INTO domain(domain) first')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.target_domain);
END;
CREATE TRIGGER alias_domain_rename BEFORE UPDATE OF alias_domain ON alias_domain
WHEN NEW.alias_domain IS NOT OLD.alias_domain BEGIN
	SELECT RAISE(ABORT, 'alias_domain.alias_domain cannot be changed: insert the new one, then delete the old one');
END;
CREATE TRIGGER alias_domain_target AFTER UPDATE OF target_domain ON alias_domain BEGIN
	SELECT RAISE(ABORT, 'alias_domain.target_domain is not served here: INSERT INTO domain(domain) first')
		WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = NEW.target_domain);
END;
CREATE TRIGGER alias_domain_modified AFTER UPDATE OF target_domain, active ON alias_domain BEGIN
	UPDATE alias_domain SET modified = CURRENT_TIMESTAMP WHERE alias_domain = NEW.alias_domain;
END;
CREATE TRIGGER alias_domain_delete BEFORE DELETE ON alias_domain BEGIN
	SELECT RAISE(ABORT, 'aliases still go to this alias domain: delete them first')
		WHERE EXISTS (SELECT 1 FROM alias WHERE goto_domain = OLD.alias_domain);
END;
