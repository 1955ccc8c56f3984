"""The first login after a start, which costs the password's hash; others meanwhile."""
import contextlib
import time

import environment
import wire
from environment import scaled
from measure import Load, fill
from peers import passwords
from peers.restante import Restante
from result import Result
from scenarios import scenario

FIRST = 40  # logins by users whose password nobody has verified yet


def login_ms(server, user):
    """From PASS to its reply."""
    with wire.Pop3(("127.0.0.1", server.ports["pop3"])) as pop3:
        pop3.ok(f"USER {user}@example.test")
        start = time.perf_counter()
        pop3.ok("PASS secret")
        spent = 1000 * (time.perf_counter() - start)
        pop3.ok("QUIT")
        return spent


def hash_ms(stored):
    """The hash's own cost, by crypt(3) on this machine."""
    start = time.perf_counter()
    assert passwords.crypt.crypt("secret", stored) == stored
    return 1000 * (time.perf_counter() - start)


def middle(times):
    return times[len(times) // 2]


@scenario
def first_login():
    count = scaled(FIRST)
    result = Result("First login with a strong hash", f"{count} users with bcrypt or yescrypt log in, one after "
                    "another, for the first time since the start; then the same again, and once more while 2 "
                    "clients poll with verified credentials.", ("p50", "p99", "worst", "rate"))
    for scheme in ("bcrypt", "yescrypt"):
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(Restante())
            server.add_users("user", 16)
            fill(server, "user", 16, 20, kib=1)
            for prefix in ("quiet", "busy"):
                server.add_users(prefix, count, scheme)
            stored = passwords.hashed(scheme)
            own, first = map(sorted, zip(*((hash_ms(stored), login_ms(server, f"quiet{number}"))
                                           for number in range(count))))
            again = sorted(login_ms(server, f"quiet{number}") for number in range(count))
            window = environment.seconds(2.5)
            alone = Load("pop3", server.ports["pop3"], "STAT", "UIDL", clients=2, seconds=window).end()
            others = Load("pop3", server.ports["pop3"], "STAT", "UIDL", clients=2, seconds=window)
            end, busy = time.monotonic() + window, 0
            while time.monotonic() < end and busy < count:
                login_ms(server, f"busy{busy}")
                busy += 1
            beside = others.end()
        result.add(f"{scheme}: crypt(3) itself, in turn", p50=middle(own))
        for name, times in (("first login", first), ("again", again)):
            result.add(f"{scheme}: {name}", p50=middle(times), worst=times[-1])
        result.add(f"{scheme}: polls alone", **alone)
        result.add(f"{scheme}: polls beside {busy} first logins", **beside)
        result.bar(f"others' p50 beside first logins, {scheme}, of that without", 1.1,
                   beside["p50"] / alone["p50"], most=True)
        result.bar(f"first login, {scheme}, of the hash's own cost", 1.05, middle(first) / middle(own), most=True)
    return result
