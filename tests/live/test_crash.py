"""kill -9 during parallel deliveries and QUITs: nothing acknowledged is lost, doubled or undone.

RESTANTE_KILLS says how often (default 20).
"""
import os
import random
import threading
import time
import unittest

from harness import PASSWORD, PATIENCE, LiveTest
import wire

KILLS = int(os.environ.get("RESTANTE_KILLS", "20"))
USERS = ("ann", "bob", "cid", "dan")
SEED = int(os.environ.get("RESTANTE_SEED", random.randrange(1 << 32)))
# What a thread of ours may meet when the server dies under it.
CUT_OFF = (OSError, EOFError)


class Ledger:
    """What one maildrop must and may hold. A message is known by its number."""

    def __init__(self, user):
        self.user = user
        self.lock = threading.Lock()
        self.kept = set()       # acknowledged by 250, and not deleted by an acknowledged QUIT
        self.gone = set()       # deleted by an acknowledged QUIT
        self.offered = set()    # sent, not acknowledged: may be there
        self.undecided = set()  # marked by a QUIT that was not acknowledged: all or none

    def acknowledge(self, number):
        """LMTP said 250; a fast client of POP3 may have deleted it before we heard so."""
        with self.lock:
            self.offered.discard(number)
            if number not in self.gone:
                self.kept.add(number)

    def settle(self, present):
        """Holds what the maildrop has against what was acknowledged; an explanation, or None."""
        found = set(present)
        if len(found) != len(present):
            return "doubled"
        if found & self.gone:
            return f"deleted messages are back: {sorted(found & self.gone)[:9]}"
        if self.undecided & found and self.undecided - found:
            return "a QUIT was applied in part"
        if self.undecided - found:
            self.gone |= self.undecided
            self.kept -= self.undecided
        self.undecided = set()
        if self.kept - found:
            return f"acknowledged messages are lost: {sorted(self.kept - found)[:9]}"
        if found - self.kept - self.offered:
            return "messages that nobody sent"
        self.gone |= self.offered - found
        self.kept = found
        self.offered = set()
        return None


class Crash(LiveTest):
    def setUp(self):
        self.mx = self.serve(*USERS)
        # Half of them keep nothing that was deleted, so that purging is met by death as well.
        self.mx.sql("UPDATE mailbox SET undelete_seconds = 0 WHERE id % 2 = 0")
        self.ledgers = [Ledger(user) for user in USERS]
        self.next = 0
        self.numbers = threading.Lock()
        self.chance = random.Random(SEED)
        self.failures = []

    def number(self):
        with self.numbers:
            self.next += 1
            return self.next

    def deliver(self, ledgers, seed):
        """One client of LMTP until the server is gone; messages of all sizes."""
        chance = random.Random(seed)
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            while True:
                number = self.number()
                for ledger in ledgers:
                    with ledger.lock:
                        ledger.offered.add(number)
                size = chance.choice([10, 1000, 1000, 5000, 10000] * 4 + [600000])
                replies = lmtp.deliver(
                    "crash@example.net", [f"{ledger.user}@example.test" for ledger in ledgers],
                    b"Subject: %d\r\n\r\n" % number + b"z" * size + b"\r\n")
                for ledger, (code, text) in zip(ledgers, replies):
                    if code != 250:
                        self.failures.append(f"{code} {text}")
                    ledger.acknowledge(number)

    @staticmethod
    def present(pop3):
        """The numbers of the messages in a maildrop, in its order."""
        count = pop3.stat()[0]
        pop3.send(b"".join(b"TOP %d 0\r\n" % msgno for msgno in range(1, count + 1)))
        numbers = []
        for _ in range(count):
            assert pop3.line().startswith(b"+OK")
            header = pop3.octets()
            numbers.append(int(header.split(b"Subject: ")[1].split(b"\r\n")[0]))
        return numbers

    def fetch(self, ledger, seed):
        """One client of POP3 until the server is gone: marks some of what there is, QUITs."""
        chance = random.Random(seed)
        while True:
            with wire.Pop3(self.mx.pop3) as pop3:
                pop3.login(f"{ledger.user}@example.test", PASSWORD)
                marks = set()
                for msgno, number in enumerate(self.present(pop3), 1):
                    if chance.random() < 0.3:
                        pop3.ok(f"DELE {msgno}")
                        marks.add(number)
                with ledger.lock:
                    ledger.undecided = marks
                pop3.ok("QUIT")
                with ledger.lock:
                    ledger.gone |= marks
                    ledger.kept -= marks
                    ledger.undecided = set()

    def until_cut_off(self, work, *arguments):
        try:
            work(*arguments)
        except CUT_OFF:
            pass
        except Exception as error:  # pylint: disable=broad-except - told by the main thread
            self.failures.append(f"{work.__name__}: {error!r}")

    def one_round(self):
        a, b, c, d = self.ledgers
        jobs = [(self.deliver, ledgers, self.chance.random())
                for ledgers in ([a], [b], [a, b, c, d], [c, d])]
        jobs += [(self.fetch, ledger, self.chance.random()) for ledger in self.ledgers]
        threads = [threading.Thread(target=self.until_cut_off, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        # The moment of death is what varies; nothing waits for it.
        time.sleep(self.chance.uniform(0.02, 0.4))
        self.mx.kill()
        for thread in threads:
            thread.join()
        self.mx.notices.clear()
        self.mx.start()
        for ledger in self.ledgers:
            with self.mx.login(ledger.user) as pop3:
                trouble = ledger.settle(self.present(pop3))
                pop3.quit()
            if trouble:
                self.failures.append(f"{ledger.user}: {trouble}")

    def test_kill_9_loses_doubles_and_undoes_nothing(self):
        print(f"seed {SEED}")
        for kill in range(1, KILLS + 1):
            self.one_round()
            self.assertEqual(self.failures, [], f"after kill {kill}, seed {SEED}")
        self.mx.stop()
        self.mx.tool("check", patience=PATIENCE + KILLS)  # reads every octet there is
        kept = sum(len(ledger.kept) for ledger in self.ledgers)
        gone = sum(len(ledger.gone) for ledger in self.ledgers)
        print(f"{KILLS} kills, {self.next} messages sent, {kept} kept, {gone} deleted")


if __name__ == "__main__":
    unittest.main()
