"""What the servers keep of the one password that all users of the benches have."""
import base64
import hashlib
import hmac
import os
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

PASSWORD = "secret"
ROUNDS = 4096


def scram_verifier():
    """rounds, salt, StoredKey, ServerKey of SCRAM-SHA-256."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, ROUNDS)

    def key(name):
        return hmac.digest(salted, name, "sha256")

    stored = hashlib.sha256(key(b"Client Key")).digest()
    return ROUNDS, *(base64.b64encode(part).decode()
                     for part in (salt, stored, key(b"Server Key")))


def hashed(scheme):
    """The password as crypt(3) keeps it."""
    if scheme == "yescrypt":
        return crypt.crypt(PASSWORD, "$y$j9T$" + "benchbenchbench0")
    method = {"sha512": crypt.METHOD_SHA512, "bcrypt": crypt.METHOD_BLOWFISH}[scheme]
    rounds = {"rounds": 2 ** 10} if scheme == "bcrypt" else {}
    return crypt.crypt(PASSWORD, crypt.mksalt(method, **rounds))
