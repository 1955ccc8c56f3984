"""Programs that want a terminal get one of ours."""
import os
import select

from harness import PATIENCE


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
