"""Users of the system: restanted with restante-pam beside it. PAM is pam_wrapper's, so that no test
needs root; where root runs them, the real one is tried as well."""
import base64
import contextlib
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import AS_ROOT, DOMAIN, PASSWORD, TOP, LiveTest, wait_until
import pam_helper
import wire

HEADER = b"Subject: x\r\n\r\n"
WRONG = b"-ERR [AUTH] "
TEMPORARY = b"-ERR [SYS/TEMP] "
TROUBLE = pam_helper.shareable(os.environ["PAM_TROUBLE"])


class PamTest(LiveTest):
    def system_server(self, **options):
        server = self.server(auth_backends="sql, pam", pam_domain=DOMAIN, **{
            "pam_create_mailbox": True, "pam_seconds": 60, **options})
        server.options["pam_socket"] = server.run / "pam.sock"
        server.start()
        server.sql("INSERT INTO domain(domain) VALUES(?)", DOMAIN)
        return server

    def attempt(self, server, user, password):
        """The reply to PASS."""
        with wire.Pop3(server.pop3) as pop3:
            pop3.ok(f"USER {user}")
            return pop3.ask(f"PASS {password}")

    def reason(self, server, user):
        return server.wait_log(rf'auth-(?:fail|unavailable) .*reason=(\S+) .*user="{re.escape(user)}').group(1)

    def mailboxes(self, server):
        return sorted(row[0] for row in server.sql("SELECT address FROM mailbox"))


@unittest.skipUnless(pam_helper.MATRIX.exists(), "libpam-wrapper is not installed")
class Wrapped(PamTest):
    """Users that every Debian has, with passwords and modules that the test wants."""

    def helper(self, server, *arguments, **more):
        helper = pam_helper.wrapped(server, *arguments, **more)
        self.addCleanup(pam_helper.remove_leftovers)
        self.addCleanup(helper.stop)
        return helper

    def trouble(self, server, *arguments):
        return self.helper(server, *arguments,
                           lines=f"auth required {TROUBLE}\naccount required {TROUBLE}\n")

    def test_system_user_logs_in_and_gets_a_mailbox(self):
        server = self.system_server()
        self.helper(server)
        self.assertEqual(self.mailboxes(server), [])
        with server.login("games", "secret of games") as pop3:
            self.assertEqual(pop3.stat(), (0, 0))
            pop3.quit()
        self.assertEqual(self.mailboxes(server), ["games@" + DOMAIN])
        server.wait_log(r'mailbox-created backend=pam maildrop="games@')
        server.deliver("games@" + DOMAIN, HEADER + b"one\r\n")
        with server.login("Games", "secret of games") as pop3:
            self.assertEqual(pop3.stat()[0], 1)

    def test_wrong_password_and_unknown_user_hear_the_same(self):
        server = self.system_server()
        self.helper(server)
        replies = {self.attempt(server, f"{user}@{DOMAIN}", password)
                   for user, password in (("games", "wrong"), ("nosuchuser", "secret of games"),
                                          ("root", "secret of games"), ("daemon", "secret of daemon"),
                                          ("../games", "secret of games"), ("mail", "secret of games"))}
        self.assertEqual(len(replies), 1)
        self.assertTrue(replies.pop().startswith(WRONG))
        self.assertEqual(self.reason(server, "games@"), "bad-password")
        for user in ("nosuchuser", "root", "daemon", "../games"):
            self.assertEqual(self.reason(server, user + "@"), "unknown-user")
        self.assertEqual(self.mailboxes(server), [])

    def test_right_password_in_the_wrong_service_is_refused(self):
        server = self.system_server()
        self.helper(server)
        self.assertTrue(self.attempt(server, f"uucp@{DOMAIN}", "secret of uucp").startswith(WRONG))
        self.assertEqual(self.reason(server, "uucp@"), "pam-account")

    def test_table_decides_about_whom_it_knows(self):
        server = self.system_server()
        self.helper(server)
        server.add_user("games", "of the table")
        server.login("games", "of the table").close()
        self.assertTrue(self.attempt(server, f"games@{DOMAIN}", "secret of games").startswith(WRONG))
        self.assertEqual(server.wait_log("auth-fail .*backend=(\\S+)").group(1), "sql")

    def test_tool_tries_a_password_and_makes_no_mailbox(self):
        server = self.system_server()
        self.helper(server)
        server.sql("INSERT INTO mailbox(address) VALUES(?)", "mail@" + DOMAIN)
        done = server.tool("auth", "test", "mail@" + DOMAIN, "--password-stdin", "--json",
                           stdin=b"secret of mail\n")
        self.assertIn('"pam"', done.stdout)
        done = server.tool("auth", "test", "games@" + DOMAIN, "--password-stdin",
                           stdin=b"secret of games\n", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.mailboxes(server), ["mail@" + DOMAIN])

    def test_first_message_makes_the_mailbox(self):
        server = self.system_server(detail_separator="+")
        self.helper(server)
        with wire.Lmtp(server.lmtp) as lmtp:
            # One packet: the second waits for the first one's look-up.
            self.assertEqual(lmtp.envelope("a@example.net", [
                "games@" + DOMAIN, "nosuchuser@" + DOMAIN, "mail+lists@" + DOMAIN,
                "daemon@" + DOMAIN, "NEWS@" + DOMAIN]), 3)
        self.assertEqual(self.mailboxes(server),
                         [f"{user}@{DOMAIN}" for user in ("games", "mail", "news")])
        server.wait_log('recipient-refused .*recipient="nosuchuser@')
        server.deliver("mail@" + DOMAIN, HEADER)
        with server.login("mail", "secret of mail") as pop3:
            self.assertEqual(pop3.stat()[0], 1)

    def test_alias_and_catch_all_find_users_without_a_mailbox(self):
        server = self.system_server()
        self.helper(server)
        for target in ("nosuchuser", "games", "mail"):
            server.sql("INSERT INTO alias(address, goto) VALUES(?, ?)", "team@" + DOMAIN,
                       f"{target}@{DOMAIN}")
        server.deliver("team@" + DOMAIN, HEADER)
        server.sql("INSERT INTO alias(address, goto) VALUES(?, ?)", "@" + DOMAIN, "mail@" + DOMAIN)
        server.deliver("news@" + DOMAIN, HEADER)
        server.deliver("other@" + DOMAIN, HEADER)
        for user, messages in (("games", 1), ("mail", 2), ("news", 1)):
            with server.login(user, "secret of " + user) as pop3:
                self.assertEqual(pop3.stat()[0], messages, user)

    def test_without_creation_nobody_gets_a_mailbox(self):
        server = self.system_server(pam_create_mailbox=False)
        self.helper(server)
        self.assertTrue(self.attempt(server, f"games@{DOMAIN}", "secret of games").startswith(WRONG))
        with wire.Lmtp(server.lmtp) as lmtp:
            self.assertEqual(lmtp.envelope("a@example.net", ["games@" + DOMAIN]), 0)
        server.tool("user", "add", "games@" + DOMAIN, "--no-password")
        server.login("games", "secret of games").close()

    def test_without_the_helper_others_are_served(self):
        server = self.system_server()
        server.add_user("table")
        server.login("table").close()
        self.assertTrue(self.attempt(server, f"games@{DOMAIN}", "x").startswith(TEMPORARY))
        self.assertEqual(self.reason(server, "games@"), "pam-unavailable")
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.command("MAIL FROM:<a@example.net>")
            self.assertEqual(lmtp.code(f"RCPT TO:<games@{DOMAIN}>"), 451)
            self.assertEqual(lmtp.code(f"RCPT TO:<table@{DOMAIN}>"), 250)
        server.wait_log("recipient-unknowable")
        self.helper(server)
        server.login("games", "secret of games").close()

    def test_worker_that_crashes_costs_one_login(self):
        server = self.system_server()
        helper = self.trouble(server, "--workers", "1")
        for _ in range(2):
            self.assertTrue(self.attempt(server, f"games@{DOMAIN}", "crash").startswith(TEMPORARY))
            server.login("games", "right").close()
        helper.wait_log("worker-died worker=\\d+ (signal|status)=")

    def test_worker_that_hangs_is_killed_with_what_it_started(self):
        server = self.system_server()
        server.add_user("table")
        helper = self.trouble(server, "--workers", "2", "--seconds", "1")
        with wire.Pop3(server.pop3) as hanging:
            hanging.ok(f"USER games@{DOMAIN}")
            hanging.send(b"PASS hang\r\n")
            server.login("table").close()
            server.login("games", "right").close()
            self.assertTrue(hanging.line().startswith(TEMPORARY))
        worker = int(helper.wait_log("worker-killed worker=(\\d+) seconds=1").group(1))

        def group_is_gone():
            try:
                os.killpg(worker, 0)
            except ProcessLookupError:
                return True
            return False
        wait_until(group_is_gone)
        server.login("games", "right").close()

    def test_modules_that_misbehave(self):
        server = self.system_server()
        helper = self.trouble(server)
        begun = time.monotonic()
        for password, reply, reason in (("unavailable", TEMPORARY, "pam-unavailable"),
                                        ("change", WRONG, "pam-user-changed"),
                                        ("expired", WRONG, "pam-account"),
                                        ("second", WRONG, "bad-password"),
                                        ("x", WRONG, "bad-password")):
            server.log.clear()
            self.assertTrue(self.attempt(server, f"games@{DOMAIN}", password).startswith(reply),
                            password)
            self.assertEqual(self.reason(server, "games@"), reason, password)
        # The module wanted to wait for twenty seconds at the last one.
        self.assertLess(time.monotonic() - begun, 20)
        helper.wait_log('pam-trouble code=9 why=".*user="games"')

    def stopped(self, helper):
        """Workers that do not get on, as if PAM or NSS did not answer."""
        pids = helper.workers()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        # Also where a test fails: the helper does not end before they do.
        self.addCleanup(self.go_on, pids)
        return pids

    def go_on(self, pids):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def test_helper_that_does_not_answer_keeps_no_thread_of_the_pool(self):
        server = self.system_server(workers=1, hashers=2)
        server.add_user("table")
        helper = self.helper(server, "--workers", "1")
        pids = self.stopped(helper)
        with wire.Lmtp(server.lmtp) as waiting, wire.Lmtp(server.lmtp) as other:
            waiting.command("MAIL FROM:<a@example.net>")
            waiting.send(f"RCPT TO:<games@{DOMAIN}>\r\nNOOP\r\n".encode())
            server.login("table").close()
            self.assertEqual(other.code("NOOP"), 250)
            self.go_on(pids)
            self.assertEqual(waiting.reply()[0], 250)
            self.assertEqual(waiting.reply()[0], 250)

    def test_more_that_hang_than_threads_keep_no_user_of_the_table_waiting(self):
        server = self.system_server(workers=1, hashers=2, pam_threads=2)
        server.add_user("table")
        helper = self.helper(server, "--workers", "1")
        pids = self.stopped(helper)
        plain = base64.b64encode(f"\0games@{DOMAIN}\0wrong".encode()).decode()
        login = (f"USER games@{DOMAIN}\r\nPASS wrong\r\n", f"AUTH PLAIN {plain}\r\n")
        with contextlib.ExitStack() as stack:
            hanging = [stack.enter_context(wire.Pop3(server.pop3)) for _ in range(6)]
            for i, pop3 in enumerate(hanging):
                pop3.send(login[i % 2].encode())
            # The listening one, and two questions: no thread is left that could wait.
            wait_until(lambda: pathlib.Path("/proc/net/unix").read_text().count(
                str(helper.socket)) >= 3)
            server.login("table").close()
            self.assertTrue(self.attempt(server, f"table@{DOMAIN}", "x").startswith(WRONG))
            self.assertTrue(self.attempt(server, "x@example.net", "x").startswith(WRONG))
            self.assertNotIn(f'user="games@{DOMAIN}"', "\n".join(server.log))
            self.go_on(pids)
            for i, pop3 in enumerate(hanging):
                if i % 2 == 0:
                    self.assertTrue(pop3.line().startswith(b"+OK"))
                self.assertTrue(pop3.line().startswith(WRONG))

    def test_client_that_leaves_while_the_helper_is_asked(self):
        server = self.system_server()
        helper = self.helper(server, "--workers", "1")
        pids = self.stopped(helper)
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.command("MAIL FROM:<a@example.net>")
            lmtp.send(f"RCPT TO:<games@{DOMAIN}>\r\n".encode())
        with wire.Pop3(server.pop3) as pop3:
            pop3.ok(f"USER games@{DOMAIN}")
            pop3.send(b"PASS secret of games\r\n")
        self.go_on(pids)
        for protocol in ("lmtp", "pop3"):
            server.wait_log(f"session protocol={protocol}")
        server.login("games", "secret of games").close()

    def test_answer_that_comes_too_late_is_none(self):
        server = self.system_server(pam_seconds=1)
        helper = self.helper(server, "--workers", "1")
        pids = self.stopped(helper)
        self.assertTrue(
            self.attempt(server, f"games@{DOMAIN}", "secret of games").startswith(TEMPORARY))
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.command("MAIL FROM:<a@example.net>")
            self.assertEqual(lmtp.code(f"RCPT TO:<games@{DOMAIN}>"), 451)
        self.go_on(pids)
        wait_until(lambda: self.attempt(server, f"games@{DOMAIN}",
                                        "secret of games").startswith(b"+OK"))

    def test_workers_are_renewed(self):
        server = self.system_server()
        helper = self.helper(server, "--workers", "1", "--requests", "2")
        first = helper.workers()
        for _ in range(2):
            server.login("games", "secret of games").close()
        wait_until(lambda: helper.workers() not in ([], first))
        server.login("games", "secret of games").close()

    def test_workers_have_nothing_of_their_parents(self):
        server = self.system_server()
        helper = self.helper(server, "--workers", "1")
        server.login("games", "secret of games").close()
        for pid in (helper.process.pid, *helper.workers()):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            self.assertRegex(status, r"NoNewPrivs:\s+1")
            self.assertRegex(status, r"Umask:\s+0077")
        self.assertEqual(pathlib.Path(f"/proc/{helper.workers()[0]}/task").stat().st_nlink, 3)

    def test_end_and_its_socket(self):
        server = self.system_server()
        helper = self.helper(server)
        self.assertEqual(helper.socket.stat().st_mode & 0o777, 0o660)
        self.assertEqual(helper.stop(), 0)
        self.assertFalse(helper.socket.exists())

    def test_socket_of_the_service_manager_is_used(self):
        server = self.system_server()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            path = server.run / "pam.sock"
            listening.bind(str(path))
            path.chmod(0o666)
            listening.listen()
            os.set_inheritable(listening.fileno(), True)
            self.helper(server, command=["bash", "-c", f"""
                        exec 3<&{listening.fileno()}
                        export LISTEN_FDS=1 LISTEN_PID=$$
                        exec "$@" """, "bash"],
                        pass_fds=[listening.fileno()])
        if AS_ROOT:
            # Made by root, who is the one that restanted trusts.
            self.assertEqual(path.stat().st_uid, 0)
        server.login("games", "secret of games").close()

    @unittest.skipUnless(AS_ROOT, "needs a second user")
    def test_stranger_is_not_served(self):
        server = self.system_server()
        helper = self.helper(server)
        helper.socket.chmod(0o666)
        request = b"\x01\x02" + b"".join(len(field).to_bytes(2, "big") + field for field in
                                         (b"games", b"secret of games", b"", b"restante"))
        ask = ("import socket, sys\n"
               "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
               f"s.connect({str(helper.socket)!r})\n"
               f"s.send({request!r})\n"
               "sys.stdout.buffer.write(s.recv(64))\n")
        answers = [subprocess.run(["/usr/bin/python3", "-c", ask], capture_output=True, check=False,
                                  user=user, group="nogroup", extra_groups=[]).stdout
                   for user in ("daemon", "nobody")]
        self.assertEqual(answers, [b"", b"\x01\x01\x05\x00"])
        helper.wait_log("peer-refused uid=1$")

    def test_no_password_in_any_log(self):
        canary = "canary" + secrets.token_hex(8)
        server = self.system_server(log_level="debug")
        helper = self.trouble(server, "--seconds", "1")
        for password in ("crash", "unavailable", canary, "hang"):
            self.attempt(server, f"games@{DOMAIN}", password + canary)
        self.attempt(server, f"games@{DOMAIN}", canary)
        server.stop()
        helper.stop()
        self.assertNotIn(canary, "\n".join(server.log + helper.log))


@unittest.skipUnless(AS_ROOT and shutil.which("useradd"), "only root can make users")
class Real(PamTest):
    """The system's own PAM with a user of its own, and the service file that is shipped."""

    def setUp(self):
        self.user = "restante" + secrets.token_hex(4)
        self.service = pathlib.Path("/etc/pam.d", self.user)
        self.addCleanup(self.service.unlink, missing_ok=True)
        shutil.copy(TOP / "packaging/pam/restante", self.service)
        subprocess.run(["useradd", "--no-create-home", "--no-user-group", "--shell",
                        "/usr/sbin/nologin", self.user], check=True, capture_output=True)
        self.addCleanup(subprocess.run, ["userdel", self.user], check=True, capture_output=True)
        subprocess.run(["chpasswd"], input=f"{self.user}:{PASSWORD}\n".encode(), check=True)

    def serve_system(self, *arguments):
        server = self.system_server(pam_service=self.user)
        helper = pam_helper.Helper(server, ["--service", self.user, *arguments], unprivileged=False)
        self.addCleanup(helper.stop)
        return server, helper

    def test_pam_unix_verifies_the_users_password(self):
        server, helper = self.serve_system()
        server.deliver(f"{self.user}@{DOMAIN}", HEADER)
        with server.login(self.user) as pop3:
            self.assertEqual(pop3.stat()[0], 1)
            pop3.quit()
        replies = {self.attempt(server, f"{self.user}@{DOMAIN}", "wrong"),
                   self.attempt(server, f"no{self.user}@{DOMAIN}", PASSWORD),
                   self.attempt(server, f"root@{DOMAIN}", PASSWORD)}
        self.assertEqual(len(replies), 1)
        self.assertTrue(replies.pop().startswith(WRONG))
        status = pathlib.Path(f"/proc/{helper.process.pid}/status").read_text()
        # CAP_DAC_READ_SEARCH and CAP_AUDIT_WRITE, and nothing else.
        self.assertEqual(int(re.search(r"CapEff:\s+(\w+)", status)[1], 16) & ~(1 << 2 | 1 << 29), 0)
        environment = pathlib.Path(f"/proc/{helper.workers()[0]}/environ")
        self.assertTrue(environment.exists())

    def test_locked_and_expired_users_are_refused(self):
        server, _ = self.serve_system()
        server.login(self.user).close()
        subprocess.run(["chage", "--expiredate", "1", self.user], check=True)
        self.assertTrue(self.attempt(server, f"{self.user}@{DOMAIN}", PASSWORD).startswith(WRONG))
        self.assertEqual(self.reason(server, self.user), "pam-account")
        subprocess.run(["chage", "--expiredate", "-1", self.user], check=True)
        server.login(self.user).close()
        subprocess.run(["passwd", "--quiet", "--lock", self.user], check=True)
        self.assertTrue(self.attempt(server, f"{self.user}@{DOMAIN}", PASSWORD).startswith(WRONG))

    def test_empty_password_lets_nobody_in(self):
        server, _ = self.serve_system()
        subprocess.run(["passwd", "--quiet", "--delete", self.user], check=True)
        for password in ("", " ", "x"):
            self.assertTrue(
                self.attempt(server, f"{self.user}@{DOMAIN}", password).startswith(b"-ERR"))


if __name__ == "__main__":
    unittest.main()
