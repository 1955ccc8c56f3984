"""restanted, as it is installed but for its ports; harness.py starts and stops it."""
import certificates
import harness
from peers import passwords


class Restante(harness.Server):
    """Logs into a file, as it would to a journal. Durable as always: there is no other way."""

    name = "restante"

    def __init__(self, **options):
        super().__init__({"message_size": "256M", "connections": 18000,
                          "connections_before_login": 18000, "login_seconds": 3600,
                          "apop": True, **options})
        certificates.offer(self, "mx.example.test")

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        # Its log would otherwise be read line by line in this program, which takes CPU from it.
        self.start(("sh", "-c", 'exec "$@" 2>' + str(self.run / "log"), "sh"))
        self.ports = {"pop3": self.pop3[1], "pop3s": self.pop3s[1], "lmtp": self.lmtp_tcp[1]}
        return self

    def __exit__(self, *_):
        self.close()

    def add_users(self, prefix, count, scheme="plain"):
        """PREFIX0 to PREFIX<count-1>, with APOP."""
        stored = "{PLAIN}" + passwords.PASSWORD
        scram = None
        if scheme == "scram":
            scram = ",".join(map(str, passwords.scram_verifier()))
        elif scheme != "plain":
            stored = passwords.hashed(scheme)
        self.sql("INSERT OR IGNORE INTO domain(domain) VALUES('example.test')")
        self.sql("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                 "INSERT INTO mailbox(address, password, apop_secret, scram_sha256) "
                 "SELECT ? || i || '@example.test', ?, '{CLEAR}' || ?, ? FROM n",
                 count - 1, prefix, stored, passwords.PASSWORD, scram)
