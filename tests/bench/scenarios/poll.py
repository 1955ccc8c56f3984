"""What POP3 servers do all day: connect, log in, STAT, UIDL, QUIT."""
import contextlib
import functools

from measure import best, fill, in_turn, load, medians, ratio
from peers.responder import Responder
from result import Result
from scenarios import others, scenario, servers

CLIENTS, MESSAGES = 16, 20
USERS = {"plain": 100}  # of the others one each client, so that the first logins are soon over
WAYS = (("plain", "pass"), ("plain", "apop"), ("scram", "scram"), ("yescrypt", "pass"),
        ("sha512", "pass"), ("bcrypt", "pass"))


def users(scheme):
    return USERS.get(scheme, CLIENTS)


def worth(server, way):
    """Everything of restante and one Dovecot: the login costs the same whatever the format."""
    return server.name in ("restante", "Dovecot maildir") or way == ("plain", "pass")


@scenario
def poll():
    result = Result("Poll", "16 clients, each session connects, logs in, says STAT, UIDL and QUIT; "
                    "maildrops of 20 messages.", ("rate", "p50", "p99", "cpu", "of_c", "of_d"))
    with contextlib.ExitStack() as stack:
        runs = {"c": functools.partial(
            load, stack.enter_context(Responder("pop3", MESSAGES)), "pop3", "STAT", "UIDL",
            messages=MESSAGES)}
        for server in (*servers(stack, ("maildir",), ("sdbox",)), *others(stack)):
            ways = [way for way in WAYS if worth(server, way)]
            for scheme in sorted({scheme for scheme, _ in ways}):
                server.add_users(scheme, users(scheme), scheme)
                fill(server, scheme, users(scheme), MESSAGES, kib=1)
            for scheme, auth in ways:
                session = functools.partial(
                    load, server, "pop3", "STAT", "UIDL", prefix=scheme, auth=auth,
                    users=users(scheme), messages=MESSAGES)
                session(limit=users(scheme))  # first touches are over
                runs[f"{server.name}, {scheme}" + (f", {auth}" if auth != "pass" else "")] = session
        found = in_turn(runs)
    result.compare(found)
    hold_to_bars(result, found)
    return result


def hold_to_bars(result, found):
    c, rival = found["c"], best(found, "Dovecot")
    for scheme in ("plain", "yescrypt", "bcrypt"):
        mine = found[f"restante, {scheme}"]
        result.bar(f"poll, {scheme}, of c", 0.70, ratio(mine, c))
        if rival:
            result.bar(f"poll, {scheme}, of D", 5, ratio(mine, rival))
        result.bar(f"poll, {scheme}, CPU", 0.13, medians(mine)["cpu"], most=True, unit=" ms")
    slow = found.get("Dovecot maildir, bcrypt")
    if slow:
        result.bar("poll, bcrypt, of Dovecot with bcrypt", 100,
                   ratio(found["restante, bcrypt"], slow))
