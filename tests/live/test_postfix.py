"""A real Postfix, with configuration and queue of its own on loopback, delivers into restante."""
import pathlib
import re
import shutil
import smtplib
import subprocess
import unittest

from harness import (AS_ROOT, PATIENCE, PROGRAMS, TOP, LiveTest, free_port, scratch,
                     wait_until)

BODY = b"From: sender@example.net\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n" \
       b"Subject: through an MTA\r\nMessage-ID: <%s@example.net>\r\nMIME-Version: 1.0\r\n" \
       b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" \
       b".dot\r\n..dots\r\n\xc3\xa4\xc3\xb6\xc3\xbc\r\nlast line\r\n"

MAIN = """compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mta.example.net
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks_style = host
alias_maps =
virtual_mailbox_domains = example.test
virtual_transport = {transport}
smtpd_recipient_restrictions = reject_unauth_destination
smtputf8_enable = yes
minimal_backoff_time = 1s
"""

# name, type, private, unprivileged, chroot, wakeup, limit, command
MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n - 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Mta:
    """One Postfix below a folder of its own."""

    def __init__(self, transport):
        self.folder = scratch("postfix")
        self.port = free_port()
        self.config = self.folder / "etc"
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir(mode=0o755)
        shutil.chown(self.folder / "data", "postfix")
        (self.config / "main.cf").write_text(
            MAIN.format(folder=self.folder, transport=transport))
        (self.config / "master.cf").write_text(MASTER.format(port=self.port))

    def control(self, command):
        subprocess.run(["postfix", "-c", self.config, command], check=True, capture_output=True,
                       timeout=PATIENCE)

    def start(self):
        self.control("start")
        master = (self.folder / "spool/pid/master.pid").read_text().strip()
        self.master = pathlib.Path("/proc") / master

    def stop(self):
        self.control("stop")
        wait_until(lambda: not self.master.exists())
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, recipients, message, sender="sender@example.net"):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
            return client.sendmail(sender, recipients, message)

    def retry_queue(self):
        subprocess.run(["postqueue", "-c", self.config, "-f"], check=True, timeout=PATIENCE)

    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""


@unittest.skipUnless(AS_ROOT, "Postfix's master runs as root only")
class Postfix(LiveTest):
    def mta(self, transport):
        mta = Mta(transport)
        mta.start()
        self.addCleanup(mta.stop)
        return mta

    def assert_arrived(self, server, user, message):
        """The user's only message is this one, behind trace lines of both servers."""
        server.wait_log(rf'delivery .*maildrop="{user}@example\.test"')
        with server.login(user) as pop3:
            self.assertEqual(pop3.stat()[0], 1)
            got = pop3.multi("RETR 1")
        self.assertTrue(got.endswith(message), got)
        trace = got[:-len(message)]
        self.assertEqual(trace.count(b"Return-Path: <sender@example.net>\r\n"), 1)
        self.assertEqual(trace.count(b"Received: "), 2)
        self.assertIn(b"Delivered-To: %s@example.test\r\n" % user.encode(), trace)

    def test_postfix_delivers_over_unix_socket(self):
        server = self.serve("ann", "bob")
        mta = self.mta(f"lmtp:unix:{server.lmtp}")
        message = BODY % b"unix"
        self.assertEqual(mta.send(["ann@example.test", "bob@example.test"], message), {})
        for user in ("ann", "bob"):
            self.assert_arrived(server, user, message)

    def test_postfix_delivers_over_tcp(self):
        server = self.serve("ann")
        mta = self.mta("lmtp:inet:%s:%d" % server.lmtp_tcp)
        message = BODY % b"tcp"
        self.assertEqual(mta.send(["ann@example.test"], message), {})
        self.assert_arrived(server, "ann", message)

    def test_sendmail_command_delivers(self):
        server = self.serve("ann")
        mta = self.mta(f"lmtp:unix:{server.lmtp}")
        message = BODY % b"sendmail"
        subprocess.run(["sendmail", "-C", mta.config, "-i", "-f", "sender@example.net",
                        "ann@example.test"], input=message.replace(b"\r\n", b"\n"), check=True,
                       timeout=PATIENCE)
        self.assert_arrived(server, "ann", message)

    def test_pipe_transport_of_manual_delivers_mail_and_bounces(self):
        server = self.serve("ann", "bob")
        manual = (TOP / "docs/man/restante.1").read_text()
        service = re.search(r"^restante unix .*?(?=^\.Ed$)", manual, re.MULTILINE | re.DOTALL)[0]
        mta = Mta("restante")
        with (mta.config / "master.cf").open("a") as file:
            file.write(service.replace("/usr/bin/restante",
                                       f"{PROGRAMS['restante']} --config {server.config}"))
        mta.start()
        self.addCleanup(mta.stop)
        message = BODY % b"pipe"
        mta.send(["ann@example.test"], message)
        self.assert_arrived(server, "ann", message)
        mta.send(["bob@example.test"], message, sender="")
        server.wait_log(r'delivery .*maildrop="bob@example\.test" from=""')

    def test_unknown_recipient_is_bounced_by_postfix(self):
        server = self.serve("ann")
        server.add_user("sender@example.net")
        mta = self.mta(f"lmtp:unix:{server.lmtp}")
        mta.control("stop")
        text = (mta.config / "main.cf").read_text()
        (mta.config / "main.cf").write_text(
            text.replace("virtual_mailbox_domains = ", "virtual_mailbox_domains = example.net, "))
        mta.start()
        mta.send(["no@example.test"], BODY % b"unknown")
        server.wait_log(r'delivery .*maildrop="sender@example\.net" from=""')
        with server.login("sender@example.net") as pop3:
            self.assertIn(b"550 5.1.1", pop3.multi("RETR 1"))

    def test_mail_waits_in_queue_while_server_is_down(self):
        server = self.serve("ann")
        mta = self.mta(f"lmtp:unix:{server.lmtp}")
        server.stop()
        message = BODY % b"queued"
        mta.send(["ann@example.test"], message)
        wait_until(lambda: "status=deferred" in mta.log())
        server.notices.clear()
        server.start()
        mta.retry_queue()
        self.assert_arrived(server, "ann", message)

    def test_full_mailbox_defers_and_delivers_when_emptied(self):
        server = self.serve("ann")
        server.sql("UPDATE mailbox SET quota_messages = 1")
        server.deliver("ann@example.test", b"Subject: full\r\n\r\n")
        mta = self.mta(f"lmtp:unix:{server.lmtp}")
        message = BODY % b"full"
        mta.send(["ann@example.test"], message)
        wait_until(lambda: "452 4.2.2" in mta.log())
        with server.login() as pop3:
            pop3.ok("DELE 1")
            pop3.quit()
        mta.retry_queue()
        server.wait_log(r"delivery .*message-id=\"<full@example\.net>\"")
        with server.login() as pop3:
            self.assertTrue(pop3.multi("RETR 1").endswith(message))


if __name__ == "__main__":
    unittest.main()
