"""What goes in comes out, octet for octet; LIST, STAT and RETR agree; nothing grows with a message."""
import hashlib
import random
import unittest

from harness import SANITIZED, LiveTest
import wire

HEADER = b"Subject: octets\r\n\r\n"
ODD = random.Random(1939)
MIB = 1 << 20

MESSAGES = {
    "plain": HEADER + b"text\r\n",
    "empty": b"",
    "empty body": HEADER,
    "header only, not ended": b"Subject: x\r\n",
    "no header": b"\r\nbody\r\n",
    "no colon anywhere": b"just text\r\nmore\r\n",
    "no final newline": HEADER + b"end",
    "8 bit": HEADER + bytes(range(128, 256)) * 20 + b"\r\n",
    "every octet but CR and LF": HEADER + bytes(set(range(256)) - {10, 13}) * 9 + b"\r\n",
    "NUL": HEADER + b"a\0b\0\0\r\n\0\r\n",
    "NUL first": b"\0" + HEADER,
    "bare CR": HEADER + b"a\rb\r\r\nc\r\n\r\r\n",
    "bare LF": HEADER + b"a\nb\n\nc\n.\n..d\n\r\n",
    "bare LF header": b"Subject: x\nTo: y\n\nbody\n",
    "CR at the end": HEADER + b"a\r",
    "dots": HEADER + b".\r\n..\r\n...\r\n.a\r\na.\r\n.\r\n",
    "dot first": b".\r\n" + HEADER,
    "dot after bare CR": HEADER + b"a\r.\r\r\n.b\r\n",
    "dots only": HEADER + b".\r\n" * 10000,
    "line of 100 KB": HEADER + b"x" * 100000 + b"\r\n" + b"." * 100000 + b"\r\n",
    "many empty lines": HEADER + b"\r\n" * 70000,
    "chunk edge": HEADER + (b"y" * 998 + b"\r\n") * 1049,
    "random lines": HEADER + b"\r\n".join(
        ODD.randbytes(ODD.randrange(200)).replace(b"\n", b"").replace(b"\r", b"")
        for _ in range(5000)) + b"\r\n",
}


class Octets(LiveTest):
    def setUp(self):
        self.mx = self.serve()

    def assert_maildrop(self, messages):
        """The maildrop holds exactly these, and all commands tell the same about them."""
        with self.mx.login() as pop3:
            sizes = pop3.sizes()
            self.assertEqual(pop3.stat(), (len(messages), sum(sizes)))
            for number, (name, message) in enumerate(messages.items(), 1):
                with self.subTest(name):
                    got = pop3.multi(f"RETR {number}")
                    self.assert_kept(got, message)
                    self.assertEqual(len(got), sizes[number - 1])
                    self.assertEqual(pop3.multi(f"TOP {number} 99999999"), got)
                    header = got[:got.index(b"\r\n\r\n") + 4]
                    self.assertEqual(pop3.multi(f"TOP {number} 0"), header)

    def test_data_gives_back_the_octets(self):
        for message in MESSAGES.values():
            self.mx.deliver("ann@example.test", message)
        # By DATA every message ends in CRLF, whatever was sent: the dot needs it.
        self.assert_maildrop({name: message if message.endswith(b"\r\n") or not message
                              else message + b"\r\n" for name, message in MESSAGES.items()})

    def test_bdat_gives_back_the_octets(self):
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            for message in MESSAGES.values():
                self.assertEqual(lmtp.envelope("a@example.net", ["ann@example.test"]), 1)
                for at in range(0, len(message), 77777):
                    lmtp.chunk(message[at:at + 77777], last=False)
                    self.assertEqual(lmtp.reply()[0], 250)
                lmtp.chunk(b"")
                self.assertEqual(lmtp.reply()[0], 250)
        self.assert_maildrop(MESSAGES)

    def test_one_octet_at_a_time_gives_back_the_octets(self):
        message = HEADER + b".\r\n..\na\r\0b\r\n\r.\r\n"
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            lmtp.envelope("a@example.net", ["ann@example.test"])
            self.assertEqual(lmtp.code("DATA"), 354)
            for octet in wire.stuffed(message):
                lmtp.send(bytes([octet]))
            self.assertEqual(lmtp.reply()[0], 250)
        self.assert_maildrop({"slowly": message})

    def test_only_crlf_dot_crlf_ends_data(self):
        message = HEADER + b"\n.\n\r\n.\nx\n.\r\n" b"\r.\r" b"still the same message\r\n"
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            lmtp.envelope("a@example.net", ["ann@example.test"])
            self.assertEqual(lmtp.code("DATA"), 354)
            lmtp.send(message + b".\r\n")
            self.assertEqual(lmtp.reply()[0], 250)
            self.assertEqual(lmtp.code("NOOP"), 250)
        # After CRLF a dot is taken away (RFC 5321 section 4.5.2); nowhere else.
        self.assert_maildrop({"smuggled": message.replace(b"\r\n.\nx", b"\r\n\nx")})

    def test_nul_is_refused_where_configured(self):
        self.mx.options["nul"] = "reject"
        self.mx.restart()
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            replies = lmtp.deliver("a@example.net", ["ann@example.test"], HEADER + b"\0\r\n")
            self.assertEqual([code for code, _ in replies], [554])
            replies = lmtp.deliver("a@example.net", ["ann@example.test"], HEADER + b"0\r\n")
            self.assertEqual([code for code, _ in replies], [250])

    def peak_of_passage(self, blocks):
        """Sends a message of so many MB in and out, compares; the server's most memory meanwhile."""
        block = b"".join(b"%075d\r\n" % number for number in range(13000))
        digest, peak = hashlib.sha256(), 0
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            lmtp.envelope("a@example.net", ["ann@example.test"])
            self.assertEqual(lmtp.code("DATA"), 354)
            lmtp.send(HEADER)
            for _ in range(blocks):
                lmtp.send(block)
                digest.update(block)
                peak = max(peak, self.mx.memory())
            lmtp.send(b".\r\n")
            self.assertEqual(lmtp.reply()[0], 250)
        with self.mx.login() as pop3:
            size = pop3.sizes()[-1]
            pop3.ok(f"RETR {pop3.stat()[0]}")
            got, seen = hashlib.sha256(), 2
            while (line := pop3.line()) != b"":
                seen += len(line) + 2
            while (line := pop3.line()) != b".":
                got.update(line + b"\r\n")
                seen += len(line) + 2
                if seen % 1000 == 0:
                    peak = max(peak, self.mx.memory())
            self.assertEqual((got.hexdigest(), seen), (digest.hexdigest(), size))
        return peak

    def test_message_of_100_mb_comes_back_and_costs_no_more_memory_than_one_of_20(self):
        small = self.peak_of_passage(20)  # fills the databases' caches
        # Sanitizers keep what was freed for a while (quarantine): their allowance is larger.
        self.assertLess(self.peak_of_passage(105) - small, (64 if SANITIZED else 2) * MIB)


if __name__ == "__main__":
    unittest.main()
