"""Cyrus from Debian's packages, unpacked by unpack-cyrus.sh: processes made beforehand and used again.

Everything that it writes lies in a folder of its own, all processes are one unprivileged user's. Users
are in sasldb, which keeps passwords in clear.
"""
import os
import pwd
import shutil
import subprocess
import time

from environment import TOP
from harness import AS_ROOT, PATIENCE, UNPRIVILEGED, free_port, scratch
from peers import passwords
from peers.dovecot import answers

UNPACKED = TOP / "build/peers/cyrus"
IMAPD = """
configdirectory: {folder}/conf
partition-default: {folder}/spool
defaultpartition: default
sievedir: {folder}/sieve
lmtpsocket: {folder}/run/lmtp
idlesocket: {folder}/run/idle
notifysocket: {folder}/run/notify
proc_path: {folder}/run/proc
mboxname_lockpath: {folder}/run/lock
cyrus_user: {user}
cyrus_group: {group}
servername: mx.example.test
virtdomains: userid
defaultdomain: example.test
loginrealms: example.test
unixhierarchysep: yes
allowplaintext: yes
popminpoll: 0
autocreate_quota: 0
autocreate_post: yes
autocreate_users: anyone
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
"""
MASTER = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -r -C {folder}/imapd.conf"
}}
SERVICES {{
  pop3 cmd="{bin}/pop3d -C {folder}/imapd.conf" listen="127.0.0.1:{pop3}" prefork=16 maxchild=100
  lmtp cmd="{bin}/lmtpd -a -C {folder}/imapd.conf" listen="127.0.0.1:{lmtp}" prefork=8 maxchild=40
}}
"""


def installed():
    return (UNPACKED / "usr/sbin/cyrmaster").exists()


def version():
    packages = (UNPACKED / "packages").glob("cyrus-common_*.deb")
    return "Cyrus " + next(packages).name.split("_")[1].split("-")[0]


class Cyrus:
    name = "Cyrus"

    def __init__(self):
        self.folder = scratch("cyrus")
        # The server's user must reach it, wherever the project lies.
        self.programs = self.folder / "programs"
        shutil.copytree(UNPACKED / "usr", self.programs / "usr", symlinks=True)
        self.ports = {"pop3": free_port(), "lmtp": free_port()}
        for name in ("conf", "spool", "sieve", "run"):
            (self.folder / name).mkdir()
        user = "nobody" if AS_ROOT else pwd.getpwuid(os.getuid()).pw_name
        values = {"folder": self.folder, "bin": self.programs / "usr/lib/cyrus/bin", "user": user,
                  "group": "nogroup" if AS_ROOT else user, **self.ports}
        (self.folder / "imapd.conf").write_text(IMAPD.format(**values))
        (self.folder / "cyrus.conf").write_text(MASTER.format(**values))
        libraries = next(self.programs.glob("usr/lib/*/libcyrus.so.0")).parent
        self.how = {"env": {**os.environ, "LD_LIBRARY_PATH": str(libraries)}, "cwd": self.folder,
                    **UNPRIVILEGED}
        if AS_ROOT:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "nobody", "nogroup")
        self.add_users("first", 1)  # or there is no sasldb

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.programs / "usr/sbin/cyrmaster", "-C", self.folder / "imapd.conf",
             "-M", self.folder / "cyrus.conf", "-p", self.folder / "run/pid"],
            stdin=subprocess.DEVNULL, **self.how)
        deadline = time.monotonic() + PATIENCE
        while not all(map(answers, self.ports.values())):
            assert self.process.poll() is None and time.monotonic() < deadline, "no Cyrus"
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def add_users(self, prefix, count, scheme="plain"):
        """PREFIX0 to PREFIX<count-1>; it knows passwords in clear only."""
        assert scheme == "plain"
        for number in range(count):
            subprocess.run([self.programs / "usr/sbin/saslpasswd2", "-p", "-c", "-f",
                            self.folder / "sasldb2", "-u", "mx.example.test", f"{prefix}{number}"],
                           input=f"{passwords.PASSWORD}\n".encode(), check=True, **self.how)
