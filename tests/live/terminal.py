"""Programs that want a terminal get one of ours."""
import os
import pty
import select
import subprocess

from harness import PATIENCE, UNPRIVILEGED


def watch(process, terminal):
    """Reads what a program draws until it ends; the screen's octets."""
    screen = b""
    try:
        while select.select([terminal], [], [], PATIENCE)[0]:
            screen += os.read(terminal, 4096)
        process.kill()
    except OSError:  # the other end is closed: it has ended
        pass
    process.wait()
    os.close(terminal)
    return screen


def mutt(url, place, *settings):
    """Opens a mailbox with mutt, which pushes its own keys; its status and its screen."""
    command = ["mutt", "-n", "-F", "/dev/null", "-f", url]
    for setting in settings:
        command += ["-e", setting]
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=place,
                               env={"PATH": os.environ["PATH"], "HOME": str(place),
                                    "TERM": "vt100", "LC_ALL": "C"}, **UNPRIVILEGED)
    os.close(slave)
    screen = watch(process, master)
    return process.returncode, screen
