"""Clients behind a proxy: PROXY headers by hand and by haproxy, and XCLIENT."""
import shutil
import socket
import ssl
import struct
import subprocess

import certificates
import harness
from harness import DOMAIN, PASSWORD, LiveTest
import wire

ANN = f"ann@{DOMAIN}"
MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
CLIENT = "192.0.2.44"
V1 = f"PROXY TCP4 {CLIENT} 198.51.100.7 40001 110\r\n".encode()
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def v2(client=CLIENT, command=1, tlvs=b""):
    """A header of version 2 for a client at this address."""
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    address = socket.inet_pton(family, client)
    block = address * 2 + struct.pack("!HH", 40002, 110) + tlvs
    return SIGNATURE + struct.pack("!BBH", 0x20 | command,
                                   0x21 if family == socket.AF_INET6 else 0x11, len(block)) + block


def crc32c(octets):
    crc = 0xffffffff
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


TLS13 = tlv(0x20, b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x23, b"TLS_AES_128_GCM_SHA256"))
LOCAL = SIGNATURE + b"\x20\0\0\0"


class Behind:
    """Makes a class of wire say a header first, in the pieces given."""

    def __init__(self, address, *header, **how):
        self.header = header
        super().__init__(address, **how)

    def before(self):
        for piece in self.header:
            self.send(piece)

    def shake_hands(self, tls, name=None, session=None):
        if self.greeting is None:
            self.before()
            self.header = ()
        super().shake_hands(tls, name, session)

    def greet(self):
        self.before()
        super().greet()


class Pop3(Behind, wire.Pop3):
    pass


class Lmtp(Behind, wire.Lmtp):
    pass


class Proxied(LiveTest):
    def proxied(self, networks=("127.0.0.0/8",), **options):
        """A server, not started, whose listeners "p", "p-tls" and "p-lmtp" want headers."""
        server = self.server(proxy_networks=networks, **options)
        server.options["tls_dir"] = server.folder / "tls"
        certificates.pair(server.options["tls_dir"], "default", "mx.example.test")
        server.plain, server.pop3s, server.proxied_lmtp = (
            ("127.0.0.1", harness.free_port()) for _ in range(3))
        for name, protocol, tls, address in (
                ("p", "pop3", "starttls", server.plain), ("p-tls", "pop3", "implicit", server.pop3s),
                ("p-lmtp", "lmtp", "none", server.proxied_lmtp)):
            server.listeners[name] = {"protocol": protocol, "tls": tls, "proxy": True,
                                      "address": "%s:%d" % address}
        return server

    def serve_proxied(self, **options):
        server = self.proxied(**options).start()
        server.add_user("ann")
        return server

    def closed(self, address, octets):
        """What comes of these octets before the server closes."""
        with socket.create_connection(address) as raw:
            raw.settimeout(harness.PATIENCE)
            try:
                raw.sendall(octets)
                return b"".join(iter(lambda: raw.recv(1000), b""))
            except ConnectionError:
                return b""

    # --- headers -------------------------------------------------------------------------------

    def test_session_behind_either_version_is_the_clients(self):
        server = self.serve_proxied(clear_password_networks=["192.0.2.0/24", "2001:db8::/32"])
        for header, client in ((V1, CLIENT), (v2(), CLIENT), (v2("2001:db8::7"), "2001:db8::7"),
                               (b"PROXY TCP6 2001:db8::8 ::1 1 2\r\n", "2001:db8::8"),
                               (v2("::ffff:192.0.2.9"), "192.0.2.9")):
            with self.subTest(header=header), Pop3(server.plain, header) as pop3:
                pop3.login(ANN, PASSWORD)
                self.assertIn(client, server.tool("session", "list").stdout)
                pop3.quit()
                server.wait_log(f"session protocol=pop3 .* peer={client} end=quit .* "
                                "proxy=127.0.0.1 ")

    def test_header_in_pieces_and_with_commands_behind(self):
        server = self.serve_proxied()
        for header in (V1, v2(), v2(tlvs=tlv(4, b"x" * 900))):
            with Pop3(server.plain, *(header[i:i + 1] for i in range(len(header)))) as pop3:
                pop3.capa()
            with Pop3(server.plain, header + b"CAPA\r\nQUIT\r\n") as pop3:
                self.assertTrue(pop3.line().startswith(b"+OK"))
                pop3.octets()
                self.assertTrue(pop3.line().startswith(b"+OK"))

    def test_tls_behind_header_sees_every_octet(self):
        server = self.serve_proxied()
        for header in (V1, v2(), v2(tlvs=tlv(2, b"mail.example.test"))):
            with Pop3(server.pop3s, header, tls=certificates.client()) as pop3:
                pop3.login(ANN, PASSWORD)
                pop3.quit()
            with Pop3(server.plain, header) as pop3:
                pop3.stls(certificates.client())
                pop3.login(ANN, PASSWORD)
        self.hello_glued_to_header(server)
        server.wait_log(rf"session .* peer={CLIENT} .* proxy=127.0.0.1 tls=TLSv1\.3 ")
        server.wait_log('session .* user="ann@example.test" sni="mail.example.test"$')

    def hello_glued_to_header(self, server):
        """Header and ClientHello in one segment."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = certificates.client().wrap_bio(incoming, outgoing)
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        with socket.create_connection(server.pop3s) as raw:
            raw.settimeout(harness.PATIENCE)
            raw.sendall(v2() + outgoing.read())
            while not outgoing.pending:
                incoming.write(raw.recv(65536))
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    pass
            raw.sendall(outgoing.read())
            greeting = b""
            while not greeting:
                try:
                    greeting = tls.read()
                except ssl.SSLWantReadError:
                    incoming.write(raw.recv(65536))
        self.assertTrue(greeting.startswith(b"+OK"))

    def test_wrong_header_is_closed_without_a_word(self):
        server = self.serve_proxied()
        broken = v2(tlvs=tlv(3, b"\0\0\0\0"))
        for address in (server.plain, server.pop3s, server.proxied_lmtp):
            for octets in (b"CAPA\r\n", b"\x16\3\1\2\0\1", b"LHLO x\r\n", V1[:-2] + b"\n",
                           V1.replace(b"TCP4", b"TCP9"), v2(command=2), broken,
                           b"PROXY " + b"x" * 200, SIGNATURE + b"\x21\x11\xff\xff"):
                with self.subTest(octets=octets):
                    self.assertEqual(self.closed(address, octets), b"")
        server.wait_log(r'warning proxy-refused protocol=pop3 session=\d+ peer=127.0.0.1 '
                        'why="no PROXY header"')
        server.wait_log('proxy-refused .* why="wrong checksum"', 3)
        server.wait_log('session .* end=proxy ', 27)

    def test_header_cut_short_is_told(self):
        server = self.serve_proxied()
        with socket.create_connection(server.plain) as raw:
            raw.sendall(V1[:20])
        server.wait_log('proxy-refused .* why="PROXY header that ends early"')

    def test_missing_header_is_not_waited_for_for_long(self):
        server = self.serve_proxied(login_seconds=1)
        self.assertEqual(self.closed(server.plain, b""), b"")
        self.assertEqual(self.closed(server.pop3s, V1[:30]), b"")
        server.wait_log('proxy-refused .* why="no PROXY header in time"', 2)

    def test_checksum_is_verified(self):
        server = self.serve_proxied()
        header = v2(tlvs=tlv(3, b"\0\0\0\0"))
        right = header[:-4] + struct.pack("!I", crc32c(header))
        with Pop3(server.plain, right) as pop3:
            pop3.capa()

    def test_others_may_not_tell_and_header_is_not_looked_for_elsewhere(self):
        server = self.proxied(networks=["192.0.2.1"]).start()
        self.assertEqual(self.closed(server.plain, V1), b"")
        server.wait_log("connection-refused reason=proxy-networks peer=127.0.0.1")
        with wire.Pop3(server.pop3) as pop3:
            pop3.err(V1.decode().rstrip())
            pop3.capa()
        server.wait_log("session .* peer=127.0.0.1 end=hangup")

    def test_listener_for_proxies_needs_some(self):
        server = self.proxied(networks=[])
        with self.assertRaises(AssertionError) as failure:
            server.start()
        self.assertIn("proxy_networks names no proxy", str(failure.exception))

    # --- what the client may -------------------------------------------------------------------

    def test_password_in_clear_depends_on_client_and_its_tls(self):
        server = self.serve_proxied()
        for header, allowed in ((V1, False), (v2(), False), (v2("127.0.0.1"), True),
                                (b"PROXY UNKNOWN\r\n", False), (v2(tlvs=TLS13), True),
                                (v2(tlvs=tlv(0x20, b"\4\0\0\0\0")), False)):
            with self.subTest(header=header), Pop3(server.plain, header) as pop3:
                pop3.ask(f"USER {ANN}")
                self.assertEqual(pop3.ask(f"PASS {PASSWORD}").startswith(b"+OK"), allowed)

    def test_tls_with_proxy_counts_as_tls(self):
        server = self.serve_proxied()
        told = TLS13 + tlv(2, b"mail.example.test")
        with Pop3(server.plain, v2(tlvs=told)) as pop3:
            self.assertNotIn("STLS", pop3.capa())
            pop3.login(ANN, PASSWORD)
            pop3.quit()
        server.wait_log(rf'session .* peer={CLIENT} .* proxy=127.0.0.1 .* proxy-tls="TLSv1.3" '
                        'proxy-cipher="TLS_AES_128_GCM_SHA256" sni="mail.example.test"$')
        with Lmtp(server.proxied_lmtp, v2(tlvs=told)) as lmtp:
            self.assertEqual(lmtp.deliver("a@example.net", [ANN], MESSAGE)[0][0], 250)
        with server.login() as pop3:
            self.assertIn(f"([{CLIENT}])\r\n\tby mx.example.test with LMTPS".encode(),
                          pop3.multi("TOP 1 0"))

    def test_limit_by_prefix_is_the_clients(self):
        server = self.serve_proxied(connections_per_prefix=2)
        others = [Pop3(server.plain, v2(f"198.51.100.{i}")) for i in range(8)]
        mine = [Pop3(server.plain, v2()), Pop3(server.plain, V1)]
        self.assertTrue(self.closed(server.plain, v2()).startswith(b"-ERR [SYS/TEMP]"))
        self.assertEqual(self.closed(server.pop3s, v2()), b"")
        server.wait_log(f"connection-refused reason=connections-per-prefix peer={CLIENT}")
        mine.pop().quit()
        with Pop3(server.plain, v2()) as pop3:
            pop3.capa()
        for pop3 in others + mine:
            pop3.quit()

    def test_unknown_client_keeps_the_proxys_address(self):
        server = self.serve_proxied()
        unspecified = SIGNATURE + b"\x21\0\0\0"
        unix = SIGNATURE + b"\x21\x31\0\xd8" + b"/run/x".ljust(108, b"\0") * 2
        for header in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN what ever\r\n", unspecified, unix):
            with Pop3(server.plain, header) as pop3:
                pop3.quit()
        server.wait_log("session .* peer=127.0.0.1 end=quit .* proxy=127.0.0.1", 4)

    def test_health_checks_are_not_logged(self):
        server = self.serve_proxied()
        for address in (server.plain, server.pop3s, server.proxied_lmtp):
            self.closed_by_us(address, b"")
            self.closed_by_us(address, LOCAL)
            self.closed_by_us(address, v2(command=0))
        with Pop3(server.plain, LOCAL) as pop3:
            pop3.quit()
        # One that logs in is not only looking.
        with Pop3(server.plain, LOCAL) as pop3:
            pop3.login(ANN, PASSWORD)
            pop3.quit()
        server.wait_log("session .* user=")
        server.stop()
        self.assertEqual([line for line in server.log
                          if "session=" in line or "proxy-" in line or "refused" in line],
                         [line for line in server.log if " session=" in line and " user=" in line])

    def closed_by_us(self, address, octets):
        with socket.create_connection(address) as raw:
            raw.sendall(octets)

    # --- haproxy -------------------------------------------------------------------------------

    def haproxy(self, frontends):
        """Runs haproxy with a frontend for each (bind options, server line); their addresses."""
        home = self.home()
        certificates.pair(home / "tls", "pair", "mail.example.test")
        both = home / "tls/both.pem"
        both.write_bytes(b"".join((home / f"tls/pair.{end}").read_bytes() for end in ("crt", "key")))
        certificates.own(both)
        addresses = [("127.0.0.1", harness.free_port()) for _ in frontends]
        lines = ["defaults", " mode tcp", " timeout connect 60s", " timeout client 600s",
                 " timeout server 600s"]
        for i, (bind, line) in enumerate(frontends):
            lines += [f"listen l{i}", " bind %s:%d " % addresses[i] + bind.format(pem=both),
                      f" server s {line}"]
        (home / "haproxy.cfg").write_text("\n".join(lines) + "\n")
        process = subprocess.Popen([shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-db", "-f",
                                    home / "haproxy.cfg"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, cwd=home, **harness.UNPRIVILEGED)
        self.addCleanup(process.wait, harness.PATIENCE)
        self.addCleanup(process.kill)
        for address in addresses:
            harness.wait_until(lambda address=address: not harness.can_bind(socket.AF_INET,
                                                                            *address))
        return addresses

    def test_haproxy_in_front(self):
        server = self.serve_proxied()
        server.deliver(ANN, MESSAGE)
        plain, tls = ("%s:%d" % address for address in (server.plain, server.pop3s))
        front = self.haproxy([
            ("", f"{plain} send-proxy"),
            ("", f"{plain} send-proxy-v2 proxy-v2-options crc32c"),
            ("", f"{tls} send-proxy"),
            ("", f"{tls} send-proxy-v2"),
            ("ssl crt {pem}", f"{plain} send-proxy-v2-ssl-cn proxy-v2-options "
             "ssl-cipher,authority,crc32c"),
            ("ssl crt {pem}", f"{tls} ssl verify none send-proxy-v2 proxy-v2-options "
             "ssl,ssl-cipher,authority"),
        ])
        for i, address in enumerate(front):
            context = certificates.client() if i >= 2 else None
            with self.subTest(listener=i), \
                    wire.Pop3(address, tls=context, name="mail.example.test",
                              source="127.9.9.9") as pop3:
                pop3.login(ANN, PASSWORD)
                self.assert_kept(pop3.multi("RETR 1"), MESSAGE)
                pop3.quit()
        server.wait_log("session .* peer=127.9.9.9 end=quit .* proxy=127.0.0.1 .* user=", 6)
        server.wait_log('proxy-tls="TLSv1.3" proxy-cipher=".*" sni="mail.example.test"', 2)

    def test_haproxy_checks_stay_silent(self):
        server = self.serve_proxied()
        before = int(self.accepted(server))
        self.haproxy([("", "%s:%d send-proxy-v2 check inter 50ms" % server.plain),
                      ("", "%s:%d send-proxy check inter 50ms" % server.plain),
                      ("", "%s:%d send-proxy-v2 check inter 50ms" % server.pop3s)])
        harness.wait_until(lambda: int(self.accepted(server)) >= before + 12)
        noise = [line for line in server.log if "proxy-" in line]
        self.assertEqual(noise, [])

    def accepted(self, server):
        """How many connections there were."""
        for line in server.tool("status").stdout.splitlines():
            if line.split()[:1] == ["accepted"]:
                return line.split()[1]
        raise AssertionError("no count of connections")


class Xclient(LiveTest):
    def setUp(self):
        self.mx = self.server(xclient_networks=["127.0.0.1"]).start()
        self.mx.add_user("ann")

    def received(self):
        with self.mx.login() as pop3:
            return pop3.multi("TOP 1 0").decode().split("Received: ", 1)[1].split("\r\n\tby")[0]

    def deliver(self, *commands):
        with wire.Lmtp(self.mx.lmtp_tcp) as lmtp:
            for command in commands:
                self.assertEqual(lmtp.code(command), 220)
            self.assertEqual(lmtp.code("LHLO filter.example.net"), 250)
            self.assertEqual(lmtp.deliver("a@example.net", [ANN], MESSAGE)[0][0], 250)
            self.assertEqual(lmtp.code("QUIT"), 221)

    def test_client_is_named_in_trace_and_log(self):
        self.deliver("XCLIENT NAME=spike.example.net ADDR=192.0.2.9 PORT=2525",
                     "XCLIENT HELO=spike PROTO=ESMTP LOGIN=x+40example.net")
        self.assertEqual(self.received(), "from spike (spike.example.net [192.0.2.9])")
        self.mx.wait_log(r'xclient session=\d+ peer=127.0.0.1 name="spike.example.net" '
                         'addr="192.0.2.9" port="2525"$')
        self.mx.wait_log('xclient .* proto="ESMTP" helo="spike" login="x@example.net"$')
        self.mx.wait_log(r"delivery session=\d+ peer=192.0.2.9 xclient-from=127.0.0.1 ")
        self.mx.wait_log("session protocol=lmtp .* peer=192.0.2.9 xclient-from=127.0.0.1 end=quit")

    def test_client_by_ipv6_without_name(self):
        self.deliver("XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::9")
        self.assertEqual(self.received(), "from filter.example.net ([IPv6:2001:db8::9])")

    def test_client_that_nobody_knows(self):
        self.deliver("XCLIENT NAME=[TEMPUNAVAIL] ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE]")
        self.assertEqual(self.received(), "from unknown")
        self.mx.wait_log("delivery .* peer=unknown xclient-from=127.0.0.1 ")

    def test_bad_address_changes_nothing(self):
        with wire.Lmtp(self.mx.lmtp_tcp) as lmtp:
            self.assertIn("XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT",
                          lmtp.extensions)
            for bad in ("ADDR=192.0.2.256", "ADDR=2001:db8::1", "DESTADDR=x ADDR=192.0.2.1"):
                self.assertEqual(lmtp.code(f"XCLIENT NAME=a.example {bad}"), 501)
            self.assertEqual(lmtp.deliver("a@example.net", [ANN], MESSAGE)[0][0], 250)
        self.assertEqual(self.received(), "from client.example.net ([127.0.0.1])")

    def test_others_may_not(self):
        with wire.Lmtp(self.mx.lmtp) as lmtp:  # a unix socket is in no network
            self.assertNotIn("XCLIENT", " ".join(lmtp.extensions))
            self.assertEqual(lmtp.command("XCLIENT ADDR=192.0.2.9"), (550, ["5.7.1 not authorized"]))

    def test_starttls_forgets_what_came_in_clear(self):
        folder = self.mx.folder / "tls"
        certificates.pair(folder, "default", "mx.example.test")
        self.mx.options["tls_dir"] = folder
        self.mx.restart()
        with wire.Lmtp(self.mx.lmtp_tcp) as lmtp:
            self.assertEqual(lmtp.code("XCLIENT NAME=a.example ADDR=192.0.2.9 HELO=a"), 220)
            lmtp.starttls(certificates.client())
            self.assertEqual(lmtp.deliver("a@example.net", [ANN], MESSAGE)[0][0], 250)
        self.assertEqual(self.received(), "from client.example.net ([127.0.0.1])")
        self.mx.wait_log(r"delivery session=\d+ peer=127.0.0.1 uid=")
