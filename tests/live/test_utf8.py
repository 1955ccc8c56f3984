"""RFC 6856 in the real server: UTF8, LANG, and names and passwords in UTF-8."""
import email.message
import email.policy
import hashlib
import poplib
import re
import smtplib
import unittest

from harness import PATIENCE, LiveTest
import wire

USER = "jürgen@example.test"
DECOMPOSED = "ju\u0308rgen@example.test"
PASSWORD = "grün €"
SUBJECT = "Grüße"


class Utf8(LiveTest):
    def setUp(self):
        self.mx = self.serve("ann", apop=True)
        self.mx.tool("user", "add", USER, "--password-stdin", stdin=f"{PASSWORD}\n".encode())

    def deliver(self, sender, recipient, subject, body):
        """With smtplib, which says SMTPUTF8 where an address needs it."""
        message = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
        message["From"], message["To"], message["Subject"] = sender, recipient, subject
        message.set_content(body, cte="8bit")
        with smtplib.LMTP(*self.mx.lmtp_tcp, timeout=PATIENCE) as lmtp:
            self.assertEqual(lmtp.send_message(message, sender, [recipient]), {})
        return message.as_bytes()

    def login(self, user=USER, password=PASSWORD):
        pop3 = self.connect()
        pop3.login(user, password)
        return pop3

    def connect(self):
        pop3 = wire.Pop3(self.mx.pop3)
        self.addCleanup(pop3.close)
        return pop3

    def test_smtputf8_message_needs_utf8(self):
        sent = self.deliver("böb@example.net", USER, SUBJECT, "ä\n")
        pop3 = self.login()
        (size,) = pop3.sizes()
        self.assertEqual(pop3.stat(), (1, size))
        for command in "RETR 1", "TOP 1 0", "TOP 1 10":
            self.assertTrue(pop3.err(command).startswith(b"-ERR [UTF8] "), command)
        # Outlook's way: after the login.
        pop3.ok("UTF8")
        got = pop3.multi("RETR 1")
        self.assert_kept(got, sent)
        self.assertEqual(len(got), size)
        self.assertIn(SUBJECT.encode(), pop3.multi("TOP 1 0"))
        pop3.quit()
        self.mx.wait_log(r"session .*protocol=pop3.* retrieved=1 ")

    def test_poplib_says_utf8_first(self):
        sent = self.deliver("böb@example.net", USER, SUBJECT, "ä\n")
        client = poplib.POP3(*self.mx.pop3, timeout=PATIENCE)
        client.encoding = "utf-8"
        self.assertEqual(client.capa()["UTF8"], ["USER"])
        self.assertEqual(client.capa()["LANG"], [])
        client.utf8()
        client.user(USER)
        client.pass_(PASSWORD)
        self.assert_kept(b"\r\n".join(client.retr(1)[1]) + b"\r\n", sent)
        client.quit()

    def test_other_mail_is_sent_as_it_is(self):
        header = b"Subject: x\r\n\r\n"
        for body, parameters in ((b"gr\xfcn\r\n", " BODY=8BITMIME"), (b"ascii\r\n", " SMTPUTF8")):
            message = header + body
            with wire.Lmtp(self.mx.lmtp) as lmtp:
                replies = lmtp.deliver("s@example.net", ["ann@example.test"], message, parameters)
            self.assertEqual([code for code, _ in replies], [250])
        with self.mx.login() as pop3:
            self.assertIn(b"gr\xfcn", pop3.multi("RETR 1"))
            self.assertIn(b"ascii", pop3.multi("RETR 2"))

    def test_name_and_password_are_prepared(self):
        for user in USER, DECOMPOSED, "J" + USER[1:]:
            self.login(user, PASSWORD).quit()
        # A no-break space is a space, a soft hyphen nothing (RFC 4013 section 2.1).
        self.login(USER, "gru\u0308\u00adn\u00a0€").quit()

    def test_ill_formed_credentials_are_refused(self):
        pop3 = self.connect()
        pop3.send(USER.encode("latin-1").join([b"USER ", b"\r\n"]))
        self.assertEqual(pop3.line(), b"-ERR ill-formed user name")
        pop3.ok(f"USER {USER}")
        pop3.send(b"PASS gr\xfcn\r\n")
        self.assertTrue(pop3.line().startswith(b"-ERR [AUTH] "))
        self.mx.wait_log('auth-fail .*reason=unusable-password .*user="jürgen@example.test"')

    def test_apop_secret_is_prepared(self):
        self.mx.tool("user", "apop", USER, "--password-stdin", stdin="tän staaf\n".encode())
        for user in USER, DECOMPOSED:
            pop3 = self.connect()
            (challenge,) = re.findall(rb"<.*>", pop3.greeting)
            digest = hashlib.md5(challenge + "tän staaf".encode()).hexdigest()
            pop3.ok(f"APOP {user} {digest}")
            pop3.quit()

    def test_lang_is_english(self):
        pop3 = self.connect()
        self.assertEqual([line.split()[0] for line in pop3.multi("LANG").splitlines()],
                         [b"en", b"i-default"])
        self.assertTrue(pop3.ok("LANG en-GB").startswith(b"+OK en "))
        self.assertTrue(pop3.ok("LANG *").startswith(b"+OK i-default "))
        pop3.err("LANG de")
        pop3.login(USER, PASSWORD)
        self.assertTrue(pop3.ok("LANG EN").startswith(b"+OK en "))
        pop3.quit()


if __name__ == "__main__":
    unittest.main()
