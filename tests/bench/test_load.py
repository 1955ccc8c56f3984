"""The load generator believes nobody: whatever a server gets wrong, the run fails.

Between the generator and the responder stands a proxy that changes what the responder says. The
programs are named by BENCH_LOAD and BENCH_RESPONDER.
"""
import contextlib
import os
import socket
import subprocess
import threading
import unittest

MESSAGES, KIB = 3, 2
SESSION = ("STAT", "LIST", "UIDL", "RETR 1-3")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """Passes everything on; what the server says goes through `change`."""

    def __init__(self, server, change):
        self.server, self.change = server, change
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.server))
            for source, target, change in ((client, server, bytes), (server, client, self.change)):
                threading.Thread(target=self.pump, args=(source, target, change),
                                 daemon=True).start()

    @staticmethod
    def pump(source, target, change):
        try:
            while octets := source.recv(1 << 20):
                target.sendall(change(octets))
        except OSError:
            pass  # the generator has ended, as it should
        finally:
            # A socket that the other thread reads is not closed by close alone.
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def close(self):
        self.listener.close()


class Load(unittest.TestCase):
    def responder(self, *arguments):
        port = free_port()
        process = subprocess.Popen([os.environ["BENCH_RESPONDER"], arguments[0], str(port),
                                    *map(str, arguments[1:])], stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return port

    def run_load(self, protocol, port, *words):
        return subprocess.run([os.environ["BENCH_LOAD"], protocol, str(port), *words,
                               "--body", str(KIB), "--clients", "1", "--limit", "2"],
                              capture_output=True, text=True, timeout=100, check=False)

    def session(self, change, *words):
        proxy = Proxy(self.responder("pop3", MESSAGES, KIB, 1), change)
        self.addCleanup(proxy.close)
        return self.run_load("pop3", proxy.port, *SESSION, *words)

    def assert_refused(self, old, new, why):
        """One session in which the server says `new` instead of `old`."""
        found = []

        def change(octets):
            found.append(old in octets)
            return octets.replace(old, new, 1)

        done = self.session(change)
        self.assertTrue(any(found), f"it never said {old!r}")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(why, done.stderr)

    def test_right_replies_are_taken(self):
        for words in ((), ("--pipeline",), ("--auth", "apop"), ("--messages", "3")):
            with self.subTest(words=words):
                done = self.session(bytes, *words)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn('"done": 2, ', done.stdout)
                self.assertIn('"retrieved": 6, ', done.stdout)

    def test_refusal(self):
        self.assert_refused(b"+OK\r\n", b"-ERR no\r\n", "refused")

    def test_wrong_number_in_stat(self):
        self.assert_refused(b"+OK 3 ", b"+OK 4 ", "another number of messages")

    def test_wrong_number_expected(self):
        self.assertIn("another number of messages", self.session(bytes, "--messages", "4").stderr)

    def test_wrong_sum_in_stat(self):
        self.assert_refused(b"+OK 3 6", b"+OK 3 7", "another sum of octets")

    def test_row_left_out(self):
        self.assert_refused(b"\r\n2 ", b"\r\n3 ", "not the next message")

    def test_listing_without_end_of_line(self):
        self.assert_refused(b"abcdef.1\r\n", b"abcdef.1\n", "a line without CRLF")

    def test_unique_id_twice(self):
        self.assert_refused(b"abcdef.2\r\n", b"abcdef.1\r\n", "not unique")

    def test_other_size_than_listed(self):
        self.assert_refused(b" octets\r\n", b"0 octets\r\n", "another size than in LIST")

    def test_octet_changed(self):
        self.assert_refused(b"\r\nx", b"\r\ny", "other octets")

    def test_octet_missing(self):
        self.assert_refused(b"Subject: one", b"Subject: on", "other octets")

    def test_dot_not_stuffed(self):
        self.assert_refused(b"\r\n..", b"\r\n.", "other octets")

    def test_no_final_dot(self):
        done = self.session(lambda octets: octets[:-3] + b"x\r\n"
                            if b"Subject" in octets else octets)
        self.assertIn("other octets", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_server_hangs_up(self):
        def change(octets):
            if octets.startswith(b"+OK 3 "):
                raise ConnectionResetError
            return octets

        done = self.session(change)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the server has closed", done.stderr)

    def test_lmtp_taken(self):
        done = self.run_load("lmtp", self.responder("lmtp"), "--recipients", "3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"done": 2, ', done.stdout)

    def test_lmtp_refusal_of_one_recipient(self):
        proxy = Proxy(self.responder("lmtp"), lambda octets: octets.replace(
            b"taken\r\n250 2.0.0 taken", b"taken\r\n452 4.2.2 full"))
        self.addCleanup(proxy.close)
        done = self.run_load("lmtp", proxy.port, "--recipients", "3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("LMTP: 250 wanted, but: 452", done.stderr)


if __name__ == "__main__":
    unittest.main()
