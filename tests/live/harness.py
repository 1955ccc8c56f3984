"""Runs the real restanted for a test: own folder, own ports, own configuration; no network, no sleeps.

The programs are named by the environment: RESTANTED (the server) and RESTANTE (the tool). Run by
root, server, tool and mail clients run as `nobody`. A report of a sanitizer fails the test.
"""
import atexit
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import wire

TOP = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds until something that must happen counts as hanging; generous: sanitizers
DOMAIN = "example.test"
PASSWORD = "correct horse"
AS_ROOT = os.geteuid() == 0
# How subprocess becomes nobody when root runs the tests.
UNPRIVILEGED = {"user": "nobody", "group": "nogroup", "extra_groups": []} if AS_ROOT else {}


def scratch(prefix):
    """A new folder that `nobody` may enter, removed at the end of the program."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"restante-{prefix}."))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def programs():
    """{name: path} of server and tool where `nobody` can run them, wherever the project lies."""
    found = {"restanted": os.environ["RESTANTED"], "restante": os.environ["RESTANTE"],
             "tsan.suppressions": TOP / "tests/tsan.suppressions"}
    if not AS_ROOT:
        return {name: str(path) for name, path in found.items()}
    folder = scratch("bin")
    return {name: shutil.copy(path, folder / name) for name, path in found.items()}


PROGRAMS = programs()
# Sanitizers slow the server down and let it keep memory that was freed.
SANITIZED = any(mark in pathlib.Path(PROGRAMS["restanted"]).read_bytes()
                for mark in (b"__asan_init", b"__tsan_init"))


def can_bind(family, host, port):
    try:
        with socket.socket(family) as probe:
            probe.bind((host, port))
        return True
    except OSError:
        return False


HAS_IPV6 = can_bind(socket.AF_INET6, "::1", 0)


def free_port(given=set()):
    """
    A port that nobody listens on, below the range from which the kernel picks ports itself; never
    the same one again.
    """
    while True:
        port = random.randrange(20000, 32000)
        if port in given:
            continue
        given.add(port)
        if can_bind(socket.AF_INET, "127.0.0.1", port) and (
                not HAS_IPV6 or can_bind(socket.AF_INET6, "::1", port)):
            return port


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def wait_until(condition):
    """Returns when condition() is true; asks again and again, for what tells no news."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.02)


def option_text(value):
    """A value as the configuration file writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(map(option_text, value)) + "}"
    return f'"{value}"'


class Server:
    """One restanted. `options` are written into its configuration file."""

    def __init__(self, options=None, environment=None, unprivileged=True):
        self.folder = scratch("live")
        self.data, self.run = self.folder / "data", self.folder / "run"
        for folder in (self.data, self.run):
            folder.mkdir(mode=0o700)
            if AS_ROOT:
                shutil.chown(folder, "nobody", "nogroup")
        self.run.chmod(0o755)
        self.unprivileged = UNPRIVILEGED if unprivileged else {}
        port = free_port()
        self.pop3, self.pop3_v6 = ("127.0.0.1", port), ("::1", port)
        self.lmtp, self.lmtp_tcp = str(self.run / "lmtp"), ("127.0.0.1", free_port())
        self.listeners = {
            "pop3": {"protocol": "pop3", "address": f"127.0.0.1:{port}"},
            "lmtp": {"protocol": "lmtp", "address": f"unix:{self.lmtp}", "mode": "0666"},
            "lmtp-tcp": {"protocol": "lmtp", "address": "%s:%d" % self.lmtp_tcp},
        }
        if HAS_IPV6:
            self.listeners["pop3-v6"] = {"protocol": "pop3", "address": f"[::1]:{port}"}
        self.options = {"data_dir": self.data, "run_dir": self.run, "hostname": "mx.example.test",
                        "postmaster": "", "shards": 2, "log_level": "info",
                        "login_failure_ms": 0, **(options or {})}
        self.environment = dict(os.environ, **(environment or {}))
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            report = f"log_path='{self.run}/sanitizer'"
            if name == "ASAN_OPTIONS":
                # What was freed is kept for a while; tests of memory must see an end of it.
                report += ":quarantine_size_mb=32"
            if name == "TSAN_OPTIONS":
                report += f":suppressions='{PROGRAMS['tsan.suppressions']}'"
            self.environment[name] = f"{self.environment.get(name, '')}:{report}"
        self.config = self.folder / "restante.conf"
        self.process = self.notify = None
        self.log, self.news = [], threading.Condition()
        self.notices = []

    # --- life -------------------------------------------------------------------------------

    def configure(self):
        lines = [f"{name} = {option_text(value)}" for name, value in self.options.items()]
        for title, settings in self.listeners.items():
            inside = "".join(f"\t{name} = {option_text(value)}\n"
                             for name, value in settings.items())
            lines.append(f'listener "{title}" {{\n{inside}}}')
        self.config.write_text("\n".join(lines) + "\n")
        self.config.chmod(0o644)

    def start(self, command=(), pass_fds=()):
        """Starts it and returns when it says that it is ready. `command` goes before it."""
        self.configure()
        if not (self.data / "accounts.db").exists():
            self.tool("init")
        path = self.run / "notify"
        path.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.notify.bind(str(path))
        path.chmod(0o666)
        self.notify.settimeout(0.2)
        self.process = subprocess.Popen(
            [*command, PROGRAMS["restanted"], "--config", self.config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", pass_fds=pass_fds,
            env=dict(self.environment, NOTIFY_SOCKET=str(path)), **self.unprivileged)
        self.reader = threading.Thread(target=self.read_log, args=(self.process.stderr,))
        self.reader.start()
        self.wait_notice("READY=1")
        return self

    def read_log(self, stream):
        for line in stream:
            with self.news:
                self.log.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.news.notify_all()

    def wait_notice(self, wanted):
        """Returns when the server has told its supervisor `wanted`."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.notices:
            if time.monotonic() > deadline:
                raise AssertionError(f"no {wanted}; it said {self.notices}")
            try:
                self.notices += self.notify.recv(4096).decode().split("\n")
            except TimeoutError:
                if self.process.poll() is not None and wanted not in self.notices:
                    self.reader.join()
                    raise AssertionError(f"the server ended: {self.process.returncode}\n"
                                         + "\n".join(self.log)) from None

    def wait(self):
        """Its exit status, once it has ended."""
        status = self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stderr.close()
        self.notify.close()
        self.process = None
        return status

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"exit status {status} after SIGTERM"

    def restart(self):
        self.stop()
        self.notices.clear()
        return self.start()

    def kill(self):
        """kill -9"""
        self.signal(signal.SIGKILL)
        self.wait()

    def close(self):
        """Stops it if it runs, and raises if a sanitizer found something."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
            reports = [path.read_text(errors="replace") for path in self.run.glob("sanitizer.*")]
            assert not reports, "a sanitizer's report:\n" + "\n".join(reports)
        finally:
            if self.process is not None:
                self.process.kill()
                self.wait()
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- what it says and takes -------------------------------------------------------------

    def wait_log(self, pattern, count=1):
        """The `count`th log line that matches, as a match object; waits for it."""
        deadline = time.monotonic() + PATIENCE
        with self.news:
            while True:
                found = [match for match in map(re.compile(pattern).search, self.log) if match]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                assert left > 0 and self.news.wait(left), f"no log line like {pattern}"

    def memory(self):
        """Octets of memory that are the server's own (PSS without what is shared)."""
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return 1024 * int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1])

    def tool(self, *arguments, stdin=b"", check=True, patience=PATIENCE):
        """Runs the tool; returns its CompletedProcess, output as text."""
        done = subprocess.run([PROGRAMS["restante"], "--config", self.config, *arguments],
                              input=stdin, capture_output=True, timeout=patience, cwd="/",
                              env=self.environment, check=False, **UNPRIVILEGED)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        if check and done.returncode != 0:
            raise AssertionError(f"restante {arguments} ended {done.returncode}: {done.stderr}")
        return done

    def sql(self, statement, *values):
        """Plain SQL on accounts.db, beside the server, as an administrator's program does it."""
        return self.sql_of(self.data / "accounts.db", statement, *values)

    @staticmethod
    def sql_of(path, statement, *values):
        """... on another database."""
        database = sqlite3.connect(path, timeout=PATIENCE)
        try:
            with database:
                return database.execute(statement, values).fetchall()
        finally:
            database.close()

    def add_user(self, name="ann", password=PASSWORD, **columns):
        """A mailbox in DOMAIN (which is made when missing); returns its address."""
        address = name if "@" in name else f"{name}@{DOMAIN}"
        self.sql("INSERT OR IGNORE INTO domain(domain) VALUES(?)", address.split("@")[1])
        columns = {"address": address, "password": "{PLAIN}" + password, **columns}
        self.sql(f"INSERT INTO mailbox({', '.join(columns)}) "
                 f"VALUES({', '.join('?' * len(columns))})", *columns.values())
        return address

    def deliver(self, recipient, message, sender="sender@example.net"):
        """Hands over one message by LMTP; it must be taken."""
        with wire.Lmtp(self.lmtp) as lmtp:
            replies = lmtp.deliver(sender, [recipient], message)
            lmtp.command("QUIT")
        assert [code for code, _ in replies] == [250], replies

    def login(self, user="ann", password=PASSWORD):
        """A POP3 session after PASS."""
        pop3 = wire.Pop3(self.pop3)
        pop3.login(user if "@" in user else f"{user}@{DOMAIN}", password)
        return pop3


class LiveTest(unittest.TestCase):
    """A test that starts servers; when it fails, their logs are shown."""

    def run(self, result=None):
        self.servers = []
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for server in self.servers:
                print(f"--- log of the server of {self.id()}", *server.log[-60:], sep="\n",
                      file=sys.stderr)

    def server(self, environment=None, unprivileged=True, **options):
        """A server, not started yet, closed with the test."""
        server = Server(options, environment, unprivileged)
        self.servers.append(server)
        self.addCleanup(server.close)
        return server

    def serve(self, *users, **options):
        """A started server with these users (default: ann)."""
        server = self.server(**options).start()
        for user in users or ("ann",):
            server.add_user(user)
        return server

    def client(self, command, home, status=0, stdin=b""):
        """Runs a mail client with a home of its own; returns its standard output."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C",
                       "TERM": "dumb"}
        done = subprocess.run(command, input=stdin, capture_output=True, env=environment, cwd=home,
                              timeout=PATIENCE, check=False, **UNPRIVILEGED)
        self.assertEqual(done.returncode, status,
                         f"{command}\n{done.stdout.decode(errors='replace')}"
                         f"{done.stderr.decode(errors='replace')}")
        return done.stdout

    def home(self):
        """An empty home directory for a client."""
        home = scratch("home")
        if AS_ROOT:
            shutil.chown(home, "nobody", "nogroup")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        return home

    def assert_kept(self, retrieved, message):
        """`retrieved` is `message` in canonical form behind the trace lines, each once."""
        expected = wire.canonical(message)
        self.assertTrue(retrieved.endswith(expected),
                        f"{retrieved[-200:]!r} does not end with {expected[-200:]!r}")
        trace = retrieved[:len(retrieved) - len(expected)]
        names = re.findall(rb"^([A-Za-z-]+): .*\r\n(?:[ \t].*\r\n)*", trace, re.MULTILINE)
        self.assertEqual(sorted(names), [b"Delivered-To", b"Received", b"Return-Path"], trace)
