"""The exclusive maildrop: who holds it, who gets it, and what an ending leaves behind."""
import signal
import socket
import struct
import subprocess
import time
import unittest

from harness import PASSWORD, PATIENCE, UNPRIVILEGED, LiveTest
import wire

HEADER = b"Subject: x\r\n\r\n"


class Maildrop(LiveTest):
    def start(self, messages=3, **options):
        self.mx = self.serve("ann", "bob", **options)
        for number in range(messages):
            self.mx.deliver("ann@example.test", HEADER + b"%d\r\n" % number)

    def login(self, user="ann"):
        pop3 = self.mx.login(user)
        self.addCleanup(pop3.close)
        return pop3

    def refused_login(self, user="ann"):
        """The reply to PASS of a login that is refused."""
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"USER {user}@example.test")
            return pop3.err(f"PASS {PASSWORD}")

    def sessions(self, kind, count=1):
        self.mx.wait_log(rf"session .*protocol=pop3.* end={kind} ", count)

    # --- the lock -------------------------------------------------------------------------------

    def test_second_login_is_refused_in_use_and_told_by_whom(self):
        self.start(lock_wait_ms=0)
        self.login()
        reply = self.refused_login()
        self.assertTrue(reply.startswith(b"-ERR [IN-USE] "), reply)
        self.assertIn(b"127.0.0.1", reply)
        self.login("bob")

    def test_second_login_with_wrong_password_hears_nothing_of_the_lock(self):
        self.start(lock_wait_ms=0)
        self.login()
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok("USER ann@example.test")
            self.assertTrue(pop3.err("PASS wrong").startswith(b"-ERR [AUTH] "))

    def rename_mailboxes(self, name, new):
        """In every mail database, behind the server's back."""
        for path in (self.mx.data / "mail").glob("mail-*.db"):
            subprocess.run(["sqlite3", "-cmd", f".timeout {PATIENCE * 1000}", path,
                            f"ALTER TABLE {name} RENAME TO {new}"], timeout=PATIENCE, check=True,
                           **UNPRIVILEGED)

    def test_login_that_cannot_open_maildrop_leaves_it_unlocked(self):
        """RFC 1939 section 4: the lock is released before the -ERR."""
        self.start(lock_wait_ms=0)
        with wire.Pop3(self.mx.pop3) as pop3:
            self.rename_mailboxes("mailbox", "away")
            for _ in range(2):
                pop3.ok("USER ann@example.test")
                self.assertTrue(pop3.err(f"PASS {PASSWORD}").startswith(b"-ERR [SYS/TEMP] "))
            pop3.err("STAT")
            self.rename_mailboxes("away", "mailbox")
            self.assertEqual(self.login().stat()[0], 3)
            pop3.ok("USER ann@example.test")
            self.assertTrue(pop3.err(f"PASS {PASSWORD}").startswith(b"-ERR [IN-USE] "))

    def test_second_login_waits_until_first_quits(self):
        self.start(lock_wait_ms=60000)
        first = self.login()
        with wire.Pop3(self.mx.pop3) as second:
            second.ok("USER ann@example.test")
            second.send(f"PASS {PASSWORD}\r\nSTAT\r\n".encode())
            first.ok("DELE 1")
            first.quit()
            self.assertTrue(second.line().startswith(b"+OK"))
            self.assertTrue(second.line().startswith(b"+OK 2 "))

    def test_second_login_waits_until_first_drops(self):
        self.start(lock_wait_ms=60000)
        first = self.login()
        with wire.Pop3(self.mx.pop3) as second:
            second.ok("USER ann@example.test")
            second.send(f"PASS {PASSWORD}\r\nSTAT\r\n".encode())
            first.ok("DELE 1")
            first.close()
            self.assertTrue(second.line().startswith(b"+OK"))
            self.assertTrue(second.line().startswith(b"+OK 3 "))

    def test_waiting_login_that_drops_leaves_lock_alone(self):
        self.start(lock_wait_ms=60000)
        first = self.login()
        second = wire.Pop3(self.mx.pop3)
        second.ok("USER ann@example.test")
        second.send(f"PASS {PASSWORD}\r\n".encode())
        second.close()
        first.ok("DELE 2")
        first.quit()
        self.assertEqual(self.login().stat()[0], 2)

    def test_idle_holder_is_taken_over_and_deletes_nothing(self):
        self.start(lock_wait_ms=3000, takeover_idle_seconds=1, takeover_idle_marked_seconds=0)
        first = self.login()
        second = self.login()
        self.assertEqual(second.stat()[0], 3)
        first.send(b"DELE 1\r\nQUIT\r\n")
        self.assertEqual(first.rest(), b"")
        self.sessions("takeover")
        second.quit()
        self.assertEqual(self.login().stat()[0], 3)

    def test_idle_holder_with_marks_is_spared_where_configured(self):
        self.start(lock_wait_ms=1500, takeover_idle_seconds=1, takeover_idle_marked_seconds=0)
        first = self.login()
        first.ok("DELE 1")
        self.assertTrue(self.refused_login().startswith(b"-ERR [IN-USE] "))
        first.quit()
        self.assertEqual(self.login().stat()[0], 2)

    def test_idle_holder_with_marks_loses_them_at_takeover(self):
        self.start(lock_wait_ms=3000, takeover_idle_seconds=1, takeover_idle_marked_seconds=1)
        first = self.login()
        first.ok("DELE 1")
        self.assertEqual(self.login().stat()[0], 3)
        self.assertEqual(first.rest(), b"")

    def test_busy_holder_is_not_taken_over(self):
        self.start(lock_wait_ms=2500, takeover_idle_seconds=2)
        first = self.login()
        with wire.Pop3(self.mx.pop3) as second:
            second.ok("USER ann@example.test")
            second.send(f"PASS {PASSWORD}\r\n".encode())
            second.socket.settimeout(0.2)
            while True:
                first.ok("NOOP")
                try:
                    reply = second.socket.recv(512)
                    break
                except TimeoutError:
                    continue
        self.assertTrue(reply.startswith(b"-ERR [IN-USE] "), reply)
        first.quit()

    def test_kick_by_address_ends_session_without_update(self):
        self.start()
        first = self.login()
        first.ok("DELE 1")
        self.mx.tool("session", "kick", "ann@example.test", "--yes")
        self.assertEqual(first.rest(), b"")
        self.sessions("kick")
        self.assertEqual(self.login().stat()[0], 3)

    def test_delivery_needs_no_lock_and_shows_at_next_login(self):
        self.start(1)
        first = self.login()
        self.mx.deliver("ann@example.test", HEADER)
        self.assertEqual(first.stat()[0], 1)
        first.err("RETR 2")
        first.quit()
        self.assertEqual(self.login().stat()[0], 2)

    # --- endings --------------------------------------------------------------------------------

    def test_drop_without_quit_deletes_nothing(self):
        self.start()
        first = self.login()
        for number in (1, 2, 3):
            first.ok(f"DELE {number}")
        first.close()
        self.sessions("hangup")
        self.assertEqual(self.login().stat()[0], 3)

    def test_reset_in_the_middle_of_retr_deletes_nothing(self):
        self.start(1)
        self.mx.deliver("ann@example.test", HEADER + (b"x" * 998 + b"\r\n") * 20000)
        first = wire.Pop3(self.mx.pop3, receive_buffer=4096)
        first.login("ann@example.test", PASSWORD)
        first.ok("DELE 1")
        first.ok("RETR 2")
        # Unread octets and SO_LINGER 0: the kernel sends RST.
        first.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
        self.sessions("hangup")
        self.assertEqual(self.login().stat()[0], 2)

    def test_quit_deletes_and_restart_remembers(self):
        self.start()
        first = self.login()
        uidls = first.uidls()
        first.ok("DELE 2")
        first.quit()
        self.mx.restart()
        second = self.login()
        self.assertEqual(second.uidls(), [uidls[0], uidls[2]])

    def test_quit_survives_kill_9(self):
        self.start()
        first = self.login()
        first.ok("DELE 1")
        first.quit()
        self.mx.kill()
        self.mx.notices.clear()
        self.mx.start()
        self.assertEqual(self.login().stat()[0], 2)

    def test_kill_9_with_marks_deletes_nothing(self):
        self.start()
        first = self.login()
        first.ok("DELE 1")
        self.mx.kill()
        self.mx.notices.clear()
        self.mx.start()
        self.assertEqual(self.login().stat()[0], 3)

    def test_quit_and_immediate_close_still_deletes(self):
        self.start()
        first = self.login()
        first.send(b"DELE 1\r\nQUIT\r\n")
        first.close()
        self.mx.wait_log(r"session .*deleted=1 ")
        self.assertEqual(self.login().stat()[0], 2)

    def test_uidls_are_stable_and_never_used_again(self):
        self.start(3)
        seen = set()
        for _ in range(3):
            with self.login() as pop3:
                uidls = pop3.uidls()
                self.assertFalse(seen & set(uidls))
                seen |= set(uidls)
                self.assertEqual(pop3.uidls(), uidls)
                for number in range(1, 4):
                    self.assertEqual(pop3.ok(f"UIDL {number}").split()[2], uidls[number - 1])
                    pop3.ok(f"DELE {number}")
                pop3.quit()
            self.mx.restart()
            for number in range(3):
                self.mx.deliver("ann@example.test", HEADER)

    def test_undeleted_message_has_new_uidl(self):
        self.start(1)
        first = self.login()
        uidls = first.uidls()
        first.ok("DELE 1")
        first.quit()
        self.mx.tool("maildrop", "undelete", "ann@example.test", "--all")
        again = self.login().uidls()
        self.assertEqual(len(again), 1)
        self.assertNotEqual(again, uidls)

    def test_login_deadline_closes_without_reply(self):
        self.start(0, login_seconds=1)
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok("USER ann@example.test")
            self.assertEqual(pop3.rest(), b"")
        self.sessions("timeout")

    def test_session_outlives_login_deadline(self):
        """The deadline ends at login; the next one (ten minutes at least) is not waited for here."""
        self.start(1, login_seconds=1)
        first = self.login()
        with wire.Pop3(self.mx.pop3) as late:
            self.assertEqual(late.rest(), b"")
        first.ok("STAT")
        first.quit()

    # --- drain ----------------------------------------------------------------------------------

    def test_sigterm_closes_idle_sessions_without_update(self):
        self.start()
        idle, fresh = self.login(), wire.Pop3(self.mx.pop3)
        self.addCleanup(fresh.close)
        idle.ok("DELE 1")
        started = time.monotonic()
        self.mx.stop()
        self.assertLess(time.monotonic() - started, 60)
        self.assertEqual((idle.rest(), fresh.rest()), (b"", b""))
        self.mx.notices.clear()
        self.mx.start()
        self.assertEqual(self.login().stat()[0], 3)

    def test_sigterm_lets_retrieval_end(self):
        self.start(0)
        message = HEADER + (b"x" * 998 + b"\r\n") * 8000
        self.mx.deliver("ann@example.test", message)
        pop3 = wire.Pop3(self.mx.pop3, receive_buffer=4096)
        self.addCleanup(pop3.close)
        pop3.login("ann@example.test", PASSWORD)
        pop3.ok("RETR 1")
        self.mx.signal(signal.SIGTERM)
        self.mx.wait_notice("STOPPING=1")
        self.assert_kept(pop3.octets(), message)
        self.assertEqual(pop3.rest(), b"")
        self.assertEqual(self.mx.wait(), 0)


if __name__ == "__main__":
    unittest.main()
