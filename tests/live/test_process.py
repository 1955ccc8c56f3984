"""The server as a process: start, sockets, signals, its supervisor's protocols, its user."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

from harness import AS_ROOT, HAS_IPV6, PASSWORD, PROGRAMS, UNPRIVILEGED, LiveTest, wait_until
import wire

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


def can_connect(address):
    try:
        socket.create_connection(address).close()
        return True
    except ConnectionError:
        return False


class Process(LiveTest):
    def test_ready_and_stopping_are_told(self):
        server = self.serve()
        server.signal(signal.SIGTERM)
        server.wait_notice("STOPPING=1")
        self.assertEqual(server.wait(), 0)

    def test_all_listeners_answer(self):
        server = self.serve()
        for address in (server.pop3, server.pop3_v6)[:2 if HAS_IPV6 else 1]:
            with wire.Pop3(address) as pop3:
                pop3.login("ann@example.test", PASSWORD)
        for address in (server.lmtp, server.lmtp_tcp):
            with wire.Lmtp(address) as lmtp:
                self.assertEqual(lmtp.code("NOOP"), 250)

    def test_stale_unix_socket_is_replaced(self):
        server = self.serve()
        server.kill()
        self.assertTrue(pathlib.Path(server.lmtp).is_socket())
        server.notices.clear()
        server.start()
        server.deliver("ann@example.test", MESSAGE)

    def test_live_unix_socket_is_not_taken_away(self):
        first = self.serve()
        second = self.server()
        second.listeners["lmtp"]["address"] = f"unix:{first.lmtp}"
        with self.assertRaises(AssertionError) as failure:
            second.start()
        second.wait()
        self.assertIn(first.lmtp, str(failure.exception))
        first.deliver("ann@example.test", MESSAGE)

    def test_second_server_on_one_store_is_refused(self):
        first = self.serve()
        second = self.server(data_dir=first.data)
        second.data = first.data
        with self.assertRaises(AssertionError):
            second.start()
        self.assertNotEqual(second.wait(), 0)
        first.deliver("ann@example.test", MESSAGE)

    def test_unix_socket_has_configured_mode(self):
        server = self.serve()
        self.assertEqual(pathlib.Path(server.lmtp).stat().st_mode & 0o777, 0o666)

    def test_inherited_sockets_are_used(self):
        """LISTEN_FDS: the service manager's sockets, recognised by the listeners' names."""
        server = self.server()
        sockets = {}
        for name, address in (("pop3", server.pop3), ("lmtp-tcp", server.lmtp_tcp)):
            sockets[name] = socket.create_server(("127.0.0.1", 0))
            self.addCleanup(sockets[name].close)
            server.listeners[name]["address"] = "%s:%d" % address
        server.environment["LISTEN_FDS"] = str(len(sockets))
        server.environment["LISTEN_FDNAMES"] = ":".join(sockets)
        # The first is descriptor 3, and LISTEN_PID names the process that shall use them.
        moves = " ".join(f"{3 + at}<&{sock.fileno() + 100}" for at, sock in
                         enumerate(sockets.values()))
        for sock in sockets.values():
            os.dup2(sock.fileno(), sock.fileno() + 100, inheritable=True)
            self.addCleanup(os.close, sock.fileno() + 100)
        server.start(["bash", "-c", f'LISTEN_PID=$$; export LISTEN_PID; exec "$@" {moves}', "bash"],
                     pass_fds=[sock.fileno() + 100 for sock in sockets.values()])
        server.add_user("ann")
        with wire.Pop3(sockets["pop3"].getsockname()) as pop3:
            pop3.login("ann@example.test", PASSWORD)
        with wire.Lmtp(sockets["lmtp-tcp"].getsockname()) as lmtp:
            self.assertEqual(lmtp.code("NOOP"), 250)
        with self.assertRaises(ConnectionRefusedError):
            wire.Pop3(server.pop3)

    def test_sighup_takes_over_what_can_be_changed(self):
        server = self.serve(log_level="info")
        with wire.Pop3(server.pop3) as pop3:
            pop3.login("ann@example.test", PASSWORD)
            server.options["log_level"] = "error"
            server.configure()
            server.notices.clear()
            server.signal(signal.SIGHUP)
            server.wait_notice("RELOADING=1")
            server.wait_notice("READY=1")
            pop3.ok("STAT")
            pop3.quit()
        with server.login() as pop3:
            pop3.quit()
        server.stop()
        self.assertFalse([line for line in server.log if re.search(r"session .*protocol=", line)])

    def test_sighup_tells_each_time_what_needs_a_restart(self):
        """Read twice, the new value is still not in force."""
        server = self.serve(connections_per_prefix=3)
        server.options.update(workers=3, connections_per_prefix=4)
        server.configure()
        for count in (1, 2):
            server.signal(signal.SIGHUP)
            server.wait_log(r"notice reload$", count)
        told = [line.split()[-1] for line in server.log if "reload-needs-restart" in line]
        self.assertEqual(told, ["option=workers"] * 2)

    def test_sighup_with_bad_file_keeps_the_old_configuration(self):
        server = self.serve()
        server.config.write_text("workers = many\n")
        server.signal(signal.SIGHUP)
        self.assertIn(":1:", server.wait_log(r"workers.*number|number.*workers|:1:").string)
        with server.login() as pop3:
            pop3.ok("STAT")

    def test_workers_are_as_many_as_processors_that_it_may_use(self):
        def threads(server):
            return len(list(pathlib.Path(f"/proc/{server.process.pid}/task").iterdir()))

        one = self.server(workers=1).start()
        allowed = self.server(workers=0)
        allowed.start(["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))])
        self.assertEqual(threads(allowed), threads(one))

    def test_sigterm_answers_421_at_next_boundary(self):
        server = self.serve()
        with wire.Lmtp(server.lmtp) as lmtp:
            server.signal(signal.SIGTERM)
            self.assertEqual(lmtp.reply()[0], 421)
            self.assertEqual(lmtp.rest(), b"")
        self.assertEqual(server.wait(), 0)

    def test_sigterm_lets_delivery_in_flight_end(self):
        server = self.serve()
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.envelope("a@example.net", ["ann@example.test"])
            self.assertEqual(lmtp.code("DATA"), 354)
            server.signal(signal.SIGTERM)
            server.wait_notice("STOPPING=1")
            lmtp.send(wire.stuffed(MESSAGE))
            self.assertEqual(lmtp.reply()[0], 250)
            self.assertEqual(lmtp.reply()[0], 421)
        self.assertEqual(server.wait(), 0)
        server.notices.clear()
        server.start()
        with server.login() as pop3:
            self.assert_kept(pop3.multi("RETR 1"), MESSAGE)

    def test_sigterm_refuses_new_connections_at_once(self):
        server = self.serve()
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.envelope("a@example.net", ["ann@example.test"])
            self.assertEqual(lmtp.code("DATA"), 354)  # keeps it draining
            server.signal(signal.SIGTERM)
            wait_until(lambda: not can_connect(server.pop3))
            with self.assertRaises(ConnectionRefusedError):
                wire.Lmtp(server.lmtp)
            lmtp.send(wire.stuffed(MESSAGE))
            self.assertEqual(lmtp.reply()[0], 250)
        self.assertEqual(server.wait(), 0)

    def test_sigterm_waits_for_no_refused_login(self):
        """Its answer would be due in a minute; nobody hears it any more."""
        server = self.serve(login_failure_ms=60000, drain_seconds=0, workers=1, hashers=1)
        with wire.Pop3(server.pop3) as pop3:
            pop3.ok("USER ann@example.test")
            pop3.send(b"PASS wrong\r\n")
            server.login().quit()  # whose password is looked at after the other one
            server.signal(signal.SIGTERM)
            self.assertEqual(pop3.rest(), b"")
        self.assertEqual(server.wait(), 0)
        self.assertFalse([line for line in server.log if "drain-incomplete" in line])

    def test_acknowledged_delivery_survives_kill_9(self):
        server = self.serve()
        server.deliver("ann@example.test", MESSAGE)
        server.kill()
        server.notices.clear()
        server.start()
        with server.login() as pop3:
            self.assert_kept(pop3.multi("RETR 1"), MESSAGE)

    def test_connections_are_lowered_to_what_open_files_allow(self):
        server = self.server(workers=2, connections=1000, login_seconds=3600)
        server.start(["prlimit", "--nofile=200"])
        server.add_user("ann")
        limit = int(server.wait_log(r"connections-lowered configured=1000 connections=(\d+) ")[1])
        # LMTP makes no room for newcomers, as POP3 before login would.
        held = [wire.Lmtp(server.lmtp_tcp) for _ in range(limit - 1)]
        try:
            with wire.Pop3(server.pop3) as pop3:
                # What is left is enough for the databases.
                pop3.login("ann@example.test", PASSWORD)
                with socket.create_connection(server.pop3) as late, late.makefile("rb") as replies:
                    self.assertTrue(replies.read().startswith(b"-ERR [SYS/TEMP] "))
                self.assertEqual(pop3.stat()[0], 0)
        finally:
            for lmtp in held:
                lmtp.close()

    def test_without_descriptors_listening_pauses_and_goes_on(self):
        server = self.serve()
        limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
        before = re.search(r"^Max open files +(\d+)", limits, re.MULTILINE)[1]

        def limit(number):
            subprocess.run(["prlimit", f"--pid={server.process.pid}", f"--nofile={number}:"],
                           check=True, **UNPRIVILEGED)

        limit(3)
        with socket.create_connection(server.pop3) as waiting:
            server.wait_log(r"warning listening-paused reason=descriptors$")
            limit(before)
            self.assertTrue(waiting.recv(100).startswith(b"+OK"))
        with server.login() as pop3:
            pop3.quit()

    def check(self, content):
        """`restanted --check-config` on a file of this content."""
        home = self.home()
        path = home / "restante.conf"
        path.write_text(content)
        return path, subprocess.run([PROGRAMS["restanted"], "--check-config", "--config", path],
                                    capture_output=True, text=True, check=False)

    def test_check_config_names_file_line_option_and_nearest_name(self):
        path, done = self.check("# one\nworker = 2\n")
        self.assertNotEqual(done.returncode, 0)
        for wanted in (f"{path}:2:", "worker", "workers"):
            self.assertIn(wanted, done.stderr)

    def test_check_config_refuses_the_user_root(self):
        path, done = self.check('user = root\nlistener "a" {\n\tprotocol = pop3\n'
                                '\taddress = "127.0.0.1:1110"\n}\n')
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(f'{path}: option "user": "root" is root', done.stderr)

    def test_check_config_of_good_file_is_silent_success(self):
        _, done = self.check('data_dir = /tmp\nlistener "a" {\n\tprotocol = pop3\n'
                             '\taddress = "127.0.0.1:1110"\n}\n')
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_busy_port_is_said_in_words(self):
        server = self.server()
        with socket.create_server(server.pop3):
            with self.assertRaises(AssertionError) as failure:
                server.start()
        self.assertNotEqual(server.wait(), 0)
        self.assertIn("%s:%d" % server.pop3, str(failure.exception))


class StartedByRoot(LiveTest):
    @unittest.skipUnless(AS_ROOT, "only root can be left behind")
    def test_server_becomes_its_user_for_good(self):
        # Once it has changed its user it may not be traced, so LeakSanitizer cannot work.
        leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        server = self.server({"ASAN_OPTIONS": leaks}, unprivileged=False, user="nobody")
        server.start()
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        ids = re.findall(r"^[UG]id:\t(\d+)\t(\d+)\t(\d+)\t(\d+)$", status, re.MULTILINE)
        self.assertEqual({number for row in ids for number in row}, {"65534"})
        self.assertRegex(status, r"(?m)^CapEff:\t0+$")
        self.assertRegex(status, r"(?m)^Groups:\t(65534 ?)?$")
        server.add_user("ann")
        server.deliver("ann@example.test", MESSAGE)
        with server.login() as pop3:
            self.assertEqual(pop3.stat()[0], 1)

    @unittest.skipUnless(AS_ROOT, "only root can leave a directory of root's")
    def test_unknown_user_leaves_no_directory_behind(self):
        server = self.server(unprivileged=False, user="no-such-user")
        server.options["run_dir"] = made = server.folder / "made"
        with self.assertRaises(AssertionError) as failure:
            server.start()
        self.assertNotEqual(server.wait(), 0)
        self.assertIn("no-such-user", str(failure.exception))
        self.assertFalse(made.exists())


if __name__ == "__main__":
    unittest.main()
