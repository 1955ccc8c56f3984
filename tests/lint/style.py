#!/usr/bin/env python3
"""lint.style: rules of the house that a program can check.

Forbidden calls, words of unfinished work, paths of one machine; outside of tests, files over 500
lines and functions over 60. Needs universal-ctags.
"""
import re
import subprocess

from sources import TOP, code, files, report, text

FILE_LINES, FUNCTION_LINES = 500, 60
FORBIDDEN = re.compile(
    r"\b(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|strtok_r|gets|alloca|atoi|atol|"
    r"atoll|atof)\s*\(")
# A room returns: only programs end themselves, run others or sleep.
NOT_IN_ROOMS = re.compile(r"\b(exit|_exit|abort|system|popen|fork|sleep|usleep|nanosleep)\s*\(")
ROOMS = ("include/", "sql/", "store/", "auth/", "server/base/", "server/pop3/", "server/lmtp/",
         "server/net/")
PROGRAMS = ("auth/pam_helper/",)
# In pieces, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|(?i:unimple" r"mented|place" r"holder|"
                        r"st" r"ub(bed)?))\b")
WORKPLACE = re.compile(r"/(wo" r"rk|fa" r"rm)/|\.\./(sha" r"red|\.lib" r"rary)")
SOURCES = {".c", ".h", ".py", ".sh", ".sql", ".cmake", ".txt", ".json", ".conf", ""}


def line_of(content, position):
    return content.count("\n", 0, position) + 1


def c_findings(path):
    content = code(path)
    lines = content.count("\n")
    if lines > FILE_LINES and path.parts[0] != "tests":
        yield f"{path}: {lines} lines, at most {FILE_LINES}: two responsibilities in one file?"
    patterns = [FORBIDDEN]
    if path.as_posix().startswith(ROOMS) and not path.as_posix().startswith(PROGRAMS):
        patterns.append(NOT_IN_ROOMS)
    for pattern in patterns:
        for match in pattern.finditer(content):
            yield f"{path}:{line_of(content, match.start())}: calls {match[1]}"


def long_functions(paths):
    command = ["ctags", "-f", "-", "--fields=+ne", "--kinds-C=f", "-L", "-"]
    tags = subprocess.run(command, input="\n".join(map(str, paths)), cwd=TOP, check=True,
                          capture_output=True, text=True).stdout
    for tag in tags.splitlines():
        fields = dict(field.split(":", 1) for field in tag.split("\t") if ":" in field)
        if "line" not in fields or "end" not in fields:
            continue
        lines = int(fields["end"]) - int(fields["line"]) + 1
        if lines > FUNCTION_LINES:
            name, path = tag.split("\t")[:2]
            yield f"{path}:{fields['line']}: {name} has {lines} lines, at most {FUNCTION_LINES}"


def text_findings(path):
    content = text(path)
    patterns = [(WORKPLACE, "names a path of one machine")]
    if path.suffix in SOURCES:
        patterns.append((UNFINISHED, "says that it is unfinished"))
    for pattern, problem in patterns:
        for match in pattern.finditer(content):
            yield f"{path}:{line_of(content, match.start())}: {problem}: {match[0]}"


def findings():
    sources = list(files(".c", ".h"))
    for path in sources:
        yield from c_findings(path)
    yield from long_functions([path for path in sources if path.parts[0] != "tests"])
    for path in files():
        yield from text_findings(path)


report(findings())
