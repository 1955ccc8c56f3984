"""The tool without a server: accounts, questions, errors, backup and restore."""
import os
import shutil
import sqlite3
import stat
import subprocess
import unittest

from alone import (CANTCREAT, CONFIG, DATAERR, DECLINED, NOINPUT, NOPERM, NOUSER, TEMPFAIL,
                   UNAVAILABLE, USAGE, ToolTest)

ANN = "ann@example.org"


class Init(ToolTest):
    def test_init_twice_changes_nothing(self):
        self.assertIn("Made", self.tool("init").out)
        key = (self.data / "secret.key").read_bytes()
        self.assertIn("nothing was changed", self.tool("init").out)
        self.assertEqual((self.data / "secret.key").read_bytes(), key)
        for name in ("", "secret.key", "accounts.db", "mail"):
            mode = (self.data / name).stat().st_mode
            self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, name)

    def test_command_before_init_names_the_remedy(self):
        for command in (["user", "list"], ["check"], ["status", "--shards"],
                        ["backup", self.folder / "b"]):
            self.tool(*command, status=NOINPUT, says="restante init")

    def test_lost_piece_is_an_error_with_the_remedy(self):
        self.fill()
        (self.data / "secret.key").unlink()
        self.tool("init", status=DATAERR, says="restore")

    @unittest.skipUnless(os.geteuid() == 0, "only root becomes somebody else")
    def test_root_leaves_no_file_of_its_own(self):
        self.fill()
        self.folder.chmod(0o755)
        for path in (self.data, *self.data.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
        owner = self.data.stat().st_uid
        database = sqlite3.connect(self.data / "accounts.db")  # so that its WAL stays
        database.execute("SELECT count(*) FROM domain").fetchall()
        self.tool("domain", "add", "example.net")
        self.tool("check")
        self.tool("backup", self.folder / "b", status=0)
        database.close()
        for path in (self.folder / "b", *self.data.rglob("*"), *(self.folder / "b").rglob("*")):
            if path.name not in ("accounts.db-wal", "accounts.db-shm"):  # ours, as root
                self.assertEqual(path.stat().st_uid, owner, path)


class Accounts(ToolTest):
    def test_domain_life(self):
        self.tool("init")
        self.assertEqual(self.tool("domain", "list", "--json").json, {"domains": []})
        self.tool("domain", "add", "Example.ORG", "quota_octets=2G")
        self.tool("domain", "add", "example.org", status=CANTCREAT, says="exists already")
        self.tool("domain", "set", "example.org", "description=Ünïcode \"q\"", "active=no")
        row, = self.tool("domain", "show", "example.org", "--json").json["domains"]
        self.assertEqual((row["domain"], row["description"], row["active"], row["quota_octets"]),
                         ("example.org", 'Ünïcode "q"', False, 2 << 30))
        self.tool("domain", "show", "nowhere.org", status=NOUSER,
                  says='domain "nowhere.org" does not exist; add it with: restante domain add '
                       "nowhere.org")
        self.tool("domain", "set", "nowhere.org", "active=1", status=NOUSER)
        self.tool("domain", "rm", "example.org", status=USAGE, says="--yes")
        self.tool("domain", "rm", "example.org", "--yes")
        self.tool("domain", "rm", "example.org", "--yes", status=NOUSER)

    def test_domain_with_users_is_not_removed(self):
        self.fill()
        self.tool("domain", "rm", "example.org", "--yes", status=DATAERR, says="2 users")

    def test_user_life(self):
        self.fill()
        names = [row["address"] for row in self.tool("user", "list", "--json").json["users"]]
        self.assertEqual(names, [ANN, "bob@example.org"])
        self.tool("user", "set", ANN, "quota_octets=1K", "undelete_seconds=2d", "apop_enabled=off")
        row, = self.tool("user", "show", ANN, "--json").json["users"]
        self.assertEqual((row["quota_octets"], row["undelete_seconds"], row["apop_enabled"]),
                         (1024, 172800, False))
        self.assertEqual((row["messages"], row["octets"], row["last_login"]), (0, 0, 0))
        self.assertNotIn("password", row)
        self.tool("user", "set", ANN, "quota_octets=")
        row, = self.tool("user", "show", ANN, "--json").json["users"]
        self.assertIsNone(row["quota_octets"])
        self.tool("alias", "add", "a@example.org", ANN)
        self.tool("user", "rm", ANN, status=USAGE, says="1 alias goes to it")
        self.tool("user", "rm", ANN, "--yes")
        self.tool("user", "show", ANN, status=NOUSER, says="restante user add")
        self.tool("check", status=DATAERR)  # the alias goes nowhere

    def test_user_is_removed_when_the_maildrop_cannot_be_read(self):
        self.fill()
        for shard in (self.data / "mail").glob("mail-*.db"):
            shard.write_bytes(b"no database at all" * 100)
        self.tool("user", "rm", ANN, status=DATAERR, says="mail-00.db")
        self.tool("user", "rm", ANN, "--yes")
        self.tool("user", "rm", ANN, "--yes", status=NOUSER)

    def test_user_without_a_password(self):
        self.fill()
        self.tool("user", "add", "eve@example.org", "--no-password", "name=Eve")
        done = self.run_tool("auth", "test", "eve@example.org", "--password-stdin", stdin=b"x\n")
        self.assertEqual(done.status, NOPERM, done.err)
        row, = self.tool("user", "show", "eve@example.org", "--json").json["users"]
        self.assertEqual((row["name"], row["password_scheme"]), ("Eve", None))
        self.tool("user", "rm", "eve@example.org", "--yes")
        self.tool("user", "undelete", "eve@example.org", "--no-password")
        row, = self.tool("user", "show", "eve@example.org", "--json").json["users"]
        self.assertIsNone(row["password_scheme"])
        for other in ("--generate", "--password-stdin"):
            self.tool("user", "add", "fay@example.org", "--no-password", other, stdin=b"x\n",
                      status=USAGE, says="exclude each other")
        self.tool("user", "passwd", "eve@example.org", "--no-password", status=USAGE)

    def test_user_removed_is_put_back(self):
        self.fill()
        key, = [row["store_key"] for row in self.tool("user", "list", "--json").json["users"]
                if row["address"] == ANN]
        again = ["user", "undelete", ANN, "--password-stdin"]
        self.tool(*again, stdin=b"x\n", status=CANTCREAT, says="exists already")
        self.tool("user", "undelete", "eve@example.org", "--generate", status=NOUSER,
                  says="restante user add eve@example.org")
        self.assertIn(f"restante user undelete {ANN}", self.tool("user", "rm", ANN, "--yes").out)
        row, = self.tool(*again, "name=Ann", "--json", stdin=b"new one\n").json["users"]
        self.assertEqual(row, {"address": ANN, "messages": 0, "octets": 0, "store_key": key,
                               "password": None})
        self.tool("auth", "test", ANN, "--password-stdin", stdin=b"new one\n")
        row, = self.tool("user", "show", ANN, "--json").json["users"]
        self.assertEqual((row["store_key"], row["name"]), (key, "Ann"))
        self.tool("user", "rm", ANN, "--yes")
        self.tool("user", "add", ANN, "--generate")
        self.tool("user", "rm", ANN, "--yes")
        self.tool(*again, stdin=b"x\n", status=USAGE, says=f"  {key} removed 20")
        self.tool(*again, "--key", "0" * 32, stdin=b"x\n", status=NOUSER, says="under that key")
        self.assertIn("Put back", self.tool(*again, "--key", key, stdin=b"x\n").out)
        self.tool("check")
        self.tool("user", "rm", ANN, "--yes")
        with sqlite3.connect(self.data / "accounts.db") as database:
            database.execute("UPDATE maildrop SET removed = datetime('now', '-8 days')"
                             " WHERE removed IS NOT NULL")
        database.close()
        self.tool(*again, stdin=b"x\n", status=NOUSER, says="reaped 7 days")

    def test_user_add_is_refused_before_a_password_is_read(self):
        self.fill()
        self.tool("user", "add", "x@nowhere.org", "--generate", status=NOUSER,
                  says="restante domain add nowhere.org")
        self.tool("user", "add", ANN, "--generate", status=CANTCREAT, says="user passwd")
        self.tool("user", "add", "nobody", "--generate", status=USAGE)
        self.tool("user", "add", "ju\u0308@example.org", "--generate", status=DATAERR,
                  says="write it \"j\u00fc@example.org\"")
        self.tool("user", "add", "a\ue000@example.org", "--generate", status=DATAERR,
                  says="RFC 4013")
        self.tool("user", "add", "x@example.org", "no=1", "--generate", status=USAGE)

    def test_password_that_no_pass_line_can_carry_is_refused(self):
        self.fill()
        for command in (["user", "passwd", ANN], ["user", "add", "eve@example.org"], ["hash"]):
            self.tool(*command, "--password-stdin", stdin=b"x" * 506, status=DATAERR,
                      says="1 to 505 octets")

    def test_user_is_added_with_the_password_in_one_step(self):
        self.fill()
        with sqlite3.connect(self.data / "accounts.db") as database:
            database.execute("CREATE TRIGGER site BEFORE INSERT ON mailbox"
                             " WHEN NEW.password IS NULL"
                             " BEGIN SELECT RAISE(ABORT, 'never without a password'); END")
        database.close()
        self.tool("user", "add", "eve@example.org", "--generate")

    def test_column_unknown_is_answered_with_the_nearest(self):
        self.fill()
        self.tool("user", "set", ANN, "quota_octet=1", status=USAGE, says='"quota_octets"')
        self.tool("user", "set", ANN, "quota_octets=many", status=USAGE, says="500M")
        self.tool("user", "set", ANN, "active=maybe", status=USAGE, says="active=maybe: not yes")
        self.tool("domain", "set", "example.org", "quota_octets=", status=DATAERR,
                  says="domain.quota_octets must have a value")
        done = self.tool("user", "set", ANN, "foo=1", status=USAGE, says="there are: name active")
        for text in (done.err, self.tool("user", "set", "--help").out):
            self.assertNotIn("store_key", text)
        self.tool("user", "set", ANN, "password=x", status=USAGE, says="user passwd")
        self.tool("user", "set", ANN, "expires_at=soon", status=DATAERR, says="2026-12-31")
        self.tool("user", "set", ANN, "store_key=x", status=USAGE, says="kept by restante")

    def test_alias_life(self):
        self.fill()
        self.tool("alias", "add", "team@example.org", ANN, "bob@example.org")
        self.tool("alias", "add", "@example.org", "team@example.org")
        targets = self.tool("resolve", "who+ever@example.org", "--json").json["targets"]
        self.assertEqual({row["address"] for row in targets}, {ANN, "bob@example.org"})
        self.tool("alias", "rm", "team@example.org", "bob@example.org")
        self.tool("alias", "rm", "team@example.org", "bob@example.org", status=NOUSER)
        rows = self.tool("alias", "show", "team@example.org", "--json").json["aliases"]
        self.assertEqual([row["goto"] for row in rows], [ANN])
        self.tool("alias", "set", "team@example.org", "active=no")
        self.tool("alias", "add", "x@example.org", "x@elsewhere.org", status=DATAERR)
        self.tool("alias", "rm", "team@example.org", status=USAGE, says="1 target")
        self.tool("alias", "rm", "team@example.org", "-y")
        self.tool("alias", "rm", "@example.org", "-y")
        self.assertEqual(self.tool("alias", "list", "--json").json, {"aliases": []})
        self.tool("resolve", "team@example.org", status=NOUSER)

    def test_alias_gets_all_targets_or_none(self):
        self.fill()
        self.tool("alias", "add", "team@example.org", ANN, "x@elsewhere.org", status=DATAERR,
                  says='"x@elsewhere.org": alias.goto')
        self.assertEqual(self.tool("alias", "list", "--json").json, {"aliases": []})
        self.tool("alias", "add", "team@example.org", ANN)
        self.tool("alias", "add", "team@example.org", "bob@example.org", ANN, status=CANTCREAT,
                  says=f'"team@example.org" goes to "{ANN}" already')
        rows = self.tool("alias", "show", "team@example.org", "--json").json["aliases"]
        self.assertEqual([row["goto"] for row in rows], [ANN])

    def test_alias_domain_life(self):
        self.fill()
        self.tool("alias-domain", "add", "example.net", "nowhere.org", status=NOUSER)
        self.tool("alias-domain", "add", "example.net", "example.org")
        targets = self.tool("resolve", "ann@example.net", "--json").json["targets"]
        self.assertEqual([row["address"] for row in targets], [ANN])
        rows = self.tool("alias-domain", "list", "--json").json["alias_domains"]
        self.assertEqual(rows[0]["target_domain"], "example.org")
        self.tool("alias-domain", "set", "example.net", "active=no")
        row, = self.tool("alias-domain", "show", "example.net", "--json").json["alias_domains"]
        self.assertEqual((row["target_domain"], row["active"]), ("example.org", False))
        target, = self.tool("resolve", "ann@example.net", "--json").json["targets"]
        self.assertFalse(target["takes_mail"])
        self.tool("alias-domain", "show", "example.com", status=NOUSER, says="alias-domain add")
        self.tool("alias-domain", "rm", "example.net", status=USAGE)
        self.tool("alias-domain", "rm", "example.net", "--yes")
        self.tool("resolve", "ann@example.net", status=NOUSER)


class Passwords(ToolTest):
    def setUp(self):
        super().setUp()
        self.fill()

    def login(self, password, status, user=ANN, *options):
        done = self.run_tool("auth", "test", user, "--password-stdin", "--json", *options,
                             stdin=password.encode() + b"\n")
        self.assertEqual(done.status, status, done.err)
        return done.json["logins"][0]

    def test_login_from_elsewhere(self):
        self.tool("user", "set", ANN, "allow_nets=127.0.0.0/8 2001:db8::/32")
        for address, status, reason in ((None, 0, "ok"), ("127.0.0.9", 0, "ok"),
                                        ("2001:db8::7", 0, "ok"),
                                        ("192.0.2.1", NOPERM, "network-not-allowed"),
                                        ("2001:db9::7", NOPERM, "network-not-allowed")):
            options = () if address is None else ("--from", address)
            row = self.login("ann's password", status, ANN, *options)
            self.assertEqual(row["reason"], reason, address)
        for nonsense in ("192.0.2", "192.0.2.0/24", "", "localhost"):
            self.tool("auth", "test", ANN, "--from", nonsense, "--password-stdin", stdin=b"x\n",
                      status=USAGE, says="is no IP address")

    def test_login_by_each_method(self):
        self.tool("user", "apop", ANN, "--password-stdin", stdin=b"apop's secret\n")
        for method in ("pass", "plain", "login", "scram-sha-1", "scram-sha-256"):
            self.login("ann's password", 0, ANN, "--method", method)
            self.login("wrong", NOPERM, ANN, "--method", method)
        self.assertEqual(self.login("wrong", NOPERM, ANN, "--method", "scram-sha-256")["reason"],
                         "bad-proof")
        self.login("apop's secret", 0, ANN, "--method", "apop")
        self.assertEqual(self.login("ann's password", NOPERM, ANN, "--method", "apop")["reason"],
                         "bad-digest")
        self.assertEqual(self.login("ann's password", NOPERM, ANN, "--method", "cram-md5")["reason"],
                         "scheme-without-cram-md5")
        accounts = sqlite3.connect(self.data / "accounts.db")
        accounts.execute("UPDATE mailbox SET password = '{PLAIN}in clear' WHERE address = ?", (ANN,))
        accounts.commit()
        accounts.close()
        self.login("in clear", 0, ANN, "--method", "cram-md5")
        self.login("wrong", NOPERM, ANN, "--method", "cram-md5")
        # The keys went with the password that they were made of.
        self.assertEqual(self.login("in clear", NOPERM, ANN, "--method", "scram-sha-1")["reason"],
                         "no-scram-keys")
        self.login("x", NOPERM, "zoe@example.org", "--method", "scram-sha-256")
        self.tool("auth", "test", ANN, "--method", "scram-sha-512", "--password-stdin", stdin=b"x\n",
                  status=USAGE, says="there are: pass apop plain login")

    def test_login_says_why(self):
        self.assertEqual(self.login("ann's password", 0)["backend"], "sql")
        self.assertEqual(self.login("wrong", NOPERM)["reason"], "bad-password")
        self.assertIsNone(self.login("x", NOPERM, "zoe@example.org")["backend"])
        self.tool("user", "set", ANN, "active=0")
        self.assertNotEqual(self.login("ann's password", NOPERM)["reason"], "bad-password")

    def test_generated_password_is_printed_once_and_works(self):
        password = self.tool("user", "passwd", ANN, "--generate", "--quiet").out.strip()
        self.assertGreaterEqual(len(password), 20)
        self.login(password, 0)
        self.login("ann's password", NOPERM)
        again = self.tool("user", "passwd", ANN, "--generate", "--json").json["passwords"]
        self.assertEqual(again[0]["address"], ANN)
        self.assertNotEqual(again[0]["password"], password)
        for path in self.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(password.encode(), path.read_bytes(), path)

    def test_password_from_stdin_is_the_first_line(self):
        self.tool("user", "passwd", ANN, "--password-stdin", stdin=b"one\ntwo\n")
        self.login("one", 0)
        self.tool("user", "passwd", ANN, "--password-stdin", stdin=b"no end")
        self.login("no end", 0)

    def test_password_refused(self):
        for octets, status in ((b"", NOINPUT), (b"\n", DATAERR), (b"a\0b\n", NOINPUT),
                               (b"x" * 5000, NOINPUT)):
            self.tool("user", "passwd", ANN, "--password-stdin", stdin=octets, status=status)
        self.tool("user", "passwd", ANN, "secret", status=USAGE, says="--password-stdin")
        self.tool("user", "passwd", ANN, status=USAGE, says="--generate")
        self.tool("user", "passwd", ANN, "--generate", "--password-stdin", status=USAGE)
        self.tool("user", "passwd", "zoe@example.org", "--generate", status=NOUSER)
        self.login("ann's password", 0)

    def test_apop_secret_is_sealed(self):
        self.tool("user", "apop", ANN, "--password-stdin", stdin=b"tanstaaf\n")
        row, = self.tool("user", "show", ANN, "--json").json["users"]
        self.assertEqual(row["apop_secret_form"], "SEALED")
        for path in self.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"tanstaaf", path.read_bytes(), path)
        self.tool("user", "apop", ANN, "--password-stdin", stdin=b"gr\xfc\xdf\n", status=DATAERR,
                  says="RFC 4013")
        self.tool("user", "apop", ANN, "--remove", "--generate", status=USAGE, says="excludes")
        self.tool("user", "apop", ANN, "--remove")
        row, = self.tool("user", "show", ANN, "--json").json["users"]
        self.assertIsNone(row["apop_secret_form"])

    def test_apop_secret_generated_is_no_password(self):
        out = self.tool("user", "apop", ANN, "--generate").out
        self.assertRegex(out, f"(?m)^APOP secret of {ANN}: .{{20}}$")
        self.assertNotIn("Password", out)

    def test_hash_verifies(self):
        hashed = self.tool("hash", "--password-stdin", stdin=b"pass word\n").out.strip()
        database = sqlite3.connect(self.data / "accounts.db")
        with database:
            database.execute("UPDATE mailbox SET password = ? WHERE address = ?", (hashed, ANN))
        database.close()
        self.login("pass word", 0)
        self.tool("hash", "--scheme", "ROT13", "--password-stdin", stdin=b"x\n", status=USAGE,
                  says="CRYPT")
        both = self.tool("hash", "--generate", "--json").json["hashes"][0]
        self.assertTrue(both["password"] and both["hash"].startswith("{"))


class Terminal(ToolTest):
    def setUp(self):
        super().setUp()
        self.fill()

    def test_password_is_asked_twice_and_not_shown(self):
        status, seen = self.at_terminal(["user", "passwd", ANN],
                                        [("New password: ", "sesame\n"), ("again: ", "sesame\n")])
        self.assertEqual(status, 0, seen)
        self.assertNotIn("sesame", seen)
        self.tool("auth", "test", ANN, "--password-stdin", stdin=b"sesame\n")

    def test_password_mistyped_changes_nothing(self):
        status, seen = self.at_terminal(["user", "passwd", ANN],
                                        [("New password: ", "sesame\n"), ("again: ", "sesam\n")])
        self.assertEqual(status, DATAERR, seen)
        self.tool("auth", "test", ANN, "--password-stdin", stdin=b"ann's password\n")

    def test_password_interrupted_ends_the_tool(self):
        status, _ = self.at_terminal(["user", "passwd", ANN], [("New password: ", "ses\x03")])
        self.assertEqual(status, -2)  # SIGINT
        self.tool("auth", "test", ANN, "--password-stdin", stdin=b"ann's password\n")

    def test_removal_is_asked_for_with_counts(self):
        status, _ = self.at_terminal(["user", "rm", ANN], [("0 messages", ""), ("[y/N] ", "n\n")])
        self.assertEqual(status, DECLINED)
        self.tool("user", "show", ANN)
        status, _ = self.at_terminal(["user", "rm", ANN], [("[y/N] ", "\n")])
        self.assertEqual(status, DECLINED)
        status, _ = self.at_terminal(["user", "rm", ANN], [("[y/N] ", "y\n")])
        self.assertEqual(status, 0)
        self.tool("user", "show", ANN, status=NOUSER)


class Server(ToolTest):
    """What needs a server and has none."""

    def test_absent_server_is_told(self):
        self.fill()
        self.tool("session", "list", status=UNAVAILABLE, says="restanted")
        self.tool("session", "kick", "1", status=UNAVAILABLE)
        done = self.run_tool("status", "--json")
        self.assertEqual((done.status, done.json["status"][0]["server"]),
                         (UNAVAILABLE, "not running"))
        self.tool("deliver", ANN, status=TEMPFAIL, says="lmtp", stdin=b"S: x\n\nb\n")

    def test_store_is_read_without_a_server(self):
        self.fill()
        self.assertEqual(self.tool("maildrop", "list", ANN, "--json").json, {"messages": []})
        self.tool("maildrop", "show", ANN, "1", status=NOUSER)
        self.tool("maildrop", "show", ANN, "x", status=USAGE)
        self.tool("maildrop", "list", "zoe@example.org", status=NOUSER)
        self.tool("maildrop", "undelete", ANN, "--all", status=NOUSER)
        self.tool("maildrop", "undelete", ANN, status=USAGE, says="--all")
        self.tool("maildrop", "purge", ANN, "--uid", "0", status=USAGE)
        shards = self.tool("status", "--shards", "--json").json["shards"]
        self.assertEqual({row["in_service"] for row in shards}, {None})
        self.assertEqual([row["shard"] for row in shards], [0, 1])
        self.assertEqual(self.tool("check", "--json").json, {"findings": []})

    def test_address_that_would_break_a_line_is_refused(self):
        for address in ("a@b\r\nDATA", "a@b>", "", "a b@c", "x" * 400):
            self.tool("deliver", "--", address, status=USAGE)
            self.tool("deliver", "-f", address or " ", ANN, status=USAGE)


class Configuration(ToolTest):
    def test_example_is_the_default(self):
        path = self.folder / "example.conf"
        path.write_text(self.tool("config", "example").out)
        self.assertEqual(self.tool("config", "show", "--changed", config=path).out.strip(), "")
        self.tool("config", "check", config=path)

    def test_error_names_file_line_and_nearest_option(self):
        self.config.write_text("# one\nworkerz = 3\n")
        done = self.tool("config", "check", status=CONFIG, says="workers")
        self.assertIn(f"{self.config}:2", done.err)
        self.tool("user", "list", status=CONFIG)

    def test_user_root_is_refused_as_restanted_does(self):
        self.tool("config", "check", status=CONFIG,
                  says=f'{self.config}: option "user": "root" is root or in its group')

    def test_file_missing_is_told(self):
        self.tool("config", "check", config=self.folder / "none", status=NOINPUT,
                  says="config example")


class Backup(ToolTest):
    def setUp(self):
        super().setUp()
        self.fill()
        self.backup = self.folder / "backup"
        self.tool("user", "apop", ANN, "--password-stdin", stdin=b"tanstaaf\n")

    def other(self):
        """Another, empty home."""
        return self.configure("other.conf", self.folder / "other")

    def test_round_trip_keeps_accounts_and_key(self):
        self.tool("backup", self.backup)
        before = self.tool("user", "list", "--json").json
        other = self.other()
        self.tool("restore", self.backup, config=other)
        self.assertEqual(self.tool("user", "list", "--json", config=other).json, before)
        self.assertEqual((self.folder / "other/secret.key").read_bytes(),
                         (self.data / "secret.key").read_bytes())
        self.tool("auth", "test", ANN, "--password-stdin", stdin=b"ann's password\n", config=other)
        self.tool("check", config=other)
        # A backup can be restored as often as one likes.
        shutil.rmtree(self.folder / "other")
        self.tool("restore", self.backup, config=other)

    def test_key_that_does_not_fit_is_found(self):
        self.tool("check")
        key = self.data / "secret.key"
        right = key.read_bytes()
        key.write_bytes(bytes(32))
        done = self.tool("check", status=DATAERR, says="1 finding;")
        self.assertIn(f"mailbox {ANN}: its APOP secret does not open", done.out)
        key.chmod(0o640)
        finding, = self.run_tool("check", "--json").json["findings"]
        self.assertEqual(finding["where"], "key")
        self.assertIn("chmod 600", finding["finding"])
        key.unlink()
        self.assertIn("secret.key", self.tool("check", status=DATAERR).out)
        key.write_bytes(right)
        key.chmod(0o600)
        self.tool("check")

    def test_accounts_of_another_store_are_refused_by_name(self):
        self.tool("backup", self.backup)
        other = self.other()
        self.tool("init", config=other)
        for folder in (self.data, self.backup):
            shutil.copyfile(self.folder / "other/accounts.db", folder / "accounts.db")
        shutil.rmtree(self.folder / "other")
        for command in (["init"], ["check"], ["status", "--shards"], ["backup", self.folder / "b"]):
            done = self.tool(*command, status=DATAERR, says=f"{self.data}/accounts.db belongs to")
            self.assertIn(f"{self.data}/mail/mail-00.db to", done.err)
        manifest = subprocess.run("sha256sum accounts.db secret.key mail/*", cwd=self.backup,
                                  shell=True, capture_output=True, check=True)
        (self.backup / "MANIFEST").write_bytes(manifest.stdout)
        self.tool("restore", self.backup, config=other, status=DATAERR,
                  says=f"{self.backup}/accounts.db belongs to")
        self.assertFalse((self.folder / "other").exists())

    def test_backup_is_private_and_verifiable(self):
        self.tool("backup", self.backup)
        for path in (self.backup, *self.backup.rglob("*")):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "MANIFEST"], cwd=self.backup,
                       check=True)
        names = {str(path.relative_to(self.backup)) for path in self.backup.rglob("*")}
        self.assertEqual(names, {"MANIFEST", "accounts.db", "secret.key", "mail",
                                 "mail/mail-00.db", "mail/mail-01.db"})

    def test_backup_into_a_directory_in_use_is_refused(self):
        self.backup.mkdir()
        self.tool("backup", self.backup)
        self.tool("backup", self.backup, status=CANTCREAT, says="not empty")

    def test_restore_over_data_is_refused(self):
        self.tool("backup", self.backup)
        self.tool("restore", self.backup, status=CANTCREAT, says="move it away")
        (self.data / "secret.key").unlink()
        self.tool("restore", self.backup, status=CANTCREAT, says="secret.key")

    def test_restore_of_a_damaged_backup_leaves_nothing(self):
        self.tool("backup", self.backup)
        shard = self.backup / "mail/mail-01.db"
        octets = bytearray(shard.read_bytes())
        octets[-1] ^= 1
        shard.write_bytes(octets)
        other = self.other()
        self.tool("restore", self.backup, config=other, status=DATAERR, says="mail-01.db")
        self.assertFalse((self.folder / "other").exists())
        shard.unlink()
        self.tool("restore", self.backup, config=other, status=DATAERR)
        (self.backup / "MANIFEST").unlink()
        self.tool("restore", self.backup, config=other, status=NOINPUT, says="no backup")


class Completion(ToolTest):
    def complete(self, *words):
        script = ("source /dev/stdin; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _restante; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", script, "bash", "restante", *words], check=True,
                              input=self.tool("completion", "bash").out.encode(),
                              capture_output=True)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode().split()

    def test_bash_completes_words_and_options(self):
        self.assertEqual(self.complete("dom"), ["domain"])
        self.assertEqual(self.complete("alias", "sh"), ["show"])
        self.assertEqual(self.complete("--config", "f", "user", "pass"), ["passwd"])
        self.assertIn("--generate", self.complete("user", "passwd", ANN, "--"))
        self.assertNotIn("--generate", self.complete("user", "show", ANN, "--"))

    def test_other_shells_get_a_script(self):
        for shell in ("zsh", "fish"):
            self.assertIn("alias-domain", self.tool("completion", shell).out)
        self.tool("completion", "tcsh", status=USAGE)


if __name__ == "__main__":
    unittest.main()
