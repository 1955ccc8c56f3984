"""Refused logins, one for each way to log in: how long the deciding answer took, in nanoseconds."""
import base64
import time

import sasl


def timed(pop3, octets):
    """Sends what makes the server decide, and reads its refusal."""
    start = time.perf_counter_ns()
    pop3.send(octets + b"\r\n")
    reply = pop3.line()
    spent = time.perf_counter_ns() - start
    assert reply.startswith(b"-ERR [AUTH]"), reply
    return spent


def by_pass(pop3, user):
    pop3.ok(f"USER {user}")
    return timed(pop3, b"PASS wrong")


def by_apop(pop3, user):
    return timed(pop3, f"APOP {user} {'0' * 32}".encode())


def by_plain(pop3, user):
    return timed(pop3, b"AUTH PLAIN " + base64.b64encode(sasl.plain(user, "wrong")))


def challenge(pop3, octets):
    """Sends a line and reads the challenge that answers it."""
    pop3.send(octets + b"\r\n")
    reply = pop3.line()
    assert reply.startswith(b"+ "), reply
    return base64.b64decode(reply[2:])


def by_login(pop3, user):
    challenge(pop3, b"AUTH LOGIN")
    challenge(pop3, base64.b64encode(user.encode()))
    return timed(pop3, base64.b64encode(b"wrong"))


def by_cram_md5(pop3, user):
    response = sasl.cram_md5(user, "wrong", challenge(pop3, b"AUTH CRAM-MD5"))
    return timed(pop3, base64.b64encode(response))


def by_scram(digest):
    def attempt(pop3, user):
        exchange = sasl.Scram(user, "wrong", digest)
        name = b"SHA-256" if digest == "sha256" else b"SHA-1"
        server_first = challenge(pop3, b"AUTH SCRAM-" + name + b" "
                                 + base64.b64encode(exchange.first()))
        return timed(pop3, base64.b64encode(exchange.final(server_first)))

    return attempt


MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
ATTEMPTS = {"PASS": by_pass, "APOP": by_apop, "PLAIN": by_plain, "LOGIN": by_login,
            "CRAM-MD5": by_cram_md5, "SCRAM-SHA-1": by_scram("sha1"),
            "SCRAM-SHA-256": by_scram("sha256")}
