"""Logging in to maildrops of many messages."""
import contextlib
import functools
import subprocess

import environment
import harness
from environment import program, scaled
from measure import best, fill, in_turn, load, medians, ratio
from peers.responder import Responder
from result import Result
from scenarios import scenario, servers

SIZES = (10, 10000, 100000, 1000000)
RIVALS_MOST = 10000  # more takes a peer minutes to be filled
FLAGGED = 70000
SMALL_OCTETS = 500


def sizes():
    return [size if size <= 10 else scaled(size) for size in SIZES]


def fill_directly(server, name, count):
    """Through the store's own interface, the server stopped meanwhile."""
    (shard, key), = server.sql("SELECT shard, store_key FROM mailbox WHERE address = ?",
                               f"{name}@example.test")
    subprocess.run([program("fill"), server.data / "mail", str(shard), key, str(count),
                    str(SMALL_OCTETS)], check=True, **harness.UNPRIVILEGED)


def prepare_restante(server):
    for size in sizes():
        server.add_users(f"of{size}x", 1)
    server.add_users("flagged", 1)
    server.stop()
    server.notices.clear()
    for size in sizes():
        fill_directly(server, f"of{size}x0", size)
    fill_directly(server, "flagged0", scaled(FLAGGED) + scaled(RIVALS_MOST))
    server.__enter__()
    load(server, "pop3", f"DELE 1-{scaled(FLAGGED)}", prefix="flagged", users=1, clients=1,
         limit=1, pipeline=True)


def contenders_for(size, peers):
    """(name, server, prefix) of who has a maildrop of that size."""
    ours, *rivals = peers
    yield ours.name, ours, f"of{size}x"
    if size == scaled(RIVALS_MOST):
        yield f"{ours.name}, beside {scaled(FLAGGED):,} flagged", ours, "flagged"
    if size <= scaled(RIVALS_MOST):
        for rival in rivals:
            yield rival.name, rival, f"of{size}x"


def session(server, prefix, size, *commands):
    return functools.partial(load, server, "pop3", *commands, prefix=prefix, users=1, clients=1,
                             messages=size, seconds=1)


@scenario
def listing():
    result = Result("Large maildrops", "One client logs in, says STAT, or STAT and UIDL, and QUIT.",
                    ("p50", "p99", "cpu", "of_c", "of_d"))
    stat = {}
    with contextlib.ExitStack() as stack:
        peers = servers(stack, ("maildir",), ("sdbox",), shards=1)
        prepare_restante(peers[0])
        for rival in peers[1:]:
            for size in sizes():
                if size <= scaled(RIVALS_MOST):
                    rival.add_users(f"of{size}x", 1)
                    fill(rival, f"of{size}x", 1, size, kib=0)
                    session(rival, f"of{size}x", size, "STAT", "UIDL")(limit=1)  # makes its index
        for size in sizes():
            with Responder("pop3", size) as responder:
                for commands in (("STAT",), ("STAT", "UIDL")):
                    who = [("c", responder, f"of{size}x"), *contenders_for(size, peers)]
                    found = in_turn({name: session(server, prefix, size, *commands)
                                     for name, server, prefix in who})
                    result.compare(found, "p50", lowest=True,
                                   label=f"{size:,} messages, {'+'.join(commands)}: ")
                    if commands == ("STAT",):
                        stat[size] = found
                    elif size == scaled(RIVALS_MOST):
                        hold_to_bars(result, found, size)
    hold_to_constant(result, stat)
    return result


def hold_to_bars(result, found, size):
    rival = best(found, "Dovecot", "p50", lowest=True)
    for name, mine in found.items():
        if name.startswith("restante"):
            what = f"login+UIDL of {size:,} messages{name.removeprefix('restante')}"
            result.bar(f"{what}, of c", 0.35, ratio(found["c"], mine, "p50"))
            if rival:
                result.bar(f"{what}, of D", 10, ratio(rival, mine, "p50"))


def hold_to_constant(result, stat):
    """Login and STAT of the largest maildrop cost what those of the smallest cost."""
    points = [(size, medians(found["restante"])["p50"]) for size, found in stat.items()]
    result.bar("login+STAT of the largest maildrop, of the time of the smallest", 1.2,
               points[-1][1] / points[0][1], most=True)
    result.plot("poll-by-mailbox-size", "Login and STAT against the size of the maildrop",
                "messages in the maildrop", "ms", {"restante": points},
                "Flat: the counters of a maildrop are kept, and login reads one row of them, however "
                "many messages there are.")
