"""LMTP: durable deliveries, beside what the disk can do."""
import contextlib
import functools
import subprocess
import tempfile

import environment
from environment import program
from measure import best, fill, in_turn, load, medians, ratio
from peers.responder import Responder
from result import Result
from scenarios import scenario, servers

KIB, USERS = 20, 500
RECORD = KIB * 1024 + 256  # with its header
DELIVERERS = (1, 8, 32)
WANTED = {1: 0.7, 8: 0.6, 32: 0.7}


def disk(group):
    """Records appended a second, `group` of them made durable at a time."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program("disk"), folder, str(RECORD), str(group),
                               str(environment.seconds(2.5))], check=True, capture_output=True, text=True)
    return {"rate": float(done.stdout)}


def deliveries(server, clients, **options):
    return functools.partial(load, server, "lmtp", users=USERS, clients=clients, body=KIB, **options)


def hold_to_bars(result, found, clients):
    mine, rival = found["restante"], best(
        {name: runs for name, runs in found.items() if "always" in name}, "Dovecot")
    result.bar(f"LMTP, {clients} connections, of the disk", WANTED[clients],
               ratio(mine, found["disk"]))
    if rival:
        result.bar(f"LMTP, {clients} connections, of Dovecot's best with fsync always", 3,
                   ratio(mine, rival))


@scenario
def delivery():
    result = Result("LMTP", "Messages of 20 KiB, each to one of 500 maildrops in turn, durable before 250 is "
                    "said; `disk` appends such records to a file, as many of them with one fdatasync as there "
                    "are connections; `c` speaks the protocol only.",
                    ("rate", "p50", "p99", "cpu", "of_disk", "of_c", "of_d"))
    rates = []
    with contextlib.ExitStack() as stack:
        c = stack.enter_context(Responder("lmtp"))
        peers = servers(stack, ("maildir", "always"), ("sdbox", "always"), ("maildir",), ("sdbox",))
        for server in peers:
            server.add_users("user", USERS)
            fill(server, "user", USERS, 1, KIB)  # every maildrop is there
        for clients in DELIVERERS:
            found = in_turn({"disk": functools.partial(disk, clients),
                             **{server.name: deliveries(server, clients) for server in (c, *peers)}})
            result.compare(found, label=f"{clients} connections: ")
            hold_to_bars(result, found, clients)
            rates.append((clients, medians(found["restante"])["rate"]))
        for what, options in (("8 connections, 5 recipients each", {"recipients": 5}),
                              ("8 connections, one message each", {"per_connection": True})):
            found = in_turn({server.name: deliveries(server, 8, **options)
                             for server in (c, *peers[:3])})
            result.compare(found, label=f"{what}: ")
        for clients in (2, 4, 16):
            rates.append((clients, deliveries(peers[0], clients)()["rate"]))
    result.plot("deliveries-by-deliverers", "Durable deliveries against deliverers", "connections",
                "messages/s", {"restante": sorted(rates)},
                "Rises: the writer of a database commits all that waits in one transaction, so that one "
                "fsync serves more messages the more there are waiting.")
    return result
