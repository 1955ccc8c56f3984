"""The log: one line for each delivery and session, what an operator needs in it, no secret ever."""
import hashlib
import re
import signal
import sqlite3
import unittest

from harness import PASSWORD, LiveTest
import wire

MESSAGE = b"Subject: TEXT-canary\r\nMessage-ID: <id-1@example.net>\r\n\r\nbody-canary\r\n"
# Time, level, event, then "key=value" words; what comes from outside is quoted.
HEAD = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|notice|info|debug) "
LINE = re.compile(HEAD + r'[a-z][a-z-]*( [a-z0-9-]+=("(\\.|[^"\\])*"|[^" ]+))*$')


class Logs(LiveTest):
    def lines(self, server, event):
        return [line for line in server.log if re.match(rf"{HEAD}{event} ", line)]

    def test_delivery_has_one_line_per_maildrop(self):
        server = self.serve("ann", "bob")
        with wire.Lmtp(server.lmtp_tcp) as lmtp:
            lmtp.deliver("sender@example.net", ["ann@example.test", "bob@example.test"], MESSAGE)
            lmtp.command("QUIT")
        server.stop()
        lines = [line for line in server.log if "<id-1@example.net>" in line]
        self.assertEqual(len(lines), 2)
        for line, user in zip(lines, ("ann", "bob")):
            for wanted in (r" session=\d+ ", r" peer=127\.0\.0\.1\S* ", r" uid=1 ",
                           r" octets=\d+ ", rf' maildrop="{user}@example\.test"',
                           r' from="sender@example\.net"', r' client="client\.example\.net"',
                           r' message-id="<id-1@example\.net>"'):
                self.assertRegex(line, wanted)

    def test_session_has_one_line_with_counts_and_deleted_uids(self):
        server = self.serve()
        for _ in range(6):
            server.deliver("ann@example.test", MESSAGE + b"more\r\n")
        with server.login() as pop3:
            octets = len(pop3.multi("RETR 2"))
            pop3.multi("TOP 2 0")
            pop3.multi("TOP 2 1")
            for number in (1, 2, 3, 5):
                pop3.ok(f"DELE {number}")
            pop3.quit()
        server.stop()
        line, = (line for line in self.lines(server, "session") if "protocol=pop3" in line)
        for wanted in (" end=quit ", " messages=6 ", " retrieved=1 ",
                       f" retrieved-octets={octets} ", " deleted=4 ", " deleted-uids=1-3,5 ",
                       ' user="ann@example.test"'):
            self.assertIn(wanted, line + " ")

    def test_lmtp_session_tells_how_it_ended(self):
        server = self.serve("ann")
        clients = [wire.Lmtp(server.lmtp) for _ in range(3)]
        for lmtp in clients:
            self.addCleanup(lmtp.close)
            self.assertEqual(lmtp.code("WHAT"), 500)
        self.assertEqual(clients[0].code("QUIT"), 221)
        server.wait_log("session protocol=lmtp .* end=quit ")
        clients[1].send(b"BDAT x\r\n")
        server.wait_log("session protocol=lmtp .* end=errors ")
        server.signal(signal.SIGTERM)
        server.wait_log("session protocol=lmtp .* end=shutdown ")
        self.assertEqual(clients[2].reply()[0], 421)

    def test_refused_login_says_why_to_operator_only(self):
        server = self.serve("ann", login_attempts=100, errors_before_login=100)
        server.add_user("off", active=0)
        with wire.Pop3(server.pop3) as pop3:
            for user in ("ann", "nobody", "off"):
                pop3.ok(f"USER {user}@example.test")
                pop3.err("PASS " + ("wrong" if user != "off" else "correct horse"))
        for user in ("ann", "nobody", "off"):
            server.wait_log(rf'auth-fail .*peer=127\.0\.0\.1\S* .*user="{user}@example\.test"')
        server.stop()
        reasons = {re.search(r" reason=(\S+)", line)[1]
                   for line in self.lines(server, "auth-fail")}
        self.assertEqual(len(reasons), 3, reasons)

    def test_refused_recipient_says_why(self):
        server = self.serve("ann", "bob")
        server.add_user("full", quota_messages=1)
        server.deliver("full@example.test", MESSAGE)
        server.add_user("old", expires_at="2020-01-01")
        server.add_user("deaf", lmtp_enabled=0)
        server.sql("UPDATE mailbox SET active = 0 WHERE address = 'bob@example.test'")
        server.sql("INSERT INTO alias(address, goto) VALUES('both@example.test',"
                   "'ann@example.test'), ('both@example.test', 'bob@example.test')")
        reasons = {"nobody": "nobody has this address", "full": "full@example.test is over quota",
                   "old": "old@example.test has expired",
                   "deaf": "deaf@example.test takes no mail: lmtp_enabled is 0",
                   "both": "bob@example.test or its domain is not active"}
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.command("MAIL FROM:<sender@example.net>")
            for user in reasons:
                lmtp.command(f"RCPT TO:<{user}@example.test>")
        for user, why in reasons.items():
            server.wait_log(rf'recipient-refused session=\d+ why="{re.escape(why)}" '
                            rf'from="sender@example\.net" recipient="{user}@example\.test"$')

    def test_refused_message_says_why_and_which(self):
        server = self.serve("ann", message_size=100000, nul="reject")
        with wire.Lmtp(server.lmtp) as lmtp:
            for more in (b"x\r\n" * 50000, b"\0\r\n"):
                lmtp.deliver("sender@example.net", ["ann@example.test"], MESSAGE + more)
            lmtp.envelope("sender@example.net", ["ann@example.test"])
            lmtp.command("RSET")
            lmtp.command("QUIT")
        server.stop()
        lines = self.lines(server, "message-refused")
        self.assertEqual([re.search(r' why="(\d+ \S+)', line)[1] for line in lines],
                         ["552 5.3.4", "554 5.6.0"])
        for line in lines:
            self.assertRegex(line, r' peer=local .* from="sender@example\.net" '
                                   r'client="client\.example\.net" message-id="<id-1@example\.net>"')

    def test_maildrop_that_cannot_be_opened_is_named(self):
        server = self.serve()
        for path in server.data.glob("mail/mail-*.db"):
            database = sqlite3.connect(path)
            with database:
                database.execute("ALTER TABLE mailbox RENAME TO elsewhere")
            database.close()
        with wire.Pop3(server.pop3) as pop3:
            pop3.ok("USER ann@example.test")
            self.assertRegex(pop3.err(f"PASS {PASSWORD}"), rb"\[SYS/(TEMP|PERM)\]")
        server.wait_log(r'maildrop-open session=\d+ maildrop="ann@example\.test" why="')

    def test_clients_octets_cannot_forge_a_line(self):
        server = self.serve("ann", errors_before_login=100, login_attempts=100)
        with wire.Pop3(server.pop3) as pop3:
            pop3.send(b'USER a" peer=192.0.2.9 \x1b[2J\x00\rsession end=quit\r\nPASS x\r\n')
            pop3.send(b"USER a\nsession protocol=pop3 user=root\r\nPASS x\r\nQUIT\r\n")
            pop3.rest()
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.deliver("sender@example.net", ["ann@example.test"],
                         b"Message-ID: <a\x1b\x07\" forged=1>\r\n\r\n")
        server.stop()
        for line in server.log:
            self.assertRegex(line, LINE)
            self.assertNotIn("\x1b", line)
        self.assertFalse([line for line in server.log if re.search(r' forged=1$', line)])

    def test_no_secret_stands_in_log_at_any_level(self):
        server = self.serve("ann", log_level="debug", apop=True, login_attempts=100,
                            errors_before_login=100)
        server.add_user("canary", password="PASS-canary-good")
        server.tool("user", "apop", "canary@example.test", "--password-stdin",
                    stdin=b"APOP-canary-secret\n")
        with wire.Pop3(server.pop3) as pop3:
            challenge = re.search(rb"<.*>", pop3.greeting)[0]
            digest = hashlib.md5(challenge + b"APOP-canary-secret").hexdigest()
            pop3.send(b"USER canary@example.test\r\nPASS PASS-canary-wrong\r\n"
                      b"PASS PASS-canary-too-early\r\nUSER\r\nPASS  PASS-canary-two  spaces\r\n"
                      b"PASSPASS-canary-no-space\r\nXPASS PASS-canary-unknown\r\n"
                      b"AUTH PLAIN UEFTUy1jYW5hcnk=\r\n"
                      b"APOP canary@example.test 0123456789abcdef0123456789abcdef\r\n"
                      b"PASS PASS-canary-long" + b"x" * 2000 + b"\r\n")
            pop3.send(f"APOP canary@example.test {digest}\r\nRETR 1\r\nQUIT\r\n".encode())
            self.assertIn(b"+OK", pop3.rest())
        with wire.Pop3(server.pop3) as pop3:
            pop3.login("canary@example.test", "PASS-canary-good")
            pop3.quit()
        server.deliver("canary@example.test", MESSAGE)
        server.stop()
        log = "\n".join(server.log)
        for secret in ("PASS-canary", "APOP-canary", digest, "0123456789abcdef", "UEFTUy1jYW5hcnk",
                       "TEXT-canary", "body-canary", "{PLAIN}"):
            self.assertNotIn(secret, log)


if __name__ == "__main__":
    unittest.main()
