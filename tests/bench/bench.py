#!/usr/bin/env python3
"""Measures restante on this machine and prints figures; README.md says what each means.

	tests/bench/bench.py [--build FOLDER] [--quick] hold | maildrop | large | poll | attack |
	                                                   enumerate | all

FOLDER is a build with tests (default: build/release). --quick uses a tenth of everything.
"""
import argparse
import contextlib
import hashlib
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
MIB = 1 << 20
HEADER = b"Subject: bench\r\n\r\n"


BENCHES = ("hold", "maildrop", "large", "poll", "attack", "enumerate")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=TOP / "build/release", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("what", choices=[*BENCHES, "all"])
    return parser.parse_args()


ARGUMENTS = arguments()
BUILD = ARGUMENTS.build.resolve()
os.environ.setdefault("RESTANTED", str(BUILD / "server/restanted"))
os.environ.setdefault("RESTANTE", str(BUILD / "admin/restante"))
os.environ.setdefault("RESTANTE_PAM", str(BUILD / "auth/pam_helper/restante-pam"))
os.environ.setdefault("RESTANTE_PAM_PLAIN", str(BUILD / "tests/live/restante-pam-plain"))
sys.path.insert(0, str(TOP / "tests/live"))
import harness  # noqa: E402 - it reads the two names above
import pam_helper  # noqa: E402
import wire  # noqa: E402
import refusals  # noqa: E402


def scaled(number):
    return max(number // 10, 1) if ARGUMENTS.quick else number


def say(text, value):
    print(f"  {text:<68}{value}", flush=True)


def program(name):
    return str(BUILD / "tests/bench" / f"bench_{name}")


class Server(harness.Server):
    """A server for measuring: two workers, no deadline before login, closed at the end."""

    def __init__(self, **options):
        super().__init__({"workers": 2, "login_seconds": 3600, "message_size": "256M",
                          "connections": 20000, "connections_before_login": 20000,
                          **options})

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def add_users(self, prefix, count, password="{PLAIN}secret"):
        self.sql("INSERT OR IGNORE INTO domain(domain) VALUES('example.test')")
        self.sql("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                 "INSERT INTO mailbox(address, password) "
                 "SELECT ? || i || '@example.test', ? FROM n", count - 1, prefix, password)
        return [f"{prefix}{number}@example.test" for number in range(count)]

    def fill(self, users, message):
        """One message into each maildrop; one body for a hundred of them."""
        with wire.Lmtp(self.lmtp) as lmtp:
            for at in range(0, len(users), 100):
                replies = lmtp.deliver("bench@example.net", users[at:at + 100], message)
                assert all(code == 250 for code, _ in replies), replies

    def poll(self, clients, seconds, prefix, *commands, port=None):
        """(sessions a second, p50, p99 in ms)"""
        done = subprocess.run([program("poll"), str(port or self.pop3[1]), str(clients),
                               str(seconds), prefix, "secret", *commands],
                              check=True, capture_output=True, text=True)
        return tuple(map(float, done.stdout.split()))


class Held:
    """Connections held by tests/bench/hold.c."""

    def __init__(self, server, state, count, prefix="held"):
        self.process = subprocess.Popen(
            [program("hold"), str(server.pop3[1]), state, str(count), prefix, "secret"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n", f"cannot hold {count} {state}"

    def end(self):
        """Lets go; "alive of all", as the server still held them."""
        alive = self.process.communicate("")[0].strip()
        assert self.process.returncode == 0
        return alive


def bench_hold():
    idle, sessions, readers, senders = map(scaled, (2000, 500, 200, 100))
    seconds = scaled(10)
    print(f"hold: a fresh login+STAT+QUIT beside {idle + sessions + readers + senders} "
          "connections, 2 workers")
    with Server(shards=8) as server:
        server.add_users("fresh", 1)
        server.add_users("session", sessions)
        large = server.add_users("reader", readers)
        server.fill(large, HEADER + (b"y" * 998 + b"\r\n") * (25 * MIB // 1000))
        server.poll(16, 2, "session", "STAT", "LIST")  # first touches are over
        alone = server.poll(1, seconds, "fresh", "STAT")
        base = server.memory()
        held = [Held(server, "idle", idle)]
        with_idle = server.memory()
        held.append(Held(server, "session", sessions, "session"))
        with_sessions = server.memory()
        held.append(Held(server, "reader", readers, "reader"))
        held.append(Held(server, "sender", senders))
        beside = server.poll(1, seconds, "fresh", "STAT")
        whole = server.memory()
        again = server.poll(1, seconds, "fresh", "STAT")
        alive = [group.end() for group in held]
        alone_after = server.poll(1, seconds, "fresh", "STAT")
    for text, figures in (("alone, before", alone), ("beside them", beside),
                          ("beside them, again", again), ("alone, after", alone_after)):
        say(f"{text}: p50 / p99 ms (sessions/s)", "%.2f / %.2f (%.0f)" %
            (figures[1], figures[2], figures[0]))
    say(f"{idle} idle before login: KiB each (PSS)", f"{(with_idle - base) / idle / 1024:.2f}")
    say(f"{sessions} logged in and idle: KiB each",
        f"{(with_sessions - with_idle) / sessions / 1024:.2f}")
    say("server with all of them: MiB (PSS)", f"{whole / MIB:.1f}")
    say("still held at the end: idle, sessions, readers, senders", ", ".join(alive))


def octets_until_dot(pop3):
    """Reads a multi-line response without looking at it; its octets."""
    tail, total = b"", 0
    while not tail.endswith(b"\r\n.\r\n"):
        got = pop3.socket.recv(1 << 20)
        assert got, "the server has closed the connection"
        tail, total = (tail + got)[-5:], total + len(got)
    return total


def milliseconds(action):
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def quit_with_marks(server, marks, step, text):
    """Marks every `step`th message and says QUIT."""
    with server.login("large0", "secret") as pop3:
        def mark():
            pop3.send(b"".join(b"DELE %d\r\n" % (1 + number * step) for number in range(marks)))
            for _ in range(marks):
                assert pop3.line().startswith(b"+OK")

        say(f"{marks} times DELE, {text}, pipelined, ms", f"{milliseconds(mark):.0f}")
        say(f"QUIT with {marks} marks, {text}, ms",
            f"{milliseconds(lambda: pop3.ok('QUIT')):.0f}")


def bench_maildrop():
    count, marks = scaled(1000000), scaled(10000)
    print(f"maildrop: {count} messages of 500 octets in one maildrop")
    with Server(shards=1) as server:
        server.add_users("large", 1)
        (shard, key), = server.sql("SELECT shard, store_key FROM mailbox")
        server.stop()
        filling = milliseconds(lambda: subprocess.run(
            [program("fill"), server.data / "mail", str(shard), key, str(count), "500"],
            check=True, **harness.UNPRIVILEGED))
        say("filled by the store's own interface: messages/s", f"{1000 * count / filling:.0f}")
        server.notices.clear()
        server.start()
        base = server.memory()

        def login_and_stat():
            with server.login("large0", "secret") as pop3:
                assert pop3.stat()[0] == count

        def login_and_list():
            with server.login("large0", "secret") as pop3:
                pop3.send(b"LIST\r\n")
                octets_until_dot(pop3)

        cold = milliseconds(login_and_stat)
        times = sorted(milliseconds(login_and_stat) for _ in range(20))
        say("login+STAT: first / p50 / worst of 20, ms",
            f"{cold:.2f} / {statistics.median(times):.2f} / {times[-1]:.2f}")
        times = [milliseconds(login_and_list) for _ in range(3)]
        say("login+LIST: best / worst of 3, ms", f"{min(times):.0f} / {max(times):.0f}")
        left = count
        for text, step in (("the oldest", 1), ("spread over all", left // marks - 1)):
            left -= marks
            quit_with_marks(server, marks, step, text)
            with server.login("large0", "secret") as pop3:
                assert pop3.stat()[0] == left
        say("server's memory before / after, MiB (PSS)",
            f"{base / MIB:.1f} / {server.memory() / MIB:.1f}")


def bench_large():
    megabytes = scaled(100)
    block = b"".join(b"%075d\r\n" % number for number in range(13000))  # 1,001,000 octets
    print(f"large: a message of {megabytes * len(block)} octets in and out")
    with Server() as server:
        server.add_users("large", 1)
        base = peak = server.memory()
        sent, got = hashlib.sha256(), hashlib.sha256()
        start = time.perf_counter()
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.envelope("bench@example.net", ["large0@example.test"])
            assert lmtp.code("DATA") == 354
            lmtp.send(HEADER)
            for _ in range(megabytes):
                lmtp.send(block)
                sent.update(block)
                peak = max(peak, server.memory())
            lmtp.send(b".\r\n")
            assert lmtp.reply()[0] == 250
        inward = time.perf_counter() - start
        start = time.perf_counter()
        with server.login("large0", "secret") as pop3:
            pop3.ok("RETR 1")
            while pop3.line() != b"":
                pass
            for _ in range(megabytes):
                got.update(pop3.file.read(len(block)))
                peak = max(peak, server.memory())
            assert pop3.line() == b"."
        outward = time.perf_counter() - start
    assert sent.digest() == got.digest(), "the octets differ"
    say("LMTP until 250 / POP3 from connect: MiB/s, octets the same",
        f"{megabytes * len(block) / MIB / inward:.0f} / "
        f"{megabytes * len(block) / MIB / outward:.0f}")
    say("server's memory before / highest, MiB (PSS)", f"{base / MIB:.1f} / {peak / MIB:.1f}")


def bench_poll():
    clients, seconds, rounds = 16, scaled(10), 3
    commands = ("STAT", "UIDL")
    print(f"poll: connect, USER, PASS, STAT, UIDL, QUIT; {clients} clients, maildrops of 20 "
          "messages")
    port = harness.free_port()
    responder = subprocess.Popen([program("responder"), str(port), "20"], stdout=subprocess.PIPE)
    responder.stdout.readline()
    with Server() as server:
        users = server.add_users("plain", clients)
        for _ in range(20):
            server.fill(users, HEADER + b"x" * 70 + b"\r\n")
        hashed = server.tool("hash", "--password-stdin", stdin=b"secret\n").stdout.strip()
        server.add_users("yescrypt", clients, hashed)
        ceilings, ours = [], []
        for _ in range(rounds):
            ceilings.append(server.poll(clients, seconds, "plain", *commands, port=port))
            ours.append(server.poll(clients, seconds, "plain", *commands))
        slow = server.poll(clients, seconds, "yescrypt", *commands)
    responder.terminate()
    responder.wait()
    for text, runs in (("bare responder", ceilings), ("restante, {PLAIN} passwords", ours),
                       ("restante, yescrypt passwords", [slow])):
        rate, p50, p99 = (statistics.median(column) for column in zip(*runs))
        say(f"{text}: sessions/s (p50 / p99 ms)", f"{rate:.0f} ({p50:.2f} / {p99:.2f})")
    say("restante of bare responder, round by round",
        ", ".join(f"{mine[0] / bare[0]:.2f}" for mine, bare in zip(ours, ceilings)))


class Attackers:
    """tests/bench/attackers.py: connections from one address, opened again as they are closed."""

    def __init__(self, port, count):
        self.process = subprocess.Popen(
            [sys.executable, TOP / "tests/bench/attackers.py", str(port), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "at it\n"

    def end(self):
        """What it tells of itself."""
        return self.process.communicate("")[0].strip()


def bench_attack():
    attackers, readers, seconds = scaled(5000), scaled(500), scaled(10)
    print(f"attack: a fresh login+STAT+QUIT beside {attackers} connections from one address that "
          f"guess passwords, and {readers} slow readers; 2 workers")
    with Server(proxy_networks=["127.0.0.0/8"], login_failure_ms=1000, login_seconds=60,
                shards=8) as server:
        port = harness.free_port()
        server.stop()
        server.listeners["proxied"] = {"protocol": "pop3", "address": f"127.0.0.1:{port}",
                                       "proxy": True}
        server.notices.clear()
        server.start()
        server.add_users("fresh", 1)
        server.fill(server.add_users("reader", readers),
                    HEADER + (b"y" * 998 + b"\r\n") * (25 * MIB // 1000))
        server.poll(1, 2, "fresh", "STAT")
        alone = server.poll(1, seconds, "fresh", "STAT")
        held = Held(server, "reader", readers, "reader")
        crowd = Attackers(port, attackers)
        beside = server.poll(1, seconds, "fresh", "STAT")
        whole = server.memory()
        told, alive = crowd.end(), held.end()
        after = server.poll(1, seconds, "fresh", "STAT")
    for text, figures in (("alone, before", alone), ("beside them", beside),
                          ("alone, after", after)):
        say(f"{text}: p50 / p99 ms (sessions/s, all good)", "%.2f / %.2f (%.0f)" %
            (figures[1], figures[2], figures[0]))
    say("attackers", told)
    say("slow readers still held", alive)
    say("server with all of them: MiB (PSS)", f"{whole / MIB:.1f}")


def kolmogorov_smirnov(a, b):
    """The greatest distance between two empirical distributions."""
    a, b, i, j, distance = sorted(a), sorted(b), 0, 0, 0.0
    while i < len(a) and j < len(b):
        at = min(a[i], b[j])
        while i < len(a) and a[i] <= at:
            i += 1
        while j < len(b) and b[j] <= at:
            j += 1
        distance = max(distance, abs(i / len(a) - j / len(b)))
    return distance


def compare(server, mechanism, attempt, known, unknown):
    """Refused logins of both, in random order."""
    tries = scaled(2000)
    order = [known, unknown] * tries
    random.Random(1).shuffle(order)
    times = {known: [], unknown: []}
    for at in range(0, len(order), 50):
        with wire.Pop3(server.pop3) as pop3:
            for user in order[at:at + 50]:
                times[user].append(attempt(pop3, user))
    distance = kolmogorov_smirnov(times[known], times[unknown])
    medians = [statistics.median(times[user]) / 1e6 for user in (known, unknown)]
    bound = 1.63 * math.sqrt(2 / tries)  # of equal distributions, 1 % are farther apart
    say(f"{mechanism}: median wrong / unknown ms; distance (1 % bound)",
        f"{medians[0]:.2f} / {medians[1]:.2f}; {distance:.3f} ({bound:.3f})")


@contextlib.contextmanager
def pam_server(create):
    """restante-pam beside a server, with pam_wrapper's passwords; games has a mailbox."""
    server = Server(login_attempts=100, limiter_networks=["127.0.0.0/8"], auth_backends="sql, pam",
                    pam_domain="example.test", pam_create_mailbox=create)
    server.options["pam_socket"] = server.run / "pam.sock"
    with server:
        server.sql("INSERT INTO domain(domain) VALUES('example.test')")
        server.sql("INSERT INTO mailbox(address) VALUES('games@example.test')")
        helper = pam_helper.wrapped(server)
        try:
            yield server
        finally:
            helper.stop()
            pam_helper.remove_leftovers()


def bench_enumerate():
    print("enumerate: refused logins of an unknown user and with a wrong password, "
          f"{scaled(2000)} each, in random order; login_failure_ms = 0, so that the work itself is "
          "seen")
    with Server(login_attempts=100, apop=True, limiter_networks=["127.0.0.0/8"],
                sasl_mechanisms=refusals.MECHANISMS) as server:
        server.add_users("known", 1)
        server.tool("user", "passwd", "known0@example.test", "--password-stdin", stdin=b"right\n")
        server.tool("user", "apop", "known0@example.test", "--password-stdin", stdin=b"right\n")
        for mechanism, attempt in refusals.ATTEMPTS.items():
            compare(server, mechanism, attempt, "known0@example.test", "nobody0@example.test")
    for create in (False, True):
        with pam_server(create) as server:
            compare(server, f"PASS, PAM, pam_create_mailbox = {'yes' if create else 'no'}",
                    refusals.by_pass, "games@example.test", "nobody0@example.test")


def main():
    for name in BENCHES:
        if ARGUMENTS.what in (name, "all"):
            globals()[f"bench_{name}"]()


main()
