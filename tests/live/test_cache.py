"""Remembered passwords in the real server: who still needs a hasher, and what counts at once."""
import hashlib
import json

import sasl
import wire
from harness import PASSWORD, LiveTest

ANN = "ann@example.test"


class Cache(LiveTest):
    def quick(self):
        row, = json.loads(self.mx.tool("status", "--json").stdout)["status"]
        return row["quick-logins"]

    def log_in(self, password=PASSWORD):
        self.mx.login(ANN, password).close()

    def assert_login(self, quick, password=PASSWORD):
        before = self.quick()
        self.log_in(password)
        self.assertEqual(self.quick() - before, int(quick))

    def set_password(self, password):
        self.mx.tool("user", "passwd", ANN, "--password-stdin", stdin=password.encode() + b"\n")

    def test_second_login_needs_no_hasher(self):
        self.mx = self.serve()
        self.set_password("first")
        self.assert_login(False, "first")
        self.assert_login(True, "first")
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"AUTH PLAIN {sasl.b64(sasl.plain(ANN, 'first'))}")
        self.assertEqual(self.quick(), 2)
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"USER {ANN}")
            pop3.err("PASS second")
        self.set_password("second")
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"USER {ANN}")
            pop3.err("PASS first")
        self.assert_login(False, "second")
        self.assert_login(True, "second")

    def test_disabled_account_is_out_at_once(self):
        self.mx = self.serve()
        self.log_in()
        self.mx.tool("user", "set", ANN, "active=no")
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"USER {ANN}")
            pop3.err(f"PASS {PASSWORD}")
        self.mx.wait_log(rf' auth-fail .*reason=inactive .*user="{ANN}"')

    def test_switched_off_nothing_is_remembered(self):
        for off in ({"auth_cache_seconds": 0}, {"auth_cache_entries": 0}):
            with self.subTest(off):
                self.mx = self.serve(**off)
                self.assert_login(False)
                self.assert_login(False)

    def test_apop_needs_no_hasher(self):
        self.mx = self.serve(apop=True)
        self.mx.tool("user", "apop", ANN, "--password-stdin", stdin=b"tanstaaf\n")
        with wire.Pop3(self.mx.pop3) as pop3:
            stamp = pop3.greeting.split()[-1]
            digest = hashlib.md5(stamp + b"tanstaaf").hexdigest()
            pop3.ok(f"APOP {ANN} {digest}")
        self.assertEqual(self.quick(), 1)
