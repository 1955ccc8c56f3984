#!/usr/bin/env python3
"""lint.threats: every test that docs/THREATS.md names exists, and every class has one.

`test_x` is a method in tests/live, `x.txt` a script in tests/dialogue, `unit.x: case` a case in
tests/unit/test_x.c, `fuzz.x` and `fault.x` a source in their folders; `live.x` a module.
"""
import re

from sources import TOP, report

CLASSES = 33


def live_methods():
    return {name for path in (TOP / "tests/live").rglob("*.py")
            for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))}


def exists(name, methods):
    """None where `name` is not that of a test at all."""
    if re.fullmatch(r"test_\w+", name):
        return name in methods
    if re.fullmatch(r"[\w.]+\.txt", name):
        return any((TOP / "tests/dialogue").rglob(name))
    case = re.fullmatch(r"unit\.(\w+): (\w+)", name)
    if case:
        path = TOP / f"tests/unit/test_{case[1]}.c"
        return path.is_file() and f"static void {case[2]}(void" in path.read_text(encoding="utf-8")
    program = re.fullmatch(r"(fuzz|fault|live|lint)\.(\w+)", name)
    if not program:
        return None
    places = {"fuzz": "fuzz/fuzz_{}.c", "live": "live/test_{}.py", "lint": "lint/{}.py"}
    if program[1] == "fault":
        text = (TOP / "tests/fault/CMakeLists.txt").read_text(encoding="utf-8")
        return f"fault.{program[2]}" in text or f"fault_test({program[2]}" in text
    return (TOP / "tests" / places[program[1]].format(program[2])).is_file()


def main():
    text = (TOP / "docs/THREATS.md").read_text(encoding="utf-8")
    methods, findings = live_methods(), []
    for name in sorted(set(re.findall(r"`([^`\n]+)`", text))):
        if exists(name, methods) is False:
            findings.append(f"docs/THREATS.md: there is no test {name}")
    rows = {int(row[1]): row[2] for row in re.finditer(r"^\| (\d+) \|.*\| (.*) \|$", text, re.MULTILINE)}
    for number in range(1, CLASSES + 1):
        names = re.findall(r"`([^`]+)`", rows.get(number, ""))
        if not any(exists(name, methods) for name in names):
            findings.append(f"docs/THREATS.md: class {number} has no test")
    report(findings)


main()
