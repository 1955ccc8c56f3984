#!/usr/bin/env bash
# How much of the code that takes octets from outside the tests run through:
#
#	tests/coverage.sh [--lines FILE]
#
# builds preset `coverage`, runs unit tests, dialogues, the seeds of the fuzz targets (and
# RESTANTE_FUZZ_CORPUS, if that is given) and some live tests, and prints a table of lines for server
# and auth. The exit status is not 0 when a test failed or less than 95 % of the lines were run of a
# part that takes octets from strangers (tests/coverage.py lists them). --lines shows which lines of
# FILE were not.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
build=build/coverage
wanted='server/|auth/'

# Programs that the tests run.
objects() {
	find $build -type f -executable \( -path '*/tests/unit/test_*' -o -path '*/tests/fuzz/fuzz_*' \
		-o -path '*/tests/dialogue/dialogue_*' \
		-o -name restanted -o -name restante -o -name restante-pam \) -printf '-object=%p\n'
}

if [ "${1-}" = --lines ]; then
	mapfile -t objects < <(objects)
	llvm-cov show -instr-profile=$build/all.profdata $build/server/restanted "${objects[@]}" \
		"$PWD/${2#"$PWD"/}" 2>/dev/null | grep -E '^ *[0-9]+\| *0\|'
	exit 0
fi
cmake --preset coverage >/dev/null && cmake --build --preset coverage --parallel 2 | tail -n 1 || exit 1

# Servers write theirs as `nobody`.
profiles=$(mktemp -d /tmp/restante-coverage-XXXXXX) || exit 1
trap 'rm -rf "$profiles"' EXIT
chmod 1777 "$profiles"
failed=0
LLVM_PROFILE_FILE=$profiles/%4m.profraw RESTANTE_FUZZ_SECONDS=0 \
	ctest --test-dir $build --parallel 2 --timeout 600 --output-on-failure \
	--tests-regex '^(unit|dialogue|fuzz)\.|^live\.(lmtp|maildrop|tls|hostile|sasl|utf8|names|proxied|limiter|accounts|pam)$' |
	grep -vE '^ *Start |Passed' || failed=1
[ "${PIPESTATUS[0]}" -eq 0 ] || failed=1

llvm-profdata merge -o $build/all.profdata "$profiles"/*.profraw || exit 1
mapfile -t objects < <(objects)
llvm-cov export -summary-only -instr-profile=$build/all.profdata "${objects[@]}" |
	python3 tests/coverage.py "$PWD" "$wanted" || failed=1
exit $failed
