"""Connections that are held, and polls beside them."""
import contextlib
import functools
import subprocess

import environment
import processes
from environment import program, scaled
from measure import fill, in_turn, load, medians, ratio
from peers import dovecot
from peers.dovecot import Dovecot
from peers.responder import Responder
from peers.restante import Restante
from result import Result
from scenarios import scenario

FEW, MANY = 1000, 10000
LARGE_KIB, READERS = 4 * 1024, 200


class Held:
    """Connections held by load/hold.c: idle, session, reader or sender."""

    def __init__(self, server, port, state, count, prefix="held"):
        words = [program("hold"), str(server.ports[port]), state, str(count), prefix, "secret"]
        self.process = subprocess.Popen(words + (["tls"] if port == "pop3s" else []),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n", f"cannot hold {count} {state}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Lets go; (how many the server still held, how many there were)."""
        if self.process.returncode is None:
            self.told = self.process.communicate("")[0].split()
            assert self.process.returncode == 0
        return int(self.told[0]), int(self.told[2])


def polls(server):
    return functools.partial(load, server, "pop3", "STAT", "UIDL", prefix="fresh", users=16,
                             seconds=1)


def beside(result, server, port, state, count):
    """Polls beside so many held connections, as a share of those without; and KiB each."""
    before, each, with_them, without = processes.memory(server.pid), None, [], []
    for _ in range(environment.rounds()):
        with Held(server, port, state, count) as held:
            if each is None:  # later ones use the memory of those before them
                each = (processes.memory(server.pid) - before) / count / 1024
            with_them.append(polls(server)())
            alive, of = held.end()
        if alive != of:
            result.note(f"{server.name} has closed {of - alive} of {of} connections held ({state}).")
        polls(server)()  # meanwhile it is done with those that have gone
        without.append(polls(server)())
    share = ratio(with_them, without)
    where = {"pop3": "in clear", "pop3s": "TLS"}[port]
    result.add(f"{server.name}: {count:,} {state}, {where}",
               **{**medians(with_them), "kib": each, "share": share})
    return share, each


@scenario
def held():
    result = Result("Held connections", "Connections that do nothing, before login (idle) or logged in "
                    "(session), and what 16 clients' polls reach beside them: as a share of the polls "
                    "after they have gone, in turn. KiB each is the server's memory (PSS), without the kernel's.",
                    ("kib", "rate", "p50", "p99", "share"))
    few, many = scaled(FEW), scaled(MANY)
    ways = [("pop3", "idle", few), ("pop3", "idle", many), ("pop3", "session", few),
            ("pop3", "session", many), ("pop3s", "idle", many), ("pop3s", "session", many)]
    with Responder("pop3", 20) as c:
        for count in (few, many):
            beside(result, c, "pop3", "idle", count)
    found = {way: fresh(Restante, result, way) for way in ways}
    if dovecot.installed():
        for way in ways[:3]:  # 10,000 sessions are as many processes: minutes, and 5 GB
            fresh(Dovecot, result, way)
    for (port, state, count), most, what in ((ways[1], 3, "before login"), (ways[3], 6, "logged in"),
                                             (ways[5], 16, "TLS, logged in")):
        share, each = found[port, state, count]
        result.bar(f"{count:,} held, {what}: memory each", most, each, most=True, unit=" KiB")
        result.bar(f"polls beside {count:,} held, {what}, of those without", 0.95, share)
    result.plot("poll-by-held", "Polls beside held connections", "connections held", "share of the polls without",
                {"before login": [(0, 1.0), (few, found[ways[0]][0]), (many, found[ways[1]][0])],
                 "logged in": [(0, 1.0), (few, found[ways[2]][0]), (many, found[ways[3]][0])]},
                "Nearly flat: no thread looks at an idle connection but the sweep of deadlines, once a second. "
                "What is lost beside 10,000 is spread thin: deeper trees and colder tables, in the kernel and here.")
    return result


def fresh(peer, result, way):
    """Each in a new server: memory that others have freed would be used again, and seem free."""
    with peer() as server:
        prepare(server, way[2])
        return beside(result, server, *way)


def prepare(server, sessions):
    """All have logged in before: what a server remembers of users is there whoever is connected."""
    server.add_users("fresh", 16)
    server.add_users("held", sessions)
    fill(server, "fresh", 16, 20, kib=1)
    load(server, "pop3", prefix="held", users=sessions, limit=sessions, clients=min(16, sessions))
    polls(server)()


@scenario
def slow_readers():
    readers = scaled(READERS)
    result = Result("Slow readers", f"{readers} clients that read a message of 4 MiB at 1 KiB a second, and as "
                    "many that send an octet a second of a command that never ends; polls beside them.",
                    ("rate", "p50", "p99", "cpu"))
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Restante())]
        if dovecot.installed():
            peers.append(stack.enter_context(Dovecot("maildir")))
        for server in peers:
            prepare(server, 1)
            server.add_users("reader", readers)
            fill(server, "reader", readers, 1, LARGE_KIB, recipients=20)
            alone = in_turn({"alone": polls(server)})["alone"]
            with Held(server, "pop3", "reader", readers, "reader") as reading, \
                Held(server, "pop3", "sender", readers) as sending:
                crowded = in_turn({"beside": polls(server)})["beside"]
                alive = [group.end() for group in (reading, sending)]
            result.add(f"{server.name}: alone", **medians(alone))
            result.add(f"{server.name}: beside them", **medians(crowded))
            result.note(f"{server.name}: polls beside them are {ratio(crowded, alone):.2f} of those alone; still "
                        + ", ".join(f"{some} of {all_}" for some, all_ in alive) + " held.")
    return result
