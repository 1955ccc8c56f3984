"""Mail clients that people use, over TLS: on request and from the first octet, the certificate
checked, by every way to log in that each client has.
"""
import os
import poplib
import ssl

import certificates
from harness import AS_ROOT, PASSWORD, PATIENCE, LiveTest
from sasl import b64, plain
from terminal import mutt

ANN = "ann@example.test"
BOB = "bob@example.test"  # his password is stored in clear, as CRAM-MD5 needs it
MECHANISMS = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
MESSAGE = (b"From: a@example.net\r\nSubject: one\r\nMessage-ID: <1@example.net>\r\n\r\n"
           b".dot\r\n" + b"x" * 70 + b"\r\n" + "ä€\r\n".encode() * 20000)
MODES = ("stls", "implicit")
PASS, APOP = "pass", "apop"  # what the log calls the ways beside SASL


def user_of(method):
    return BOB if method == "cram-md5" else ANN


class ClientsTls(LiveTest):
    def setUp(self):
        self.mx = self.server(apop=True, sasl_mechanisms=MECHANISMS)
        certificates.offer(self.mx, "localhost", "IP:127.0.0.1")
        self.mx.start()
        self.mx.add_user("ann")
        for what in ("passwd", "apop"):
            self.mx.tool("user", what, ANN, "--password-stdin", stdin=PASSWORD.encode() + b"\n")
        self.mx.add_user("bob")
        for user in (ANN, BOB):
            self.mx.deliver(user, MESSAGE)
        self.place = self.home()
        self.trusted = self.place / "trusted.pem"
        self.trusted.write_bytes((self.mx.folder_of_certificates / "default.crt").read_bytes())
        self.trusted.chmod(0o644)

    def port(self, mode):
        return self.mx.pop3[1] if mode == "stls" else self.mx.pop3s[1]

    def write(self, name, text):
        path = self.place / name
        path.write_text(text)
        path.chmod(0o600)
        if AS_ROOT:
            os.chown(path, 65534, 65534)
        return str(path)

    def each(self, fetch, *methods, modes=MODES):
        """fetch(mode, method) for all; each session was encrypted, logged in so, got the message."""
        for method in methods:
            for count, mode in enumerate(modes, 1):
                with self.subTest(mode=mode, method=method):
                    fetch(mode, method)
                    self.mx.wait_log(rf"session protocol=pop3 .* tls=TLSv1\.[23] .*"
                                     rf"method={method} .*retrieved=1 ", count)

    def assert_mbox(self, name):
        path = self.place / name
        body = MESSAGE.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
        self.assertIn(body, path.read_bytes().replace(b"\r\n", b"\n"))
        path.unlink()

    # --- curl -------------------------------------------------------------------------------

    def curl(self, mode, user, *options):
        url = f"{'pop3' if mode == 'stls' else 'pop3s'}://127.0.0.1:{self.port(mode)}/1"
        got = self.client(["curl", "-sS", "--ssl-reqd", "--cacert", self.trusted, "-u",
                           f"{user}:{PASSWORD}", *options, url], self.place)
        self.assert_kept(got, MESSAGE)

    def test_curl(self):
        def fetch(mode, method):
            wanted = "+APOP" if method == APOP else method.upper()
            self.curl(mode, user_of(method), "--login-options", f"AUTH={wanted}")

        self.each(fetch, APOP, "plain", "login", "cram-md5")

    def test_curl_uses_pass_where_nothing_else_is_offered(self):
        self.mx.options.update(apop=False, sasl_mechanisms=[])
        self.mx.restart()
        self.each(lambda mode, _: self.curl(mode, ANN), PASS)

    def test_curl_that_trusts_another_sends_no_password(self):
        other = self.place / "other"
        certificates.pair(other, "x", "localhost", "IP:127.0.0.1")
        (other / "x.crt").chmod(0o644)
        self.client(["curl", "-sS", "--cacert", other / "x.crt", "-u", f"{ANN}:{PASSWORD}",
                     f"pop3s://127.0.0.1:{self.mx.pop3s[1]}/1"], self.place, status=60)
        self.mx.wait_log("tls-failed .*unknown ca")

    # --- fetchmail --------------------------------------------------------------------------

    def test_fetchmail(self):
        def fetch(mode, method):
            rc = self.write("fetchmailrc", f"""poll localhost via 127.0.0.1 service {self.port(mode)}
                protocol {'APOP' if method == APOP else 'POP3'} uidl
                auth {'cram-md5' if method == 'cram-md5' else 'password'}
                user "{user_of(method)}" password "{PASSWORD}"
                {'ssl' if mode == 'implicit' else ''} sslproto "TLS1.2+" sslcertck
                sslcertfile "{self.trusted}" sslcommonname "localhost" keep no rewrite
                mda "cat >>{self.place}/mbox"\n""")
            self.client(["fetchmail", "-f", rc, "--pidfile", str(self.place / "pid"), "--idfile",
                         str(self.place / f"ids-{mode}-{method}")], self.place)
            self.assert_mbox("mbox")

        self.each(fetch, PASS, "cram-md5")
        self.each(fetch, APOP, modes=("implicit",))  # by APOP it never asks for STLS

    # --- mpop -------------------------------------------------------------------------------

    def mpop(self, mode, user, auth):
        self.client(["mpop", "-C", "/dev/null", "--host=127.0.0.1", f"--port={self.port(mode)}",
                     f"--user={user}", f"--auth={auth}", f"--passwordeval=echo '{PASSWORD}'",
                     "--tls=on", f"--tls-starttls={'on' if mode == 'stls' else 'off'}",
                     f"--tls-trust-file={self.trusted}", "--received-header=off", "--keep=on",
                     "--pipelining=on", f"--delivery=mbox,{self.place}/mbox",
                     f"--uidls-file={self.place}/uidls-{mode}-{auth}"], self.place)
        self.assert_mbox("mbox")

    def test_mpop(self):
        self.each(lambda mode, method: self.mpop(mode, user_of(method),
                                                 "user" if method == PASS else method),
                  PASS, APOP, "scram-sha-256", "scram-sha-1", "plain", "login", "cram-md5")

    def test_mpop_chooses_by_itself(self):
        # It knows SCRAM with channel binding not at all, and PLAIN is what it takes inside TLS.
        self.each(lambda mode, _: self.mpop(mode, ANN, "on"), "plain")

    # --- getmail6 ---------------------------------------------------------------------------

    def test_getmail(self):
        self.mx.add_user("carl")  # it hands over by LMTP: see test_clients.py

        def fetch(_, method):
            self.write("getmailrc", f"""[retriever]
type = SimplePOP3SSLRetriever
server = 127.0.0.1
port = {self.mx.pop3s[1]}
username = {ANN}
password = {PASSWORD}
use_apop = {method == APOP}
ca_certs = {self.trusted}
[destination]
type = MDA_lmtp
host = {self.mx.lmtp_tcp[0]}
port = {self.mx.lmtp_tcp[1]}
override = carl@example.test
""")
            folder = self.place / method  # what it has fetched before is remembered here
            folder.mkdir(mode=0o777)
            folder.chmod(0o777)
            self.client(["getmail", f"--getmaildir={folder}",
                         f"--rcfile={self.place}/getmailrc"], self.place)
            with self.mx.login("carl") as pop3:
                body = MESSAGE.split(b"\r\n\r\n", 1)[1]
                self.assertTrue(pop3.multi("RETR 1").endswith(b"\r\n\r\n" + body))
                pop3.ok("DELE 1")
                pop3.quit()

        self.each(fetch, PASS, APOP, modes=("implicit",))  # it has no STLS, and no SASL

    # --- mutt -------------------------------------------------------------------------------

    def mutt(self, mode, user, *settings):
        url = "{}://{}@127.0.0.1:{}/".format("pop" if mode == "stls" else "pops",
                                             user.replace("@", "%40"), self.port(mode))
        status, screen = mutt(url, self.place, f'set pop_pass="{PASSWORD}"', *settings,
                              "set confirmcreate=no copy=no move=no quit=yes pop_checkinterval=0",
                              f"set ssl_starttls=yes ssl_force_tls=yes folder={self.place}",
                              f"set certificate_file={self.trusted}",
                              f"push '<copy-message>{self.place}/mbox<enter><exit>'")
        self.assertEqual(status, 0, screen)
        self.assert_mbox("mbox")

    def test_mutt(self):
        def fetch(mode, method):
            name = "user" if method == PASS else method
            self.mutt(mode, user_of(method), f'set pop_authenticators="{name}"')

        self.each(fetch, PASS, APOP, "scram-sha-256", "scram-sha-1", "plain", "login", "cram-md5")

    def test_mutt_chooses_by_itself_where_plus_is_not_offered(self):
        # Else it chooses SCRAM-SHA-256-PLUS, which it cannot do: see restante.conf(5).
        self.mx.options["sasl_mechanisms"] = [name for name in MECHANISMS if "PLUS" not in name]
        self.mx.restart()
        self.each(lambda mode, _: self.mutt(mode, ANN), "scram-sha-256")

    # --- Python's poplib and Perl's Net::POP3 -------------------------------------------------

    def test_poplib(self):
        def fetch(mode, method):
            context = ssl.create_default_context(cafile=self.trusted)
            if mode == "stls":
                client = poplib.POP3("127.0.0.1", self.port(mode), timeout=PATIENCE)
                client.stls(context)
            else:
                client = poplib.POP3_SSL("127.0.0.1", self.port(mode), timeout=PATIENCE,
                                         context=context)
            if method == PASS:
                client.user(ANN)
                client.pass_(PASSWORD)
            elif method == APOP:
                client.apop(ANN, PASSWORD)
            else:  # by hand: it has no SASL
                client._shortcmd(f"AUTH PLAIN {b64(plain(ANN, PASSWORD))}")
            self.assert_kept(b"".join(line + b"\r\n" for line in client.retr(1)[1]), MESSAGE)
            client.quit()

        self.each(fetch, PASS, APOP, "plain")

    def test_perl(self):
        script = """use Net::POP3;
            use Authen::SASL;
            my ($mode, $port, $ca, $method, $user, $password) = @ARGV;
            my %tls = (SSL_ca_file => $ca, SSL_verifycn_name => '127.0.0.1');
            my $pop = Net::POP3->new('127.0.0.1', Port => $port,
                                     ($mode eq 'implicit' ? (SSL => 1, %tls) : ())) or die $@;
            $mode eq 'implicit' or $pop->starttls(%tls) or die $@;
            my $sasl = Authen::SASL->new(mechanism => uc $method,
                                         callback => { user => $user, pass => $password });
            $method eq 'pass' ? defined $pop->login($user, $password)
                : $method eq 'apop' ? defined $pop->apop($user, $password)
                : $pop->auth($sasl) or die $pop->message;
            print @{$pop->get(1)};
            $pop->quit;"""

        def fetch(mode, method):
            got = self.client(["perl", "-e", script, mode, str(self.port(mode)), str(self.trusted),
                               method, user_of(method), PASSWORD], self.place)
            self.assert_kept(got.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), MESSAGE)

        self.each(fetch, PASS, APOP, "plain", "login", "cram-md5")

    # --- swaks ------------------------------------------------------------------------------

    def test_swaks_delivers_over_starttls(self):
        self.client(["swaks", "--protocol", "LMTP", "--socket", self.mx.lmtp, "--tls", "--to", ANN,
                     "--from", "a@example.net", "--helo", "client.example.net"], self.place)
        self.mx.wait_log(r"session protocol=lmtp .* tls=TLSv1\.3 .* delivered=1 ")
