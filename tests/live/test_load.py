"""Everything that clients do to hurt, all at once, and beside it good sessions: each of them succeeds.

RESTANTE_LOAD_SECONDS says for how long (default 10). What it prints are figures for people.
"""
import contextlib
import os
import random
import socket
import ssl
import statistics
import struct
import threading
import time

import certificates
from harness import DOMAIN, PASSWORD, PATIENCE, LiveTest, free_port, own_address
import wire

SECONDS = float(os.environ.get("RESTANTE_LOAD_SECONDS", "10"))
GOOD = ("ann", "bob", "cid", "dan")
DEAF = tuple(f"deaf{number}" for number in range(10))
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 998 + b"\r\n") * 1000
# From loopback, which has no cap, no more than what a server with sanitizers works off: a queue of
# thousands would only show how slow that one is.
PACE = 0.01
# Attackers are refused, cut off, timed out; that is their own affair.
HARMLESS = (OSError, EOFError, AssertionError)


def reset(connection):
    """Closes with RST in place of FIN."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        certificates.client().wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


class Load(LiveTest):
    def setUp(self):
        self.mx = self.server(workers=2, errors_before_login=1000, errors_after_login=1000,
                              login_attempts=100, connections_per_prefix=20)
        folder = self.mx.folder / "tls"
        certificates.pair(folder, "default", "mx.example.test")
        self.mx.options["tls_dir"] = folder
        self.pop3s = ("127.0.0.1", free_port())
        self.mx.listeners["pop3s"] = {"protocol": "pop3", "tls": "implicit",
                                      "address": "%s:%d" % self.pop3s}
        self.outside = own_address()
        if self.outside is not None:
            self.mx.listeners["outside"] = {"protocol": "pop3",
                                            "address": f"{self.outside}:{self.mx.pop3[1]}"}
        self.mx.start()
        for user in GOOD + DEAF + ("victim",):
            self.mx.add_user(user)
        for user in DEAF + ("victim",):
            self.mx.deliver(f"{user}@{DOMAIN}", LARGE)
        self.over = threading.Event()
        self.counts, self.latencies, self.failures = {}, [], []

    # --- those who mean harm ---------------------------------------------------------------------

    def slow_senders(self):
        """Slowloris: everywhere, an octet now and then."""
        texts = {self.mx.pop3: b"USER nobody-at-all", self.mx.lmtp_tcp: b"LHLO nobody.at.all",
                 self.pop3s: client_hello()}
        with contextlib.ExitStack() as stack:
            slow = [(stack.enter_context(socket.create_connection(address)), iter(text * 1000))
                    for address, text in texts.items() for _ in range(60)]
            while not self.over.wait(0.2):
                for connection, octets in slow:
                    with contextlib.suppress(OSError):
                        connection.send(bytes([next(octets)]))
                yield

    def never_readers(self):
        """Each asks for 50 MB and takes none of it; now and then all of them come again."""
        while True:
            with contextlib.ExitStack() as stack:
                for user in DEAF:
                    pop3 = stack.enter_context(wire.Pop3(self.mx.pop3, receive_buffer=2048))
                    pop3.login(f"{user}@{DOMAIN}", PASSWORD)
                    pop3.send(b"RETR 1\r\n" * 50)
                self.over.wait(3)
                yield

    def flood(self):
        """As fast as it goes, from one address, with wrong passwords where there is a greeting."""
        if self.outside is None:
            return
        while True:
            with socket.create_connection((self.outside, self.mx.pop3[1])) as connection:
                connection.sendall(b"USER ann@example.test\r\nPASS wrong\r\n")
            yield

    def held_connections(self):
        """As many as it gets, from one address, and silent."""
        if self.outside is None:
            return
        with contextlib.ExitStack() as stack:
            while True:
                stack.enter_context(
                    socket.create_connection((self.outside, self.mx.pop3[1])))
                if self.over.wait(0.02):
                    return
                yield

    def resets_in_retr(self):
        while True:
            pop3 = wire.Pop3(self.mx.pop3, receive_buffer=2048)
            try:
                pop3.login(f"victim@{DOMAIN}", PASSWORD)
                pop3.send(b"RETR 1\r\n")
                pop3.file.read(random.randrange(5000))
            finally:
                reset(pop3.socket)
            yield

    def broken_handshakes(self):
        hello = client_hello()
        while True:
            connection = socket.create_connection(self.pop3s)
            connection.sendall(hello[:random.randrange(len(hello) + 1)])
            if random.random() < 0.5:
                reset(connection)
            else:
                connection.close()
            self.over.wait(PACE)
            yield

    def pipelines(self):
        """A megabyte of commands, until nothing more is taken; some of the answers are read."""
        while True:
            with wire.Pop3(self.mx.pop3) as pop3:
                pop3.socket.settimeout(1)
                with contextlib.suppress(TimeoutError):
                    pop3.send(b"CAPA\r\nNOOP\r\nSTAT\r\n" * 50000)
                pop3.socket.recv(random.randrange(1, 1000000))
            yield

    def garbage(self):
        while True:
            for address in (self.mx.pop3, self.mx.lmtp_tcp, self.pop3s):
                with socket.create_connection(address) as connection:
                    connection.sendall(random.randbytes(20000))
                self.over.wait(PACE)
                yield

    def attack(self, kind):
        """One attacker until the end; whatever becomes of it, it starts again."""
        name = kind.__name__
        self.counts[name] = 0
        while not self.over.is_set():
            with contextlib.suppress(*HARMLESS):
                for _ in kind():
                    self.counts[name] += 1
                    if self.over.is_set():
                        break
                else:
                    return

    # --- and who only want their mail ------------------------------------------------------------

    def enter(self, user, turn):
        """By each way in turn."""
        tls = certificates.client()
        if turn % 3 == 0:
            pop3 = wire.Pop3(self.mx.pop3)
        elif turn % 3 == 1:
            pop3 = wire.Pop3(self.pop3s, tls=tls)
        else:
            pop3 = wire.Pop3(self.mx.pop3)
            pop3.stls(tls)
        pop3.login(f"{user}@{DOMAIN}", PASSWORD)
        return pop3

    def good_session(self, user, turn):
        message = b"Subject: %d\r\n\r\n" % turn + random.randbytes(5000).hex().encode() + b"\r\n"
        with wire.Lmtp(self.mx.lmtp_tcp if turn % 2 else self.mx.lmtp) as lmtp:
            replies = lmtp.deliver("a@example.net", [f"{user}@{DOMAIN}"], message)
            assert [code for code, _ in replies] == [250], replies
        with self.enter(user, turn) as pop3:
            assert pop3.stat()[0] == 1, pop3.stat()
            self.assert_kept(pop3.multi("RETR 1"), message)
            pop3.ok("DELE 1")
            pop3.quit()

    def be_good(self, user):
        turn = 0
        while turn < 6 or not self.over.is_set():
            started = time.monotonic()
            try:
                self.good_session(user, turn)
            except Exception as error:  # pylint: disable=broad-except - told by the main thread
                self.failures.append(f"{user}, session {turn}: {error!r}")
                return
            self.latencies.append(time.monotonic() - started)
            turn += 1

    def test_good_sessions_succeed_beside_all_attacks(self):
        attacks = (self.slow_senders, self.never_readers, self.flood, self.held_connections,
                   self.resets_in_retr, self.broken_handshakes, self.pipelines, self.garbage)
        threads = [threading.Thread(target=self.attack, args=[kind]) for kind in attacks]
        threads += [threading.Thread(target=self.be_good, args=[user]) for user in GOOD]
        for thread in threads:
            thread.start()
        self.over.wait(SECONDS)
        memory = self.mx.memory() >> 20
        self.over.set()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(self.failures, [])
        for user in DEAF + ("victim",):  # read in part, never deleted
            self.mx.wait_log(rf'session protocol=pop3 .*user="{user}@')
            with self.mx.login(user) as pop3:
                self.assert_kept(pop3.multi("RETR 1"), LARGE)
                pop3.quit()
        self.mx.stop()
        self.mx.tool("check")
        print(f"{len(self.latencies)} good sessions, seconds each: median "
              f"{statistics.median(self.latencies):.3f}, longest {max(self.latencies):.3f}; "
              f"memory {memory} MiB; beside them:",
              ", ".join(f"{count} {name}" for name, count in self.counts.items()))
