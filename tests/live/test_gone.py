"""Peers gone before their answer: what they asked for is done, logged, counted, given back.

Some cases run one worker. It takes events in the order in which they came, so an answer to a later
client says that it has dealt with what others sent before (`settle`).
"""
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import unittest

from harness import PASSWORD, LiveTest, wait_until
import wire

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
PLACES = 256  # messages that may be under way at a time: DELIVERY_MEMORY / STORE_CHUNK_OCTETS
# More than half of what a unix socket holds for its reader, and less than all of it.
LARGE = b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 120
FLOODERS = 16  # with fewer the server finds its backlog empty now and then
# Connects and hangs up until the server has ended.
FLOOD = """
import socket, sys
try:
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(sys.argv[1])
except OSError:
    pass
"""


def reset(connection):
    """Closes with SO_LINGER 0: the kernel sends RST, whether or not all has been read."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Gone(LiveTest):
    def start(self, *users, **options):
        self.mx = self.server(**options)
        # A unix socket passes on what is sent before send(2) returns, and holds little.
        self.pop3_unix = str(self.mx.run / "pop3")
        self.mx.listeners["pop3-unix"] = {"protocol": "pop3", "address": f"unix:{self.pop3_unix}",
                                          "mode": "0666"}
        self.mx.start()
        for user in users or ("ann",):
            self.mx.add_user(user)

    def settle(self):
        """Returns when the only worker has dealt with what was sent before."""
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            self.assertEqual(lmtp.code("NOOP"), 250)

    def figure(self, name):
        row, = json.loads(self.mx.tool("status", "--json").stdout)["status"]
        return row[name]

    def lines(self, pattern):
        """What the log says so far."""
        return [line for line in self.mx.log if re.search(pattern, line)]

    def kick(self, protocol, peer):
        """Ends all sessions of this kind."""
        for row in json.loads(self.mx.tool("session", "list", "--json").stdout)["sessions"]:
            if row["protocol"] == protocol and row["peer"].startswith(peer):
                self.mx.tool("session", "kick", str(row["session"]))

    def failing_login(self, address, password):
        """A session whose login is refused, but not yet: login_failure_ms."""
        pop3 = wire.Pop3(address)
        self.addCleanup(pop3.close)
        pop3.ok("USER ann@example.test")
        pop3.send(b"PASS " + password + b"\r\n")
        return pop3

    def asking_for_place(self, address):
        """A transaction at DATA, the reply not read."""
        lmtp = wire.Lmtp(address)
        self.addCleanup(lmtp.close)
        lmtp.envelope("sender@example.net", ["ann@example.test"])
        lmtp.send(b"DATA\r\n")
        return lmtp

    def take_all_places(self):
        holders = [self.asking_for_place(self.mx.lmtp) for _ in range(PLACES)]
        for lmtp in holders:
            self.assertEqual(lmtp.reply()[0], 354)
        return holders

    def deliver_all(self, holders):
        for lmtp in holders:
            lmtp.send(wire.stuffed(MESSAGE))
        for lmtp in holders:
            self.assertEqual(lmtp.reply()[0], 250)
            lmtp.close()

    # --- POP3 -----------------------------------------------------------------------------------

    def test_refused_login_before_a_reset_is_logged_and_counted(self):
        self.start(login_failure_ms=1000)
        for number in range(5):
            reset(self.failing_login(self.mx.pop3, b"wrong%d" % number))
        self.mx.wait_log(r"session protocol=pop3 .*end=hangup", 5)
        self.assertEqual(len(self.lines(r'auth-fail protocol=pop3 .*user="ann@example.test"')), 5)
        self.assertEqual(self.figure("failed-logins"), 5)

    def test_refused_login_before_a_kick_is_logged_and_counted(self):
        self.start(workers=1, login_failure_ms=1000)
        for number in range(3):
            self.failing_login(self.pop3_unix, b"wrong%d" % number)
        self.settle()
        self.kick("pop3", "local")
        self.mx.wait_log(r"session protocol=pop3 .*end=kick", 3)
        self.assertEqual(len(self.lines(r'auth-fail protocol=pop3 .*user="ann@example.test"')), 3)
        self.assertEqual(self.figure("failed-logins"), 3)

    def test_unread_reply_to_quit_does_not_keep_the_session(self):
        self.start(lock_wait_ms=60000, drain_seconds=0)
        for _ in range(2):
            self.mx.deliver("ann@example.test", LARGE)
        with wire.Pop3(self.pop3_unix) as deaf:
            deaf.login("ann@example.test", PASSWORD)
            deaf.send(b"DELE 1\r\nRETR 2\r\nQUIT\r\n")
            with self.mx.login("ann") as pop3:  # the maildrop is free: the update is done
                self.assertEqual(pop3.stat()[0], 1)
                pop3.quit()
            # It can be ended from the moment on at which the update is reported to it.
            wait_until(lambda: self.mx.tool("session", "kick", "ann@example.test",
                                            check=False).returncode == 0)
            self.mx.wait_log(r"session protocol=pop3 .*end=kick .*deleted=1 ")

    # --- LMTP -----------------------------------------------------------------------------------

    def test_place_for_a_waiter_that_was_reset_is_given_back(self):
        self.start(workers=1)
        holders = self.take_all_places()
        for waiter in [self.asking_for_place(self.mx.lmtp_tcp) for _ in range(16)]:
            reset(waiter)
        self.settle()
        self.deliver_all(holders)
        self.mx.wait_log(r"session protocol=lmtp .*peer=127\.0\.0\.1 end=hangup", 16)
        self.deliver_all(self.take_all_places())

    def test_place_for_a_waiter_that_was_kicked_is_given_back(self):
        self.start(workers=1)
        holders = self.take_all_places()
        for _ in range(16):
            self.asking_for_place(self.mx.lmtp_tcp)
        self.settle()
        self.kick("lmtp", "127.0.0.1")
        self.deliver_all(holders)
        self.mx.wait_log(r"session protocol=lmtp .*end=kick", 16)
        self.deliver_all(self.take_all_places())

    def test_delivery_before_a_reset_is_logged_and_counted(self):
        """Each message is stored for two; nobody hears the replies."""
        self.start("ann", "bob")
        for number in range(1, 11):
            lmtp = wire.Lmtp(self.mx.lmtp_tcp)
            self.addCleanup(lmtp.close)
            lmtp.envelope("sender@example.net", ["ann@example.test", "bob@example.test"])
            self.assertEqual(lmtp.code("DATA"), 354)
            lmtp.send(wire.stuffed(MESSAGE))
            reset(lmtp)
            self.mx.wait_log(r"session protocol=lmtp ", number)
        for user in ("ann", "bob"):
            with self.mx.login(user) as pop3:
                self.assertEqual(pop3.stat()[0], 10)
            delivered = self.lines(rf' delivery .*maildrop="{user}@example\.test"')
            self.assertEqual(len(delivered), 10)
        self.assertEqual(self.figure("delivered"), 20)

    # --- very many ------------------------------------------------------------------------------

    def test_flood_of_connections_holds_up_neither_timers_nor_stop(self):
        self.start(login_failure_ms=1000, log_level="error", drain_seconds=60)
        with wire.Pop3(self.mx.pop3) as pop3:
            for _ in range(FLOODERS):
                flood = subprocess.Popen([sys.executable, "-S", "-c", FLOOD, self.mx.lmtp])
                self.addCleanup(flood.wait)
                self.addCleanup(flood.kill)
            wait_until(lambda: self.figure("accepted") + self.figure("refused") > 5000)
            pop3.ok("USER ann@example.test")
            pop3.err("PASS wrong")  # a timer's answer: login_failure_ms
        self.mx.signal(signal.SIGTERM)
        self.assertEqual(self.mx.wait(), 0)


if __name__ == "__main__":
    unittest.main()
