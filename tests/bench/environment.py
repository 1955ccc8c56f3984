"""Where the build is, and how much of everything is done; configured once, before anything else."""
import os
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build/release"
QUICK = False


def configure(build, quick):
    """Also lets the live tests' modules be imported, which want to know the programs."""
    global BUILD, QUICK
    BUILD, QUICK = build.resolve(), quick
    os.environ.setdefault("RESTANTED", str(BUILD / "server/restanted"))
    os.environ.setdefault("RESTANTE", str(BUILD / "admin/restante"))
    os.environ.setdefault("RESTANTE_PAM", str(BUILD / "auth/pam_helper/restante-pam"))
    os.environ.setdefault("RESTANTE_PAM_PLAIN", str(BUILD / "tests/live/restante-pam-plain"))
    sys.path.insert(0, str(TOP / "tests/live"))


def program(name):
    return str(BUILD / "tests/bench" / f"bench_{name}")


def scaled(number):
    """A tenth of it, when it must be quick."""
    return max(number // 10, 1) if QUICK else number


def seconds(whole):
    """... of a time."""
    return max(whole / 10, 0.5) if QUICK else whole


def rounds(whole=3):
    return 1 if QUICK else whole
