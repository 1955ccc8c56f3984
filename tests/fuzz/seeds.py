#!/usr/bin/env python3
"""Makes a folder of inputs out of a file of seeds: seeds.py SEEDS FOLDER

A seed is a paragraph of lines that begin with "|": their text with a LF each, and escapes as in
Python (\\r \\n \\t \\\\ \\xNN); "\\" at a line's end leaves out its LF. Other lines are remarks.

	seeds.py --add SEEDS FILE REMARK

appends an input, such as one that a fuzzer has found, as a seed that every run begins with.
"""
import pathlib
import re
import sys


def octets_of(line):
    joined = re.search(r"(?<!\\)(\\\\)*\\$", line)
    text = line[:-1] if joined else line + "\n"
    return text.encode().decode("unicode_escape").encode("latin-1")


def read(source):
    seeds, current = [], b""
    for line in source.read_text(encoding="ascii").splitlines() + [""]:
        if line.startswith("|"):
            current += octets_of(line[1:])
        elif current:
            seeds, current = seeds + [current], b""
    return seeds


def written(octets):
    """The paragraph of an input: a line for each LF in it, and "\\" where the last one has none."""
    lines = octets.split(b"\n")
    texts = [line.decode("latin-1").encode("unicode_escape").decode() for line in lines]
    last = texts.pop()
    if last:
        texts.append(last + "\\")
    return "".join(f"|{text}\n" for text in texts)


def add(source, found, remark):
    octets = found.read_bytes()
    assert octets, f"{found} is empty"
    with source.open("a", encoding="ascii") as file:
        file.write(f"\n{remark}\n{written(octets)}")
    assert read(source)[-1] == octets


def make(source, folder):
    seeds = read(source)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:02}").write_bytes(seed)
    print(f"{len(seeds)} seeds")
    return 0 if seeds else 1


if sys.argv[1] == "--add":
    add(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4])
else:
    sys.exit(make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
