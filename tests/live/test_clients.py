"""Mail clients that people use, as they are: each fetches the same octets."""
import os
import poplib
import re
import unittest

from harness import AS_ROOT, PASSWORD, PATIENCE, LiveTest
from terminal import mutt

MESSAGES = [
    b"From: a@example.net\r\nSubject: one\r\nMessage-ID: <1@example.net>\r\n\r\nFirst.\r\n",
    b"From: b@example.net\r\nSubject: two\r\nMessage-ID: <2@example.net>\r\n\r\n"
    b".dot\r\n..dots\r\n.\r\nlast\r\n",
    b"From: c@example.net\r\nSubject: three\r\nMessage-ID: <3@example.net>\r\n\r\n"
    + "ä€\r\n".encode() * 5000,
]
SECRET = "tanstaaf"


class Clients(LiveTest):
    def setUp(self):
        self.mx = self.serve(apop=False)
        for message in MESSAGES:
            self.mx.deliver("ann@example.test", message)
        self.place = self.home()

    def use_apop(self):
        """From now on the server offers APOP, and ann has a secret."""
        self.mx.options["apop"] = True
        self.mx.restart()
        self.mx.tool("user", "apop", "ann@example.test", "--password-stdin",
                     stdin=SECRET.encode() + b"\n")

    def use_sasl(self):
        """From now on the server offers every mechanism, and ann has what they need but CRAM-MD5."""
        self.mx.options["sasl_mechanisms"] = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN",
                                              "LOGIN"]
        self.mx.restart()
        self.mx.tool("user", "passwd", "ann@example.test", "--password-stdin",
                     stdin=PASSWORD.encode() + b"\n")

    def assert_mbox(self, path):
        """A client's mbox holds our messages' bodies and no more messages."""
        content = path.read_bytes().replace(b"\r\n", b"\n")
        self.assertEqual(len(re.findall(rb"^From \S+ ", content, re.MULTILINE)), len(MESSAGES))
        for message in MESSAGES:
            body = message.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
            self.assertIn(body.rstrip(b"\n"), content)

    def left(self):
        with self.mx.login() as pop3:
            return pop3.stat()[0]

    # --- curl -------------------------------------------------------------------------------

    def curl(self, path="", *options, user=f"ann@example.test:{PASSWORD}"):
        url = "pop3://%s:%d/%s" % (*self.mx.pop3, path)
        return self.client(["curl", "-sS", "-u", user, url, *options], self.place)

    def test_curl_retr_gives_message(self):
        for number, message in enumerate(MESSAGES, 1):
            self.assert_kept(self.curl(str(number)), message)

    def test_curl_list_and_uidl_agree_with_server(self):
        with self.mx.login() as pop3:
            sizes, uidls = pop3.sizes(), pop3.uidls()
        self.assertEqual([int(line.split()[1]) for line in self.curl().splitlines()], sizes)
        self.assertEqual([line.split()[1] for line in self.curl("", "-X", "UIDL").splitlines()],
                         uidls)

    def test_curl_top_ends_with_header(self):
        top = self.curl("", "-X", "TOP 2 0")
        self.assertIn(b"Subject: two\r\n", top)
        self.assertNotIn(b"dot", top)

    def test_curl_dele_removes_message(self):
        self.curl("2", "-X", "DELE", "-I")
        self.assertEqual(self.left(), 2)

    def test_curl_apop_logs_in(self):
        self.use_apop()
        got = self.curl("1", "--login-options", "AUTH=+APOP", user=f"ann@example.test:{SECRET}")
        self.assert_kept(got, MESSAGES[0])
        self.mx.wait_log(r" session .* retrieved=1 ")

    def test_curl_logs_in_by_each_mechanism_it_has(self):
        self.use_sasl()
        for mechanism, word in (("PLAIN", "plain"), ("LOGIN", "login")):
            for initial in ((), ("--sasl-ir",)):
                got = self.curl("1", "--login-options", f"AUTH={mechanism}", *initial)
                self.assert_kept(got, MESSAGES[0])
            self.mx.wait_log(rf" session .* method={word} ", 2)
        self.mx.sql("UPDATE mailbox SET password = ?", "{PLAIN}" + PASSWORD)
        self.assert_kept(self.curl("1", "--login-options", "AUTH=CRAM-MD5"), MESSAGES[0])
        self.mx.wait_log(r" session .* method=cram-md5 ")

    # --- fetchmail --------------------------------------------------------------------------

    def fetchmail(self, keep, status=0, protocol="POP3", secret=PASSWORD):
        rc = self.place / "fetchmailrc"
        rc.write_text(f"""poll {self.mx.pop3[0]} service {self.mx.pop3[1]} protocol {protocol} uidl
            user "ann@example.test" password "{secret}" sslproto "" {keep}
            no rewrite mda "cat >>{self.place}/mbox"\n""")
        rc.chmod(0o600)
        if AS_ROOT:
            os.chown(rc, 65534, 65534)
        return self.client(["fetchmail", "-f", str(rc), "--pidfile", str(self.place / "pid"),
                            "--idfile", str(self.place / "ids")], self.place, status)

    def test_fetchmail_keep_fetches_each_once(self):
        self.fetchmail("keep")
        content = (self.place / "mbox").read_bytes()
        for message in MESSAGES:
            self.assertIn(message.split(b"\r\n\r\n")[1].replace(b"\r\n", b"\n"), content)
        self.assertEqual(self.left(), len(MESSAGES))
        self.fetchmail("keep", status=1)  # 1: there was nothing new
        self.assertEqual((self.place / "mbox").read_bytes(), content)

    def test_fetchmail_nokeep_empties_maildrop(self):
        self.fetchmail("nokeep")
        self.assertEqual(self.left(), 0)

    def test_fetchmail_apop_logs_in(self):
        self.use_apop()
        self.fetchmail("nokeep", protocol="APOP", secret=SECRET)
        self.mx.wait_log(r" session .* deleted=3 ")

    # --- mpop -------------------------------------------------------------------------------

    def mpop(self, *options, auth="user", secret=PASSWORD):
        self.client(["mpop", "-C", "/dev/null", f"--host={self.mx.pop3[0]}",
                     f"--port={self.mx.pop3[1]}", "--user=ann@example.test", f"--auth={auth}",
                     f"--passwordeval=echo '{secret}'", "--tls=off", "--received-header=off",
                     f"--delivery=mbox,{self.place}/mbox", f"--uidls-file={self.place}/uidls",
                     *options], self.place)

    def test_mpop_keep_fetches_each_once(self):
        self.mpop("--keep=on")
        self.assert_mbox(self.place / "mbox")
        self.assertEqual(self.left(), len(MESSAGES))
        self.mpop("--keep=on")
        self.assert_mbox(self.place / "mbox")

    def test_mpop_pipelining_empties_maildrop(self):
        self.mpop("--keep=off", "--pipelining=on")
        self.assert_mbox(self.place / "mbox")
        self.assertEqual(self.left(), 0)

    def test_mpop_apop_logs_in(self):
        self.use_apop()
        self.mpop("--keep=on", auth="apop", secret=SECRET)
        self.assert_mbox(self.place / "mbox")

    def test_mpop_logs_in_by_each_mechanism_it_has(self):
        self.use_sasl()
        for mechanism in ("scram-sha-256", "scram-sha-1", "plain", "login"):
            self.mpop("--keep=on", f"--uidls-file={self.place}/{mechanism}", auth=mechanism)
            self.mx.wait_log(rf" session .* method={mechanism} .*retrieved=3 ")
        # By itself it takes the best.
        self.mpop("--keep=on", f"--uidls-file={self.place}/on", auth="on")
        self.mx.wait_log(r" session .* method=scram-sha-256 .*retrieved=3 ", 2)
        self.mx.sql("UPDATE mailbox SET password = ?", "{PLAIN}" + PASSWORD)
        self.mpop("--keep=on", f"--uidls-file={self.place}/cram", auth="cram-md5")
        self.mx.wait_log(r" session .* method=cram-md5 .*retrieved=3 ")

    # --- getmail6 ---------------------------------------------------------------------------

    def test_getmail_delete_empties_maildrop(self):
        # It hands over by LMTP: for its other destinations it forks, and under load it can miss the
        # child's end and wait for three minutes.
        self.mx.add_user("bob")
        (self.place / "getmailrc").write_text(f"""[retriever]
type = SimplePOP3Retriever
server = {self.mx.pop3[0]}
port = {self.mx.pop3[1]}
username = ann@example.test
password = {PASSWORD}
[destination]
type = MDA_lmtp
host = {self.mx.lmtp_tcp[0]}
port = {self.mx.lmtp_tcp[1]}
override = bob@example.test
[options]
delete = true
""")
        self.client(["getmail", f"--getmaildir={self.place}", "--rcfile=getmailrc"], self.place)
        self.assertEqual(self.left(), 0)
        with self.mx.login("bob") as pop3:
            self.assertEqual(pop3.stat()[0], len(MESSAGES))
            for number, message in enumerate(MESSAGES, 1):
                body = message.split(b"\r\n\r\n", 1)[1]
                self.assertTrue(pop3.multi(f"RETR {number}").endswith(b"\r\n\r\n" + body))

    # --- mutt -------------------------------------------------------------------------------

    def test_mutt_saves_all_messages(self):
        """mutt wants a terminal: it gets one of ours, and its keys from the command line."""
        url = "pop://ann%%40example.test@%s:%d/" % self.mx.pop3
        copy = f"<copy-message>{self.place}/mbox<enter>"
        keys = "<next-entry>".join([copy] * len(MESSAGES)) + "<exit>"
        status, screen = mutt(
            url, self.place, f'set pop_pass="{PASSWORD}" pop_authenticators="user" pop_checkinterval=0',
            "set confirmcreate=no confirmappend=no copy=no move=no quit=yes",
            f"set ssl_starttls=no ssl_force_tls=no folder={self.place}", f"push '{keys}'")
        self.assertEqual(status, 0, screen)
        self.assert_mbox(self.place / "mbox")

    # --- Python's poplib ----------------------------------------------------------------------

    def poplib(self):
        return poplib.POP3(*self.mx.pop3, timeout=PATIENCE)

    def test_poplib_retr_top_and_uidl_agree(self):
        client = self.poplib()
        client.user("ann@example.test")
        client.pass_(PASSWORD)
        count, octets = client.stat()
        self.assertEqual(count, len(MESSAGES))
        sizes = [int(line.split()[1]) for line in client.list()[1]]
        self.assertEqual(sum(sizes), octets)
        uidls = [line.split()[1] for line in client.uidl()[1]]
        self.assertEqual(len(set(uidls)), len(MESSAGES))
        for number, message in enumerate(MESSAGES, 1):
            got = b"".join(line + b"\r\n" for line in client.retr(number)[1])
            self.assertEqual(len(got), sizes[number - 1])
            self.assert_kept(got, message)
            top = b"".join(line + b"\r\n" for line in client.top(number, 10 ** 8)[1])
            self.assertEqual(top, got)
        client.quit()

    def test_poplib_apop_logs_in(self):
        self.use_apop()
        client = self.poplib()
        client.apop("ann@example.test", SECRET)
        self.assertEqual(client.stat()[0], len(MESSAGES))
        client.quit()

    def test_poplib_wrong_password_is_refused(self):
        client = self.poplib()
        client.user("ann@example.test")
        with self.assertRaises(poplib.error_proto) as refusal:
            client.pass_("wrong")
        self.assertTrue(refusal.exception.args[0].startswith(b"-ERR [AUTH] "))
        client.close()


if __name__ == "__main__":
    unittest.main()
