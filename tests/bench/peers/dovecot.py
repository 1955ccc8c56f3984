"""Dovecot from Debian's packages, as an expert sets it up for many short sessions.

Login and mail processes are used again (service_count), so that no session pays for a new one; login
processes serve many clients each; passwords are cached as far as Dovecot caches them. Everything
lies in a folder of its own, all processes are one unprivileged user's.
"""
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import certificates
from harness import AS_ROOT, PATIENCE, UNPRIVILEGED, free_port, scratch
from peers import passwords
import processes

PROGRAM = "/usr/sbin/dovecot"
CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = pop3 lmtp
listen = 127.0.0.1
hostname = mx.example.test
postmaster_address = postmaster@example.test
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_client_limit = 12000
first_valid_uid = 1
mail_uid = {user}
mail_gid = {group}
mail_location = {format}:{folder}/mail/%n
mail_fsync = {fsync}
mail_max_userip_connections = 0
mmap_disable = no
disable_plaintext_auth = no
auth_mechanisms = plain login apop scram-sha-256
auth_cache_size = 64M
auth_cache_verify_password_with_worker = no
auth_failure_delay = 0
ssl = yes
ssl_cert = <{folder}/tls/default.crt
ssl_key = <{folder}/tls/default.key
pop3_no_flag_updates = yes
pop3_uidl_format = %08Xu%08Xv
passdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%n allow_all_users=yes
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service auth {{
  client_limit = 15000
}}
service pop3-login {{
  chroot =
  service_count = 0
  process_min_avail = 2
  client_limit = 12000
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service pop3 {{
  service_count = 0
  process_min_avail = 2
  process_limit = 2000
}}
service lmtp {{
  process_min_avail = 2
  process_limit = 64
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""


def installed():
    return pathlib.Path(PROGRAM).exists()


def version():
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    return "Dovecot " + done.stdout.split()[0]


def raise_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Dovecot:
    """`form` is maildir or sdbox; `fsync` is mail_fsync: optimized or always."""

    def __init__(self, form="maildir", fsync="optimized"):
        self.name = f"Dovecot {form}" + (", fsync always" if fsync == "always" else "")
        self.folder = scratch("dovecot")
        certificates.pair(self.folder / "tls", "default", "mx.example.test")
        user = pwd.getpwnam("nobody") if AS_ROOT else pwd.getpwuid(os.getuid())
        self.ports = {name: free_port() for name in ("pop3", "pop3s", "lmtp")}
        for name in ("run", "mail", "home"):
            (self.folder / name).mkdir()
        self.users = self.folder / "users"
        self.users.touch()
        group = "nogroup" if AS_ROOT else str(user.pw_gid)
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(CONFIGURATION.format(
            folder=self.folder, user=user.pw_name, group=group, format=form, fsync=fsync,
            **self.ports))
        if AS_ROOT:
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, "nobody", "nogroup")

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        self.process = subprocess.Popen(
            [PROGRAM, "-F", "-c", self.config], stdin=subprocess.DEVNULL, cwd=self.folder,
            preexec_fn=raise_descriptors, **UNPRIVILEGED)
        deadline = time.monotonic() + PATIENCE
        while not all(map(answers, self.ports.values())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("Dovecot does not start: " + self.log())
            time.sleep(0.02)
        return self

    def log(self):
        """Its latest lines that are not of everyday."""
        path = self.folder / "log"
        lines = path.read_text(errors="replace").split("\n") if path.exists() else []
        return "\n".join([line for line in lines if " Info: " not in line][-20:])

    def __exit__(self, kind, *_):
        """Ends it and every process that it has made; after a failure, shows its log."""
        if kind is not None:
            print(self.log(), file=sys.stderr)
        pids = processes.tree(self.pid)
        self.process.terminate()
        self.process.wait(PATIENCE)
        for pid in pids[1:]:
            try:
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
                if "dovecot" in command:
                    os.kill(pid, signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue
        subprocess.run(["rm", "-rf", self.folder], check=True)  # there may be a million files

    def add_users(self, prefix, count, scheme="plain"):
        """PREFIX0 to PREFIX<count-1>; those with the password in clear have APOP."""
        stored = {"plain": "{PLAIN}" + passwords.PASSWORD}.get(scheme)
        if scheme == "scram":
            # Dovecot's order: rounds, salt, StoredKey, ServerKey.
            stored = "{SCRAM-SHA-256}" + ",".join(map(str, passwords.scram_verifier()))
        elif stored is None:
            stored = "{CRYPT}" + passwords.hashed(scheme)
        with self.users.open("a") as file:
            for number in range(count):
                file.write(f"{prefix}{number}:{stored}\n")
