#!/usr/bin/env python3
"""lint.secrets: what is secret is compared in constant time, by CRYPTO_memcmp and nothing else.

A program cannot know what is secret; it goes by names. An argument of a comparison that stops at the
first difference must not have a name, or a part of one, from the list below.
"""
import re

from sources import calls, code, files, report

STOPS_EARLY = ("memcmp", "bcmp", "strcmp", "strncmp", "strcasecmp", "strncasecmp", "str_equal",
               "str_equal_nocase")
SECRET = {"clear", "credential", "digest", "hash", "hmac", "mac", "opened", "passphrase", "passwd",
          "password", "proof", "salted", "secret", "signature", "token"}
SECRET_NAMES = {"client_key", "server_key", "stored_key"}


def findings():
    for path in files(".c", ".h"):
        if path.parts[0] == "tests":
            continue
        content = code(path)
        for position, name, spans in calls(content, STOPS_EARLY):
            words = {word for begin, end in spans for word in re.findall(r"\w+", content[begin:end])}
            secret = sorted(word for word in words
                            if word in SECRET_NAMES or SECRET & set(word.split("_")))
            if secret:
                line = content.count("\n", 0, position) + 1
                yield f"{path}:{line}: {name} of {', '.join(secret)}: use CRYPTO_memcmp"


report(findings())
