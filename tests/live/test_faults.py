"""The n-th operation fails in the running server, n = 1, 2, 3 ...: its clients get the right answer.

For each n: a delivery, a session that reads and deletes, a purge. LMTP answers 250 or 4xx, POP3 +OK
or -ERR, a connection may end, and that is all; nothing acknowledged is lost, doubled or undone.

RESTANTE_FAULT_STEP says how many operations to go on by (default 23; 1 = every one), and
RESTANTE_FAULT_FIRST where to begin.
"""
import os
import re
import socket

import faults
from harness import PASSWORD, LiveTest, wait_until
from test_crash import Ledger
import wire

STEP = int(os.environ.get("RESTANTE_FAULT_STEP", "23"))
FIRST = int(os.environ.get("RESTANTE_FAULT_FIRST", "1"))
USERS = ("ann", "bob")
BODY = b"z" * 998 + b"\r\n"
# A connection that ends is an answer too: the client comes again.
CUT_OFF = (OSError, EOFError)


class Pop3(wire.Pop3):
    """A refusal at the door is to come again."""

    def greet(self):
        self.greeting = self.line()
        if self.greeting.startswith(b"-ERR [SYS/TEMP] "):
            raise EOFError("refused")
        assert self.greeting.startswith(b"+OK "), self.greeting


class Lmtp(wire.Lmtp):
    def greet(self):
        code, _ = self.reply()
        if code == 421:
            raise EOFError("refused")
        assert code == 220, code
        assert self.code("LHLO client.example.net") == 250


class Faults(LiveTest):
    def setUp(self):
        self.mx = self.server(workers=2, errors_after_login=1000, errors_before_login=1000)
        self.faults = faults.Faults(self.mx.folder / "faults")
        self.mx.environment["RESTANTE_FAULTS"] = str(self.mx.folder / "faults")
        self.mx.start()
        for user in USERS:
            self.mx.add_user(user)
        self.ledgers = {user: Ledger(user) for user in USERS}
        self.sizes = {}
        self.where = ""

    # --- clients that know what they may be told -------------------------------------------------

    def deliver(self, *users, octets=300):
        """One message to these; a reply that is none of 2xx and 4xx fails the test."""
        number = len(self.sizes) + 1
        message = b"Subject: %d\r\n\r\n" % number + BODY * (octets // len(BODY)) + b"end\r\n"
        self.sizes[number] = len(message)
        for user in users:
            self.ledgers[user].offered.add(number)
        with Lmtp(self.mx.lmtp) as lmtp:
            if self.expect(lmtp.code("MAIL FROM:<a@example.net>")) != 250:
                return False
            taken = [user for user in users
                     if self.expect(lmtp.code(f"RCPT TO:<{user}@example.test>")) == 250]
            if not taken or self.expect(lmtp.code("DATA"), 354) != 354:
                return False
            lmtp.send(wire.stuffed(message))
            codes = [self.expect(lmtp.reply()[0]) for _ in taken]
        for user, code in zip(taken, codes):
            if code == 250:
                self.ledgers[user].acknowledge(number)
        return codes == [250] * len(users)

    def expect(self, code, good=250):
        """Never a permanent refusal: the message would go back to its sender."""
        self.assertTrue(code == good or 400 <= code <= 499, f"{code} {self.where}")
        return code

    def answer(self, pop3, command):
        """Whether it was +OK."""
        reply = pop3.ask(command)
        self.assertRegex(reply, rb"^(\+OK|-ERR)( |$)", self.where)
        return reply.startswith(b"+OK")

    def log_in(self, pop3, user):
        pop3.ok(f"USER {user}@example.test")
        reply = pop3.ask(f"PASS {PASSWORD}")
        # Whoever is told that the password is wrong asks for another one.
        self.assertRegex(reply, rb"^(\+OK|-ERR \[(SYS/|IN-USE))", self.where)
        return reply.startswith(b"+OK")

    @staticmethod
    def number(octets):
        return int(re.search(rb"^Subject: (\d+)\r$", octets, re.MULTILINE)[1])

    def fetch(self, user):
        """Reads all, marks every second, QUITs."""
        ledger, marks = self.ledgers[user], set()
        with Pop3(self.mx.pop3) as pop3:
            if not self.log_in(pop3, user) or not self.answer(pop3, "STAT"):
                return
            if self.answer(pop3, "UIDL"):
                pop3.octets()
            for msgno in range(1, 9):
                if not self.answer(pop3, f"RETR {msgno}"):
                    continue
                number = self.number(self.whole(pop3))
                if msgno % 2 and self.answer(pop3, f"DELE {msgno}"):
                    marks.add(number)
            ledger.undecided = marks
            if self.answer(pop3, "QUIT"):
                ledger.gone |= marks
                ledger.kept -= marks
                ledger.undecided = set()

    def whole(self, pop3):
        """The octets of a message that came to its final dot are all its octets."""
        octets = pop3.octets()
        body = octets[octets.index(b"Subject: "):]
        self.assertEqual(len(body), self.sizes[self.number(octets)], self.where)
        return octets

    def purge(self):
        """What the tool asks for, without its start."""
        for shard, key in self.mx.sql("SELECT shard, store_key FROM mailbox"):
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(wire.PATIENCE)
                control.connect(str(self.mx.run / "control"))
                control.sendall(f"maildrop-purge\t{shard}\t{key}\t0\t0\n".encode())
                with control.makefile("rb") as lines:
                    last = lines.readlines(1)
                self.assertTrue(not last or re.match(rb"row\t|ok|err\t", last[0]), last)

    def attempt(self, work, *arguments, **how):
        try:
            return work(*arguments, **how)
        except CUT_OFF:
            return None

    def script(self):
        self.attempt(self.deliver, "ann", "bob")
        self.attempt(self.deliver, "ann", octets=600000)
        for user in USERS:
            self.attempt(self.fetch, user)
        self.attempt(self.purge)
        self.attempt(self.deliver, "bob")

    # --- and what there is afterwards ------------------------------------------------------------

    def enter(self, user):
        """A session; one that was cut off may hold the maildrop for a moment."""
        sessions = []

        def entered():
            sessions.append(Pop3(self.mx.pop3))
            self.addCleanup(sessions[-1].close)
            return self.log_in(sessions[-1], user)

        wait_until(entered)
        return sessions[-1]

    def judge(self, user):
        """Everything of one maildrop against its ledger; then it is emptied."""
        ledger = self.ledgers[user]
        with self.enter(user) as pop3:
            present = []
            for msgno in range(1, pop3.stat()[0] + 1):
                pop3.ok(f"RETR {msgno}")
                present.append(self.number(self.whole(pop3)))
                pop3.ok(f"DELE {msgno}")
            self.assertIsNone(ledger.settle(present), f"{user} {self.where}")
            pop3.quit()
        ledger.gone |= ledger.kept
        ledger.kept = set()

    def settle(self):
        """A shard that has left service comes back by itself, and everything works again."""
        for user in USERS:
            wait_until(lambda user=user: self.attempt(self.deliver, user))
            self.judge(user)
        for shard in self.mx.data.glob("mail-*.db"):
            checked = self.mx.sql_of(shard, "PRAGMA integrity_check")
            self.assertEqual(checked, [("ok",)], f"{shard.name} {self.where}")

    def fail_until_clean(self, what, kinds, **how):
        at, reached, runs, points = FIRST, True, 0, 0
        while reached:
            self.where = f"({what}, operation {at})"
            self.attempt(self.deliver, "ann", "bob")
            self.faults.forget()
            self.faults.plan(at, kinds, **how)
            self.script()
            reached, points = self.faults.end()
            try:
                self.settle()
            except AssertionError as error:
                raise AssertionError(f"{error} {self.where}") from error
            runs += 1
            at += STEP
        print(f"server, {what}: injection_points={points} runs={runs}", flush=True)

    def test_disk_failing_once_gets_right_answers(self):
        self.fail_until_clean("a write fails", faults.WRITE)
        self.fail_until_clean("a write finds no space", faults.WRITE, full=True)
        self.fail_until_clean("a sync fails", faults.SYNC)
        self.fail_until_clean("a truncation, opening or mapping fails",
                              faults.TRUNCATE | faults.OPEN | faults.SHM)
        self.fail_until_clean("a read fails", faults.READ)
        self.fail_until_clean("a read ends before its end", faults.READ, cut=True)
        self.fail_until_clean("a lock is held by another process", faults.LOCK)

    def test_disk_failing_for_good_gets_right_answers(self):
        self.fail_until_clean("no space from here on", faults.WRITE, full=True, forever=True)
        self.fail_until_clean("writes and syncs fail from here on", faults.WRITE | faults.SYNC,
                              forever=True)
        self.fail_until_clean("reads fail from here on", faults.READ, forever=True)

    def test_memory_failing_gets_right_answers(self):
        self.fail_until_clean("an allocation fails", faults.MEMORY)
        self.fail_until_clean("no memory from here on", faults.MEMORY, forever=True)
