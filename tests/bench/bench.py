#!/usr/bin/env python3
"""Measures restante, a ceiling and Dovecot on this machine; README.md says how.

    tests/bench/bench.py list
    tests/bench/bench.py run [--quick] SCENARIO...|all	measures, and keeps the figures
    tests/bench/bench.py report [--quick] [SCENARIO]...	the same (default: all), then writes
    tests/bench/bench.py write [--quick]			docs/PERFORMANCE.md from what is kept

Figures are kept in build/bench.json, scenario by scenario, so that one can be measured again. --quick
does a tenth of everything, to see that it works; its figures and document stay in build/quick.
--build FOLDER is a build with tests (default: build/release).
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time
import traceback

import environment
from environment import TOP


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=TOP / "build/release", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("do", choices=("list", "run", "report", "write"))
    parser.add_argument("scenarios", nargs="*", default=[])
    return parser.parse_intermixed_args()


def keep(path, result):
    """Adds figures to those that are kept; {} to begin with."""
    kept = json.loads(path.read_text()) if path.exists() else {"scenarios": {}}
    kept["scenarios"].update(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


def measured(name, scenario, kept):
    """Runs it and keeps its figures. False: it failed; the others can still be measured."""
    start = time.monotonic()
    print(f"{name}:", flush=True)
    try:
        keep(kept, {name: scenario().as_json()})
        return True
    except (AssertionError, OSError, subprocess.SubprocessError):
        traceback.print_exc()
        return False
    finally:
        print(f"  ({time.monotonic() - start:.0f} s)", flush=True)


def main():
    asked = arguments()
    environment.configure(asked.build, asked.quick)
    # These need to know where the programs are.
    import report
    import scenarios
    from peers import cyrus, dovecot
    known = scenarios.load_all()
    folder = TOP / ("build/quick" if asked.quick else "build")
    document = [name for name in known if name not in scenarios.APART]
    chosen = document if asked.scenarios == ["all"] else asked.scenarios
    if asked.do == "report" and not chosen:
        chosen = document
    unknown = set(chosen) - set(known)
    if unknown or (asked.do == "run" and not chosen):
        sys.exit(f"no such scenario: {', '.join(unknown) or 'none named'}; there are: {', '.join(known)}")
    if asked.do == "list":
        print("\n".join(known))
        return
    kept = folder / "bench.json"
    failed = [name for name in chosen if not measured(name, known[name], kept)]
    if asked.do in ("report", "write"):
        facts = report.machine() + [f"{peer.version()} of Debian" for peer in (dovecot, cyrus)
                                    if peer.installed()]
        figures = {**json.loads(kept.read_text()), "machine": facts, "rounds": environment.rounds()}
        where = folder / "PERFORMANCE.md" if asked.quick else TOP / "docs/PERFORMANCE.md"
        report.write(figures, document, where, "tests/bench/bench.py report")
    if failed:
        sys.exit(f"failed, and not measured: {', '.join(failed)}")


main()
