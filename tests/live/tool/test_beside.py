"""The tool beside a running server, and over its store once it has stopped."""
import json
import os
import pathlib
import pty
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import LiveTest  # noqa: E402
import wire  # noqa: E402

ANN = "ann@example.test"
BOB = "bob@example.test"
MESSAGE = b"Subject: t\r\nFrom: a@b\r\n\r\n.dot\r\n\xff\x00 body\r\n"
NOUSER, UNAVAILABLE, TEMPFAIL, DATAERR, CANTCREAT = 67, 69, 75, 65, 73


class ToolTest(LiveTest):
    def rows(self, name, *arguments, status=0, server=None):
        """The rows of a table, from its JSON."""
        done = (server or self.mx).tool(*arguments, "--json", check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)[name]

    def fails(self, status, says, *arguments, stdin=b""):
        done = self.mx.tool(*arguments, stdin=stdin, check=False)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        self.assertIn(says, done.stderr)

    def uids(self, *arguments):
        return [row["uid"] for row in self.rows("messages", "maildrop", "list", ANN, *arguments)]


class Deliver(ToolTest):
    def setUp(self):
        self.mx = self.serve("ann", "bob")

    def retrieve(self, user):
        with self.mx.login(user) as pop3:
            return pop3.multi("RETR 1")

    def test_message_arrives_octet_for_octet(self):
        for sent in (MESSAGE, b"S: lf\n\n.\n..\n\nend\n", b"S: open\n\nno end", b"\n", b"x\r\r\n",
                     b"S: large\n\n" + b"0123456789\n" * 100000):
            self.mx.tool("deliver", "-f", "s@example.net", "--", ANN, stdin=sent)
            with self.mx.login("ann") as pop3:
                got = pop3.multi("RETR 1")
                self.assert_kept(got, sent)
                self.assertIn(b"Return-Path: <s@example.net>\r\n", got)
                pop3.ok("DELE 1")
                pop3.quit()

    def test_success_is_silent_and_the_sender_may_be_empty(self):
        done = self.mx.tool("deliver", ANN, BOB, stdin=MESSAGE)
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        for user in ("ann", "bob"):
            self.assertIn(b"Return-Path: <>\r\n", self.retrieve(user))

    def test_status_is_that_of_the_worst_recipient(self):
        self.fails(NOUSER, "zoe@example.test: 550", "deliver", ANN, "zoe@example.test",
                   stdin=MESSAGE)
        self.assertEqual(len(self.uids()), 1)  # ann's copy is there all the same
        self.mx.tool("user", "set", BOB, "active=0")
        self.fails(TEMPFAIL, BOB, "deliver", "zoe@example.test", BOB, ANN, stdin=MESSAGE)

    def test_replies_as_json(self):
        rows = self.rows("recipients", "deliver", "zoe@example.test", status=NOUSER)
        self.assertFalse(rows[0]["delivered"])
        self.assertTrue(rows[0]["reply"].startswith("550 5.1.1"))

    def test_server_stopped_is_temporary(self):
        self.mx.stop()
        self.fails(TEMPFAIL, "lmtp", "deliver", ANN, stdin=MESSAGE)


class Accounts(ToolTest):
    def test_changes_are_seen_at_once(self):
        self.mx = self.server().start()
        self.mx.tool("domain", "add", "example.test")
        password = self.mx.tool("user", "add", ANN, "--generate", "-q").stdout.strip()
        self.mx.deliver(ANN, MESSAGE)
        with self.mx.login(ANN, password) as pop3:
            self.assertEqual(pop3.stat()[0], 1)
            pop3.quit()
        self.mx.tool("user", "passwd", ANN, "--password-stdin", stdin=b"another\n")
        with wire.Pop3(self.mx.pop3) as pop3:
            pop3.ok(f"USER {ANN}")
            pop3.err(f"PASS {password}")
        row, = self.rows("users", "user", "show", ANN)
        self.assertEqual(row["messages"], 1)
        self.assertGreater(row["octets"], len(MESSAGE))
        self.mx.tool("user", "rm", ANN, "--yes")
        with wire.Lmtp(self.mx.lmtp) as lmtp:
            lmtp.code("MAIL FROM:<>")
            self.assertEqual(lmtp.code(f"RCPT TO:<{ANN}>"), 550)
        done = self.mx.tool("user", "undelete", ANN, "--password-stdin", stdin=b"third\n")
        self.assertIn("with 1 message (", done.stdout)
        with self.mx.login(ANN, "third") as pop3:
            self.assertEqual(pop3.stat()[0], 1)
            pop3.quit()


class Maildrop(ToolTest):
    def setUp(self):
        self.mx = self.serve("ann")
        for number in (b"1", b"2", b"3", b"4"):
            self.mx.deliver(ANN, b"Subject: " + number + b"\r\n\r\nbody\r\n")

    def delete(self, *numbers):
        with self.mx.login("ann") as pop3:
            for number in numbers:
                pop3.ok(f"DELE {number}")
            pop3.quit()

    def check_list(self):
        rows = self.rows("messages", "maildrop", "list", ANN)
        self.assertEqual([row["uid"] for row in rows], [1, 2, 3, 4])
        self.assertEqual(len({row["uidl"] for row in rows}), 4)
        row, = self.rows("messages", "maildrop", "show", ANN, "2")
        self.assertEqual({key: row[key] for key in rows[1]}, rows[1])
        self.assertFalse(row["has_nul"] or row["needs_stuffing"] or row["deleted"])
        text = self.mx.tool("maildrop", "show", ANN, "2", "--text").stdout
        self.assertEqual(len(text.encode()), row["octets"])
        self.assertTrue(text.endswith("Subject: 2\r\n\r\nbody\r\n"))

    def test_list_and_show_with_and_without_server(self):
        self.check_list()
        self.mx.stop()
        self.check_list()

    def test_local_time_says_so(self):
        row, *_ = self.rows("messages", "maildrop", "list", ANN)
        text = self.mx.tool("maildrop", "list", ANN).stdout
        self.assertIn(time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(row["received"])), text)

    def check_rm(self, uid):
        done = self.mx.tool("maildrop", "rm", ANN, uid)
        self.assertIn(f"undelete {ANN} --uid {uid}", done.stdout)
        self.assertNotIn(int(uid), self.uids())
        gone, = self.rows("messages", "maildrop", "list", ANN, "--deleted")
        self.assertEqual((gone["uid"], gone["peer"]), (int(uid), "restante"))
        self.fails(NOUSER, "maildrop list", "maildrop", "rm", ANN, uid)
        self.fails(64, "not a number", "maildrop", "rm", ANN, "0")
        self.mx.tool("maildrop", "undelete", ANN, "--uid", uid)
        self.mx.tool("user", "set", ANN, "undelete_seconds=0")
        self.fails(64, "for good", "maildrop", "rm", ANN, "4")
        self.mx.tool("user", "set", ANN, "undelete_seconds=7d")

    def test_rm_with_and_without_server(self):
        self.check_rm("1")
        self.mx.stop()
        self.check_rm("2")

    def test_mail_of_a_removed_user_is_no_finding(self):
        self.mx.tool("user", "rm", ANN, "--yes")
        self.assertEqual(self.rows("findings", "check"), [])

    def check_undelete_and_purge(self):
        gone = self.rows("messages", "maildrop", "list", ANN, "--deleted")
        self.assertEqual([row["uid"] for row in gone], [1, 3, 4])
        first, second = str(gone[0]["session"]), str(gone[2]["session"])
        self.assertNotEqual(first, second)
        self.assertEqual(str(gone[1]["session"]), first)
        self.assertTrue(gone[0]["peer"])
        self.fails(DATAERR, "undelete", "maildrop", "show", ANN, "1", "--text")
        self.fails(64, "3 deleted messages", "maildrop", "purge", ANN, "--all")
        self.fails(64, "2 deleted messages", "maildrop", "purge", ANN, "--session", first)
        self.fails(64, "1 deleted message ", "maildrop", "purge", ANN, "--uid", "3")
        self.mx.tool("maildrop", "undelete", ANN, "--uid", "1")
        self.fails(NOUSER, "--deleted", "maildrop", "undelete", ANN, "--uid", "1")
        self.mx.tool("maildrop", "purge", ANN, "--session", first, "--yes")
        self.assertEqual(self.uids("--deleted"), [4])
        self.mx.tool("maildrop", "purge", ANN, "--all", "--yes")
        self.assertEqual(self.uids("--deleted"), [])
        rows = self.rows("messages", "maildrop", "list", ANN)
        self.assertEqual(len(rows), 2)
        self.assertNotIn(gone[0]["uidl"], [row["uidl"] for row in rows])
        self.assertEqual(self.rows("findings", "check"), [])

    def test_undelete_and_purge_beside_the_server(self):
        self.delete(1, 3)
        self.delete(2)  # uid 4, by another session
        self.check_undelete_and_purge()

    def test_undelete_and_purge_without_a_server(self):
        self.delete(1, 3)
        self.delete(2)  # uid 4, by another session
        self.mx.stop()
        self.check_undelete_and_purge()

    def test_question_keeps_nothing_from_others(self):
        self.delete(1, 2)
        self.mx.stop()
        pid, terminal = pty.fork()
        if pid == 0:
            tool = os.environ["RESTANTE"]
            os.execv(tool, [tool, "-c", self.mx.config, "maildrop", "purge", ANN, "--all"])
        seen = b""
        while b"[y/N]" not in seen:
            seen += os.read(terminal, 4096)
        self.assertIn(b"2 deleted messages", seen)
        self.mx.tool("maildrop", "undelete", ANN, "--uid", "1")
        os.write(terminal, b"y\n")
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        os.close(terminal)
        self.assertEqual(self.uids("--deleted"), [])
        self.assertEqual(len(self.uids()), 3)

    def test_purge_of_a_maildrop_in_use_is_put_off(self):
        self.delete(1)
        with self.mx.login("ann") as pop3:
            self.fails(TEMPFAIL, "", "maildrop", "purge", ANN, "--all", "--yes")
            pop3.quit()


class Sessions(ToolTest):
    def setUp(self):
        self.mx = self.serve("ann", "bob")

    def test_session_is_listed_and_ended(self):
        self.mx.deliver(ANN, MESSAGE)
        with self.mx.login("ann") as pop3, self.mx.login("bob"):
            rows = [row for row in self.rows("sessions", "session", "list")
                    if row["user"] == ANN]
            self.assertEqual(len(rows), 1)
            self.assertEqual((rows[0]["protocol"], rows[0]["messages"]), ("pop3", 1))
            self.assertIn("127.0.0.1", rows[0]["peer"])
            pop3.ok("DELE 1")
            self.mx.tool("session", "kick", str(rows[0]["session"]))
            self.assertEqual(pop3.rest(), b"")
            done = self.mx.tool("session", "kick", BOB)
            self.assertIn("Ended 1 session\n", done.stdout)
        self.assertEqual(self.uids(), [1])  # the mark died with the session
        self.fails(NOUSER, "session list", "session", "kick", ANN)
        self.fails(NOUSER, "session list", "session", "kick", "999999999")

    def test_status_of_a_running_server(self):
        row, = self.rows("status", "status")
        self.assertEqual(row["server"], "running")
        self.mx.deliver(ANN, MESSAGE)
        shards = self.rows("shards", "status", "--shards")
        self.assertEqual(sum(row["messages"] for row in shards), 1)
        self.assertTrue(all(row["in_service"] for row in shards))


class Backup(ToolTest):
    def setUp(self):
        self.mx = self.serve("ann")
        self.backup = self.mx.data / "backup"  # where the server's user may write
        self.restored = self.server()

    def restore(self):
        self.restored.configure()
        self.restored.tool("restore", str(self.backup))
        self.restored.start()

    def test_mail_and_accounts_come_back_with_their_unique_ids(self):
        self.mx.deliver(ANN, MESSAGE)
        self.mx.tool("backup", str(self.backup))
        self.mx.deliver(ANN, b"Subject: later\r\n\r\n")
        before = self.rows("messages", "maildrop", "list", ANN)
        self.restore()
        after = self.rows("messages", "maildrop", "list", ANN, server=self.restored)
        self.assertEqual(after, before[:1])
        self.restored.deliver(ANN, b"Subject: new\r\n\r\n")
        new = self.rows("messages", "maildrop", "list", ANN, server=self.restored)[1]
        # Not even the unique-id of what the backup had not seen is given again.
        self.assertNotIn(new["uidl"], [row["uidl"] for row in before])
        with self.restored.login("ann") as pop3:
            self.assert_kept(pop3.multi("RETR 1"), MESSAGE)
        self.assertEqual(self.rows("findings", "check", server=self.restored), [])

    def test_backup_during_deliveries_is_sound(self):
        stop = threading.Event()

        def deliver():
            while not stop.is_set():
                self.mx.deliver(ANN, MESSAGE)

        sender = threading.Thread(target=deliver)
        sender.start()
        try:
            self.mx.tool("backup", str(self.backup))
        finally:
            stop.set()
            sender.join()
        self.restore()
        self.assertEqual(self.rows("findings", "check", server=self.restored), [])

    def test_check_needs_nothing_of_the_server(self):
        self.mx.deliver(ANN, MESSAGE)
        os.kill(self.mx.process.pid, signal.SIGSTOP)
        try:
            self.assertEqual(self.rows("findings", "check"), [])
        finally:
            os.kill(self.mx.process.pid, signal.SIGCONT)

    def test_backup_that_may_not_be_written_is_restored(self):
        self.mx.deliver(ANN, MESSAGE)
        self.mx.tool("backup", str(self.backup))
        names = sorted(self.backup.rglob("*"))
        for path in (self.backup, *names):
            path.chmod(0o500 if path.is_dir() else 0o400)
        self.restore()
        self.assertEqual(sorted(self.backup.rglob("*")), names)
        self.assertEqual(self.rows("findings", "check", server=self.restored), [])

    def test_restore_beside_the_server_is_refused(self):
        self.mx.tool("backup", str(self.backup))
        self.fails(TEMPFAIL, "stop it", "restore", str(self.backup))

    def test_store_owned_by_a_server_out_of_reach_is_not_opened(self):
        self.mx.deliver(ANN, MESSAGE)
        (self.mx.run / "control").unlink()
        self.fails(TEMPFAIL, "owns the store", "maildrop", "undelete", ANN, "--all")


if __name__ == "__main__":
    unittest.main()
