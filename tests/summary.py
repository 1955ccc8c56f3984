#!/usr/bin/env python3
"""Adds up what ctest and the sanitizers left in a folder: summary.py FOLDER BROKEN_STEPS

Reads FOLDER/*.xml (ctest's JUnit files) and FOLDER/sanitizer.* (reports). Counts single cases where
a test program tells them (cmocka, Python's unittest), and the program itself otherwise. Shows what
was skipped and why, and the output of what failed; the last line is "N passed, N failed".
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

SKIPPED = re.compile(r"^(\w+) \(.*\) \.\.\. skipped ['\"](.*)['\"]$", re.MULTILINE)
SKIPPED_IN_C = re.compile(r"^\[  SKIPPED \] (\w+)$", re.MULTILINE)


def total(pattern, output):
    return sum(int(number) for number in re.findall(pattern, output, re.MULTILINE))


def count_cases(output, failed_program):
    """(passed, failed) cases of one test program."""
    passed = total(r"^\[  PASSED  \] (\d+) test", output)
    failed = total(r"^\[  FAILED  \] (?:\S+: )?(\d+) test", output)
    ran = total(r"^Ran (\d+) tests? in ", output)
    if ran:
        failed += total(r"^FAILED \(.*?failures=(\d+)", output)
        failed += total(r"^FAILED \(.*?errors=(\d+)", output)
        passed += max(ran - failed - total(r"skipped=(\d+)", output), 0)
    if failed_program:
        return passed, max(failed, 1)
    return passed if ran or passed else 1, failed


def read_run(path):
    """(passed, failed) of one ctest run; prints what was skipped, and the output of its failures."""
    passed = failed = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        failed_program = case.get("status") != "run"
        good, bad = count_cases(output, failed_program)
        passed, failed = passed + good, failed + bad
        for name, why in SKIPPED.findall(output):
            print(f"{path.stem}: {case.get('name')}: {name} skipped: {why}")
        for name in sorted(set(SKIPPED_IN_C.findall(output))):
            print(f"{path.stem}: {case.get('name')}: {name} skipped")
        if failed_program or bad:
            print(f"\n=== {path.stem}: {case.get('name')} failed ===\n{output}")
    return passed, failed


def main():
    folder, failed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    passed = 0
    for path in sorted(folder.glob("*.xml")):
        good, bad = read_run(path)
        passed, failed = passed + good, failed + bad
    for path in sorted(folder.glob("sanitizer.*")):
        print(f"\n=== a sanitizer's report: {path.name} ===\n{path.read_text(errors='replace')}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
