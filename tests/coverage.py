#!/usr/bin/env python3
"""A table of line coverage out of `llvm-cov export -summary-only`: coverage.py TOP WANTED <JSON

WANTED is a regular expression for paths below TOP. Exit status 1: less than 95 % of a part that takes
octets from strangers.
"""
import json
import pathlib
import re
import sys

GOAL = 95
EXPOSED = ("server/pop3/", "server/lmtp/", "server/net/", "auth/sasl", "auth/passwords")


def total(rows):
    """Lines run, lines, and per cent."""
    covered, count = (sum(row[i] for row in rows) for i in (1, 2))
    return covered, count, 100 * covered / count


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
    for room, rows in sorted(rooms.items()):
        covered, count, share = total(rows)
        print(f"{room}/  {covered} of {count} lines, {share:.1f} %")
        for name, part, whole in sorted(rows):
            print(f"    {name:28} {part:5} of {whole:5}  {100 * part / whole:5.1f} %")
    status = 0
    for part in EXPOSED:
        covered, count, share = total([row for room, rows in rooms.items() for row in rows
                                       if f"{room}/{row[0]}".startswith(part)])
        print(f"{part}*  {covered} of {count} lines, {share:.1f} % (at least {GOAL})")
        if share < GOAL:
            status = 1
    return status


sys.exit(main())
