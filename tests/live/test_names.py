"""Names that mean no good, by every way in, with everything logged: what a client or an operator's
script sends reaches no reply and no line of the log but in quotes, and no secret is left anywhere.
"""
import hashlib
import itertools
import pathlib
import re
import socket
import subprocess
import unittest

from harness import PROGRAMS, UNPRIVILEGED, LiveTest
import wire

# Stands in every name: whatever repeats a name repeats this.
MARK = b"nAmEcAnArY"
PASSWORD = "s3cr3t-PASS-canary"
APOP = "s3cr3t-APOP-canary"
WRONG = "s3cr3t-WRONG-canary"
# Time, level, event, then "key=value" words; what comes from outside is quoted.
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|notice|info|debug) "
                  r'[a-z][a-z-]*( [a-z0-9-]+=("(\\.|[^"\\])*"(\.\.\.)?|[^" ]+))*( \.\.\.)?$')
# What no terminal and no reader of a log should get as it is.
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffd]")

NAMES = [before + MARK + after for before, after in [
    (b"", b""), (b"", b"\0"), (b"\0", b"@example.test"), (b"\x80", b""), (b"\xff\xfe", b"@example.test"),
    (b"\xc0\xaf", b"/"), (b"\xe0\x80\xaf", b""), (b"\xed\xa0\x80", b""), (b"", b"\xe2\x82"),
    (b"\xf4\x90\x80\x80", b"@example.test"), (b"%u", b"%n%s%x"), (b"%", b"%%d%"), (b"=", b"="),
    (b"", b"=3D"), (b'""', b'""@example.test'), (b'"', b'"@example.test'), (b'<""@', b">"),
    (b".", b"."), (b"..", b".."), (b"../../", b"/etc/passwd"), (b"/", b"@example.test"),
    (b"./.", b"@.."), (b"+", b"+@example.test"), (b"ann+", b"@example.test"), (b" ", b" "),
    (b"a b ", b" c"), (b"\t", b"\t"), (b"\xe2\x80\xae", b"@example.test"), (b"\xe2\x80\x8f", b""),
    (b"\xef\xbb\xbf", b""), (b"\xc2\x9b31m", b""), (b"\x1b[2J\x1b]0;", b"\x07"), (b"\x7f", b"\x08"),
    (b"\r", b"\r"), (b'" peer=192.0.2.9 x="', b""), (b"x rip=192.0.2.9 ", b" reason=ok"),
    (b"\\", b"\\"), (b"\\x00", b"\\\""), (b"' OR '1'='1", b"' --"), (b"'; DROP TABLE mailbox; --", b""),
    (b'"; ATTACH \'/tmp/x\' AS y; --', b""), (b"%27", b"%00%0a"), (b"@", b"@"), (b"@@", b"@@"),
    (b"a@", b"@b@example.test"), (b"*", b"*@*"), (b"[", b"]@[127.0.0.1]"), (b"{PLAIN}", b""),
    (b"$6$", b"$(id)`id`"), (b"|", b";id"), (b"-", b"@example.test"), (b"--help ", b""),
    (b"", b"a" * 200), (b"", b"a" * 600), (b"", b"a@" * 2000), (b"", b"\xe2\x80\xae" * 300),
    (b"", b"x" * 65536),
]]


class Names(LiveTest):
    def setUp(self):
        self.mx = self.server(log_level="debug", apop=True, login_attempts=100,
                              errors_before_login=100, connections_per_prefix=1000,
                              detail_separator="+")
        self.mx.start()
        self.mx.tool("domain", "add", "example.test")
        self.mx.tool("user", "add", "ann@example.test", "--password-stdin", stdin=PASSWORD.encode())
        self.mx.tool("user", "apop", "ann@example.test", "--password-stdin", stdin=APOP.encode())

    def assert_served(self):
        self.mx.deliver("ann@example.test", b"Subject: x\r\n\r\nbody\r\n")
        with self.mx.login("ann", PASSWORD) as pop3:
            self.assertGreaterEqual(pop3.stat()[0], 1)
            pop3.quit()
        self.assertEqual(self.mx.sql("SELECT address FROM mailbox"), [("ann@example.test",)])

    def assert_clean(self, log=True):
        """The log is as it should be, and there is nothing secret in it or on the disk."""
        self.mx.stop()
        for line in self.mx.log if log else []:
            self.assertRegex(line, LINE)
            self.assertNotRegex(line, RAW)
            unquoted = re.sub(r'"(\\.|[^"\\])*"', '""', line)
            self.assertNotIn(MARK.decode(), unquoted)
            self.assertNotIn("192.0.2.9", unquoted)
        text = "\n".join(self.mx.log).encode()
        for path in itertools.chain(self.mx.data.rglob("*"), self.mx.run.rglob("*")):
            if path.is_file():
                text += path.read_bytes()
        for secret in (PASSWORD, APOP, WRONG, self.digest):
            self.assertNotIn(secret.encode(), text)
        self.assertNotIn(PASSWORD[7:].encode(), text)

    digest = hashlib.md5(b"never used").hexdigest()

    def everything_said(self, address, octets):
        """All that the server says to these octets; it may close before it has read them all."""
        with socket.create_connection(address, timeout=wire.PATIENCE) as connection:
            replies = b""
            try:
                connection.sendall(octets)
                connection.shutdown(socket.SHUT_WR)
                while more := connection.recv(65536):
                    replies += more
            except (ConnectionResetError, BrokenPipeError):
                pass
        return replies

    def assert_replies(self, replies):
        self.assertNotIn(MARK, replies)
        self.assertRegex(replies, rb"\A(?:[\x20-\x7e]*\r\n)*\Z")

    def test_names_to_pop3(self):
        for name in NAMES:
            line = name.replace(b"\n", b"")
            self.assert_replies(self.everything_said(
                self.mx.pop3, b"USER " + line + b"\r\nPASS " + WRONG.encode() + b"\r\nAPOP " + line +
                b" 0123456789abcdef0123456789abcdef\r\n" + line + b" x\r\nQUIT\r\n"))
        with wire.Pop3(self.mx.pop3) as pop3:
            challenge = re.search(rb"<.*>", pop3.greeting)[0]
            self.digest = hashlib.md5(challenge + APOP.encode()).hexdigest()
            pop3.ok(f"APOP ann@example.test {self.digest}")
            pop3.quit()
        # Behind the end of a session, and in the wrong place.
        self.everything_said(self.mx.pop3, b"QUIT\r\n" + b"PASS " + WRONG.encode() + b"\r\n")
        self.everything_said(self.mx.pop3, b"PASS " + WRONG.encode() + b"\r\nPASS" + WRONG.encode())
        self.assert_served()
        self.assert_clean()

    def test_names_to_lmtp(self):
        commands = (b"LHLO %s\r\n", b"LHLO x\r\nMAIL FROM:<%s>\r\n", b"LHLO x\r\nMAIL FROM:<\"%s\"@x>\r\n",
                    b"LHLO x\r\nMAIL FROM:<a@x> BODY=%s\r\n",
                    b"LHLO x\r\nMAIL FROM:<a@x> SMTPUTF8\r\nRCPT TO:<%s@example.test>\r\n",
                    b"LHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<%s>\r\nRCPT TO:<\"%s\"@example.test>\r\n",
                    b"LHLO x\r\nMAIL FROM:<%s@x>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n"
                    b"Message-ID: <%s>\r\n\r\n.\r\n", b"%s\r\n")
        for name, command in itertools.product(NAMES, commands):
            self.assert_replies(self.everything_said(
                self.mx.lmtp_tcp, command.replace(b"%s", name) + b"QUIT\r\n"))
        self.assert_served()
        self.assert_clean()

    def test_names_to_control_socket(self):
        path = next(self.mx.run.glob("control*"))
        verbs = (b"session-kick\t%s", b"maildrop-list\t0\t%s\tlive", b"maildrop-usage\t%s\t%s", b"%s",
                 b"maildrop-purge\t0\t%s\t%s\t%s", b"status\t%s")
        for name, verb in itertools.product(NAMES, verbs):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(wire.PATIENCE)
                connection.connect(str(path))
                replies = b""
                try:
                    connection.sendall(verb.replace(b"%s", name) + b"\n")
                    connection.shutdown(socket.SHUT_WR)
                    while more := connection.recv(65536):
                        replies += more
                except (ConnectionResetError, BrokenPipeError):
                    pass
            self.assertNotRegex(replies.decode(), RAW)
        self.assert_served()
        self.assert_clean()

    def test_names_to_the_tool(self):
        commands = (("user", "add", "%s", "--password-stdin"), ("user", "passwd", "%s", "--password-stdin"),
                    ("user", "show", "%s"), ("auth", "test", "%s", "--password-stdin"), ("resolve", "%s"),
                    ("alias", "add", "%s", "ann@example.test"), ("alias", "list", "%s"),
                    ("maildrop", "list", "%s"), ("session", "kick", "%s"), ("%s",), ("user", "%s"))
        names = [name for name in NAMES if b"\0" not in name and len(name) < 5000]
        # The tool is slow under sanitizers: each name by some of the ways, each way with many names.
        for at, name in enumerate(names):
            for command in commands[at % 6::6]:
                done = subprocess.run(
                    [PROGRAMS["restante"], "--config", self.mx.config,
                     *(word.encode().replace(b"%s", name) for word in command)],
                    input=WRONG.encode() + b"\n", capture_output=True, cwd="/", check=False,
                    env=self.mx.environment, timeout=wire.PATIENCE, **UNPRIVILEGED)
                said = done.stdout + done.stderr
                self.assertNotRegex(said.decode("utf-8", "replace"), RAW, (command, name))
                self.assertNotIn(WRONG.encode(), said)
                self.assertGreaterEqual(done.returncode, 0, (command, name))
        self.mx.sql("DELETE FROM alias")
        self.mx.sql("DELETE FROM mailbox WHERE address <> 'ann@example.test'")
        self.assert_served()
        self.assert_clean()

    def test_no_core_is_left(self):
        """Nor can a limit that was lowered be raised again."""
        limits = pathlib.Path(f"/proc/{self.mx.process.pid}/limits").read_text()
        self.assertRegex(limits, r"(?m)^Max core file size +0 +0 ")


if __name__ == "__main__":
    unittest.main()
