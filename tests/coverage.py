#!/usr/bin/env python3
"""A table of line coverage out of `llvm-cov export -summary-only`: coverage.py TOP WANTED <JSON

WANTED is a regular expression for paths below TOP. Exit status 1: less than 95 % of the protocols.
"""
import json
import pathlib
import re
import sys

PROTOCOLS, GOAL = ("server/pop3", "server/lmtp"), 95


def main():
    top, wanted = pathlib.Path(sys.argv[1]), re.compile(sys.argv[2])
    rooms = {}
    for file in json.load(sys.stdin)["data"][0]["files"]:
        path = pathlib.Path(file["filename"])
        if not path.is_relative_to(top) or not wanted.match(str(path.relative_to(top))):
            continue
        path = path.relative_to(top)
        lines = file["summary"]["lines"]
        if lines["count"] == 0:
            continue
        rooms.setdefault(str(path.parent), []).append((path.name, lines["covered"], lines["count"]))
    protocols = [0, 0]
    for room, rows in sorted(rooms.items()):
        covered, count = (sum(row[i] for row in rows) for i in (1, 2))
        print(f"{room}/  {covered} of {count} lines, {100 * covered / count:.1f} %")
        for name, part, whole in sorted(rows):
            print(f"    {name:28} {part:5} of {whole:5}  {100 * part / whole:5.1f} %")
        if room in PROTOCOLS:
            protocols = [protocols[0] + covered, protocols[1] + count]
    share = 100 * protocols[0] / protocols[1]
    print(f"protocols: {protocols[0]} of {protocols[1]} lines, {share:.1f} % (at least {GOAL})")
    return 0 if share >= GOAL else 1


sys.exit(main())
