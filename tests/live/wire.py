"""POP3 and LMTP as they are on the wire, without a library's helpfulness."""
import socket

PATIENCE = 120


def canonical(message):
    """What the server keeps of a message: bare LF becomes CRLF; last line and header get their ends.

    A CR at the very end is half of an end, and gets the other half.
    """
    if message.endswith(b"\r"):
        message += b"\n"
    lines = message.replace(b"\r\n", b"\n").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if b"" not in lines:
        lines.append(b"")
    return b"".join(line + b"\r\n" for line in lines)


def stuffed(message):
    """A message as DATA sends it, final dot included; only CRLF counts as the end of a line."""
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    text = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")
    return text[2:] + b".\r\n"


class Wire:
    """A connection to (host, port), or to a unix socket by its path, the greeting read.

    `tls` is an ssl.SSLContext for a port with TLS from the first octet; `name` is asked for by SNI.
    `source` is the address to come from.
    """

    greeting = None

    def __init__(self, address, receive_buffer=None, tls=None, name=None, source=None):
        unix = isinstance(address, str)
        family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.file = self.socket.makefile("rb")
        try:
            if source is not None:
                self.socket.bind((source, 0))
            self.socket.connect(address)
            if tls is not None:
                self.shake_hands(tls, name)
            self.greet()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def shake_hands(self, tls, name=None, session=None):
        """The TLS handshake; what the server said before is read."""
        self.file.close()
        self.socket = tls.wrap_socket(self.socket, server_hostname=name, session=session,
                                      suppress_ragged_eofs=False)
        self.file = self.socket.makefile("rb")

    def send(self, octets):
        self.socket.sendall(octets)

    def line(self):
        """The next line, without its CRLF; EOFError at the end."""
        line = self.file.readline()
        if not line.endswith(b"\n"):
            # Killed, a server may leave half a line.
            raise EOFError(f"the server has closed the connection behind {line[-100:]!r}")
        assert line.endswith(b"\r\n"), f"not a whole line: {line[-100:]!r}"
        return line[:-2]

    def rest(self):
        """All that comes until the server closes; a reset counts as closing."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""


class Pop3(Wire):
    def greet(self):
        self.greeting = self.line()
        assert self.greeting.startswith(b"+OK "), self.greeting

    def ask(self, command):
        """One command, one line of reply."""
        self.send(command.encode() + b"\r\n")
        return self.line()

    def ok(self, command):
        reply = self.ask(command)
        assert reply.startswith(b"+OK"), f"{command.split()[0]}: {reply!r}"
        return reply

    def err(self, command):
        reply = self.ask(command)
        assert reply.startswith(b"-ERR"), f"{command.split()[0]}: {reply!r}"
        return reply

    def octets(self):
        """A multi-line response's content, transparency removed, CRLFs kept."""
        parts = []
        while (line := self.line()) != b".":
            parts.append(line[1:] if line.startswith(b".") else line)
        return b"".join(part + b"\r\n" for part in parts)

    def multi(self, command):
        self.ok(command)
        return self.octets()

    def stls(self, tls, name=None, session=None):
        self.ok("STLS")
        self.shake_hands(tls, name, session)

    def capa(self):
        """The capabilities, each as its line."""
        return self.multi("CAPA").decode().split("\r\n")[:-1]

    def login(self, user, password):
        self.ok(f"USER {user}")
        return self.ok(f"PASS {password}")

    def stat(self):
        """(messages, octets)"""
        return tuple(map(int, self.ok("STAT").split()[1:3]))

    def sizes(self):
        return [int(line.split()[1]) for line in self.multi("LIST").splitlines()]

    def uidls(self):
        return [line.split()[1] for line in self.multi("UIDL").splitlines()]

    def quit(self):
        reply = self.ok("QUIT")
        assert self.rest() == b""
        self.close()
        return reply


class Lmtp(Wire):
    extensions = ()

    def __init__(self, address, hello=True, **how):
        self.hello = hello
        super().__init__(address, **how)

    def greet(self):
        self.greeting = self.reply()
        if self.hello:
            self.extensions = self.command("LHLO client.example.net")[1]

    def reply(self):
        """(code, [texts]) of one reply."""
        texts = []
        while True:
            line = self.line().decode("ascii")
            texts.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), texts

    def command(self, command):
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def code(self, command):
        return self.command(command)[0]

    def starttls(self, tls, name=None):
        code, texts = self.command("STARTTLS")
        assert code == 220, (code, texts)
        self.shake_hands(tls, name)
        self.extensions = self.command("LHLO client.example.net")[1]

    def envelope(self, sender, recipients, parameters=""):
        """MAIL and RCPTs in one go; the number of recipients that were taken."""
        commands = [f"MAIL FROM:<{sender}>{parameters}"] + [f"RCPT TO:<{to}>" for to in recipients]
        self.send("".join(command + "\r\n" for command in commands).encode())
        replies = [self.reply() for _ in commands]
        assert replies[0][0] == 250, replies[0]
        return sum(code == 250 for code, _ in replies[1:])

    def deliver(self, sender, recipients, message, parameters=""):
        """One reply for each recipient that was taken at RCPT."""
        taken = self.envelope(sender, recipients, parameters)
        code, texts = self.command("DATA")
        assert code == 354, (code, texts)
        self.send(stuffed(message))
        return [self.reply() for _ in range(taken)]

    def chunk(self, octets, last=True):
        """BDAT; the replies are the caller's to read."""
        self.send(b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"") + octets)
