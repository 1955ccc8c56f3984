#!/bin/sh
# Runs one fuzz target: run.sh NAME PROGRAM
#
# First the seeds, and what was learnt before; then new inputs for RESTANTE_FUZZ_SECONDS (10), which
# follow from RESTANTE_FUZZ_SEED (1, so that the same ones are tried each time; soak.sh takes others).
# What it finds is kept as NAME-crash-*, NAME-timeout-* or NAME-oom-* beside PROGRAM, and must become
# a seed: seeds.py --add. RESTANTE_FUZZ_CORPUS is a folder that keeps what was learnt (below it, one
# folder a target), for longer runs.
set -eu
name=$1
program=$2
here=$(dirname "$0")
seconds=${RESTANTE_FUZZ_SECONDS:-10}

# Files of targets are small and short-lived: in memory where there is such a place.
place=${TMPDIR:-/tmp}
if [ -z "${TMPDIR-}" ] && [ -w /dev/shm ]; then
	place=/dev/shm
fi
TMPDIR=$(mktemp -d "$place/restante-fuzz-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
mkdir "$TMPDIR/seeds" "$TMPDIR/learnt"
python3 "$here/seeds.py" "$here/$name.seeds" "$TMPDIR/seeds"
learnt=$TMPDIR/learnt
if [ -n "${RESTANTE_FUZZ_CORPUS-}" ]; then
	learnt=$RESTANTE_FUZZ_CORPUS/$name
	mkdir -p "$learnt"
fi

# Nobody from outside makes us take this much memory. Freed memory that the sanitizer keeps for a
# while would count too.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=16
export ASAN_OPTIONS
artifacts=$(dirname "$program")/$name-
set -- -rss_limit_mb=256 -malloc_limit_mb=8 -timeout=5 -dict="$here/$name.dict" \
	-artifact_prefix="$artifacts" -print_final_stats=1 -verbosity=0
status=0
"$program" "$@" -runs=0 "$TMPDIR/seeds" "$learnt" || status=$?
if [ "$status" -eq 0 ] && [ "$seconds" -gt 0 ]; then
	"$program" "$@" -seed="${RESTANTE_FUZZ_SEED:-1}" -max_total_time="$seconds" \
		"$learnt" "$TMPDIR/seeds" || status=$?
fi
if [ "$status" -ne 0 ]; then
	echo "Keep what was found (the newest ${artifacts}*) as a seed:"
	echo "	tests/fuzz/seeds.py --add tests/fuzz/$name.seeds FILE 'what went wrong'"
fi
exit "$status"
