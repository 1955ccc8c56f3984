"""QUIT against a kick, a takeover and the drain that come at the same moment.

Whoever wins: the maildrop has lost all of the session's marks or none, `+OK` means all, and the
session's line in the log says what happened. The deadline after login is ten minutes at least and
is not waited for here; it ends a session by the same call (unit/test_table.c, test_store_lock.c).
"""
import re
import signal
import threading
import time
import unittest

from harness import LiveTest

ROUNDS = 10
USERS = ["user%d" % number for number in range(ROUNDS)]  # one for each round: a log line each


class Quit(threading.Thread):
    """Sends QUIT after `pause` seconds; `reply` is b"" when that was too late."""

    def __init__(self, pop3, pause):
        super().__init__()
        self.pop3, self.pause, self.reply = pop3, pause, b""
        self.start()

    def run(self):
        time.sleep(self.pause)
        try:
            self.pop3.send(b"QUIT\r\n")
        except OSError:
            return
        self.reply = self.pop3.rest()


class Aim:
    """The pause that makes both come together, on whatever machine: found by who won before."""

    def __init__(self, pause):
        self.pause, self.step = pause, pause / 2

    def learn(self, quit_won):
        self.pause = max(0, self.pause + (self.step if quit_won else -self.step))
        self.step *= 0.75


class Race(LiveTest):
    def marked(self, user):
        """A session on a maildrop of two messages, both marked."""
        for number in range(2):
            self.mx.deliver(f"{user}@example.test", b"Subject: x\r\n\r\n%d\r\n" % number)
        pop3 = self.mx.login(user)
        self.addCleanup(pop3.close)
        pop3.ok("DELE 1")
        pop3.ok("DELE 2")
        return pop3

    def deleted(self, user):
        """How many messages the session has deleted, by its line in the log."""
        line = self.mx.wait_log(rf'session .*protocol=pop3.* user="{user}@').string
        return int(re.search(r" deleted=(\d+)", line)[1])

    def left(self, user):
        with self.mx.login(user) as pop3:
            return pop3.stat()[0]

    def judge(self, reply, deleted, left):
        self.assertIn((deleted, left), ((0, 2), (2, 0)), reply)
        if reply:
            self.assertTrue(reply.startswith(b"+OK"), reply)
            self.assertEqual(left, 0)

    def test_quit_against_kick(self):
        self.mx = self.serve(*USERS)
        aim = Aim(0.2)
        for user in USERS:
            quit = Quit(self.marked(user), aim.pause)
            self.mx.tool("session", "kick", f"{user}@example.test", "--yes", check=False)
            quit.join()
            aim.learn(quit.reply != b"")
            deleted = self.deleted(user)
            self.judge(quit.reply, deleted, self.left(user))

    def test_quit_against_takeover(self):
        self.mx = self.serve(*USERS, lock_wait_ms=10000, takeover_idle_seconds=1,
                             takeover_idle_marked_seconds=1)
        aim = Aim(0.3)
        for user in USERS:
            first = self.marked(user)
            time.sleep(0.9)
            quit = Quit(first, aim.pause)
            with self.mx.login(user) as second:
                quit.join()
                aim.learn(quit.reply != b"")
                deleted = self.deleted(user)
                self.judge(quit.reply, deleted, second.stat()[0])

    def test_quit_against_drain(self):
        self.mx = self.serve(*USERS)
        sessions = [self.marked(user) for user in USERS]
        quits = [Quit(pop3, 0.004 * number) for number, pop3 in enumerate(sessions)]
        time.sleep(0.012)
        self.mx.signal(signal.SIGTERM)
        self.assertEqual(self.mx.wait(), 0)
        for quit in quits:
            quit.join()
        results = [(quit.reply, self.deleted(user)) for quit, user in zip(quits, USERS)]
        self.mx.notices.clear()
        self.mx.start()
        for user, result in zip(USERS, results):
            self.judge(*result, self.left(user))


if __name__ == "__main__":
    unittest.main()
