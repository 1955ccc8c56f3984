"""How it is measured: one load after another, contenders in turn, medians."""
import json
import statistics
import subprocess
import time

import environment
import processes


def command(protocol, port, *commands, **options):
    """The load generator's command line: `body=20` is --body 20, `pipeline=True` is --pipeline."""
    words = [environment.program("load"), protocol, str(port), *commands]
    for name, value in options.items():
        if value is True:
            words.append("--" + name.replace("_", "-"))
        elif value is not None and value is not False:
            words += ["--" + name.replace("_", "-"), str(value)]
    return words


class Load:
    """One run of the generator, in the background until `end`."""

    def __init__(self, protocol, port, *commands, **options):
        self.words = command(protocol, port, *commands, **options)
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def end(self):
        """What it counted. A wrong reply has ended it."""
        out, trouble = self.process.communicate()
        if self.process.returncode != 0:
            raise AssertionError(f"{' '.join(self.words)}\n{trouble}")
        return json.loads(out)


def load(server, port, *commands, **options):
    """One run against a server's port ("pop3", "pop3s", "lmtp"), with what it cost the server."""
    protocol = "lmtp" if port == "lmtp" else "pop3"
    if port == "pop3s":
        options.setdefault("tls", "full")
    if "limit" not in options:
        options["seconds"] = environment.seconds(options.get("seconds", 2))
    before = processes.cpu_seconds(server.pid)
    running = Load(protocol, server.ports[port], *commands, **options)
    if "limit" not in options:
        time.sleep(options["seconds"] / 2)
    memory = processes.memory(server.pid)
    figures = running.end()
    figures["cpu"] = 1000 * (processes.cpu_seconds(server.pid) - before) / max(figures["done"], 1)
    figures["pss"] = memory / (1 << 20)
    figures["messages"] = figures["retrieved"] / figures["seconds"]
    figures["mib"] = figures["received"] / figures["seconds"] / (1 << 20)
    return figures


def fill(server, prefix, users, each, kib=20, recipients=1, clients=8):
    """Delivers `each` messages to each of the users, by LMTP."""
    def deliver(messages, at_a_time):
        if messages:
            load(server, "lmtp", prefix=prefix, users=users, body=kib, recipients=recipients,
                 limit=users * messages // recipients, clients=at_a_time)

    # Dovecot 2.3 can panic where several deliveries make the same maildrop at the same moment.
    alone = 1 if users < clients * recipients else 0
    deliver(alone, 1)
    deliver(each - alone, clients)


def in_turn(contenders, rounds=None):
    """Calls each of {name: function} once a round, in turn: {name: [figures of each round]}."""
    found = {name: [] for name in contenders}
    for _ in range(rounds or environment.rounds()):
        for name, run in contenders.items():
            found[name].append(run())
    return found


def medians(runs):
    """Figure by figure, of several runs."""
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def ratio(mine, theirs, key="rate"):
    """The median of the rounds' ratios: both of a round met the same machine. None: nothing done."""
    ratios = [a[key] / b[key] for a, b in zip(mine, theirs) if b[key]]
    return statistics.median(ratios) if ratios else None


def best(runs, prefix, key="rate", lowest=False):
    """Of the contenders whose names begin so, the runs of the one with the best median."""
    found = [run for name, run in runs.items() if name.startswith(prefix)]
    if not found:
        return None
    choose = min if lowest else max
    return choose(found, key=lambda run: statistics.median(figures[key] for figures in run))
