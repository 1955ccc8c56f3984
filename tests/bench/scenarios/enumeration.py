"""Whether the time of a refused login tells if there is such a user."""
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


@scenario
@apart
def enumeration():
    tries = scaled(TRIES)
    result = Result("Refused logins", f"A known user's wrong password and an unknown user, {tries} each by every "
                    "mechanism, in random order; login_failure_ms is 0, so that the work itself is seen. Of equal "
                    "distributions, one in a hundred is farther apart than the bound.", ("p50", "distance", "bound"))
    with Restante(login_attempts=100, limiter_networks=["127.0.0.0/8"],
                  sasl_mechanisms=refusals.MECHANISMS) as server:
        server.add_users("known", 1)
        for command in ("passwd", "apop"):
            server.tool("user", command, "known0@example.test", "--password-stdin", stdin=b"right\n")
        for mechanism, attempt in refusals.ATTEMPTS.items():
            order = ["known0", "nobody0"] * tries
            random.Random(1).shuffle(order)
            times = {name: [] for name in set(order)}
            for at in range(0, len(order), 50):
                with wire.Pop3(server.pop3) as pop3:
                    for name in order[at:at + 50]:
                        times[name].append(attempt(pop3, f"{name}@example.test"))
            distance = kolmogorov_smirnov(times["known0"], times["nobody0"])
            for name, who in (("known0", "wrong password"), ("nobody0", "unknown user")):
                result.add(f"{mechanism}: {who}", p50=statistics.median(times[name]) / 1e6,
                           distance=distance, bound=1.63 * math.sqrt(2 / tries))
    return result
