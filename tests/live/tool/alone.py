"""A data directory of its own and the tool over it, without a server. Needs RESTANTE."""
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PATIENCE = 120  # seconds until something that must happen counts as hanging
# sysexits.h, as the tool uses them.
USAGE, DATAERR, NOINPUT, NOUSER, UNAVAILABLE = 64, 65, 66, 67, 69
CANTCREAT, TEMPFAIL, NOPERM, CONFIG = 73, 75, 77, 78
DECLINED = 1


class Done:
    """What a run of the tool came to."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def json(self):
        return json.loads(self.out)


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="restante-tool."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.config = self.configure("restante.conf", self.folder / "data")

    def configure(self, name, data):
        """A configuration file of that name over the data directory `data`; returns its path."""
        path = self.folder / name
        path.write_text(f'data_dir = "{data}"\nrun_dir = "{self.folder}/run"\nuser = root\n'
                        "shards = 2\n"
                        f'listener "lmtp" {{\n\tprotocol = lmtp\n\taddress = "unix:{self.folder}'
                        '/lmtp"\n}\n')
        return path

    @property
    def data(self):
        return self.folder / "data"

    def run_tool(self, *arguments, stdin=b"", config=None):
        """Without a controlling terminal, as cron or a service would run it."""
        done = subprocess.run(
            [os.environ["RESTANTE"], "--config", config or self.config, *map(str, arguments)],
            input=stdin, capture_output=True, timeout=PATIENCE, check=False,
            start_new_session=True, cwd="/")
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def tool(self, *arguments, stdin=b"", status=0, says="", config=None):
        """Checks the exit status, and that standard error has `says`."""
        done = self.run_tool(*arguments, stdin=stdin, config=config)
        self.assertEqual(done.status, status, f"{arguments}: {done.out}{done.err}")
        self.assertIn(says, done.err)
        if status == 0:
            self.assertEqual(done.err, "", arguments)
        else:
            self.assertTrue(done.err.startswith("restante: "), done.err)
        return done

    def fill(self):
        """A store with a domain and two users."""
        self.tool("init")
        self.tool("domain", "add", "example.org")
        for name in ("ann", "bob"):
            self.tool("user", "add", f"{name}@example.org", "--password-stdin",
                      stdin=f"{name}'s password\n".encode())

    def at_terminal(self, arguments, answers):
        """Runs the tool with a terminal; types each answer when its prompt shows."""
        pid, terminal = pty.fork()
        if pid == 0:
            # As a shell starts what is in the foreground; we may be in a background that ignores it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execv(os.environ["RESTANTE"],
                     [os.environ["RESTANTE"], "--config", str(self.config), *arguments])
        seen = b""
        deadline = time.monotonic() + PATIENCE
        answers = list(answers)
        while time.monotonic() < deadline:
            if answers and answers[0][0].encode() in seen:
                prompt, answer = answers.pop(0)
                seen = seen[seen.index(prompt.encode()) + len(prompt):]
                os.write(terminal, answer.encode())
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                octets = os.read(terminal, 4096)
            except OSError:  # Linux: EIO when the other end is closed
                break
            if not octets:
                break
            seen += octets
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(answers, [], f"never asked: {seen}")
        return os.waitstatus_to_exitcode(status), seen.decode()
