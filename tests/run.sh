#!/usr/bin/env bash
# Builds restante with sanitizers and runs every test:
#
#	tests/run.sh [--quick] [NAME]
#
# --quick leaves out the builds for release, thread sanitizer and fuzzing, and the tests labelled
# "long". NAME is a regular expression for names of ctest tests ("live.logs", "unit"). Everything it
# writes is below build/.
# The last line is "N passed, N failed"; the exit status is not 0 when anything failed or nothing
# ran. docs/TESTING.md tells what the tests are.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

quick=
name=.
for argument in "$@"; do
	case $argument in
	--quick) quick=yes ;;
	-*)
		echo "usage: tests/run.sh [--quick] [NAME]" >&2
		exit 64
		;;
	*) name=$argument ;;
	esac
done

top=$PWD
results=$top/build/results
rm -rf "$results"
mkdir -p "$results" || exit 1

# A report of a sanitizer ends the program that caused it and leaves a file, which tests/summary.py
# counts as a failure even where nobody looked at that program's exit status.
report="log_path='$results/sanitizer'"
export ASAN_OPTIONS="$report:halt_on_error=1:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:quarantine_size_mb=16"
export UBSAN_OPTIONS="$report:halt_on_error=1:print_stacktrace=1"
export TSAN_OPTIONS="$report:halt_on_error=1:second_deadlock_stack=1:suppressions='$top/tests/tsan.suppressions'"

# step TITLE COMMAND...: runs it quietly; its output is shown when it fails, and that counts.
broken=0
step() {
	local title=$1 log start=$SECONDS
	shift
	log=$results/step-${title//[^a-z]/-}.log
	printf '%s ... ' "$title"
	if "$@" >"$log" 2>&1; then
		echo "done ($((SECONDS - start)) s)"
		return 0
	fi
	echo "FAILED"
	grep -E -A 8 'error|FAILED' "$log" | head -n 60
	tail -n 20 "$log"
	broken=$((broken + 1))
	return 1
}

# preset NAME CTEST_OPTION...: builds a preset and runs its tests.
preset() {
	local preset=$1
	shift
	step "configure $preset" cmake --preset "$preset" &&
		step "build $preset" cmake --build --preset "$preset" --parallel 2 -- -k 0 || return
	ctest --test-dir "build/$preset" --parallel 2 --timeout 600 --tests-regex "$name" \
		--output-junit "$results/$preset.xml" --test-output-size-passed 100000 \
		--test-output-size-failed 100000 "$@" | grep -v '^ *Start '
	# Without a report nothing of it would count.
	[ "${PIPESTATUS[0]}" -eq 0 ] || [ -s "$results/$preset.xml" ] || broken=$((broken + 1))
}

sh packaging/install-deps.sh tests || exit 1
if [ -n "$quick" ]; then
	preset dev --label-exclude long
else
	preset dev
	# Optimised, the compilers see more; what is measured and installed is built so. Without a
	# sanitizer that keeps what was freed, memory is what it looks like.
	preset release --label-regex '^memory$'
	# Threads matter to the pool, the store and the live server only. (The tool by itself has none
	# that matter, and at its prompt this sanitizer holds a signal back until the next key. Faults
	# are about what is done next, not by whom. packaging/try.sh builds programs of its own.)
	preset tsan --exclude-regex \
		'^(lint|dialogue|fault)\.|^live\.(faults|tool_alone|try)$'
	preset fuzz
fi
python3 tests/summary.py "$results" "$broken"
