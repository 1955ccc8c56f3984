"""Certificates for tests: made by openssl(1), trusted by nobody, good for as long as they say."""
import shutil
import ssl
import subprocess

from harness import AS_ROOT, free_port

KEYS = {"ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "rsa": ["-newkey", "rsa:2048"],
        "ed25519": ["-newkey", "ed25519"],
        "ed448": ["-newkey", "ed448"]}


def own(path):
    """The server can read it."""
    if AS_ROOT:
        shutil.chown(path, "nobody", "nogroup")
    path.chmod(0o700 if path.is_dir() else 0o600)


def make(certificate, key, *names, kind="ecdsa", days=30, more=()):
    """A certificate for `names` (the first is its common name too), and its key.

    Names are DNS names; "IP:..." is an address. `more` are options of openssl-req(1): without any the
    certificate signs itself.
    """
    alternatives = ",".join(name if name.startswith("IP:") else f"DNS:{name}" for name in names)
    command = ["openssl", "req", "-x509", "-nodes", *KEYS[kind], "-days", str(days),
               "-subj", f"/CN={names[0]}", "-keyout", key, "-out", certificate,
               "-addext", f"subjectAltName={alternatives}", *more]
    subprocess.run(command, check=True, capture_output=True)
    own(certificate)
    own(key)


def pair(folder, name, *names, **how):
    """NAME.crt and NAME.key in the folder."""
    folder.mkdir(exist_ok=True)
    own(folder)
    make(folder / f"{name}.crt", folder / f"{name}.key", *names, **how)


def client(**settings):
    """What a client brings that trusts everybody; settings are attributes of the context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def names_of(socket):
    """The DNS names in the certificate that the server has shown."""
    text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-ext",
                           "subjectAltName"], input=socket.getpeercert(binary_form=True),
                          check=True, capture_output=True).stdout.decode()
    return text.split("\n")[1].replace("DNS:", "").replace(" ", "").split(",")


def offer(server, *names):
    """Gives a server that is not started a certificate, and a port with TLS from the first octet."""
    folder = server.folder_of_certificates = server.folder / "tls"
    pair(folder, "default", *names)
    server.options["tls_dir"] = folder
    server.pop3s = ("127.0.0.1", free_port())
    server.listeners["pop3s"] = {"protocol": "pop3", "tls": "implicit",
                                 "address": "%s:%d" % server.pop3s}
