"""The poll against the number of workers."""
import contextlib
import functools

from measure import fill, in_turn, load
from peers.responder import Responder
from peers.restante import Restante
from result import Result
from scenarios import scenario

WORKERS = (1, 2, 4, 8, 16)


@scenario
def pool():
    result = Result("Workers", "The poll of 16 clients against the number of worker threads; the default is the "
                    "number of processors.", ("rate", "p50", "p99", "cpu", "of_c"))
    with contextlib.ExitStack() as stack:
        runs = {"c": functools.partial(load, stack.enter_context(Responder("pop3", 20)), "pop3",
                                       "STAT", "UIDL", seconds=1.5)}
        for workers in WORKERS:
            server = stack.enter_context(Restante(workers=workers))
            server.add_users("user", 16)
            fill(server, "user", 16, 20, kib=1)
            runs[f"{workers} workers"] = functools.partial(load, server, "pop3", "STAT", "UIDL",
                                                           messages=20, seconds=1.5)
            runs[f"{workers} workers"]()
        found = in_turn(runs)
    ratios = result.compare(found)
    result.plot("poll-by-workers", "Polls against worker threads", "workers", "of c",
                {"restante": [(workers, ratios[f"{workers} workers"]["of_c"]) for workers in WORKERS]},
                "Best at the number of processors: more threads than those share the same processors and "
                "wake each other.")
    return result
