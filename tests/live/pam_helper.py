"""restante-pam beside a server of the harness, with the system's PAM or pam_wrapper's.

The programs are named by the environment: RESTANTE_PAM, and RESTANTE_PAM_PLAIN, the same without
sanitizers.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

from harness import AS_ROOT, PATIENCE, UNPRIVILEGED, scratch

LIBRARIES = pathlib.Path("/usr/lib", os.uname().machine + "-linux-gnu")
MATRIX = LIBRARIES / "pam_wrapper/pam_matrix.so"
# Users that every Debian has, with uids 5, 8, 9 and 1; 0 and 1 are below what wrapped() allows.
USERS = ("games", "mail", "news", "daemon")


def shareable(path):
    """A copy that `nobody` can read, wherever the project lies."""
    path = shutil.copy(path, scratch("pam") / pathlib.Path(path).name)
    os.chmod(path, 0o755)
    return path


HELPER = shareable(os.environ["RESTANTE_PAM"])
# Without sanitizers, which pam_wrapper does not go with.
PLAIN = shareable(os.environ["RESTANTE_PAM_PLAIN"])


def remove_leftovers():
    """pam_wrapper's folders, which workers that are killed or end leave in /tmp."""
    for folder in pathlib.Path("/tmp").glob("pam.?"):
        try:
            os.kill(int((folder / "pid").read_text()), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):
            continue


class Helper:
    """One restante-pam for a server of the harness."""

    def __init__(self, server, arguments=(), environment=None, unprivileged=True, pass_fds=(),
                 command=(), program=HELPER):
        self.socket = server.run / "pam.sock"
        user = "nobody" if AS_ROOT else subprocess.run(
            ["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        self.environment = dict(server.environment, SECRET_OF_INIT="yes", **(environment or {}))
        kept = [*(environment or {}), "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"]
        self.process = subprocess.Popen(
            [*command, program, "--socket", self.socket, "--user", user, *arguments,
             *(word for name in kept if name != "LD_PRELOAD"
               for word in ("--environment", name))],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", pass_fds=pass_fds,
            env=self.environment, **(UNPRIVILEGED if unprivileged else {}))
        self.log, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self.read_log)
        self.reader.start()
        self.wait_log(" start$")

    def read_log(self):
        for line in self.process.stderr:
            with self.news:
                self.log.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.news.notify_all()

    def wait_log(self, pattern):
        deadline = time.monotonic() + PATIENCE
        with self.news:
            while True:
                for match in map(re.compile(pattern).search, self.log):
                    if match:
                        return match
                left = deadline - time.monotonic()
                assert left > 0 and self.process.poll() is None and self.news.wait(min(left, 1)) \
                    or left > 0 and self.process.poll() is None, f"no {pattern} in {self.log}"

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stderr.close()
        return status

    def workers(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


def wrapped(server, *arguments, lines=None, unprivileged=True, **more):
    """A helper whose PAM is pam_wrapper's; `lines`: the service file (default: pam_matrix)."""
    folder = scratch("pam")
    passdb = folder / "passdb"
    passdb.write_text("".join(f"{user}:secret of {user}:restante\n" for user in USERS)
                      + "uucp:secret of uucp:elsewhere\n")
    matrix = f"{MATRIX} passdb={passdb} verbose"
    (folder / "services").mkdir()
    (folder / "services/restante").write_text(
        lines or f"auth required {matrix}\naccount required {matrix}\n")
    environment = {
        "LD_PRELOAD": "libpam_wrapper.so",
        "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": str(folder / "services"),
    }
    return Helper(server, ["--uid-min", "2", *arguments], environment, unprivileged,
                  program=PLAIN, **more)
