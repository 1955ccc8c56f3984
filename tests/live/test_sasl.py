"""AUTH in the real server: each mechanism, real clients, refusals alike, and many bad exchanges."""
import base64
import itertools
import re
import subprocess
import threading
import time
import unittest

import certificates
from harness import PASSWORD, LiveTest, free_port, own_address
from sasl import Scram, b64, cram_md5, plain
import wire

ANN = "ann@example.test"
ALL = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
REFUSED = b"-ERR [AUTH] user name or password is wrong"


def challenge(line):
    assert line.startswith(b"+ "), line
    return base64.b64decode(line[2:], validate=True)


class Sasl(LiveTest):
    def setUp(self):
        self.mx = self.serve(sasl_mechanisms=ALL)
        self.mx.tool("user", "passwd", ANN, "--password-stdin", stdin=PASSWORD.encode() + b"\n")

    def scram(self, pop3, user=ANN, password=PASSWORD, digest="sha256", initial=True):
        """The reply that ends an exchange, and the client."""
        client = Scram(user, password, digest)
        name = "SCRAM-SHA-1" if digest == "sha1" else "SCRAM-SHA-256"
        if initial:
            line = pop3.ask(f"AUTH {name} {b64(client.first())}")
        else:
            self.assertEqual(pop3.ask(f"AUTH {name}"), b"+ ")
            line = pop3.ask(b64(client.first()))
        line = pop3.ask(b64(client.final(challenge(line))))
        if line.startswith(b"-ERR"):
            return line, client
        self.assertTrue(client.good(challenge(line)), line)
        return pop3.ask(""), client

    # --- mechanisms -------------------------------------------------------------------------

    def test_scram_logs_in_by_both_hashes(self):
        for digest in ("sha256", "sha1"):
            for initial in (True, False):
                with self.subTest(digest), wire.Pop3(self.mx.pop3) as pop3:
                    reply, _ = self.scram(pop3, digest=digest, initial=initial)
                    self.assertTrue(reply.startswith(b"+OK maildrop has "), reply)
                    self.assertEqual(pop3.stat(), (0, 0))
        self.mx.wait_log(rf' session .* method=scram-sha-1 .*user="{ANN}"')
        self.mx.wait_log(rf' session .* method=scram-sha-256 .*user="{ANN}"')

    def test_plain_logs_in_both_ways(self):
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(pop3.ask("AUTH PLAIN"), b"+ ")
            pop3.ok(b64(plain(ANN, PASSWORD, ANN)))
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(pop3.ask(f"AUTH PLAIN {b64(plain(ANN, PASSWORD, 'bob'))}"), REFUSED)
        self.mx.wait_log(rf' auth-fail .*method=plain reason=other-authzid .*user="{ANN}"')

    def test_login_logs_in(self):
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(challenge(pop3.ask("AUTH LOGIN")), b"Username:")
            self.assertEqual(challenge(pop3.ask(b64(ANN.encode()))), b"Password:")
            pop3.ok(b64(PASSWORD.encode()))

    def test_cram_md5_needs_a_scheme_that_can(self):
        with wire.Pop3(self.mx.pop3) as pop3:
            said = challenge(pop3.ask("AUTH CRAM-MD5"))
            self.assertEqual(pop3.ask(b64(cram_md5(ANN, PASSWORD, said))), REFUSED)
        self.mx.wait_log("reason=scheme-without-cram-md5")
        self.mx.sql("UPDATE mailbox SET password = ?", "{PLAIN}" + PASSWORD)
        with wire.Pop3(self.mx.pop3) as pop3:
            said = challenge(pop3.ask("AUTH CRAM-MD5"))
            pop3.ok(b64(cram_md5(ANN, PASSWORD, said)))

    def test_password_by_sql_takes_the_old_keys_away(self):
        self.mx.sql("UPDATE mailbox SET password = '{PLAIN}other'")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(self.scram(pop3)[0], REFUSED)
            self.assertEqual(self.scram(pop3, password="other")[0], REFUSED)
        self.mx.wait_log("method=scram-sha-256 backend=sql reason=no-scram-keys", 2)
        self.mx.tool("user", "passwd", ANN, "--password-stdin", stdin=b"third\n")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertTrue(self.scram(pop3, password="third")[0].startswith(b"+OK"))

    def test_app_password_logs_in_until_it_is_removed(self):
        made = self.mx.tool("user", "app-password", "add", ANN, "phone", "--quiet").stdout.strip()
        self.assertRegex(made, r"^\S{20}$")
        self.assertIn("phone", self.mx.tool("user", "app-password", "list", ANN).stdout)
        for attempt in (f"AUTH PLAIN {b64(plain(ANN, made))}", None):
            with wire.Pop3(self.mx.pop3) as pop3:
                if attempt is None:
                    pop3.login(ANN, made)
                else:
                    pop3.ok(attempt)
        self.mx.wait_log(rf' session .* method=pass .*app-password="phone" user="{ANN}"')
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(self.scram(pop3, password=made)[0], REFUSED)
        self.mx.tool("user", "app-password", "rm", ANN, "phone", "--yes")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(pop3.ask(f"AUTH PLAIN {b64(plain(ANN, made))}"), REFUSED)
            pop3.ok(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}")

    def test_allowed_networks_bind_every_mechanism(self):
        self.mx.sql("UPDATE mailbox SET allow_nets = '192.0.2.0/24, 2001:db8::/32'")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(pop3.ask(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}"), REFUSED)
            self.assertEqual(self.scram(pop3)[0], REFUSED)
            pop3.ok(f"USER {ANN}")
            self.assertEqual(pop3.ask(f"PASS {PASSWORD}"), REFUSED)
        self.mx.wait_log("reason=network-not-allowed", 3)
        self.mx.tool("user", "set", ANN, "allow_nets=192.0.2.0/24 127.0.0.0/8")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertTrue(self.scram(pop3)[0].startswith(b"+OK"))
        self.mx.sql("UPDATE mailbox SET allow_nets = '127.0.0.1/8'")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(pop3.ask(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}"), REFUSED)
        self.mx.wait_log("reason=unreadable-networks .*why=")
        self.assertIn("127.0.0.1/8", self.mx.tool("check", check=False).stdout)
        refused = self.mx.tool("user", "set", ANN, "allow_nets=127.0.0.1/8", check=False)
        self.assertEqual(refused.returncode, 64, refused.stderr)

    def test_mechanism_switches_refuse(self):
        for column in ("plain_enabled", "scram_sha256_enabled"):
            self.mx.tool("user", "set", ANN, f"{column}=no")
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(pop3.ask(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}"), REFUSED)
            self.assertEqual(self.scram(pop3)[0], REFUSED)
            self.assertTrue(self.scram(pop3, digest="sha1")[0].startswith(b"+OK"))

    # --- what a connection is told ------------------------------------------------------------

    def capability(self, pop3):
        lines = pop3.multi("CAPA").splitlines()
        return next((line for line in lines if line.startswith(b"SASL")), None)

    def test_capability_is_true_in_both_states_and_after_reload(self):
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(self.capability(pop3), b"SASL " + " ".join(ALL).encode())
            self.scram(pop3)
            self.assertEqual(self.capability(pop3), b"SASL " + " ".join(ALL).encode())
            self.assertTrue(pop3.ask("AUTH").startswith(b"-ERR"))
        for configured, said in ((["PLAIN"], b"SASL PLAIN"), ([], None),
                                 (["SCRAM-SHA-256-PLUS"], None)):
            self.mx.options["sasl_mechanisms"] = configured
            self.mx.restart()
            with wire.Pop3(self.mx.pop3) as pop3:
                self.assertEqual(self.capability(pop3), said)
        del self.mx.options["sasl_mechanisms"]
        self.mx.restart()
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(self.capability(pop3), b"SASL SCRAM-SHA-256 SCRAM-SHA-1 PLAIN")

    @unittest.skipIf(own_address() is None, "no address but loopback")
    def test_elsewhere_only_scram_is_offered_and_taken(self):
        port = self.mx.pop3[1]
        self.mx.listeners["pop3"]["address"] = f"0.0.0.0:{port}"
        self.mx.restart()
        with wire.Pop3((own_address(), port)) as pop3:
            self.assertEqual(self.capability(pop3), b"SASL SCRAM-SHA-256 SCRAM-SHA-1")
            for password in (PASSWORD, "wrong"):
                self.assertEqual(pop3.ask(f"AUTH PLAIN {b64(plain(ANN, password))}"),
                                 b"-ERR [AUTH] no password is taken on an unencrypted connection")
            self.assertTrue(self.scram(pop3)[0].startswith(b"+OK"))

    def test_salt_of_nobody_survives_a_restart(self):
        salts = []
        for _ in range(2):
            with wire.Pop3(self.mx.pop3) as pop3:
                reply, client = self.scram(pop3, user="nobody@example.test")
                self.assertEqual(reply, REFUSED)
                salts.append((client.salt, client.rounds))
            self.mx.restart()
        self.assertEqual(*salts)
        with wire.Pop3(self.mx.pop3) as pop3:
            known = self.scram(pop3, password="wrong")[1]
        self.assertEqual(known.rounds, salts[0][1])
        self.assertEqual(len(known.salt), len(salts[0][0]))

    def test_refusals_take_their_time_by_every_mechanism(self):
        self.mx.options["login_failure_ms"] = 300
        self.mx.restart()
        attempts = [
            lambda pop3: pop3.ask(f"AUTH PLAIN {b64(plain(ANN, 'wrong'))}"),
            lambda pop3: pop3.ask(f"AUTH PLAIN {b64(b'no message')}"),
            lambda pop3: self.scram(pop3, password="wrong")[0],
            lambda pop3: self.scram(pop3, user="nobody@example.test")[0],
        ]
        for attempt in attempts:
            with wire.Pop3(self.mx.pop3) as pop3:
                begun = time.monotonic()
                self.assertEqual(attempt(pop3), REFUSED)
                self.assertGreaterEqual(time.monotonic() - begun, 0.29)

    # --- broken exchanges ---------------------------------------------------------------------

    def test_long_line_is_taken_and_memory_given_back(self):
        with wire.Pop3(self.mx.pop3) as pop3:
            text = b64(plain(ANN, "x" * 12000))
            self.assertEqual(pop3.ask(f"AUTH PLAIN {text}"), REFUSED)
            self.assertEqual(pop3.ask("AUTH PLAIN"), b"+ ")
            self.assertEqual(pop3.ask("A" * 20000), b"-ERR line too long")
            pop3.ok(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}")
        # Half a long line, and gone; more of them than there may be at a time.
        for _ in range(3):
            half = [wire.Pop3(self.mx.pop3) for _ in range(100)]
            for pop3 in half:
                pop3.send(b"AUTH PLAIN " + b"A" * 1000)
            for pop3 in half:
                pop3.close()
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertEqual(pop3.ask(f"AUTH PLAIN {text}"), REFUSED)

    def test_hangup_at_every_octet_of_an_exchange(self):
        lines = [f"AUTH PLAIN {b64(plain(ANN, 'wrong'))}\r\n".encode(),
                 b"AUTH SCRAM-SHA-256 " + b64(Scram(ANN, "x").first()).encode() + b"\r\n*\r\n",
                 b"AUTH CRAM-MD5\r\n" + b64(b"ann " + b"0" * 32).encode() + b"\r\n"]
        for octets in lines:
            for end in range(0, len(octets) + 1, 3):
                with wire.Pop3(self.mx.pop3) as pop3:
                    pop3.send(octets[:end])
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertTrue(self.scram(pop3)[0].startswith(b"+OK"))

    def test_bad_exchanges_harm_no_good_one(self):
        """CVE-2025-59028: one client's garbage ended everybody's login."""
        stop = threading.Event()
        garbage = (b"AUTH PLAIN %%%%\r\n", b"AUTH PLAIN\r\n\xff\t\0\r\n", b"AUTH SCRAM-SHA-256 AAAA\r\n",
                   b"AUTH PLAIN " + b"A" * 16000 + b"\r\n", b"AUTH LOGIN\r\n*\r\n", b"AUTH \0\t\r\n")

        def disturb():
            while not stop.is_set():
                for octets in garbage:
                    with wire.Pop3(self.mx.pop3) as pop3:
                        pop3.send(octets)
                        pop3.line()

        disturbers = [threading.Thread(target=disturb) for _ in range(2)]
        for thread in disturbers:
            thread.start()
        try:
            for number in range(50):
                with wire.Pop3(self.mx.pop3) as pop3:
                    digest = "sha256" if number % 2 else "sha1"
                    self.assertTrue(self.scram(pop3, digest=digest)[0].startswith(b"+OK"))
                    pop3.ok("QUIT")
        finally:
            stop.set()
            for thread in disturbers:
                thread.join()

    def test_given_up_exchanges_are_logged_and_end_the_connection(self):
        with wire.Pop3(self.mx.pop3) as pop3:
            for _ in range(3):
                challenge(pop3.ask(f"AUTH SCRAM-SHA-256 {b64(Scram(ANN, 'x').first())}"))
                self.assertEqual(pop3.ask("*"), b"-ERR authentication cancelled")
            self.assertEqual(pop3.rest(), b"")
        self.mx.wait_log(rf'auth-given-up .*method=scram-sha-256 user="{ANN}"', 3)

    def test_no_secret_reaches_the_log(self):
        self.mx.options["log_level"] = "debug"
        self.mx.restart()
        canary = "Canary-" + "9" * 12
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ask(f"AUTH PLAIN {b64(plain(ANN, canary))}")
            pop3.ask("AUTH LOGIN")
            pop3.ask(b64(ANN.encode()))
            pop3.ask(b64(canary.encode()))
        self.mx.wait_log("method=login .*reason=bad-password")
        log = "\n".join(self.mx.log)
        for secret in (canary, b64(canary.encode()), b64(plain(ANN, canary))):
            self.assertNotIn(secret, log)

    def test_names_in_the_log_are_quoted_and_last(self):
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ask(f"AUTH PLAIN {b64(plain('x peer=192.0.2.1', 'p'))}")
        line = self.mx.wait_log("auth-fail .*method=plain").string
        self.assertTrue(line.endswith('user="x peer=192.0.2.1"'), line)


class Channel:
    """POP3 inside of `openssl s_client`, which tells tls-exporter; Python's ssl does not."""

    def __init__(self, address, *options):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", "%s:%d" % address, "-nocommands", "-keymatexport",
             "EXPORTER-Channel-Binding", "-keymatexportlen", "32", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.binding = None

    def __enter__(self):
        if "-starttls" in self.process.args:  # the greeting has gone by: something else is said
            self.process.stdin.write(b"NOOP\r\n")
            self.process.stdin.flush()
        while not (line := self.line()).startswith((b"+OK", b"-ERR")):
            if found := re.match(rb"\s*Keying material: ([0-9A-F]+)$", line):
                self.binding = bytes.fromhex(found[1].decode())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError
        return line.rstrip(b"\r\n")

    def ask(self, command):
        self.process.stdin.write(command.encode() + b"\r\n")
        self.process.stdin.flush()
        while not re.match(rb"\+|-ERR|SASL", line := self.line()):
            pass
        return line


class SaslInTls(LiveTest):
    def setUp(self):
        self.mx = self.server(sasl_mechanisms=["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS",
                                               "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"])
        certificates.pair(self.mx.folder / "tls", "default", "mx.example.test")
        self.mx.options["tls_dir"] = self.mx.folder / "tls"
        self.pop3s = ("127.0.0.1", free_port())
        self.mx.listeners["pop3s"] = {"protocol": "pop3", "tls": "implicit",
                                      "address": "%s:%d" % self.pop3s}
        self.mx.start()
        self.mx.add_user("ann")
        self.mx.tool("user", "passwd", ANN, "--password-stdin", stdin=PASSWORD.encode() + b"\n")

    def test_plus_binds_to_the_channel(self):
        ways = ((self.pop3s,), (self.mx.pop3, "-starttls", "pop3"))
        mechanisms = (("sha256", "SCRAM-SHA-256-PLUS"), ("sha1", "SCRAM-SHA-1-PLUS"))
        for way, (digest, name), wrong in itertools.product(ways, mechanisms, (False, True)):
            with self.subTest(name, way=way, wrong=wrong), Channel(*way) as pop3:
                binding = bytes(32) if wrong else pop3.binding
                client = Scram(ANN, PASSWORD, digest, binding)
                line = pop3.ask(f"AUTH {name} {b64(client.first())}")
                line = pop3.ask(b64(client.final(challenge(line))))
                if wrong:
                    self.assertEqual(line, REFUSED)
                    continue
                self.assertTrue(client.good(challenge(line)), line)
                self.assertTrue(pop3.ask("").startswith(b"+OK"))
        self.mx.wait_log("method=scram-sha-256-plus .*reason=bad-binding")

    def test_plus_is_offered_inside_tls_only(self):
        offered = "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN"
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertIn("SASL SCRAM-SHA-256 SCRAM-SHA-1 PLAIN", pop3.capa())
            pop3.stls(certificates.client())
            self.assertIn(offered, pop3.capa())
            # RFC 5802 section 6: who says "y" has not seen that list.
            downgraded = Scram(ANN, PASSWORD)
            downgraded.header = b"y,,"
            self.assertEqual(pop3.ask(f"AUTH SCRAM-SHA-256 {b64(downgraded.first())}"), REFUSED)
            pop3.ok(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}")
            self.assertIn(offered, pop3.capa())
        self.mx.wait_log("reason=binding-downgrade")


if __name__ == "__main__":
    unittest.main()
