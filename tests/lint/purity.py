#!/usr/bin/env python3
"""lint.purity: the protocol machines can do nothing but compute.

	purity.py PURE.a... --base BASE.a MEMBER...

The pure archives, together with the named members of the base archive that they lean on, must have
no undefined symbols but a few functions on memory and strings.
"""
import re
import subprocess
import sys

from sources import report

ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "bcmp", "memchr", "memrchr", "memmem", "strlen",
           "strnlen", "strchr", "strrchr", "strspn", "strcspn", "strcmp", "strncmp", "strcasecmp",
           "strncasecmp", "explicit_bzero"}
# What compilers, sanitizers and hardening put in by themselves; a failed assert may speak.
COMPILER = re.compile(r"_GLOBAL_OFFSET_TABLE_$|__assert_fail$|__stack_chk_fail$|"
                      r"__(mem\w+|explicit_bzero)_chk$|__(asan|ubsan|tsan|sanitizer|start|stop)_")


def symbols(archive, members):
    """({member: undefined symbols}, defined symbols) of an archive; of all its members if None."""
    lines = subprocess.run(["nm", "-A", "-P", archive], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    undefined, defined = {}, set()
    for line in lines:
        member, name, kind = re.match(r".*\[(.+)\]: (\S+) (\S)", line).groups()
        if members is not None and member not in members:
            continue
        needs = undefined.setdefault(member, set())
        if kind in "Uwv":
            needs.add(name)
        else:
            defined.add(name)
    if members is not None and members != set(undefined):
        sys.exit(f"{archive} has no {', '.join(sorted(members - set(undefined)))}")
    return undefined, defined


def findings(pure, base, members):
    undefined, defined = {}, set()
    for archive, wanted in [(archive, None) for archive in pure] + [(base, members)]:
        more, names = symbols(archive, wanted)
        undefined.update(more)
        defined |= names
    for member, names in undefined.items():
        for name in sorted(names - defined - ALLOWED):
            if not COMPILER.match(name):
                yield f"{member}: {name} is not for a pure room"


split = sys.argv.index("--base")
report(findings(sys.argv[1:split], sys.argv[split + 1], set(sys.argv[split + 2:])))
