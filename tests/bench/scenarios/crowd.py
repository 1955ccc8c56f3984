"""Many mailboxes, polled at random."""
import contextlib
import functools

from environment import scaled
from measure import fill, in_turn, load, medians
from peers import dovecot
from peers.dovecot import Dovecot
from peers.restante import Restante
from result import Result
from scenarios import scenario

SIZES = (10, 100, 1000, 10000, 100000)
RIVALS = 10000
MESSAGES = 2


def polls(server, users):
    return functools.partial(load, server, "pop3", "STAT", "UIDL", users=users, messages=MESSAGES,
                             random=True, clients=min(16, users))


def populate(server, users, per_message):
    server.add_users("user", users)
    fill(server, "user", users, MESSAGES, kib=1, recipients=min(users, per_message))


@scenario
def crowd():
    result = Result("Many mailboxes", "16 clients (10 where there are 10 mailboxes) poll mailboxes of 2 messages "
                    "at random.", ("rate", "p50", "p99", "cpu", "pss", "of_d"))
    points = []
    sizes = [size if size <= 10 else scaled(size) for size in SIZES]
    for users in sorted(set(sizes)):
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Restante())]
            if users == scaled(RIVALS) and dovecot.installed():
                peers.append(stack.enter_context(Dovecot("maildir")))
            for server in peers:
                populate(server, users, 50)
                polls(server, users)()
            found = in_turn({server.name: polls(server, users) for server in peers})
            result.compare(found, label=f"{users:,} mailboxes: ")
            points.append((users, medians(found["restante"])["cpu"]))
    result.plot("poll-by-mailboxes", "A poll against the number of mailboxes", "mailboxes",
                "CPU ms of a poll", {"restante": points},
                "Rises a little: an index is deeper by a page for each factor of some hundreds, and more of "
                "its pages come from the kernel's cache instead of SQLite's own.")
    return result
