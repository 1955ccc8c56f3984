#!/bin/sh
# Runs one fuzz target: run.sh NAME PROGRAM
#
# First the seeds, then new inputs for RESTANTE_FUZZ_SECONDS (10; 0 = the seeds only). What it finds
# is kept as NAME-crash-*, NAME-timeout-* or NAME-oom-* beside PROGRAM; RESTANTE_FUZZ_CORPUS is a
# folder that keeps what was learnt (below it, one folder a target), for longer runs.
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

set -- -rss_limit_mb=512 -timeout=5 -dict="$here/$name.dict" \
	-artifact_prefix="$(dirname "$program")/$name-" -print_final_stats=1 -verbosity=0
"$program" "$@" -runs=0 "$TMPDIR/seeds"
if [ "$seconds" -gt 0 ]; then
	"$program" "$@" -max_total_time="$seconds" "$learnt" "$TMPDIR/seeds"
fi
