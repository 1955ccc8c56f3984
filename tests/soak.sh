#!/usr/bin/env bash
# The machinery of tests/run.sh that never says that it is done, for as long as there is time:
#
#	tests/soak.sh MINUTES
#
# Side by side: every fuzz target in turn, with inputs of another seed and a corpus that grows; and
# in turn the fault loops, kill -9 of the store and of the server, and the hostile load. From an hour
# on each single operation is made to fail, below that every so manyth. What has begun is brought to
# its end. It prints a summary; the exit status is not 0 when anything failed.
#
# RESTANTE_FUZZ_CORPUS is the corpus (build/soak/corpus); RESTANTE_SEED repeats the choices of another
# run.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

minutes=${1-}
case $minutes in
'' | *[!0-9]* | 0*)
	echo "usage: tests/soak.sh MINUTES" >&2
	exit 64
	;;
esac
top=$PWD
place=$top/build/soak
seed=${RESTANTE_SEED:-$(($(date +%s) % 1000000 + 1))}
step=$((minutes >= 60 ? 1 : 60 / minutes))
export RESTANTE_FUZZ_CORPUS=${RESTANTE_FUZZ_CORPUS:-$place/corpus} PYTHONDONTWRITEBYTECODE=1
mkdir -p "$place" "$RESTANTE_FUZZ_CORPUS" || exit 1
rm -f "$place"/*.log "$place"/sanitizer.* "$place"/failed

report="log_path='$place/sanitizer'"
export ASAN_OPTIONS="$report:halt_on_error=1:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:quarantine_size_mb=16"
export UBSAN_OPTIONS="$report:halt_on_error=1:print_stacktrace=1"

sh packaging/install-deps.sh tests || exit 1
for preset in dev fuzz; do
	echo "building $preset"
	log=$place/build-$preset.log
	if ! { cmake --preset $preset && cmake --build --preset $preset --parallel 2; } >"$log"; then
		tail -n 20 "$log"
		exit 1
	fi
done

# job NAME COMMAND...: its output is kept; what fails is told at once and in the summary.
job() {
	local name=$1
	shift
	if "$@" >>"$place/$name.log" 2>&1; then
		return
	fi
	echo "$name FAILED (seed $seed): $place/$name.log"
	echo "$name" >>"$place/failed"
}

# live MODULE VARIABLE=VALUE...: a module of tests/live.
live() {
	local module=$1
	shift
	(cd tests/live && env RESTANTED="$top/build/dev/server/restanted" \
		RESTANTE="$top/build/dev/admin/restante" "$@" python3 -m unittest -v "$module")
}

fuzz() {
	local program name left begun targets=(build/fuzz/tests/fuzz/fuzz_*)
	left=${#targets[@]}
	for program in "${targets[@]}"; do
		name=${program##*/fuzz_}
		export RESTANTE_FUZZ_SECONDS=$(((end - SECONDS) / left)) RESTANTE_FUZZ_SEED=$seed
		left=$((left - 1))
		[ "$RESTANTE_FUZZ_SECONDS" -gt 0 ] || RESTANTE_FUZZ_SECONDS=1
		begun=$SECONDS
		job "fuzz-$name" sh tests/fuzz/run.sh "$name" "$top/$program"
		echo "fuzz_seconds $((SECONDS - begun))" >>"$place/fuzz-$name.log"
	done
}

break_things() {
	local round=0 faulty=$top/build/dev/tests/fault/restanted_faulty faults=build/dev/tests/fault
	while [ $SECONDS -lt $end ]; do
		local now=$((seed + round))
		job load live test_load RESTANTE_LOAD_SECONDS=60
		job kill9-store $faults/kill9 100 $now "$place"
		job kill9-server live test_crash RESTANTE_KILLS=50 RESTANTE_SEED=$now
		job faults-migration $faults/test_migration_faults $step $now
		job faults-server live test_faults RESTANTED="$faulty" RESTANTE_FAULT_STEP=$step
		[ $SECONDS -lt $end ] && job faults-memory $faults/test_store_memory $step
		[ $SECONDS -lt $end ] && job faults-store $faults/test_store_faults $step $now
		round=$((round + 1))
	done
}

end=$((SECONDS + minutes * 60))
echo "$minutes minutes, seed $seed, every $step. operation"
fuzz &
fuzzing=$!
break_things
wait $fuzzing

echo
echo "Fuzz targets: minutes, executions, executions a second, inputs in the corpus"
for log in "$place"/fuzz-*.log; do
	name=${log##*/fuzz-}
	name=${name%.log}
	awk -v name="$name" -v files="$(find "$RESTANTE_FUZZ_CORPUS/$name" -type f | wc -l)" '
		/number_of_executed_units/ { executions = $2 }
		/average_exec_per_sec/ { rate = $2 }
		/^fuzz_seconds/ { minutes = $2 / 60 }
		END { printf "  %-12s %7.1f %10d %8d %6d\n", name, minutes, executions, rate, files }' "$log"
done
echo "Faults, kills and load"
grep -hE 'injection_points=|^rounds=|^[0-9]+ kills,|good sessions' \
	"$place"/faults-*.log "$place"/kill9-*.log "$place"/load.log | sed 's/.*\.\.\. //; s/^/  /'
failed=$(cat "$place/failed" "$place"/sanitizer.* 2>/dev/null | wc -l)
if [ "$failed" -gt 0 ]; then
	echo "FAILED:" "$(sort -u "$place/failed" 2>/dev/null)" "$(ls "$place"/sanitizer.* 2>/dev/null)"
	exit 1
fi
echo "nothing failed"
