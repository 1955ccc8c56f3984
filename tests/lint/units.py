#!/usr/bin/env python3
"""lint.units: systemd takes our units without a word, and they keep out what they are to keep out.

Verified and scored by systemd-analyze(1), which needs no running systemd. The programs need not be
installed: another one stands in their place. A service without a row in the table is a finding.
"""
import pathlib
import re
import shutil
import subprocess
import tempfile

from sources import TOP, report

UNITS = TOP / "packaging/systemd"
# At most so much exposure, in tenths as `systemd-analyze security --threshold` counts it.
EXPOSURE = {"restanted.service": 15, "restante-pam.service": 25}
OWN_PROGRAM = re.compile(r"^(Exec\w+=)/usr/(?:sbin|libexec)/restante\S*", re.MULTILINE)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.returncode, done.stdout.strip()


def findings_in(folder, units):
    status, said = run("systemd-analyze", "verify", "--man=no", *units)
    if status != 0 or said:
        yield f"systemd-analyze verify: {said or status}"
    for unit in units:
        if unit.suffix != ".service":
            continue
        if unit.name not in EXPOSURE:
            yield f"{unit.name}: how much may it be exposed?"
            continue
        status, said = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                           f"--threshold={EXPOSURE[unit.name]}", unit)
        print(said.splitlines()[-1])
        if status != 0:
            yield f"{unit.name}: too much exposure"
    (folder / "etc").mkdir()
    status, said = run("systemd-sysusers", f"--root={folder}", "--dry-run",
                       UNITS / "restante.sysusers")
    if status != 0 or "Creating user 'restante'" not in said:
        yield f"restante.sysusers: {said}"


def findings():
    if shutil.which("systemd-analyze") is None:
        yield "there is no systemd-analyze"
        return
    with tempfile.TemporaryDirectory(prefix="restante-units.") as name:
        folder, units = pathlib.Path(name), []
        for source in sorted(UNITS.glob("restante*.s[eo]*")):
            unit = folder / source.name
            unit.write_text(OWN_PROGRAM.sub(r"\1/bin/true", source.read_text()))
            units.append(unit)
        yield from findings_in(folder, units)


report(findings())
