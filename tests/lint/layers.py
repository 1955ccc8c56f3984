#!/usr/bin/env python3
"""lint.layers: every #include stays within what its room may see.

The rooms in the middle (pop3, lmtp, net, auth, store) never see one another; the protocol rooms
see no header of the system that could do anything; a room's *_private.h stays in the room.
"""
import re

from sources import TOP, files, report, text

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)

# Room (longest prefix of the path wins) -> rooms and libraries it may include beside itself.
SEAMS = "include/restante"
ROOMS = {
    "include/restante": (set(), set()),
    "sql": ({"server/base", SEAMS}, {"sqlite"}),
    "server/base": ({SEAMS}, set()),
    "server/pop3": ({"server/base", SEAMS}, set()),
    "server/lmtp": ({"server/base", SEAMS}, set()),
    "server/net": ({"server/base", SEAMS}, {"openssl"}),
    "store": ({"server/base", SEAMS, "sql"}, {"sqlite", "uthash"}),
    "auth": ({"server/base", SEAMS, "sql"}, {"sqlite", "openssl", "crypt", "argon2", "idn"}),
    "auth/pam_helper": ({"server/base", SEAMS}, {"pam", "crypt"}),
    "server": ({"server/base", "server/pop3", "server/lmtp", "server/net", SEAMS},
               {"openssl", "confuse", "uthash"}),
    "admin": ({"server/base", SEAMS}, {"smartcols", "openssl"}),
}
LIBRARIES = {
    "sqlite": r"sqlite3\.h", "openssl": r"openssl/.*", "crypt": r"crypt\.h",
    "argon2": r"argon2\.h", "confuse": r"confuse\.h", "idn": r"stringprep\.h",
    "pam": r"security/.*", "smartcols": r"libsmartcols(/.*)?\.h", "uthash": r"ut\w+\.h",
}
# All that a pure room may take from the system: types, strings, limits.
PURE = {"server/pop3", "server/lmtp"}
PURE_HEADERS = {"assert.h", "inttypes.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h",
                "string.h", "strings.h"}


def room_of(path):
    candidates = [room for room in ROOMS if path.as_posix().startswith(room + "/")]
    return max(candidates, key=len, default=None)


def resolve(path, bracket, name):
    """The project's file that an #include names, however it is quoted, or None."""
    own = [TOP / path.parent] if bracket == '"' else []
    for folder in own + [TOP / "server", TOP / "include", TOP]:
        if (folder / name).is_file():
            return (folder / name).resolve().relative_to(TOP)
    return None


def check_own(path, room, name, target):
    """A header of the project's own."""
    other = room_of(target)
    if other is None:
        return f"includes {name}, which is in no room"
    if other != room and other not in ROOMS[room][0]:
        return f"includes {name}: {room} must not see {other}"
    if other != room and target.stem.endswith("_private"):
        return f"includes {name}, which is private to {other}"
    return None


def check_system(room, name):
    """A header of a library or of the system."""
    for library, pattern in LIBRARIES.items():
        if re.fullmatch(pattern, name):
            return None if library in ROOMS[room][1] else f"includes <{name}>: not for {room}"
    if room in PURE and name not in PURE_HEADERS:
        return f"includes <{name}>: {room} is pure"
    return None


def findings():
    for path in files(".c", ".h"):
        room = room_of(path)
        if room is None:
            continue  # tests may look everywhere
        for bracket, name in INCLUDE.findall(text(path)):
            target = resolve(path, bracket, name)
            if bracket == '"' and target is None:
                problem = f'includes "{name}", which does not exist'
            elif target is not None:
                problem = check_own(path, room, name, target)
            else:
                problem = check_system(room, name)
            if problem:
                yield f"{path}: {problem}"


report(findings())
