"""TLS: on request and from the first octet, certificates and their renewal, and broken clients."""
import signal
import socket
import ssl
import subprocess
import warnings

import certificates
import harness
from harness import PASSWORD, LiveTest
import wire

ANN = f"ann@{harness.DOMAIN}"
MESSAGE = b"Subject: x\r\n\r\n.dot\r\nbody\r\n"


class Tls(LiveTest):
    def secured(self, **options):
        """A server, not started, with a certificate."""
        server = self.server(**options)
        certificates.offer(server, "mx.example.test")
        return server

    def serve_secured(self, **options):
        server = self.secured(**options).start()
        server.add_user("ann")
        return server

    def pop3s(self, server, name=None, **settings):
        pop3 = wire.Pop3(server.pop3s, tls=certificates.client(**settings), name=name)
        self.addCleanup(pop3.close)
        return pop3

    def retrieved(self, pop3):
        """The message that answers a RETR sent before."""
        self.assertTrue(pop3.line().startswith(b"+OK"))
        return pop3.octets()

    # --- sessions ------------------------------------------------------------------------------

    def test_session_after_stls(self):
        server = self.serve_secured()
        server.deliver(ANN, MESSAGE)
        with wire.Pop3(server.pop3) as pop3:
            self.assertIn("STLS", pop3.capa())
            pop3.stls(certificates.client())
            self.assertNotIn("STLS", pop3.capa())
            self.assertIn("USER", pop3.capa())
            pop3.login(ANN, PASSWORD)
            self.assertNotIn("STLS", pop3.capa())
            self.assert_kept(pop3.multi("RETR 1"), MESSAGE)
            pop3.ok("DELE 1")
            pop3.quit()
        server.wait_log(r"session protocol=pop3 .* tls=TLSv1\.3 cipher=TLS_\w+ .* deleted=1 ")

    def test_session_with_implicit_tls(self):
        server = self.serve_secured()
        server.deliver(ANN, MESSAGE)
        pop3 = self.pop3s(server)
        self.assertNotIn("STLS", pop3.capa())
        pop3.login(ANN, PASSWORD)
        self.assert_kept(pop3.multi("RETR 1"), MESSAGE)
        pop3.quit()

    def test_pipelined_commands_inside_tls(self):
        server = self.serve_secured()
        server.deliver(ANN, MESSAGE)
        pop3 = self.pop3s(server)
        pop3.send(f"USER {ANN}\r\nPASS {PASSWORD}\r\n".encode() + b"NOOP\r\n" * 5000
                  + b"RETR 1\r\nQUIT\r\n")
        for _ in range(2 + 5000):
            self.assertTrue(pop3.line().startswith(b"+OK"))
        self.assert_kept(self.retrieved(pop3), MESSAGE)
        self.assertTrue(pop3.line().startswith(b"+OK"))

    def test_large_message_to_slow_reader_keeps_octets(self):
        server = self.serve_secured()
        message = b"Subject: large\r\n\r\n" + b"".join(b"%070d\r\n" % i for i in range(60000))
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.starttls(certificates.client())
            self.assertEqual(lmtp.deliver("a@example.net", [ANN], message)[0][0], 250)
        with wire.Pop3(server.pop3s, receive_buffer=4096, tls=certificates.client()) as pop3:
            pop3.login(ANN, PASSWORD)
            pop3.send(b"RETR 1\r\n")
            server.deliver(ANN, MESSAGE)  # meanwhile its output has filled every buffer
            self.assert_kept(self.retrieved(pop3), message)
            pop3.quit()

    def test_lmtp_starttls_names_it_in_received(self):
        server = self.serve_secured()
        with wire.Lmtp(server.lmtp) as lmtp:
            self.assertIn("STARTTLS", lmtp.extensions)
            lmtp.starttls(certificates.client())
            self.assertNotIn("STARTTLS", lmtp.extensions)
            self.assertEqual(lmtp.deliver("a@example.net", [ANN], MESSAGE)[0][0], 250)
            self.assertEqual(lmtp.code("STARTTLS"), 502)
        with server.login() as pop3:
            self.assertIn(b" with LMTPS\r\n", pop3.multi("TOP 1 0"))

    def test_no_tls_without_certificates(self):
        server = self.serve()
        with wire.Pop3(server.pop3) as pop3:
            self.assertNotIn("STLS", pop3.capa())
            for _ in range(10):
                pop3.err("STLS")
        with wire.Lmtp(server.lmtp) as lmtp:
            self.assertNotIn("STARTTLS", lmtp.extensions)

    # --- what was said in clear ----------------------------------------------------------------

    def test_octets_behind_stls_end_connection(self):
        server = self.serve_secured()
        for behind in (b"CAPA\r\n", b"USER x\r\n", b"C", b"\x16\x03\x01\x02\x00"):
            with self.subTest(behind=behind), wire.Pop3(server.pop3) as pop3:
                pop3.send(b"STLS\r\n" + behind)
                self.assertEqual(pop3.rest(), b"")
        server.wait_log("tls-injection protocol=pop3", 4)
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.send(b"STARTTLS\r\nMAIL FROM:<a@example.net>\r\n")
            self.assertEqual(lmtp.rest(), b"")
        server.wait_log("tls-injection protocol=lmtp")

    def test_octets_in_clear_instead_of_handshake_end_connection(self):
        server = self.serve_secured()
        with wire.Pop3(server.pop3) as pop3:
            pop3.ok("STLS")
            pop3.send(b"CAPA\r\nQUIT\r\n")
            self.assertNotIn(b"+OK", pop3.rest())
        server.wait_log("tls-failed protocol=pop3")

    def test_user_before_stls_is_forgotten(self):
        server = self.serve_secured()
        with wire.Pop3(server.pop3) as pop3:
            pop3.ok(f"USER {ANN}")
            pop3.stls(certificates.client())
            pop3.err(f"PASS {PASSWORD}")
            pop3.login(ANN, PASSWORD)

    def test_lhlo_before_starttls_is_forgotten(self):
        server = self.serve_secured()
        with wire.Lmtp(server.lmtp) as lmtp:
            self.assertEqual(lmtp.code("STARTTLS"), 220)
            lmtp.shake_hands(certificates.client())
            self.assertEqual(lmtp.code("MAIL FROM:<a@example.net>"), 503)

    def test_stls_twice_and_after_login_is_refused(self):
        server = self.serve_secured()
        with wire.Pop3(server.pop3) as pop3:
            pop3.stls(certificates.client())
            self.assertIn(b"active already", pop3.err("STLS"))
            pop3.login(ANN, PASSWORD)
            pop3.err("STLS")
            pop3.quit()
        with server.login() as pop3:
            pop3.err("STLS")
            pop3.ok("STAT")

    # --- rules of the protocol -----------------------------------------------------------------

    def test_alpn_pop3_is_chosen_and_others_are_refused(self):
        server = self.serve_secured()
        right = certificates.client()
        right.set_alpn_protocols(["imap", "pop3"])
        with wire.Pop3(server.pop3s, tls=right) as pop3:
            self.assertEqual(pop3.socket.selected_alpn_protocol(), "pop3")
        wrong = certificates.client()
        wrong.set_alpn_protocols(["http/1.1", "pop"])
        with self.assertRaises(ssl.SSLError):
            wire.Pop3(server.pop3s, tls=wrong)

    def test_lmtp_takes_whoever_asks_for_a_protocol(self):
        server = self.serve_secured()
        context = certificates.client()
        context.set_alpn_protocols(["smtp"])  # there is no name for LMTP
        with wire.Lmtp(server.lmtp) as lmtp:
            lmtp.starttls(context)
            self.assertIsNone(lmtp.socket.selected_alpn_protocol())
            self.assertEqual(lmtp.deliver("a@example.net", [ANN], MESSAGE)[0][0], 250)

    def test_old_versions_are_refused(self):
        server = self.serve_secured()
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                old = certificates.client()
                old.set_ciphers("ALL:@SECLEVEL=0")
                old.minimum_version = ssl.TLSVersion.TLSv1
                old.maximum_version = version
            with self.subTest(version=version), self.assertRaises(ssl.SSLError):
                wire.Pop3(server.pop3s, tls=old)

    def test_both_versions_resume_sessions(self):
        server = self.serve_secured()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = certificates.client(maximum_version=version)
            with self.subTest(version=version):
                with wire.Pop3(server.pop3s, tls=context) as pop3:
                    pop3.capa()  # behind it comes the ticket of TLS 1.3
                    session = pop3.socket.session
                with wire.Pop3(server.pop3) as pop3:
                    pop3.stls(context, session=session)
                    self.assertTrue(pop3.socket.session_reused)
                    pop3.login(ANN, PASSWORD)
                    if version == ssl.TLSVersion.TLSv1_3:
                        # RFC 8446 section C.4: a ticket is used once, so that each brings the next.
                        self.assertNotEqual(pop3.socket.session.id, session.id)

    # --- certificates --------------------------------------------------------------------------

    def shown(self, server, name=None, **settings):
        """The names in the certificate that a client asking for `name` gets."""
        pop3 = self.pop3s(server, name, **settings)
        return certificates.names_of(pop3.socket)

    def test_name_asked_for_chooses_certificate(self):
        server = self.secured()
        folder = server.folder_of_certificates
        certificates.pair(folder, "a", "pop.a.test", "mail.a.test")
        certificates.pair(folder, "b", "*.b.test", kind="ed25519")
        place = folder / "c.test"
        place.mkdir()
        certificates.own(place)
        certificates.make(place / "fullchain.pem", place / "privkey.pem", "pop.c.test", kind="rsa")
        both = folder / "d.pem"
        certificates.make(both, folder / "d.tmp", "pop.d.test")
        both.write_bytes(both.read_bytes() + (folder / "d.tmp").read_bytes())
        (folder / "d.tmp").unlink()
        server.start()
        for name, expected in (("mail.a.test", "pop.a.test"), ("POP.A.TEST", "pop.a.test"),
                               ("x.b.test", "*.b.test"), ("x.y.b.test", "mx.example.test"),
                               ("b.test", "mx.example.test"), ("pop.c.test", "pop.c.test"),
                               ("pop.d.test", "pop.d.test"), ("nobody.test", "mx.example.test"),
                               (None, "mx.example.test")):
            with self.subTest(name=name):
                self.assertEqual(self.shown(server, name)[0], expected)

    def test_ecdsa_and_rsa_side_by_side(self):
        server = self.secured()
        certificates.pair(server.folder_of_certificates, "default-rsa", "mx.example.test",
                          "rsa.example.test", kind="rsa")
        server.start()
        for cipher, names in (("ECDHE-RSA-AES128-GCM-SHA256", 2),
                              ("ECDHE-ECDSA-AES128-GCM-SHA256", 1)):
            context = certificates.client(maximum_version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(cipher)
            with wire.Pop3(server.pop3s, tls=context) as pop3:
                self.assertEqual(len(certificates.names_of(pop3.socket)), names)

    def test_chain_is_shown(self):
        server = self.secured()
        folder, place = server.folder_of_certificates, server.folder / "ca"
        place.mkdir()
        root, root_key = place / "root.crt", place / "root.key"
        certificates.make(root, root_key, "root.example.test")
        between, between_key = place / "between.crt", place / "between.key"
        certificates.make(between, between_key, "between.example.test",
                          more=["-CA", root, "-CAkey", root_key])
        leaf = folder / "default.crt"
        certificates.make(leaf, folder / "default.key", "mx.example.test",
                          more=["-CA", between, "-CAkey", between_key])
        leaf.write_bytes(leaf.read_bytes() + between.read_bytes())
        server.start()
        trusting = ssl.create_default_context(cafile=root)
        wire.Pop3(server.pop3s, tls=trusting, name="mx.example.test").close()

    def test_common_name_counts_where_no_dns_name_is(self):
        server = self.secured()
        certificates.pair(server.folder_of_certificates, "old", "IP:127.0.0.1",
                          more=["-subj", "/CN=Old.example.test"])
        certificates.pair(server.folder_of_certificates, "nameless", "IP:127.0.0.1",
                          more=["-subj", "/CN=no name"])
        server.start()
        self.assertEqual(self.shown(server, "old.example.test"), ["IPAddress:127.0.0.1"])
        rows = server.tool("tls", "status").stdout
        self.assertRegex(rows, r"old +ECDSA .* old\.example\.test")
        self.assertRegex(rows, r"nameless +ECDSA ")

    def test_unusable_pairs_are_told_and_passed_over(self):
        server = self.secured()
        folder = server.folder_of_certificates
        certificates.make(folder / "locked.crt", folder / "open.tmp", "locked.example.test")
        subprocess.run(["openssl", "pkey", "-in", folder / "open.tmp", "-aes128", "-passout",
                        "pass:secret", "-out", folder / "locked.key"], check=True)
        certificates.own(folder / "locked.key")
        certificates.pair(folder, "strange", "strange.example.test", kind="ed448")
        certificates.pair(folder, "keyless", "keyless.example.test")
        (folder / "keyless.key").unlink()
        for name, text in (("nonsense.crt", "nonsense\n"), ("empty.pem", ""),
                           ("README", "not a pair\n"), (".hidden.crt", "nonsense\n")):
            (folder / name).write_text(text)
        server.start()
        for name, why in (("locked", "no private key without passphrase"),
                          ("strange", "a key must be ECDSA, RSA or Ed25519"),
                          ("keyless", "keyless.key: no private key"), ("nonsense", "no certificate can be read"),
                          ("empty", "no certificate can be read")):
            server.wait_log(f'certificate-unusable serving=none .*{why}.* certificate="{name}"')
        self.assertEqual(self.shown(server, "locked.example.test"), ["mx.example.test"])
        self.assertFalse([line for line in server.log if "README" in line or "hidden" in line])

    def test_nobodys_certificate_without_a_default(self):
        for names, expected in ((("a.test", "mx.example.test"), "mx.example.test"),
                                (("a.test", "b.test"), "a.test")):
            server = self.secured()
            for path in server.folder_of_certificates.iterdir():
                path.unlink()
            for name in names:
                certificates.pair(server.folder_of_certificates, name, name)
            server.start()
            with self.subTest(names=names):
                self.assertEqual(self.shown(server), [expected])

    def test_unusable_options_are_refused_at_start(self):
        for option, value, why in (("tls_ciphers", "NONSENSE", "OpenSSL knows none of"),
                                   ("tls_dir", "/nonexistent/tls", "No such file or directory")):
            server = self.secured()
            server.options[option] = value
            with self.subTest(option=option), self.assertRaises(AssertionError) as failure:
                server.start()
            server.wait()
            self.assertIn(why, str(failure.exception))

    def test_folder_taken_away_keeps_certificates(self):
        server = self.serve_secured()
        server.folder_of_certificates.rename(server.folder / "elsewhere")
        server.signal(signal.SIGHUP)
        server.wait_log("No such file or directory")
        self.assertEqual(self.shown(server), ["mx.example.test"])

    def test_renewed_certificate_is_served_after_sighup(self):
        server = self.serve_secured()
        old = self.pop3s(server)
        certificates.pair(server.folder_of_certificates, "default", "renewed.example.test")
        server.signal(signal.SIGHUP)
        server.wait_log("certificates-read", 2)
        self.assertEqual(self.shown(server), ["renewed.example.test"])
        old.login(ANN, PASSWORD)  # a connection that was there goes on

    def test_bad_pair_keeps_the_one_before(self):
        server = self.serve_secured()
        folder = server.folder_of_certificates
        certificates.make(folder / "default.crt", folder / "other.tmp", "mismatch.example.test")
        server.signal(signal.SIGHUP)
        server.wait_log("certificate-unusable serving=the-one-before .*not that of this "
                        "certificate.* certificate=\"default\"")
        self.assertEqual(self.shown(server), ["mx.example.test"])
        (folder / "default.key").write_text("nonsense\n")
        server.signal(signal.SIGHUP)
        server.wait_log("certificate-unusable serving=the-one-before .*no private key")
        self.assertEqual(self.shown(server), ["mx.example.test"])
        self.assertRegex(server.tool("tls", "status").stdout, r"default +ECDSA .* yes +yes +mx\.")

    def test_reloads_during_handshakes_harm_none(self):
        server = self.serve_secured()
        for _ in range(25):
            certificates.own(server.folder_of_certificates)
            (server.folder_of_certificates / "default.crt").touch()
            server.signal(signal.SIGHUP)
            self.pop3s(server).quit()

    def test_end_of_certificate_is_told(self):
        server = self.secured()
        certificates.pair(server.folder_of_certificates, "soon", "soon.example.test", days=3)
        server.start()
        server.wait_log(r'certificate-ends-soon days=\d certificate="soon"')
        rows = server.tool("tls", "status").stdout
        self.assertIn("soon.example.test", rows)

    def test_implicit_tls_without_certificate_does_not_start(self):
        server = self.secured()
        for path in server.folder_of_certificates.iterdir():
            path.unlink()
        with self.assertRaises(AssertionError) as failure:
            server.start()
        server.wait()
        self.assertIn("has no usable certificate", str(failure.exception))

    # --- broken clients ------------------------------------------------------------------------

    def test_handshake_broken_off_anywhere_harms_nobody(self):
        server = self.serve_secured()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = certificates.client().wrap_bio(incoming, outgoing)
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        good = self.pop3s(server)
        for n in range(0, len(hello) + 1, 3):
            for address in (server.pop3s, server.pop3):
                with socket.create_connection(address) as broken:
                    if address == server.pop3:
                        broken.recv(1000)
                        broken.sendall(b"STLS\r\n")
                        broken.recv(1000)
                    broken.sendall(hello[:n])
        good.login(ANN, PASSWORD)
        good.quit()

    def test_garbage_instead_of_hello_is_refused(self):
        server = self.serve_secured()
        for octets in (b"CAPA\r\n", b"GET / HTTP/1.0\r\n\r\n", bytes(range(256)),
                       b"\x16\x03\x01\xff\xff" + b"\0" * 70000):
            with socket.create_connection(server.pop3s) as broken:
                broken.settimeout(harness.PATIENCE)
                try:
                    broken.sendall(octets)
                    while broken.recv(1000):
                        pass
                except ConnectionError:
                    pass
        server.wait_log("tls-failed", 4)
        self.pop3s(server).quit()

    def test_silent_client_is_closed_at_its_deadline(self):
        server = self.serve_secured(login_seconds=1)
        with socket.create_connection(server.pop3s) as silent:
            silent.settimeout(harness.PATIENCE)
            self.assertEqual(silent.recv(100), b"")
        server.wait_log("session protocol=pop3 .* end=timeout")
