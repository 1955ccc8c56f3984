"""SASL's mechanisms as a client, written from the RFCs; base64 and lines are the caller's."""
import base64
import hashlib
import hmac
import os


def b64(octets):
    return base64.b64encode(octets).decode()


def plain(user, password, authzid=""):
    return "\0".join((authzid, user, password)).encode()


def cram_md5(user, password, challenge):
    return user.encode() + b" " + hmac.new(password.encode(), challenge,
                                           "md5").hexdigest().encode()


class Scram:
    """One exchange of SCRAM (RFC 5802): first(), final(server-first), good(server-final)."""

    def __init__(self, user, password, digest="sha256", binding=None):
        self.user, self.password, self.digest = user, password, digest
        self.header = b"n,," if binding is None else b"p=tls-exporter,,"
        self.binding = binding or b""
        self.nonce = base64.b64encode(os.urandom(18))
        self.rounds = self.salt = self.signature = None

    def hmac(self, key, octets):
        return hmac.new(key, octets, self.digest).digest()

    def bare(self):
        name = self.user.replace("=", "=3D").replace(",", "=2C").encode()
        return b"n=" + name + b",r=" + self.nonce

    def first(self):
        return self.header + self.bare()

    def final(self, server_first):
        fields = dict(field.split(b"=", 1) for field in server_first.split(b","))
        assert fields[b"r"].startswith(self.nonce) and len(fields[b"r"]) > len(self.nonce)
        self.salt, self.rounds = base64.b64decode(fields[b"s"]), int(fields[b"i"])
        salted = hashlib.pbkdf2_hmac(self.digest, self.password.encode(), self.salt, self.rounds)
        client_key = self.hmac(salted, b"Client Key")
        without = b"c=" + base64.b64encode(self.header + self.binding) + b",r=" + fields[b"r"]
        message = b",".join((self.bare(), server_first, without))
        signature = self.hmac(hashlib.new(self.digest, client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.signature = self.hmac(self.hmac(salted, b"Server Key"), message)
        return without + b",p=" + base64.b64encode(proof)

    def good(self, server_final):
        return server_final == b"v=" + base64.b64encode(self.signature)
