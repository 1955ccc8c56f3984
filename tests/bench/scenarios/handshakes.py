"""TLS handshakes: connect, shake hands, read the greeting, QUIT."""
import contextlib
import functools

from measure import in_turn, load, ratio
from peers.responder import Responder
from result import Result
from scenarios import scenario, servers


@scenario
def handshakes():
    result = Result("TLS handshakes", "16 clients connect to a port with TLS from the first octet (P-256, "
                    "TLS 1.3), read the greeting and QUIT: each handshake in full, or resumed by the ticket "
                    "of the one before.", ("rate", "p50", "p99", "cpu", "of_c", "of_d"))
    with contextlib.ExitStack() as stack:
        contenders = [stack.enter_context(Responder("pop3s")), *servers(stack, ("maildir",))]
        for way in ("full", "resume"):
            found = in_turn({server.name: functools.partial(
                load, server, "pop3s", tls=way, auth="none") for server in contenders})
            result.compare(found, label=f"{way}: ")
            for name, runs in found.items():
                if way == "resume":
                    result.note(f"{name}: {sum(run['resumed'] for run in runs)} of "
                                f"{sum(run['done'] for run in runs)} handshakes were resumed.")
            result.bar(f"TLS handshakes, {way}, of c", 0.95, ratio(found["restante"], found["c"]))
    return result
