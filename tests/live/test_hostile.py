"""Clients that mean no good, or no better: slow, deaf, hasty, many. Two workers serve them all."""
import concurrent.futures
import socket
import unittest

from harness import PASSWORD, SANITIZED, LiveTest, own_address
import wire

HEADER = b"Subject: x\r\n\r\n"
# How much the server may grow by what a client does; sanitizers keep freed memory for a while.
ROOM = (64 if SANITIZED else 8) << 20
LARGE = HEADER + (b"x" * 998 + b"\r\n") * 4000


class Hostile(LiveTest):
    def start(self, *users, **options):
        self.mx = self.serve(*users, workers=2, **options)

    def hold(self, address, octets=b""):
        """A connection that says this much and is then left alone."""
        connection = socket.create_connection(address)
        self.addCleanup(connection.close)
        connection.sendall(octets)
        return connection

    def assert_served(self, user="bob"):
        """Somebody else gets on with it."""
        self.mx.deliver(f"{user}@example.test", HEADER)
        with self.mx.login(user) as pop3:
            self.assertGreaterEqual(pop3.stat()[0], 1)
            pop3.quit()

    def test_slow_senders_keep_no_worker(self):
        self.start("bob", errors_before_login=1000)
        slow = [self.hold(self.mx.pop3) for _ in range(50)]
        slow += [self.hold(self.mx.lmtp_tcp) for _ in range(50)]
        for octet in b"USER nobody-at-all":
            for connection in slow:
                connection.sendall(bytes([octet]))
        self.assert_served()

    def test_lines_that_come_octet_by_octet_side_by_side_keep_apart(self):
        users = [f"user{number}" for number in range(10)]
        self.start(*users)
        for number, user in enumerate(users):
            self.mx.deliver(f"{user}@example.test", HEADER + b"x" * number)
        sessions = [wire.Pop3(self.mx.pop3) for _ in users]
        for session in sessions:
            self.addCleanup(session.close)
        for command in ("USER {}@example.test\r\n", f"PASS {PASSWORD}\r\n", "LIST 1\r\n"):
            for octets in zip(*(command.format(user).encode() for user in users)):
                for session, octet in zip(sessions, octets):
                    session.send(bytes([octet]))
            replies = [session.line() for session in sessions]
            self.assertEqual([reply[:3] for reply in replies], [b"+OK"] * len(users))
        sizes = [int(reply.split()[2]) for reply in replies]
        self.assertEqual(len(set(sizes)), len(users), sizes)

    def test_readers_that_never_read_keep_no_worker(self):
        users = [f"deaf{number}" for number in range(20)]
        self.start("bob", *users)
        for user in users:
            self.mx.deliver(f"{user}@example.test", LARGE)
        deaf = []
        for user in users:
            pop3 = wire.Pop3(self.mx.pop3, receive_buffer=2048)
            self.addCleanup(pop3.close)
            pop3.login(f"{user}@example.test", PASSWORD)
            pop3.send(b"RETR 1\r\n" * 50)
            deaf.append(pop3)
        before = self.mx.memory()
        self.assert_served()
        self.assertLess(self.mx.memory() - before, ROOM)

    def test_answers_that_nobody_reads_are_bounded(self):
        """A client that sends commands for ever and never reads: input stops, memory does not grow."""
        self.start("ann", "bob", errors_after_login=1000)
        pop3 = wire.Pop3(self.mx.pop3, receive_buffer=2048)
        self.addCleanup(pop3.close)
        pop3.login("ann@example.test", PASSWORD)
        before = self.mx.memory()
        pop3.socket.settimeout(1)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 256 << 20:
                sent += pop3.socket.send(b"CAPA\r\n" * 1000)
        self.assertLess(self.mx.memory() - before, ROOM)
        self.assert_served()

    def test_ten_thousand_pipelined_commands_are_all_answered(self):
        self.start("ann", "bob")
        for _ in range(3):
            self.mx.deliver("ann@example.test", HEADER)
        with wire.Pop3(self.mx.pop3) as pop3, concurrent.futures.ThreadPoolExecutor() as pool:
            pop3.login("ann@example.test", PASSWORD)
            commands = [b"NOOP\r\n", b"STAT\r\n", b"LIST 2\r\n", b"UIDL 3\r\n", b"DELE 9\r\n"]
            sending = pool.submit(pop3.send, b"".join(commands * 2000) + b"QUIT\r\n")
            for _ in range(2000):
                replies = [pop3.line()[:4] for _ in commands]
                self.assertEqual(replies, [b"+OK ", b"+OK ", b"+OK ", b"+OK ", b"-ERR"])
            self.assertTrue(pop3.line().startswith(b"+OK"))
            self.assertEqual(pop3.rest(), b"")
            sending.result()

    def test_overlong_line_is_one_error_and_its_tail_no_command(self):
        self.start("ann", "bob")
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.send(b"USER " + b"x" * 100000 + b" QUIT\r\nQUIT\r\n")
            self.assertTrue(pop3.line().startswith(b"-ERR"))
            self.assertTrue(pop3.line().startswith(b"+OK"))
            self.assertEqual(pop3.rest(), b"")

    def test_line_without_end_costs_no_memory(self):
        self.start("bob")
        connection = self.hold(self.mx.pop3, b"x" * (1 << 20))
        before = self.mx.memory()
        for _ in range(32):
            connection.sendall(b"x" * (1 << 20))
        self.assertLess(self.mx.memory() - before, ROOM)
        self.assert_served()

    def test_errors_in_a_row_end_connection(self):
        self.start("ann", "bob", errors_before_login=3, errors_after_login=5)
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.send(b"HELO x\r\n" * 10)
            self.assertEqual(pop3.rest().count(b"-ERR"), 3 + 1)  # the last one says farewell
        with self.mx.login("ann") as pop3:
            pop3.send(b"XYZZY\r\n" * 10)
            self.assertEqual(pop3.rest().count(b"-ERR"), 5 + 1)

    def test_refused_logins_end_connection(self):
        self.start("ann", login_attempts=2, errors_before_login=1000)
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.send(b"USER ann@example.test\r\nPASS no\r\n" * 3)
            self.assertEqual(pop3.rest().count(b"-ERR [AUTH]"), 2)

    def test_total_limit_refuses_politely_and_recovers(self):
        self.start("ann", connections=10, login_seconds=3600)
        held = [wire.Lmtp(self.mx.lmtp_tcp) for _ in range(10)]
        with socket.create_connection(self.mx.pop3) as late, late.makefile("rb") as replies:
            self.assertTrue(replies.read().startswith(b"-ERR [SYS/TEMP] "))
        with socket.create_connection(self.mx.lmtp_tcp) as late, late.makefile("rb") as replies:
            self.assertTrue(replies.read().startswith(b"421 "))
        held.pop().close()
        self.mx.wait_log(r"session .*end=hangup")
        with self.mx.login("ann") as pop3:
            pop3.quit()
        for lmtp in held:
            lmtp.close()

    def test_limit_per_source_spares_others_and_loopback(self):
        address = own_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        mx = self.mx = self.server(workers=2, connections_per_prefix=3)
        port = mx.pop3[1]
        mx.listeners["outside"] = {"protocol": "pop3", "address": f"{address}:{port}"}
        mx.start()
        mx.add_user("bob")
        held = [wire.Pop3((address, port)) for _ in range(3)]
        with socket.create_connection((address, port)) as late, late.makefile("rb") as replies:
            self.assertTrue(replies.read().startswith(b"-ERR [SYS/TEMP] "))
        mx.wait_log(r"connection-refused .*peer=" + address)
        held += [wire.Pop3(mx.pop3) for _ in range(10)]
        self.assert_served()
        for pop3 in held:
            pop3.close()

    def test_password_in_clear_from_outside_is_refused_alike(self):
        address = own_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        mx = self.server(workers=2, apop=True)
        mx.listeners["outside"] = {"protocol": "pop3", "address": f"{address}:{mx.pop3[1]}"}
        mx.start()
        mx.add_user("ann")
        replies = set()
        for password in (PASSWORD, "wrong"):
            with wire.Pop3((address, mx.pop3[1])) as pop3:
                self.assertNotIn(b"<", pop3.greeting)
                pop3.send(f"USER ann@example.test\r\nPASS {password}\r\nQUIT\r\n".encode())
                replies.add(pop3.rest())
        self.assertEqual(len(replies), 1)
        self.assertIn(b"-ERR", replies.pop())
        mx.stop()
        mx.options["clear_password_networks"] = [f"{address}/32"]
        mx.notices.clear()
        mx.start()
        with wire.Pop3((address, mx.pop3[1])) as pop3:
            self.assertIn(b"<", pop3.greeting)
            pop3.login("ann@example.test", PASSWORD)

    def test_unknown_user_and_wrong_password_look_alike(self):
        self.start("ann", login_attempts=100, errors_before_login=1000)
        with wire.Pop3(self.mx.pop3) as pop3:
            replies = set()
            for user in ("ann@example.test", "nobody@example.test", "ann@example.invalid", "x",
                         "ann@", "@", "a" * 200, "ann@example.test@example.test", "%u"):
                replies.add((pop3.ask(f"USER {user}"), pop3.ask("PASS wrong")))
            self.assertEqual(len(replies), 1, replies)


if __name__ == "__main__":
    unittest.main()
