#!/usr/bin/env python3
"""What testssl.sh says of the release build's TLS, on a port with STLS and on one with implicit TLS.

	tests/testssl.py [--build FOLDER] [stls | implicit]

FOLDER is a build (default: build/release). Takes a few minutes. The server has an ECDSA and an RSA
certificate from a CA made for the occasion, which testssl.sh is told to trust. Its whole
report goes to build/testssl/; findings are printed, and the exit status is not 0 if one of them is
above LOW.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
REPORTS = TOP / "build/testssl"
NAME = "localhost"
ABOVE_LOW = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=TOP / "build/release", type=pathlib.Path)
    parser.add_argument("mode", nargs="?", choices=["stls", "implicit"])
    return parser.parse_args()


ARGUMENTS = arguments()
os.environ.setdefault("RESTANTED", str(ARGUMENTS.build.resolve() / "server/restanted"))
os.environ.setdefault("RESTANTE", str(ARGUMENTS.build.resolve() / "admin/restante"))
sys.path.insert(0, str(TOP / "tests/live"))
import certificates  # noqa: E402 - it reads the two names above
import harness  # noqa: E402


def secured():
    """A server, not started, with certificates of a CA; and the CA's certificate."""
    server = harness.Server()
    certificates.offer(server, NAME)
    folder, authority = server.folder_of_certificates, server.folder / "ca"
    authority.mkdir()
    certificates.make(authority / "ca.crt", authority / "ca.key", "ca.example.test", days=365,
                      more=["-addext", "keyUsage=critical,keyCertSign,cRLSign"])
    # A leaf as a public CA would issue it.
    issued = ["-CA", authority / "ca.crt", "-CAkey", authority / "ca.key",
              "-addext", "basicConstraints=critical,CA:FALSE",
              "-addext", "keyUsage=critical,digitalSignature",
              "-addext", "extendedKeyUsage=serverAuth",
              "-addext", "crlDistributionPoints=URI:http://ca.example.test/ca.crl"]
    for name, kind in (("default", "ecdsa"), ("rsa", "rsa")):
        certificates.pair(folder, name, NAME, kind=kind, days=90, more=issued)
    return server, authority / "ca.crt"


def check(mode, server, authority):
    """Runs testssl.sh; its findings above LOW, each once."""
    report = REPORTS / f"{mode}.json"
    report.unlink(missing_ok=True)
    port = (server.pop3 if mode == "stls" else server.pop3s)[1]
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "one",
               "--add-ca", authority, "--jsonfile", report,
               *(["-t", "pop3"] if mode == "stls" else []), f"{NAME}:{port}"]
    with (REPORTS / f"{mode}.txt").open("w") as text:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=text, stderr=subprocess.STDOUT,
                       check=False)
    findings = {(row["severity"], row["id"], row["finding"])
                for row in json.loads(report.read_text())
                if row["severity"] not in ("OK", "INFO", "DEBUG")}
    print(f"{mode}: {REPORTS.relative_to(TOP)}/{mode}.txt")
    for severity, name, finding in sorted(findings):
        print(f"  {severity:8} {name}: {finding}", flush=True)
    return [row for row in findings if row[0] in ABOVE_LOW]


def main():
    REPORTS.mkdir(parents=True, exist_ok=True)
    server, authority = secured()
    try:
        server.start()
        found = [row for mode in ([ARGUMENTS.mode] if ARGUMENTS.mode else ["stls", "implicit"])
                 for row in check(mode, server, authority)]
    finally:
        server.close()
    print(f"{len(found)} findings above LOW")
    return 1 if found else 0


sys.exit(main())
