"""Mail clients that people use, over TLS: on request and from the first octet, the certificate checked."""
import os
import poplib
import pty
import ssl
import subprocess

import certificates
from harness import AS_ROOT, PASSWORD, PATIENCE, UNPRIVILEGED, LiveTest
from terminal import watch

ANN = "ann@example.test"
MESSAGE = (b"From: a@example.net\r\nSubject: one\r\nMessage-ID: <1@example.net>\r\n\r\n"
           b".dot\r\n" + b"x" * 70 + b"\r\n" + "ä€\r\n".encode() * 20000)
MODES = ("stls", "implicit")


class ClientsTls(LiveTest):
    def setUp(self):
        self.mx = self.server()
        certificates.offer(self.mx, "localhost", "IP:127.0.0.1")
        self.mx.start()
        self.mx.add_user("ann")
        self.mx.deliver(ANN, MESSAGE)
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

    def each_mode(self, fetch):
        """fetch(mode) is done in both; the sessions were encrypted and got the message."""
        for count, mode in enumerate(MODES, 1):
            with self.subTest(mode=mode):
                fetch(mode)
                self.mx.wait_log(r"session protocol=pop3 .* tls=TLSv1\.[23] .* retrieved=1 ", count)

    def assert_mbox(self, name):
        path = self.place / name
        body = MESSAGE.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
        self.assertIn(body, path.read_bytes().replace(b"\r\n", b"\n"))
        path.unlink()

    def test_curl(self):
        def fetch(mode):
            url = f"{'pop3' if mode == 'stls' else 'pop3s'}://127.0.0.1:{self.port(mode)}/1"
            self.assert_kept(self.client(["curl", "-sS", "--ssl-reqd", "--cacert", self.trusted, "-u",
                                          f"{ANN}:{PASSWORD}", url], self.place), MESSAGE)

        self.each_mode(fetch)

    def test_curl_that_trusts_another_sends_no_password(self):
        other = self.place / "other"
        certificates.pair(other, "x", "localhost", "IP:127.0.0.1")
        (other / "x.crt").chmod(0o644)
        self.client(["curl", "-sS", "--cacert", other / "x.crt", "-u", f"{ANN}:{PASSWORD}",
                     f"pop3s://127.0.0.1:{self.mx.pop3s[1]}/1"], self.place, status=60)
        self.mx.wait_log("tls-failed .*unknown ca")

    def test_fetchmail(self):
        def fetch(mode):
            rc = self.write("fetchmailrc", f"""poll localhost via 127.0.0.1 service {self.port(mode)}
                protocol POP3 uidl user "{ANN}" password "{PASSWORD}"
                {'ssl' if mode == 'implicit' else ''} sslproto "TLS1.2+" sslcertck
                sslcertfile "{self.trusted}" sslcommonname "localhost" keep no rewrite
                mda "cat >>{self.place}/mbox"\n""")
            self.client(["fetchmail", "-f", rc, "--pidfile", str(self.place / "pid"), "--idfile",
                         str(self.place / f"ids-{mode}")], self.place)
            self.assert_mbox("mbox")

        self.each_mode(fetch)

    def test_mpop(self):
        def fetch(mode):
            self.client(["mpop", "-C", "/dev/null", "--host=127.0.0.1", f"--port={self.port(mode)}",
                         f"--user={ANN}", "--auth=user", f"--passwordeval=echo '{PASSWORD}'",
                         "--tls=on", f"--tls-starttls={'on' if mode == 'stls' else 'off'}",
                         f"--tls-trust-file={self.trusted}", "--received-header=off", "--keep=on",
                         "--pipelining=on", f"--delivery=mbox,{self.place}/mbox",
                         f"--uidls-file={self.place}/uidls-{mode}"], self.place)
            self.assert_mbox("mbox")

        self.each_mode(fetch)

    def test_getmail(self):
        # It has no STLS.
        self.write("mbox", "")
        self.write("getmailrc", f"""[retriever]
type = SimplePOP3SSLRetriever
server = 127.0.0.1
port = {self.mx.pop3s[1]}
username = {ANN}
password = {PASSWORD}
ca_certs = {self.trusted}
[destination]
type = Mboxrd
path = {self.place}/mbox
""")
        self.client(["getmail", f"--getmaildir={self.place}", "--rcfile=getmailrc"], self.place)
        self.mx.wait_log(r"session protocol=pop3 .* tls=TLSv1\.3 .* retrieved=1 ")
        self.assert_mbox("mbox")

    def test_mutt(self):
        def fetch(mode):
            scheme = "pop" if mode == "stls" else "pops"
            command = ["mutt", "-n", "-F", "/dev/null", "-f",
                       f"{scheme}://ann%40example.test@127.0.0.1:{self.port(mode)}/"]
            for setting in (f'set pop_pass="{PASSWORD}" pop_authenticators="user"',
                            "set confirmcreate=no copy=no move=no quit=yes pop_checkinterval=0",
                            f"set ssl_starttls=yes ssl_force_tls=yes folder={self.place}",
                            f"set certificate_file={self.trusted}",
                            f"push '<copy-message>{self.place}/mbox<enter><exit>'"):
                command += ["-e", setting]
            master, slave = pty.openpty()
            mutt = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                    cwd=self.place, env={"PATH": os.environ["PATH"],
                                                         "HOME": str(self.place), "TERM": "vt100",
                                                         "LC_ALL": "C"}, **UNPRIVILEGED)
            os.close(slave)
            screen = watch(mutt, master)
            self.assertEqual(mutt.returncode, 0, screen)
            self.assert_mbox("mbox")

        self.each_mode(fetch)

    def test_poplib(self):
        def fetch(mode):
            context = ssl.create_default_context(cafile=self.trusted)
            if mode == "stls":
                client = poplib.POP3("127.0.0.1", self.port(mode), timeout=PATIENCE)
                client.stls(context)
            else:
                client = poplib.POP3_SSL("127.0.0.1", self.port(mode), timeout=PATIENCE,
                                         context=context)
            client.user(ANN)
            client.pass_(PASSWORD)
            self.assert_kept(b"".join(line + b"\r\n" for line in client.retr(1)[1]), MESSAGE)
            client.quit()

        self.each_mode(fetch)

    def test_perl(self):
        script = """use Net::POP3;
            my ($mode, $port, $ca, $user, $password) = @ARGV;
            my %tls = (SSL_ca_file => $ca, SSL_verifycn_name => '127.0.0.1');
            my $pop = Net::POP3->new('127.0.0.1', Port => $port,
                                     ($mode eq 'implicit' ? (SSL => 1, %tls) : ())) or die $@;
            $mode eq 'implicit' or $pop->starttls(%tls) or die $@;
            defined $pop->login($user, $password) or die 'login';
            print @{$pop->get(1)};
            $pop->quit;"""

        def fetch(mode):
            got = self.client(["perl", "-e", script, mode, str(self.port(mode)), str(self.trusted),
                               ANN, PASSWORD], self.place)
            self.assert_kept(got.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), MESSAGE)

        self.each_mode(fetch)

    def test_swaks_delivers_over_starttls(self):
        self.client(["swaks", "--protocol", "LMTP", "--socket", self.mx.lmtp, "--tls", "--to", ANN,
                     "--from", "a@example.net", "--helo", "client.example.net"], self.place)
        self.mx.wait_log(r"session protocol=lmtp .* tls=TLSv1\.3 .* delivered=1 ")
