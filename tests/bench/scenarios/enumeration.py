"""Whether the time of a refused login tells if there is such a user."""
import concurrent.futures
import contextlib
import math
import random
import statistics

import wire
from environment import scaled
from peers.restante import Restante
from result import Result
from scenarios import apart, refusals, scenario

TRIES, CONNECTIONS = 2000, 100
LOGIN_FAILURE_MS = 1000  # the default, which the tests' servers are without


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


def alone(server, attempt, order):
    """One after another: (user, nanoseconds)."""
    for at in range(0, len(order), 50):
        with wire.Pop3(server.pop3) as pop3:
            for user in order[at:at + 50]:
                yield user, attempt(pop3, user)


def at_once(server, attempt, order):
    """The same by many connections side by side."""
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        for found in pool.map(lambda part: list(alone(server, attempt, part)),
                              (order[at::CONNECTIONS] for at in range(CONNECTIONS))):
            yield from found


def compare(result, server, mechanism, attempt, known, tried=alone):
    """Refused logins of a known user, of nobody, and of another nobody, in random order."""
    tries, nobody, control = scaled(TRIES), "nobody0@example.test", "nobody1@example.test"
    order = [known, nobody, control] * tries
    random.Random(1).shuffle(order)
    times = {user: [] for user in (known, nobody, control)}
    for user, spent in tried(server, attempt, order):
        times[user].append(spent)
    for user, who in ((known, "wrong password"), (nobody, "unknown user")):
        result.add(f"{mechanism}: {who}", p50=statistics.median(times[user]) / 1e6,
                   distance=kolmogorov_smirnov(times[known], times[nobody]),
                   control=kolmogorov_smirnov(times[nobody], times[control]),
                   bound=1.63 * math.sqrt(2 / tries))


@contextlib.contextmanager
def pam_server(create, **options):
    """restante-pam beside a server, with pam_wrapper's passwords; games has a mailbox."""
    import pam_helper  # wants the helper's programs, which the other scenarios do without
    server = Restante(login_attempts=100, limiter_networks=["127.0.0.0/8"],
                      auth_backends="sql, pam", pam_domain="example.test",
                      pam_create_mailbox=create, **options)
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


def sql_server(**options):
    return Restante(login_attempts=100, limiter_networks=["127.0.0.0/8"],
                    sasl_mechanisms=refusals.MECHANISMS, **options)


def add_known(server):
    server.add_users("known", 1)
    for command in ("passwd", "apop"):
        server.tool("user", command, "known0@example.test", "--password-stdin", stdin=b"right\n")
    return "known0@example.test"


@scenario
@apart
def enumeration():
    result = Result("Refused logins", f"A known user's wrong password and an unknown user, {scaled(TRIES)} each by "
                    "every mechanism, in random order; with login_failure_ms = 0, so that the work itself is seen, "
                    f"and as installed, {CONNECTIONS} connections at once. Of equal distributions, one in a hundred "
                    "is farther apart than the bound; the control is the distance of two unknown users.",
                    ("p50", "distance", "control", "bound"))
    with sql_server() as server:
        known = add_known(server)
        for mechanism, attempt in refusals.ATTEMPTS.items():
            compare(result, server, mechanism, attempt, known)
    for create in (False, True):
        with pam_server(create) as server:
            compare(result, server, f"PASS, PAM, pam_create_mailbox = {'yes' if create else 'no'}",
                    refusals.by_pass, "games@example.test")
    with sql_server(login_failure_ms=LOGIN_FAILURE_MS) as server:
        compare(result, server, "PASS, as installed", refusals.by_pass, add_known(server), at_once)
    with pam_server(False, login_failure_ms=LOGIN_FAILURE_MS) as server:
        compare(result, server, "PASS, PAM, as installed", refusals.by_pass, "games@example.test", at_once)
    return result
