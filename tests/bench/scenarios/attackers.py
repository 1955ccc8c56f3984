#!/usr/bin/env python3
"""Many connections that claim to come from one address: attackers.py PORT COUNT

PORT wants the PROXY header, which is how one machine can be many others. Each connection guesses a
password again and again; what the server closes is opened again, at most RATE times a second. Says
"at it" when COUNT have been tried, ends with its input, and then tells what it did.
"""
import resource
import selectors
import socket
import sys
import time

RATE = 2000
HEADER = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 110\r\n"
GUESS = b"USER fresh0@example.test\r\nPASS wrong\r\n"


class Crowd:
    def __init__(self, port, count):
        self.address, self.count = ("127.0.0.1", port), count
        self.selector = selectors.DefaultSelector()
        self.tried = self.closed = self.held = 0
        self.last, self.allowance = time.monotonic(), 0.0

    def join(self):
        """One more connection."""
        fresh = socket.socket()
        fresh.setblocking(False)
        fresh.connect_ex(self.address)
        self.selector.register(fresh, selectors.EVENT_WRITE, HEADER + GUESS)
        self.tried, self.held = self.tried + 1, self.held + 1

    def leave(self, gone):
        self.selector.unregister(gone)
        gone.close()
        self.closed, self.held = self.closed + 1, self.held - 1

    def serve(self, key, events):
        try:
            if events & selectors.EVENT_WRITE:
                key.fileobj.send(key.data)
                self.selector.modify(key.fileobj, selectors.EVENT_READ, GUESS)
                return
            got = key.fileobj.recv(4096)
            if not got:
                self.leave(key.fileobj)
            elif b"-ERR" in got:
                key.fileobj.send(GUESS)
        except OSError:
            self.leave(key.fileobj)

    def turn(self):
        now = time.monotonic()
        self.allowance = min(self.allowance + (now - self.last) * RATE, RATE / 10)
        self.last = now
        while self.held < self.count and self.allowance >= 1:
            self.allowance -= 1
            self.join()
        for key, events in self.selector.select(0.01):
            if key.data is None:
                return False
            self.serve(key, events)
        return True


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(int(sys.argv[1]), int(sys.argv[2]))
    crowd.selector.register(sys.stdin, selectors.EVENT_READ, None)
    told = False
    while crowd.turn():
        if not told and crowd.tried >= crowd.count:
            print("at it", flush=True)
            told = True
    print(f"{crowd.tried} connections, {crowd.closed} closed by the server, {crowd.held} held")


main()
