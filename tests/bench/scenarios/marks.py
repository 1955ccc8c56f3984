"""QUIT that makes very many deletions durable, while others poll."""
import contextlib
import threading
import time

import environment
import wire
from environment import scaled
from measure import Load, fill
from peers import dovecot
from peers.dovecot import Dovecot
from peers.restante import Restante
from result import Result
from scenarios import scenario

MARKS, TIMES = 10000, 5


def marked_quit(server, user, marks):
    """Milliseconds from QUIT to its reply, with so many messages marked."""
    with wire.Pop3(("127.0.0.1", server.ports["pop3"])) as pop3:
        pop3.login(f"{user}@example.test", "secret")
        # The replies are read meanwhile: neither side may fill the other's buffers.
        sender = threading.Thread(target=pop3.send, args=(
            b"".join(b"DELE %d\r\n" % number for number in range(1, marks + 1)),))
        sender.start()
        for _ in range(marks):
            assert pop3.line().startswith(b"+OK")
        sender.join()
        start = time.perf_counter()
        pop3.ok("QUIT")
        return 1000 * (time.perf_counter() - start)


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
            server.add_users("marked", TIMES)
            fill(server, "user", 16, 20, kib=1)
            fill(server, "marked", TIMES, count, kib=0, recipients=TIMES)
            alone = Load("pop3", server.ports["pop3"], "STAT", "UIDL", clients=4,
                         seconds=environment.seconds(2.5)).end()
            others = Load("pop3", server.ports["pop3"], "STAT", "UIDL", clients=4,
                          seconds=environment.seconds(2.5) + (0 if environment.QUICK else 1))
            times = sorted(marked_quit(server, f"marked{number}", count) for number in range(TIMES))
            beside = others.end()
            result.add(f"{server.name}: QUIT", p50=times[TIMES // 2], worst=times[-1])
            result.add(f"{server.name}: polls alone", **alone)
            result.add(f"{server.name}: polls meanwhile", **beside)
            if server is peers[0]:
                result.bar(f"QUIT with {count:,} marks", 25, times[TIMES // 2], most=True, unit=" ms")
                result.bar("p99 of others' polls meanwhile", 20, beside["p99"], most=True, unit=" ms")
    return result
