"""A mixed day: everything at once."""
import contextlib

import environment
import processes
from environment import scaled
from measure import Load, fill, load
from peers import dovecot
from peers.dovecot import Dovecot
from peers.restante import Restante
from result import Result
from scenarios import scenario

USERS, KIB, SECONDS = 500, 20, 6


@scenario
def day():
    result = Result("A mixed day", "At the same time, for some seconds: 8 clients poll, 2 fetch 5 messages, 4 connections "
                    "deliver to all maildrops, and 1 client retrieves and deletes 5 messages of a maildrop per "
                    "session. Beside it restante purges 8 deleted messages of each of the mailboxes that are deleted from.", ("rate", "p50", "p99", "worst"))
    users = max(scaled(USERS), 20)
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Restante())]
        if dovecot.installed():
            peers.append(stack.enter_context(Dovecot("maildir")))
        for server in peers:
            for prefix in ("poll", "fetch", "drain"):
                server.add_users(prefix, users)
                fill(server, prefix, users, 8, KIB, recipients=10)
            if server is peers[0]:
                leave_to_purge(server, users)
            before = processes.cpu_seconds(server.pid)
            found = mixed(server, users)
            for name, figures in found.items():
                result.add(f"{server.name}: {name}", **figures)
            if server is peers[0]:
                deleted = 8 * users + 5 * found["sessions that delete"]["done"]
                result.note(f"Of {deleted:,} deleted messages {deleted - waiting(server):,} were purged.")
            result.note(f"{server.name} took {processes.cpu_seconds(server.pid) - before:.1f} s of CPU for it.")
    return result


def leave_to_purge(server, users):
    """8 deleted messages of each user, which the housekeeper begins to purge as the server starts."""
    load(server, "pop3", "FETCH 1-8", prefix="drain", users=users, body=KIB, limit=users)
    fill(server, "drain", users, 8, KIB, recipients=10)
    server.sql("UPDATE mailbox SET undelete_seconds = 0")
    server.stop()
    server.notices.clear()
    server.__enter__()


def waiting(server):
    """Deleted messages that are not purged yet."""
    return sum(server.sql_of(path, "SELECT count(*) FROM message WHERE deleted_at IS NOT NULL")[0][0]
               for path in (server.data / "mail").glob("mail-*.db"))


def mixed(server, users):
    """{what: figures} of everything at once."""
    pop3, seconds = server.ports["pop3"], environment.seconds(SECONDS)
    both = {"users": users, "body": KIB, "seconds": seconds, "random": True}
    running = {
        "polls": Load("pop3", pop3, "STAT", "UIDL", prefix="poll", clients=8, **both),
        "fetches": Load("pop3", pop3, "STAT", "LIST", "RETR 1-5", prefix="fetch", clients=2, **both),
        "sessions that delete": Load("pop3", pop3, "FETCH 1-5", prefix="drain", clients=1,
                                     limit=users, body=KIB, users=users),
        "deliveries to the polled": Load("lmtp", server.ports["lmtp"], prefix="poll", clients=2, **both),
        "deliveries to the fetched": Load("lmtp", server.ports["lmtp"], prefix="fetch", clients=2, **both),
    }
    return {name: one.end() for name, one in running.items()}
