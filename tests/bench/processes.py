"""What a server's processes cost: CPU time and memory, of a process and all that come from it."""
import os
import pathlib
import re

TICKS = os.sysconf("SC_CLK_TCK")
PROC = pathlib.Path("/proc")


def stat_fields(pid):
    """Fields of /proc/PID/stat behind the name, from the state on."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def tree(root):
    """The pids of a process and its descendants."""
    children = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(stat_fields(entry.name)[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += children.get(pid, [])
    return found


def cpu_seconds(root):
    """CPU time of them all, those that have ended and were waited for included."""
    total = 0
    for pid in tree(root):
        try:
            total += sum(map(int, stat_fields(pid)[11:15]))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / TICKS


def memory(root):
    """Octets of memory that are their own (PSS: what is shared is divided)."""
    total = 0
    for pid in tree(root):
        try:
            rollup = (PROC / str(pid) / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        total += 1024 * int(found[1]) if found else 0
    return total
