"""Writes docs/PERFORMANCE.md and its plots from the results that are kept."""
import os
import pathlib
import platform
import re
import subprocess

import capacity
import environment
import plot
from result import FIGURES

NOTES = environment.TOP / "tests/bench/notes"
INTRODUCTION = """# How fast it is

Written by `{command}`; the figures of a table are of one run on one machine, and say something
only beside each other. `tests/bench/README.md` tells how it is measured and how the others are set up.

- **c** is a bare responder (`tests/bench/load/responder.c`): one thread that answers from memory, checks
  nothing and keeps nothing. No server with a maildrop can be faster in this test on this machine.
- **D** is the best of the Dovecots in the same table.
- Figures are medians of {rounds} rounds, the contenders in turn; ratios are medians of the rounds' ratios.
  CPU is the server's, all its processes, for each session or message.
- The load generator checks every octet of every reply. It shares the processors with the server.
"""


def version(package):
    """A Debian package's version."""
    return subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True,
                          text=True, check=False).stdout or "of unknown version"


def machine():
    """What it was measured on, line by line."""
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "unknown system")
    folder = os.environ.get("TMPDIR", "/tmp")
    disk = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True,
                          check=True).stdout.split()[-1]
    commit = subprocess.run(["git", "-C", environment.TOP, "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return [f"{len(os.sched_getaffinity(0))} processors ({cpu[1] if cpu else platform.machine()}), "
            f"{memory:.0f} GiB of memory; mail on {disk}",
            f"{release}, Linux {platform.release()}",
            f"restante {commit or 'without a repository'}, SQLite {version('libsqlite3-0')}, "
            f"OpenSSL {version('libssl3')}"]


def table(headings, rows):
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def cell(key, value):
    return "" if value is None else FIGURES[key][1].format(value)


def bars(results):
    rows = [(bar["text"], bar["wanted"], bar["reached"], "met" if bar["met"] else "**missed**")
            for result in results for bar in result["bars"]]
    if rows:
        yield from ("", "## What it is held to", "")
        yield from table(("", "wanted", "reached", ""), rows)


def comment(name):
    """What people have found out about a scenario's figures: NOTES/NAME.md, if there is one."""
    path = NOTES / f"{name}.md"
    if path.exists():
        yield from ("", path.read_text(encoding="utf-8").strip())


def section(name, result, plots):
    yield from ("", f"## {result['title']}", "", result["text"], "")
    columns = [key for key in result["columns"]
               if any(row.get(key) is not None for row in result["rows"])]
    yield from table(("", *(FIGURES[key][0] for key in columns)),
                     [(row["name"], *(cell(key, row.get(key)) for key in columns))
                      for row in result["rows"]])
    if result["notes"]:
        yield ""
        yield from (f"- {note}" for note in result["notes"])
    for figure in result["plots"]:
        yield from ("", f"![{figure['title']}]({plots}/{figure['name']}.svg)", "", figure["explains"])
    yield from comment(name)


def write(kept, order, output, command):
    """The document into `output`, its plots into the folder plots beside it."""
    results = {name: kept["scenarios"][name] for name in order if name in kept["scenarios"]}
    lines = [INTRODUCTION.format(command=command, rounds=kept["rounds"])]
    lines += ["Machine and versions:", ""]
    lines += [f"- {line}" for line in kept["machine"]]
    lines += [*bars(results.values())]
    (output.parent / "plots").mkdir(parents=True, exist_ok=True)
    for name, result in results.items():
        lines += section(name, result, "plots")
        for figure in result["plots"]:
            (output.parent / "plots" / f"{figure['name']}.svg").write_text(plot.svg(figure))
    output.write_text("\n".join(lines) + "\n")
    print(f"written: {output}")
    reckoned = capacity.document(results)
    if reckoned is not None:
        (output.parent / "CAPACITY.md").write_text(reckoned)
        print(f"written: {output.parent / 'CAPACITY.md'}")
