"""LMTP as MTAs speak it: who takes mail, what is answered, what is kept."""
import re
import smtplib
import unittest

from harness import HAS_IPV6, LiveTest, free_port
import wire

MESSAGE = b"Subject: hello\r\nMessage-ID: <hello@example.net>\r\n\r\nHello.\r\n"
FROM_MTA = b"Received: from a by b; Mon, 23 Nov 2026 09:00:00 +0000\r\n" + MESSAGE
SENDER = "sender@example.net"


class Lmtp(LiveTest):
    def setUp(self):
        self.mx = self.serve("ann", "bob")

    def lmtp(self):
        lmtp = wire.Lmtp(self.mx.lmtp)
        self.addCleanup(lmtp.close)
        return lmtp

    def rcpt(self, address):
        """The whole reply to one RCPT, as "code text"."""
        lmtp = self.lmtp()
        self.assertEqual(lmtp.code(f"MAIL FROM:<{SENDER}>"), 250)
        code, texts = lmtp.command(f"RCPT TO:<{address}>")
        return f"{code} {texts[-1]}"

    def count(self, user="ann"):
        with self.mx.login(user) as pop3:
            return pop3.stat()[0]

    def retrieve(self, user="ann", number=1):
        with self.mx.login(user) as pop3:
            return pop3.multi(f"RETR {number}")

    # --- clients ------------------------------------------------------------------------------

    def test_smtplib_unix_socket_delivers(self):
        with smtplib.LMTP(self.mx.lmtp) as client:
            self.assertEqual(client.sendmail(SENDER, ["ann@example.test"], MESSAGE), {})
        self.assert_kept(self.retrieve(), MESSAGE)

    def test_smtplib_tcp_tells_refused_recipient(self):
        with smtplib.LMTP(*self.mx.lmtp_tcp) as client:
            refused = client.sendmail(SENDER, ["ann@example.test", "no@example.test"], MESSAGE)
        self.assertEqual(refused["no@example.test"][0], 550)
        self.assertTrue(refused["no@example.test"][1].startswith(b"5.1.1"))
        self.assertEqual(self.count(), 1)

    def test_swaks_delivers_over_both_sockets(self):
        home = self.home()
        (home / "message").write_bytes(MESSAGE.replace(b"\r\n", b"\n"))
        for where in (["--socket", self.mx.lmtp],
                      ["--server", "%s:%d" % self.mx.lmtp_tcp]):
            self.client(["swaks", "--protocol", "LMTP", *where, "--from", SENDER, "--to",
                         "ann@example.test", "--data", f"@{home}/message"], home)
        self.assertEqual(self.count(), 2)

    # --- the protocol -------------------------------------------------------------------------

    def test_extensions_are_those_promised(self):
        extensions = {text.split()[0] for text in self.lmtp().extensions[1:]}
        self.assertEqual(extensions, {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE",
                                      "SMTPUTF8", "CHUNKING", "HELP"})

    def test_helo_and_ehlo_are_refused(self):
        lmtp = wire.Lmtp(self.mx.lmtp, hello=False)
        self.addCleanup(lmtp.close)
        self.assertEqual([lmtp.code("EHLO x"), lmtp.code("HELO x")], [500, 500])

    def test_whole_session_pipelined_is_answered_in_order(self):
        lmtp = self.lmtp()
        lmtp.send(b"MAIL FROM:<a@example.net>\r\nRCPT TO:<ann@example.test>\r\n"
                  b"RCPT TO:<no@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
                  + wire.stuffed(MESSAGE) + b"MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\n"
                  b"DATA\r\n" + wire.stuffed(MESSAGE) + b"QUIT\r\n")
        codes = [lmtp.reply()[0] for _ in range(11)]
        self.assertEqual(codes, [250, 250, 550, 250, 354, 250, 250, 250, 250, 354, 250])
        self.assertEqual(lmtp.reply()[0], 221)
        self.assertEqual(lmtp.rest(), b"")
        self.assertEqual((self.count("ann"), self.count("bob")), (2, 1))

    def test_data_without_recipient_is_503(self):
        lmtp = self.lmtp()
        lmtp.envelope(SENDER, ["no@example.test"])
        self.assertEqual(lmtp.code("DATA"), 503)

    def test_bdat_keeps_octets_without_unstuffing(self):
        message = b"Subject: chunks\r\n\r\n..two dots\r\n.\r\nno end"
        lmtp = self.lmtp()
        lmtp.envelope(SENDER, ["ann@example.test", "bob@example.test"])
        lmtp.chunk(message[:25], last=False)
        self.assertEqual(lmtp.reply()[0], 250)
        lmtp.chunk(message[25:], last=False)
        self.assertEqual(lmtp.reply()[0], 250)
        lmtp.chunk(b"")
        self.assertEqual([lmtp.reply()[0] for _ in range(2)], [250, 250])
        for user in ("ann", "bob"):
            self.assert_kept(self.retrieve(user), message)

    def test_data_interrupted_keeps_nothing(self):
        lmtp = self.lmtp()
        lmtp.envelope(SENDER, ["ann@example.test"])
        self.assertEqual(lmtp.code("DATA"), 354)
        lmtp.send(MESSAGE + b"\r\n.")
        lmtp.close()
        self.mx.wait_log(r"protocol=lmtp .*end=hangup")
        self.assertEqual(self.count(), 0)

    def test_size_over_limit_is_refused_at_once(self):
        self.mx.options["message_size"] = 100000
        self.mx.restart()
        lmtp = self.lmtp()
        self.assertEqual(lmtp.code(f"MAIL FROM:<{SENDER}> SIZE=100001"), 552)
        self.assertEqual(lmtp.code(f"MAIL FROM:<{SENDER}> SIZE=100000"), 250)

    def test_message_over_limit_is_refused_after_data(self):
        self.mx.options["message_size"] = 100000
        self.mx.restart()
        lmtp = self.lmtp()
        large = MESSAGE + b"x" * 70 + b"\r\n"
        replies = lmtp.deliver(SENDER, ["ann@example.test", "bob@example.test"],
                               MESSAGE + (b"x" * 70 + b"\r\n") * 1500)
        self.assertEqual([code for code, _ in replies], [552, 552])
        self.assertEqual([code for code, _ in lmtp.deliver(SENDER, ["ann@example.test"], large)],
                         [250])
        self.assertEqual(self.count(), 1)

    # --- recipients -----------------------------------------------------------------------------

    def test_alias_reaches_every_target_once(self):
        self.mx.sql("INSERT INTO alias(address, goto) VALUES"
                    "('team@example.test', 'ann@example.test'),"
                    "('team@example.test', 'bob@example.test'),"
                    "('all@example.test', 'team@example.test'),"
                    "('all@example.test', 'ann@example.test')")
        self.mx.deliver("all@example.test", MESSAGE)
        self.assertEqual((self.count("ann"), self.count("bob")), (1, 1))

    def test_two_recipients_of_one_maildrop_make_one_copy_and_two_replies(self):
        self.mx.sql("INSERT INTO alias(address, goto) VALUES('a@example.test','ann@example.test')")
        replies = self.lmtp().deliver(SENDER, ["ann@example.test", "a@example.test"], MESSAGE)
        self.assertEqual([code for code, _ in replies], [250, 250])
        self.assertEqual(self.count(), 1)

    def test_alias_domain_stands_for_its_target(self):
        self.mx.sql("INSERT INTO alias_domain(alias_domain, target_domain) "
                    "VALUES('example.org', 'example.test')")
        self.mx.deliver("ann@example.org", MESSAGE)
        self.assertEqual(self.count(), 1)
        self.assertTrue(self.rcpt("no@example.org").startswith("550 5.1.1"))

    def test_catch_all_takes_what_nobody_else_does(self):
        self.mx.sql("INSERT INTO alias(address, goto) VALUES('@example.test','bob@example.test')")
        self.mx.deliver("ann@example.test", MESSAGE)
        self.mx.deliver("anybody@example.test", MESSAGE)
        self.assertEqual((self.count("ann"), self.count("bob")), (1, 1))

    def test_detail_reaches_user_and_stands_in_delivered_to(self):
        self.mx.deliver("ann+lists@example.test", MESSAGE)
        self.assertIn(b"Delivered-To: ann", self.retrieve())

    def test_alias_loop_is_451(self):
        self.mx.sql("INSERT INTO alias(address, goto) VALUES('x@example.test','y@example.test'),"
                    "('y@example.test','x@example.test')")
        self.assertTrue(self.rcpt("x@example.test").startswith("451 4.4.6"))

    def test_address_case_makes_no_difference(self):
        self.mx.deliver("ANN@Example.TEST", MESSAGE)
        self.assertEqual(self.count(), 1)

    def test_unknown_recipients_are_550(self):
        for address in ("no@example.test", "ann@example.invalid", "ann+@no.test"):
            self.assertTrue(self.rcpt(address).startswith("550 5.1.1"), address)

    def test_disabled_mailbox_is_450_until_enabled(self):
        for column in ("active", "lmtp_enabled"):
            self.mx.sql(f"UPDATE mailbox SET {column} = 0 WHERE address = 'ann@example.test'")
            self.assertTrue(self.rcpt("ann@example.test").startswith("450 4.2.1"), column)
            self.mx.sql(f"UPDATE mailbox SET {column} = 1 WHERE address = 'ann@example.test'")
        self.assertTrue(self.rcpt("ann@example.test").startswith("250 2.1.5"))

    def test_postmaster_goes_where_configured(self):
        self.assertTrue(self.rcpt("postmaster").startswith("550"))
        self.mx.options["postmaster"] = "bob@example.test"
        self.mx.restart()
        for name in ("postmaster", "PostMaster"):
            self.mx.deliver(name, MESSAGE)
        self.assertEqual(self.count("bob"), 2)

    # --- quota, duplicates ----------------------------------------------------------------------

    def test_message_quota_is_452_or_552_as_configured(self):
        self.mx.sql("UPDATE mailbox SET quota_messages = 1 WHERE address = 'ann@example.test'")
        self.mx.deliver("ann@example.test", MESSAGE)
        self.assertTrue(self.rcpt("ann@example.test").startswith("452 4.2.2"))
        self.mx.options["over_quota"] = "permanent"
        self.mx.restart()
        self.assertTrue(self.rcpt("ann@example.test").startswith("552 5.2.2"))
        with self.mx.login() as pop3:
            pop3.ok("DELE 1")
            pop3.quit()
        self.assertTrue(self.rcpt("ann@example.test").startswith("250"))

    def test_quota_met_after_the_message_is_452_or_552_as_configured(self):
        self.mx.sql("UPDATE mailbox SET quota_octets = 2000 WHERE address = 'ann@example.test'")
        message = MESSAGE + b"x" * 900 + b"\r\n"
        self.mx.deliver("ann@example.test", message)
        self.assertEqual(self.lmtp().deliver(SENDER, ["ann@example.test"], message),
                         [(452, ["4.2.2 mailbox full"])])
        self.mx.options["over_quota"] = "permanent"
        self.mx.restart()
        self.assertEqual(self.lmtp().deliver(SENDER, ["ann@example.test"], message),
                         [(552, ["5.2.2 mailbox full"])])

    def test_octet_quota_spares_the_other_recipient(self):
        self.mx.sql("UPDATE mailbox SET quota_octets = 2000 WHERE address = 'ann@example.test'")
        self.mx.deliver("ann@example.test", MESSAGE + b"x" * 900 + b"\r\n")
        replies = self.lmtp().deliver(SENDER, ["ann@example.test", "bob@example.test"],
                                      MESSAGE + b"x" * 900 + b"\r\n")
        self.assertEqual([code for code, _ in replies], [452, 250])
        self.assertEqual((self.count("ann"), self.count("bob")), (1, 1))

    def test_message_larger_than_quota_is_552(self):
        self.mx.sql("UPDATE mailbox SET quota_octets = 2000 WHERE address = 'ann@example.test'")
        replies = self.lmtp().deliver(SENDER, ["ann@example.test"], MESSAGE + b"x" * 3000)
        self.assertEqual([code for code, _ in replies], [552])

    def test_repeated_delivery_is_taken_once(self):
        for _ in range(2):
            self.mx.deliver("ann@example.test", FROM_MTA)
        self.assertEqual(self.count(), 1)
        self.mx.wait_log(r"delivery .* duplicate=yes ")
        self.mx.wait_log(r"session protocol=lmtp .* delivered=1 ")
        self.mx.wait_log(r"session protocol=lmtp .* delivered=0 delivered-octets=0")
        self.mx.restart()
        self.mx.deliver("ann@example.test", FROM_MTA)
        self.assertEqual(self.count(), 1)
        self.mx.deliver("ann@example.test", FROM_MTA, sender="other@example.net")
        self.assertEqual(self.count(), 2)

    def test_message_without_received_is_never_a_repetition(self):
        for _ in range(2):
            self.mx.deliver("ann@example.test", MESSAGE)
        self.assertEqual(self.count(), 2)

    # --- trace ------------------------------------------------------------------------------------

    def test_trace_names_sender_recipient_and_protocol(self):
        self.lmtp().deliver("", ["ann@example.test", "bob@example.test"], MESSAGE)
        for user, other in (("ann", b"bob@"), ("bob", b"ann@")):
            message = self.retrieve(user)
            self.assertIn(b"Return-Path: <>\r\n", message)
            self.assertIn(b"Delivered-To: %s@example.test\r\n" % user.encode(), message)
            self.assertRegex(message, rb"(?s)Received: from client\.example\.net.*with LMTP")
            self.assertNotIn(other, message)

    def test_received_follows_the_grammar(self):
        listener = "::1", free_port()
        sources = {self.mx.lmtp: "", self.mx.lmtp_tcp: r" \(\[127\.0\.0\.1\]\)"}
        if HAS_IPV6:
            self.mx.listeners["lmtp-v6"] = {"protocol": "lmtp", "address": "[%s]:%d" % listener}
            self.mx.restart()
            sources[listener] = r" \(\[IPv6:::1\]\)"
        for number, (where, source) in enumerate(sources.items(), 1):
            with wire.Lmtp(where) as lmtp:
                lmtp.deliver(SENDER, ["ann@example.test"], MESSAGE)
            trace = self.retrieve(number=number)[:-len(MESSAGE)].decode()
            self.assertRegex(trace, rf"\r\nReceived: from client\.example\.net{source}\r\n"
                             r"\tby mx\.example\.test with LMTP\r\n\tid \d+; "
                             r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000\r\n$")

    def test_received_leads_to_the_line_in_the_log(self):
        self.mx.deliver("ann@example.test", MESSAGE)
        number = re.search(rb"\tid (\d+);", self.retrieve())[1].decode()
        self.mx.wait_log(rf" delivery session={number} ")

    def test_return_path_of_the_message_is_kept_below_ours(self):
        message = b"Return-Path: <old@example.net>\r\n" + MESSAGE
        self.mx.deliver("ann@example.test", message)
        got = self.retrieve()
        self.assert_kept(got, message)
        self.assertTrue(got.startswith(b"Return-Path: <sender@example.net>\r\n"))

    def test_smtputf8_is_kept_and_said_in_received(self):
        self.mx.add_user("jürgen@example.test")
        lmtp = self.lmtp()
        message = "Subject: Grüße\r\n\r\nä\r\n".encode()
        replies = lmtp.deliver("böb@example.net", ["jürgen@example.test"], message,
                               " SMTPUTF8 BODY=8BITMIME")
        self.assertEqual([code for code, _ in replies], [250])
        with self.mx.login("jürgen@example.test") as pop3:
            pop3.ok("UTF8")
            self.assertIn(b"with UTF8LMTP", pop3.multi("RETR 1"))

    def test_ascii_alias_of_a_utf8_mailbox_keeps_the_header_ascii(self):
        self.mx.add_user("jürgen@example.test")
        self.mx.sql("INSERT INTO alias(address, goto)"
                    " VALUES('juergen@example.test', 'jürgen@example.test')")
        replies = self.lmtp().deliver("sender@example.net", ["juergen@example.test"], MESSAGE)
        self.assertEqual([code for code, _ in replies], [250])
        got = self.retrieve("jürgen@example.test")
        self.assertIn(b"\r\nDelivered-To: juergen@example.test\r\n", got)
        self.assertTrue(got.isascii())


if __name__ == "__main__":
    unittest.main()
