"""The ceiling: load/responder.c."""
import subprocess

import certificates
from environment import program
from harness import free_port, scratch


class Responder:
    """`protocol` is "pop3", "pop3s" or "lmtp"; `copies`: so many messages of its are in memory."""

    def __init__(self, protocol, messages=0, kib=0, copies=1, name="c"):
        self.name = name
        port = free_port()
        self.ports = {protocol: port}
        self.command = [program("responder"), protocol.rstrip("s"), str(port)]
        if protocol != "lmtp":
            self.command += [str(messages), str(kib), str(copies)]
        if protocol == "pop3s":
            folder = scratch("responder")
            certificates.pair(folder, "default", "mx.example.test")
            self.command += [folder / "default.crt", folder / "default.key"]

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
