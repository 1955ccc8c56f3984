"""Accounts by plain SQL with the sqlite3 shell while the server runs: each change counts at once."""
import hashlib
import re
import subprocess
import unittest

from harness import PASSWORD, PATIENCE, UNPRIVILEGED, LiveTest, wait_until
import wire

HEADER = b"Subject: x\r\n\r\n"


class Accounts(LiveTest):
    def setUp(self):
        self.mx = self.serve()

    def shell(self, statement):
        """What an administrator types; returns what the shell says, errors included."""
        done = subprocess.run(["sqlite3", "-cmd", f".timeout {PATIENCE * 1000}",
                               self.mx.data / "accounts.db", statement], capture_output=True,
                              text=True, timeout=PATIENCE, check=False, **UNPRIVILEGED)
        return done.stdout + done.stderr

    def change(self, assignment):
        self.assertEqual(self.shell(f"UPDATE mailbox SET {assignment} "
                                    "WHERE address = 'ann@example.test'"), "")

    def reply(self, user="ann@example.test", password=PASSWORD):
        """The reply to PASS."""
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"USER {user}")
            return pop3.ask(f"PASS {password}")

    def assert_refused(self, **arguments):
        self.assertTrue(self.reply(**arguments).startswith(b"-ERR [AUTH] "))

    def assert_accepted(self, **arguments):
        self.assertTrue(self.reply(**arguments).startswith(b"+OK"))

    def test_domain_mailbox_and_alias_by_shell_serve_at_once(self):
        self.assertEqual(self.shell(
            "INSERT INTO domain(domain) VALUES('example.org');"
            "INSERT INTO mailbox(address, password) VALUES('eve@example.org', '{PLAIN}a b');"
            "INSERT INTO alias(address, goto) VALUES('info@example.org', 'eve@example.org');"), "")
        self.mx.deliver("info@example.org", HEADER)
        with self.mx.login("eve@example.org", "a b") as pop3:
            self.assertEqual(pop3.stat()[0], 1)

    def test_hash_of_the_tool_works_in_sql(self):
        for scheme in ((), ("--scheme", "SHA512-CRYPT"), ("--scheme", "ARGON2ID")):
            hashed = self.mx.tool("hash", *scheme, "--password-stdin", stdin=b"n\xc3\xa4w one\n")
            self.change(f"password = '{hashed.stdout.strip()}'")
            with self.subTest(scheme):
                self.assert_accepted(password="näw one")
                self.assert_refused(password="naw one")

    def test_password_change_counts_at_once(self):
        self.assert_accepted()
        self.change("password = '{PLAIN}other'")
        self.assert_refused()
        self.assert_accepted(password="other")
        self.change("password = NULL")
        self.assert_refused(password="other")

    def test_switches_refuse_login(self):
        for assignment, back in (("active = 0", "active = 1"),
                                 ("pop3_enabled = 0", "pop3_enabled = 1"),
                                 ("pass_enabled = 0", "pass_enabled = 1"),
                                 ("expires_at = '2001-01-01'", "expires_at = NULL")):
            with self.subTest(assignment):
                self.change(assignment)
                self.assert_refused()
                self.change(back)
                self.assert_accepted()

    def test_inactive_domain_refuses_login_and_puts_mail_off(self):
        self.shell("UPDATE domain SET active = 0")
        self.assert_refused()
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            lmtp.command("MAIL FROM:<>")
            self.assertEqual(lmtp.command("RCPT TO:<ann@example.test>")[0], 450)

    def test_login_name_has_no_case(self):
        self.assert_accepted(user="Ann@EXAMPLE.test")

    def test_clear_apop_secret_is_sealed(self):
        self.mx.options["apop"] = True
        self.mx.restart()
        self.change("apop_secret = '{CLEAR}tanstaaf'")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.apop(pop3, "tanstaaf")
        self.mx.restart()
        # Sealing is done in the background.
        wait_until(lambda: self.shell("SELECT apop_secret FROM mailbox").startswith("{SEALED}"))
        with wire.Pop3(self.mx.pop3) as pop3:
            self.apop(pop3, "tanstaaf")

    def test_apop_challenge_differs_for_each_greeting(self):
        """RFC 1939 section 7; its form is a msg-id of RFC 822."""
        self.mx.options["apop"] = True
        self.mx.restart()
        greetings = set()
        for _ in range(20):
            with wire.Pop3(self.mx.pop3) as pop3:
                self.assertRegex(pop3.greeting, rb"^\+OK [^<]*<[0-9a-f.]+@[A-Za-z0-9._-]+>$")
                greetings.add(pop3.greeting)
        self.assertEqual(len(greetings), 20)

    def test_apop_challenge_is_a_message_id_whatever_the_host_is_called(self):
        for name in ("mx." + "a" * 61, "a" * 63 + ".example.org"):
            self.mx.options.update(apop=True, hostname=name)
            self.mx.restart()
            with wire.Pop3(self.mx.pop3) as pop3:
                host = re.fullmatch(rb"\+OK [^<]*<[0-9a-f.]+@([^>]+)>", pop3.greeting)[1]
            self.assertNotIn(b"", host.split(b"."))

    def apop(self, pop3, secret):
        challenge = pop3.greeting[pop3.greeting.index(b"<"):pop3.greeting.index(b">") + 1]
        digest = hashlib.md5(challenge + secret.encode()).hexdigest()
        pop3.ok(f"APOP ann@example.test {digest}")

    def test_nonsense_is_refused_in_words(self):
        for statement, words in (
                ("INSERT INTO mailbox(address) VALUES('x@example.invalid')", "not served here"),
                ("INSERT INTO mailbox(address) VALUES('no address')", "local@domain"),
                ("INSERT INTO mailbox(address, password) VALUES('x@example.test', 'clear')",
                 "must be a hash"),
                ("UPDATE mailbox SET shard = 1 - shard", "cannot be changed"),
                ("DELETE FROM domain", "still has mailboxes"),
                ("INSERT OR REPLACE INTO mailbox(address) VALUES('ann@example.test')",
                 "new, empty maildrop")):
            with self.subTest(statement):
                self.assertIn(words, self.shell(statement))

    def test_removed_mailbox_refuses_and_a_new_one_is_empty(self):
        self.mx.deliver("ann@example.test", HEADER)
        self.shell("DELETE FROM mailbox WHERE address = 'ann@example.test'")
        self.assert_refused()
        self.mx.add_user("ann")
        with self.mx.login() as pop3:
            self.assertEqual(pop3.stat(), (0, 0))

    def test_renamed_mailbox_keeps_its_mail(self):
        self.mx.deliver("ann@example.test", HEADER)
        self.change("address = 'anna@example.test'")
        with self.mx.login("anna") as pop3:
            self.assertEqual(pop3.stat()[0], 1)


if __name__ == "__main__":
    unittest.main()
