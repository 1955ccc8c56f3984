"""Whether the time of a refused login tells if there is such a user."""
import contextlib
import math
import random
import statistics

import wire
from environment import scaled
from peers.restante import Restante
from result import Result
from scenarios import apart, refusals, scenario

TRIES = 2000


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


def compare(result, server, mechanism, attempt, known):
    """Refused logins of a known user and of nobody, in random order."""
    tries, unknown = scaled(TRIES), "nobody0@example.test"
    order = [known, unknown] * tries
    random.Random(1).shuffle(order)
    times = {known: [], unknown: []}
    for at in range(0, len(order), 50):
        with wire.Pop3(server.pop3) as pop3:
            for user in order[at:at + 50]:
                times[user].append(attempt(pop3, user))
    distance = kolmogorov_smirnov(times[known], times[unknown])
    for user, who in ((known, "wrong password"), (unknown, "unknown user")):
        result.add(f"{mechanism}: {who}", p50=statistics.median(times[user]) / 1e6,
                   distance=distance, bound=1.63 * math.sqrt(2 / tries))


@contextlib.contextmanager
def pam_server(create):
    """restante-pam beside a server, with pam_wrapper's passwords; games has a mailbox."""
    import pam_helper  # wants the helper's programs, which the other scenarios do without
    server = Restante(login_attempts=100, limiter_networks=["127.0.0.0/8"],
                      auth_backends="sql, pam", pam_domain="example.test",
                      pam_create_mailbox=create)
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


@scenario
@apart
def enumeration():
    result = Result("Refused logins", f"A known user's wrong password and an unknown user, {scaled(TRIES)} each by "
                    "every mechanism, in random order; login_failure_ms is 0, so that the work itself is seen. Of "
                    "equal distributions, one in a hundred is farther apart than the bound.",
                    ("p50", "distance", "bound"))
    with Restante(login_attempts=100, limiter_networks=["127.0.0.0/8"],
                  sasl_mechanisms=refusals.MECHANISMS) as server:
        server.add_users("known", 1)
        for command in ("passwd", "apop"):
            server.tool("user", command, "known0@example.test", "--password-stdin", stdin=b"right\n")
        for mechanism, attempt in refusals.ATTEMPTS.items():
            compare(result, server, mechanism, attempt, "known0@example.test")
    for create in (False, True):
        with pam_server(create) as server:
            compare(result, server, f"PASS, PAM, pam_create_mailbox = {'yes' if create else 'no'}",
                    refusals.by_pass, "games@example.test")
    return result
