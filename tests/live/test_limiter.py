"""Strangers who guess, flood and come too often: slowed down, evicted, banned; users get on.

Waits are configured short and seen by their lines in the log; no test measures one.
"""
import json
import shutil
import socket
import subprocess
import unittest

from harness import PASSWORD, PROGRAMS, TOP, LiveTest, own_address, scratch, wait_until
import test_proxied as proxied
import wire

ANN, BOB = "ann@example.test", "bob@example.test"
SECONDS_OF_DAY = 86400


class LimiterTest(LiveTest):
    def start(self, **options):
        """A server with a listener on this machine's own address, where clients are strangers."""
        self.address = own_address()
        self.mx = self.server(**{"login_attempts": 100, "errors_before_login": 100,
                                 "limiter_delay_seconds": 1, **options})
        if self.address is not None:
            self.outside = (self.address, self.mx.pop3[1])
            self.mx.options["clear_password_networks"] = [f"{self.address}/32"]
            self.mx.listeners["outside"] = {"protocol": "pop3",
                                            "address": "%s:%d" % self.outside}
        self.mx.start()
        for user in ("ann", "bob"):
            self.mx.add_user(user)

    def need_outside(self):
        if self.address is None:
            self.skipTest("this machine has no address but loopback")

    def connect(self, address):
        pop3 = wire.Pop3(address)
        self.addCleanup(pop3.close)
        return pop3

    def fail(self, address, user, *passwords):
        """Wrong passwords, one after the other; the last reply."""
        reply = b""
        with wire.Pop3(address) as pop3:
            for password in passwords:
                pop3.ok(f"USER {user}")
                reply = pop3.err(f"PASS {password}")
        return reply

    def lines(self, *parts):
        return [line for line in self.mx.log if all(part in line for part in parts)]

    def assert_logs_in(self, address, user=BOB):
        with wire.Pop3(address) as pop3:
            pop3.login(user, PASSWORD)
            pop3.quit()


class Failures(LimiterTest):
    def test_guessing_source_waits_and_the_right_password_still_works(self):
        self.start(limiter_failures=2)
        self.need_outside()
        self.fail(self.outside, ANN, "a", "b", "c")
        self.mx.wait_log(rf'auth-delayed protocol=pop3 peer={self.address} session=\d+ ms=\d+ '
                         rf'user="{ANN}"$')
        # Another account from there: late, but let in.
        self.assert_logs_in(self.outside)
        self.mx.wait_log(rf'auth-delayed .*peer={self.address} .*user="{BOB}"$')
        # From now on its user is at home there, whatever the neighbours do.
        before = len(self.lines("auth-delayed", BOB))
        self.fail(self.outside, ANN, "d")
        self.assert_logs_in(self.outside)
        self.assertEqual(len(self.lines("auth-delayed", BOB)), before)

    def test_victim_at_home_does_not_notice_the_attack(self):
        self.start(limiter_failures=2)
        self.need_outside()
        self.assert_logs_in(self.mx.pop3, ANN)
        self.fail(self.outside, ANN, *"abcde")
        self.mx.wait_log(rf'auth-delayed .*peer={self.address} .*user="{ANN}"$')
        self.assert_logs_in(self.mx.pop3, ANN)
        self.assertFalse(self.lines("auth-delayed", "peer=127.0.0.1"))
        # A user who was never here before waits, since the account is under attack.
        self.fail(self.outside, BOB, "a", "b", "c")
        self.assert_logs_in(self.mx.pop3, BOB)
        self.mx.wait_log(rf'auth-delayed .*peer=127\.0\.0\.1 .*user="{BOB}"$')

    def test_guesses_in_parallel_are_told_to_wait(self):
        self.start(limiter_failures=1)
        self.need_outside()
        self.fail(self.outside, ANN, "a")
        crowd = [self.connect(self.outside) for _ in range(10)]
        for pop3 in crowd:
            pop3.ok("USER nobody@example.test")
        for number, pop3 in enumerate(crowd):
            pop3.send(b"PASS guess%d\r\n" % number)
        replies = {pop3.line()[:15] for pop3 in crowd}
        self.assertEqual(replies, {b"-ERR [AUTH] use", b"-ERR [SYS/TEMP]"})
        self.mx.wait_log(rf'info auth-limited protocol=pop3 peer={self.address} session=\d+ '
                         r'method=pass reason=too-many-failures user="nobody@example.test"$')
        row, = json.loads(self.mx.tool("status", "--json").stdout)["status"]
        self.assertGreaterEqual(row["limited-logins"], 1)

    def test_client_that_repeats_itself_harms_nobody(self):
        self.start(limiter_failures=2)
        self.need_outside()
        self.fail(self.outside, ANN, *["old password"] * 10)
        self.mx.wait_log(r"auth-fail .* repeated=yes ", 9)
        self.assertEqual(len(self.lines("auth-fail", "repeated=no")), 1)
        self.assert_logs_in(self.outside)
        self.assert_logs_in(self.outside, ANN)
        self.assertFalse(self.lines("auth-delayed"))

    def test_networks_never_limited_are_not(self):
        self.start(limiter_failures=1, connections_before_login=2,
                   connections_before_login_per_prefix=1, connections_per_prefix=1)
        self.need_outside()
        self.mx.options["limiter_networks"] = [f"{self.address}/32"]
        self.mx.restart()
        self.fail(self.outside, ANN, *"abcdef")
        self.assertFalse(self.lines("auth-delayed"))
        held = [self.connect(self.outside) for _ in range(5)]
        self.mx.tool("ban", "add", self.address)
        for pop3 in held:
            pop3.ok("QUIT")
        self.assert_logs_in(self.outside)

    def test_delayed_login_ends_at_once_when_the_server_stops(self):
        self.start(limiter_failures=1, limiter_delay_seconds=300, login_seconds=3600)
        self.fail(self.mx.pop3, ANN, "a", "b", "c")
        pop3 = self.connect(self.mx.pop3)
        pop3.ok(f"USER {ANN}")
        pop3.send(b"PASS d\r\n")
        self.mx.wait_log("auth-delayed ", 3)
        self.mx.stop()
        self.assertEqual(pop3.rest(), b"")
        self.assertEqual(len(self.lines("auth-fail")), 3)
        self.assertTrue(self.lines("session ", "end=shutdown"))


class BeforeLogin(LimiterTest):
    def test_oldest_idle_connection_gives_way_to_a_newcomer(self):
        self.start(connections_before_login=3, login_seconds=3600)
        with self.mx.login("ann") as session:
            held = [self.connect(self.mx.pop3) for _ in range(3)]
            newcomer = self.connect(self.mx.pop3)
            self.mx.wait_log(r"session protocol=pop3 .*end=evicted")
            self.assertEqual(held[0].rest(), b"")
            for pop3 in [*held[1:], newcomer]:
                pop3.ok("CAPA")
            session.stat()

    def test_full_server_has_room_for_a_newcomer_as_long_as_one_is_idle(self):
        self.start(connections=5, login_seconds=3600)
        held = [self.connect(self.mx.pop3) for _ in range(5)]
        for user in (ANN, BOB, ANN):
            self.assert_logs_in(self.mx.pop3, user)
        self.mx.deliver(ANN, b"Subject: x\r\n\r\n")
        self.mx.wait_log(r"session protocol=pop3 .*end=evicted")
        self.assertEqual(held[0].rest(), b"")
        held[-1].ok("CAPA")

    def test_limit_per_prefix_is_not_for_those_who_have_logged_in(self):
        self.start(connections_before_login_per_prefix=2)
        self.need_outside()
        session = self.connect(self.outside)
        session.login(ANN, PASSWORD)
        held = [self.connect(self.outside) for _ in range(2)]
        with socket.create_connection(self.outside) as late, late.makefile("rb") as replies:
            self.assertTrue(replies.read().startswith(b"-ERR [SYS/TEMP] "))
        self.mx.wait_log("connection-refused reason=connections-before-login-per-prefix "
                         f"peer={self.address} ")
        held[0].login(BOB, PASSWORD)
        self.connect(self.outside).ok("CAPA")
        self.connect(self.mx.pop3).ok("CAPA")


class Bans(LimiterTest):
    def bans(self):
        return json.loads(self.mx.tool("ban", "list", "--json").stdout)["bans"]

    def refused(self):
        with socket.create_connection(self.outside) as late, late.makefile("rb") as replies:
            try:
                return replies.read() == b""
            except ConnectionResetError:
                return True

    def test_ban_ends_connections_and_keeps_new_ones_out(self):
        self.start()
        self.need_outside()
        inside = self.connect(self.mx.pop3)
        idle = self.connect(self.outside)
        session = self.connect(self.outside)
        session.login(ANN, PASSWORD)
        done = self.mx.tool("ban", "add", f"{self.address}/32", "2h")
        self.assertIn("ended 2 connections", done.stdout)
        self.mx.wait_log(rf"notice ban network={self.address}/32 seconds=7200 ended=2$")
        self.assertEqual([idle.rest(), session.rest()], [b"", b""])
        self.mx.wait_log(r"session protocol=pop3 .*end=banned", 2)
        self.assertTrue(self.refused())
        self.mx.wait_log(rf"connection-refused reason=banned peer={self.address} ")
        inside.ok("CAPA")
        ban, = self.bans()
        self.assertEqual(ban["network"], f"{self.address}/32")
        self.mx.tool("ban", "clear", self.address)
        self.mx.wait_log(rf"notice ban-clear network={self.address}/32 bans=1$")
        self.assertEqual(self.bans(), [])
        self.assert_logs_in(self.outside)

    def test_ban_is_over_after_its_time_and_after_a_restart(self):
        self.start()
        self.need_outside()
        self.mx.tool("ban", "add", self.address, "1s")
        wait_until(lambda: not self.bans())
        self.assert_logs_in(self.outside)
        self.mx.tool("ban", "add", self.address)
        self.assertTrue(self.refused())
        self.mx.restart()
        self.assertEqual(self.bans(), [])
        self.assert_logs_in(self.outside)

    def test_tool_refuses_what_is_no_network_or_time(self):
        self.start()
        for arguments in (("add", "nonsense"), ("add", "192.0.2.0/33"), ("add", "192.0.2.1", "0"),
                          ("add", "192.0.2.1", "5w"), ("add", "192.0.2.1", "367d"),
                          ("add", "192.0.2.1", ""), ("add", "192.0.2.1", "h"), ("clear",),
                          ("clear", "192.0.2.1", "--all"), ("clear", "nonsense")):
            done = self.mx.tool("ban", *arguments, check=False)
            self.assertEqual(done.returncode, 64, f"{arguments}: {done.stdout}{done.stderr}")
        self.assertEqual(self.mx.tool("ban", "clear", "192.0.2.1", check=False).returncode, 67)
        for network in ("192.0.2.77/24", "2001:db8::1/64", "2001:db8::1"):
            self.mx.tool("ban", "add", network, "7d")
        self.assertEqual(sorted(ban["network"] for ban in self.bans()),
                         ["192.0.2.0/24", "2001:db8::/64", "2001:db8::1/128"])
        self.assertIn("Removed 3 bans", self.mx.tool("ban", "clear", "--all").stdout)


class LoginDelay(LimiterTest):
    def test_second_login_is_too_soon(self):
        self.start(login_delay_seconds=SECONDS_OF_DAY)
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertIn("LOGIN-DELAY 86400", pop3.capa())
            pop3.login(ANN, PASSWORD)
            self.assertIn("LOGIN-DELAY 86400", pop3.capa())
            pop3.quit()
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"USER {ANN}")
            self.assertTrue(pop3.err("PASS wrong").startswith(b"-ERR [AUTH] "))
            pop3.ok(f"USER {ANN.upper()}")
            self.assertTrue(pop3.err(f"PASS {PASSWORD}").startswith(b"-ERR [LOGIN-DELAY] "))
            self.mx.wait_log(rf'info login-too-soon session=\d+ ms=\d+ user="{ANN}"$')
            # Others are not concerned, not even in the same session.
            pop3.login(BOB, PASSWORD)
            pop3.quit()

    def test_running_session_is_not_touched_by_one_that_comes_too_soon(self):
        self.start(login_delay_seconds=SECONDS_OF_DAY, lock_wait_ms=60000,
                   takeover_idle_seconds=1)
        with self.mx.login("ann") as session:
            with wire.Pop3(self.mx.pop3) as pop3:
                pop3.ok(f"USER {ANN}")
                self.assertTrue(pop3.err(f"PASS {PASSWORD}").startswith(b"-ERR [LOGIN-DELAY] "))
            session.stat()
            session.quit()

    def test_login_after_the_delay_is_taken(self):
        self.start(login_delay_seconds=1)
        self.assert_logs_in(self.mx.pop3, ANN)
        with wire.Pop3(self.mx.pop3) as pop3:
            def logs_in():
                pop3.ok(f"USER {ANN}")
                return pop3.ask(f"PASS {PASSWORD}").startswith(b"+OK")
            wait_until(logs_in)
            pop3.quit()

    def test_fetchmail_takes_it_for_busy(self):
        self.start(login_delay_seconds=SECONDS_OF_DAY)
        self.assert_logs_in(self.mx.pop3, ANN)
        home = self.home()
        (home / "rc").write_text(
            f'poll 127.0.0.1 service {self.mx.pop3[1]} protocol pop3 auth password '
            f'user "{ANN}" password "{PASSWORD}" sslproto "" mda "cat"\n')
        (home / "rc").chmod(0o600)
        if self.mx.unprivileged:
            shutil.chown(home / "rc", "nobody", "nogroup")
        # 9: "lock busy"; a wrong password would be 3.
        self.client(["fetchmail", "-f", str(home / "rc"), "--nosyslog"], home, status=9)

    def test_without_the_option_nothing_is_told_and_nobody_waits(self):
        self.start()
        with wire.Pop3(self.mx.pop3) as pop3:
            self.assertFalse([line for line in pop3.capa() if line.startswith("LOGIN-DELAY")])
        for _ in range(2):
            self.assert_logs_in(self.mx.pop3, ANN)


class Behind(LimiterTest):
    """Clients behind a proxy, each with the address that the proxy tells."""

    def start_behind(self, **options):
        self.start(**options)
        self.mx.stop()
        self.proxy = str(self.mx.run / "proxy")
        self.mx.listeners["proxy"] = {"protocol": "pop3", "address": f"unix:{self.proxy}",
                                      "mode": "0666", "proxy": True}
        self.mx.options["clear_password_networks"] = ["192.0.2.0/24", "2001:db8::/32"]
        self.mx.notices.clear()
        self.mx.start()

    def client(self, address):
        kind = "TCP6" if ":" in address else "TCP4"
        header = f"PROXY {kind} {address} {address} 40000 110\r\n".encode()
        pop3 = proxied.Pop3(self.proxy, header)
        self.addCleanup(pop3.close)
        return pop3

    def guess(self, address, user, password):
        pop3 = self.client(address)
        pop3.ok(f"USER {user}")
        reply = pop3.ask(f"PASS {password}")
        pop3.close()
        return reply

    def test_account_attacked_from_everywhere_stays_open_to_its_owner(self):
        self.start_behind(limiter_failures=2)
        home, elsewhere = "192.0.2.200", "2001:db8:1::1"
        self.assertTrue(self.guess(home, ANN, PASSWORD).startswith(b"+OK"))
        for host in range(1, 9):
            self.assertTrue(self.guess(f"192.0.2.{host}", ANN, f"guess{host}").startswith(
                b"-ERR [AUTH] "))
        self.mx.wait_log(rf'auth-delayed .*peer=192\.0\.2\.\d+ .*user="{ANN}"$')
        self.assertTrue(self.guess(home, ANN, PASSWORD).startswith(b"+OK"))
        self.assertFalse(self.lines("auth-delayed", f"peer={home} "))
        # From a network that was never seen: late, but in.
        self.assertTrue(self.guess(elsewhere, ANN, PASSWORD).startswith(b"+OK"))
        self.mx.wait_log(rf'auth-delayed .*peer={elsewhere} .*user="{ANN}"$')

    def test_ipv6_network_is_one_source(self):
        self.start_behind(limiter_failures=2)
        for host in range(1, 4):
            self.guess(f"2001:db8::{host}", f"user{host}@example.test", "guess")
        self.assertTrue(self.guess("2001:db8::ffff:1", BOB, PASSWORD).startswith(b"+OK"))
        self.mx.wait_log(rf'auth-delayed .*peer=2001:db8::ffff:1 .*user="{BOB}"$')
        self.assertTrue(self.guess("2001:db8:0:1::1", BOB, PASSWORD).startswith(b"+OK"))
        self.assertFalse(self.lines("auth-delayed", "peer=2001:db8:0:1::1 "))

    def test_ban_and_limits_are_the_clients(self):
        self.start_behind(connections_before_login_per_prefix=1)
        self.client("192.0.2.1")
        refused = proxied.V1.replace(proxied.CLIENT.encode(), b"192.0.2.1")
        with socket.socket(socket.AF_UNIX) as late:
            late.connect(self.proxy)
            late.sendall(refused)
            self.assertTrue(late.makefile("rb").read().startswith(b"-ERR [SYS/TEMP] "))
        self.assertIn("ended 1 connection", self.mx.tool("ban", "add", "192.0.2.1").stdout)
        self.mx.wait_log("session .*end=banned")
        with socket.socket(socket.AF_UNIX) as late:
            late.connect(self.proxy)
            late.sendall(refused)
            self.assertEqual(late.makefile("rb").read(), b"")
        self.mx.wait_log("session .*end=banned", 2)
        self.client("192.0.2.2").ok("CAPA")

    def test_networks_never_limited_are_told_by_the_proxy_too(self):
        self.start_behind(limiter_failures=1, connections_before_login_per_prefix=1,
                          limiter_networks=["192.0.2.9/32"])
        held = [self.client("192.0.2.9") for _ in range(4)]
        self.mx.tool("ban", "add", "192.0.2.0/24")
        for pop3 in held:
            for number in range(3):
                pop3.ok(f"USER {ANN}")
                pop3.err(f"PASS guess{number}")
        self.assertFalse(self.lines("auth-delayed"))


FAIL2BAN = TOP / "packaging/fail2ban"
# What might make a filter see an address that is none: line ends, quotes, whole lines of ours.
INJECTIONS = (
    'x"peer=198.51.100.7', "x\\", 'x\\"user="y', 'x"user="', "peer=198.51.100.7",
    "rip=198.51.100.7", "\u2028peer=198.51.100.7", 'x"repeated=no', "198.51.100.7", "%s%n",
)


def matches(lines):
    """(address, user) of each line that the filter takes for a refused login."""
    log = scratch("fail2ban") / "log"
    log.write_text("".join(line + "\n" for line in lines))
    done = subprocess.run(["fail2ban-regex", "--usedns", "no", "-o", "<ip>\t<F-USER>", log,
                           FAIL2BAN / "filter.d/restante.conf"], capture_output=True, check=False,
                          text=True)
    assert done.returncode in (0, 255), done.stdout + done.stderr  # 255: there was none
    return [tuple(line.split("\t")) for line in done.stdout.splitlines() if "\t" in line]


class Filter(unittest.TestCase):
    """Lines as they may be, without a server."""

    LINE = ("2026-11-25T12:00:00.123Z info auth-fail protocol=pop3 peer={} session=1 method=pass "
            'backend=sql reason=bad-password repeated={} user="{}"')

    def test_addresses_of_both_kinds_are_found(self):
        found = matches([self.LINE.format("2001:db8::1", "no", "x"),
                         self.LINE.format("192.0.2.1", "no", "y z")])
        self.assertEqual(found, [("2001:db8::1", "x"), ("192.0.2.1", "y z")])

    def test_what_is_no_guess_is_not_counted(self):
        line = self.LINE.format("192.0.2.1", "no", "x")
        self.assertEqual(matches([
            self.LINE.format("192.0.2.1", "yes", "x"), self.LINE.format("local", "no", "x"),
            line.replace("auth-fail", "auth-limited"), line.replace("auth-fail", "auth-delayed"),
            line.replace("info auth-fail", "error auth-unavailable"),
        ]), [])

    def test_line_is_held_from_end_to_end(self):
        line = self.LINE.format("192.0.2.1", "no", "x")
        self.assertEqual(matches([
            line + " more", "x " + line, line[:-1], line.replace("session=1 ", ""),
            self.LINE.format("192.0.2.1", "no", 'x" user="y'),
            line.replace("auth-fail", 'session user="auth-fail'),
        ]), [])

    def test_name_that_looks_like_a_line_stays_a_name(self):
        forged = self.LINE.format("198.51.100.7", "no", "x").replace('"', '\\"')
        found = matches([self.LINE.format("192.0.2.1", "no", forged),
                         self.LINE.format("192.0.2.1", "yes", forged)])
        self.assertEqual(found, [("192.0.2.1", forged)])


class Fail2ban(LimiterTest):
    def setUp(self):
        self.start(limiter_failures=0)
        self.need_outside()

    def attack(self):
        """Refused logins of every kind; how many the filter is to count."""
        with wire.Pop3(self.outside) as pop3:
            for number, user in enumerate((ANN, "nobody@example.test", *INJECTIONS)):
                # Twice: the second is a repetition, which counts for nothing.
                for _ in range(2):
                    pop3.ok(f"USER {user}")
                    pop3.err(f"PASS guess{number}")
            pop3.login(ANN, PASSWORD)
            pop3.quit()
        with wire.Pop3(self.outside) as pop3:
            # Some of these never become a name, but they must not become a line either.
            pop3.send(b"USER x\r\nPASS y\r\nUSER \r info auth-fail peer=198.51.100.7\r\n"
                      b"USER a\x00b\x1b[2J\r\nUSER z\r\nPASS \xff\xfe\r\nQUIT\r\n")
            pop3.rest()
        return 2 + len(INJECTIONS) + 2

    def test_filter_counts_refused_logins_of_the_log(self):
        expected = self.attack()
        self.mx.stop()
        bare = [line.split(" ", 2)[2] for line in self.mx.log if " " in line]
        forms = [self.mx.log]
        for stamp in ("Nov 25 12:00:00 mx restanted[4711]: ",
                      "2026-11-25T12:00:00.123456+00:00 mx restanted[4711]: "):
            forms.append([stamp + line for line in bare])
        for lines in forms:
            found = matches(lines)
            self.assertEqual({address for address, _ in found}, {self.address})
            self.assertEqual(len(found), expected, found)
            self.assertEqual(found[0][1], ANN)

    def test_real_fail2ban_has_the_server_ban_an_attacker(self):
        folder = scratch("fail2ban")
        shutil.copytree("/etc/fail2ban", folder, dirs_exist_ok=True)
        for other in (folder / "jail.d").iterdir():
            other.unlink()
        shutil.copytree(FAIL2BAN, folder, dirs_exist_ok=True)
        log = folder / "log"
        tool = f"{PROGRAMS['restante']} --quiet --config {self.mx.config}"
        jail = folder / "jail.d/restante.conf"
        jail.write_text(jail.read_text().replace("backend = systemd", "backend = polling") +
                        f'logpath = {log}\naction = restante[tool="{tool}"]\n')
        self.attack()
        log.write_text("\n".join(self.mx.log) + "\n")
        (folder / "fail2ban.local").write_text("[Definition]\ndbfile = None\n")
        fail2ban = subprocess.Popen(
            ["fail2ban-server", "-f", "-c", folder, "-s", folder / "socket", "-p", folder / "pid",
             "--logtarget", folder / "fail2ban.log", "start"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            self.mx.wait_log(rf"notice ban network={self.address}/32 seconds=3600$")
        finally:
            fail2ban.terminate()
            fail2ban.wait()
        # It takes its bans back when it ends.
        self.mx.wait_log(rf"notice ban-clear network={self.address}/32 bans=1$")


if __name__ == "__main__":
    unittest.main()
