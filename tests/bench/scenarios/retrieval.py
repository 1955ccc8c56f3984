"""Fetching: 20 messages of about 20 KB one by one, pipelined, and drained; one of 25 MB."""
import contextlib
import functools

import environment
from measure import best, fill, in_turn, load, ratio
from peers.responder import Responder
from result import Result
from scenarios import others, scenario, servers

KIB, MESSAGES, USERS = 20, 20, 100
LARGE_KIB, LARGE_USERS, LARGE_CLIENTS = 25 * 1024, 4, 4
FORMATS = (("maildir",), ("sdbox",))


def ceilings(port, messages, kib, users):
    """With as many octets in memory as the maildrops have; and with one message, which stays in a cache."""
    return (Responder(port, messages, kib, copies=users * messages),
            Responder(port, messages, kib, name="c, always the same message"))


def hold(result, found, what, of_c, of_d, key="rate"):
    """To the bars: restante against the ceiling, and against the rival's best."""
    mine, rival = found["restante"], best(found, "Dovecot", key)
    if of_c:
        result.bar(f"{what}, of c", of_c, ratio(mine, found["c"], key))
    if rival:
        result.bar(f"{what}, of D", of_d, ratio(mine, rival, key))


@scenario
def fetch():
    result = Result("Fetch", "16 clients; each session logs in and retrieves 20 messages of 20 KiB, "
                    "one by one or pipelined.", ("messages", "mib", "p50", "p99", "cpu", "of_c", "of_d"))
    options = {"body": KIB, "messages": MESSAGES}
    with contextlib.ExitStack() as stack:
        contenders = [stack.enter_context(responder) for responder in
                      ceilings("pop3", MESSAGES, KIB, USERS)]
        for server in (*servers(stack, *FORMATS), *others(stack)):
            server.add_users("user", USERS)
            fill(server, "user", USERS, MESSAGES, KIB)
            contenders.append(server)
        for what, pipeline in (("one by one", False), ("pipelined", True)):
            found = in_turn({server.name: functools.partial(
                load, server, "pop3", "LIST", "RETR 1-20", users=USERS, pipeline=pipeline,
                **options) for server in contenders})
            result.compare(found, "messages", label=f"{what}: ")
            hold(result, found, f"fetch {what}", 0.70, 3, "messages")
    return result


@scenario
def drain():
    users = environment.scaled(USERS)
    result = Result("Drain", f"16 clients; each of {users} maildrops is emptied once: RETR and DELE of "
                    "20 messages of 20 KiB, QUIT, which makes the deletions durable.",
                    ("messages", "mib", "p50", "p99", "cpu", "of_d"))

    def drained(server):
        fill(server, "user", users, MESSAGES, KIB)
        return load(server, "pop3", "FETCH 1-20", users=users, body=KIB, messages=MESSAGES,
                    limit=users, clients=min(16, users))

    with contextlib.ExitStack() as stack:
        contenders = servers(stack, *FORMATS)
        for server in contenders:
            server.add_users("user", users)
        found = in_turn({server.name: functools.partial(drained, server)
                         for server in contenders})
    result.compare(found, "messages")
    return result


@scenario
def large():
    result = Result("Large message", f"{LARGE_CLIENTS} clients retrieve a message of 25 MiB, in clear "
                    "and with TLS from the first octet.", ("mib", "p50", "cpu", "pss", "of_c", "of_d"))
    kib = environment.scaled(LARGE_KIB)
    with contextlib.ExitStack() as stack:
        contenders = servers(stack, *FORMATS)
        for server in contenders:
            server.add_users("user", LARGE_USERS)
            fill(server, "user", LARGE_USERS, 1, kib, clients=1)
        for port, what, of_c in (("pop3", "in clear", 0.60), ("pop3s", "over TLS", 0.90)):
            with contextlib.ExitStack() as inner:
                c = [inner.enter_context(responder) for responder in
                     ceilings(port, 1, kib, LARGE_USERS)]
                found = in_turn({server.name: functools.partial(
                    load, server, port, "RETR 1", users=LARGE_USERS, clients=LARGE_CLIENTS,
                    body=kib) for server in (*c, *contenders)})
            result.compare(found, "mib", label=f"{what}: ")
            hold(result, found, f"25 MB {what}", of_c, 4, "mib")
    return result
