"""Thousands of connections from one address that guess passwords; a good user from elsewhere."""
import pathlib
import subprocess
import sys

import harness
from environment import scaled
from measure import fill, load
from peers.restante import Restante
from result import Result
from scenarios import scenario
from scenarios.held import Held

ATTACKERS, READERS, LARGE_KIB = 5000, 500, 4 * 1024


class Attackers:
    """attackers.py: connections from one address, opened again as they are closed."""

    def __init__(self, port, count):
        self.process = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("attackers.py"), str(port), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "at it\n"

    def end(self):
        """What it tells of itself."""
        return self.process.communicate("")[0].strip()


@scenario
def attack():
    attackers, readers = scaled(ATTACKERS), scaled(READERS)
    result = Result("An attack", f"{attackers:,} connections that claim to come from one address (PROXY headers) and "
                    f"guess passwords, opened again as they are closed, and {readers} slow readers of 4 MiB. Beside "
                    "them one client polls from elsewhere: every login must be good.", ("rate", "p50", "p99", "pss"))
    server = Restante(proxy_networks=["127.0.0.0/8"], login_failure_ms=1000, login_seconds=60)
    port = harness.free_port()
    server.listeners["proxied"] = {"protocol": "pop3", "address": f"127.0.0.1:{port}", "proxy": True}
    with server:
        server.add_users("fresh", 1)
        server.add_users("reader", readers)
        fill(server, "reader", readers, 1, LARGE_KIB, recipients=50)

        def polls(name):
            result.add(name, **load(server, "pop3", "STAT", prefix="fresh", users=1, clients=1, seconds=5))

        polls("alone")
        with Held(server, "pop3", "reader", readers, "reader") as held:
            crowd = Attackers(port, attackers)
            polls("beside them")
            result.note(f"Attackers: {crowd.end()}. Slow readers still held: %d of %d." % held.end())
        polls("alone again")
    return result
