#!/usr/bin/env python3
"""Makes a folder of inputs out of a file of seeds: seeds.py FILE FOLDER

A seed is a paragraph of lines that begin with "|": their text with a LF each, and escapes as in
Python (\\r \\n \\t \\\\ \\xNN); "\\" at a line's end leaves out its LF. Other lines are remarks.
"""
import pathlib
import re
import sys


def octets_of(line):
    joined = re.search(r"(?<!\\)(\\\\)*\\$", line)
    text = line[:-1] if joined else line + "\n"
    return text.encode().decode("unicode_escape").encode("latin-1")


def main():
    source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    seeds, current = [], b""
    for line in source.read_text(encoding="ascii").splitlines() + [""]:
        if line.startswith("|"):
            current += octets_of(line[1:])
        elif current:
            seeds, current = seeds + [current], b""
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:02}").write_bytes(seed)
    print(f"{len(seeds)} seeds")
    sys.exit(0 if seeds else 1)


main()
