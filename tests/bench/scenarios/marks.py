"""QUIT that makes very many deletions durable, while others poll."""
import contextlib
import threading
import time

import wire
from environment import scaled
from measure import Load, fill
from peers import dovecot
from peers.dovecot import Dovecot
from peers.restante import Restante
from result import Result
from scenarios import scenario

MARKS, TIMES = 10000, 5


def marked_session(server, user, marks):
    """A session with so many messages marked."""
    pop3 = wire.Pop3(("127.0.0.1", server.ports["pop3"]))
    pop3.login(f"{user}@example.test", "secret")
    # The replies are read meanwhile: neither side may fill the other's buffers.
    sender = threading.Thread(target=pop3.send, args=(
        b"".join(b"DELE %d\r\n" % number for number in range(1, marks + 1)),))
    sender.start()
    for _ in range(marks):
        assert pop3.line().startswith(b"+OK")
    sender.join()
    return pop3


def quit_ms(pop3):
    """Milliseconds from QUIT to its reply."""
    start = time.perf_counter()
    pop3.ok("QUIT")
    spent = 1000 * (time.perf_counter() - start)
    pop3.close()
    return spent


def polls(server):
    return Load("pop3", server.ports["pop3"], "STAT", "UIDL", clients=4, seconds=1)


@scenario
def marks():
    count = scaled(MARKS)
    result = Result("QUIT with many marks", f"Sessions with {count:,} deletion marks say QUIT, one after another; 4 "
                    "clients poll meanwhile, in mailboxes of the same database.", ("p50", "p99", "worst", "rate"))
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Restante(shards=1))]
        if dovecot.installed():
            peers.append(stack.enter_context(Dovecot("maildir")))
        for server in peers:
            server.add_users("user", 16)
            times = TIMES if server is peers[0] else 1  # a rival takes long to be filled
            server.add_users("marked", times)
            fill(server, "user", 16, 20, kib=1)
            fill(server, "marked", times, count, kib=0, recipients=times)
            sessions = [marked_session(server, f"marked{number}", count)
                        for number in range(times)]
            alone = polls(server).end()
            others = polls(server)
            time.sleep(0.2)
            spent = sorted(map(quit_ms, sessions))
            beside = others.end()
            result.add(f"{server.name}: QUIT", p50=spent[times // 2], worst=spent[-1])
            result.add(f"{server.name}: polls alone", **alone)
            result.add(f"{server.name}: polls meanwhile", **beside)
            if server is peers[0]:
                result.bar(f"QUIT with {count:,} marks", 25, spent[times // 2], most=True, unit=" ms")
                result.bar("p99 of others' polls meanwhile", 20, beside["p99"], most=True, unit=" ms")
    return result
