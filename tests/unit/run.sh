#!/usr/bin/env bash
# The unit tests under ASan and UBSan. Each test program counts its own cases.
set -u
cd "$(dirname "$0")/../.."
build=${ROLLCALL_BUILD:-build/asan}
passed=0 failed=0 skipped=0
while read -r program; do
	name=$(basename "$program")
	out=$(timeout 300 "$program" 2>&1)
	rc=$?
	ok=$(grep -c '^\[       OK \]' <<<"$out")
	bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' <<<"$out")
	skip=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s).*/\1/p' <<<"$out")
	bad=${bad:-0} skip=${skip:-0}
	if [ "$rc" != 0 ] || [ "$((ok + skip))" = 0 ]; then
		printf '%s\n' "$out" | tail -n 60
		echo "FAIL $name (exit $rc)"
		[ "$bad" -gt 0 ] || bad=1
	else
		echo "ok   $name ($ok$([ "$skip" = 0 ] || echo ", $skip skipped"))"
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
done < <(find tests/unit -name '*_test.c' | sed 's|^tests/unit/||; s|\.c$||; s|/|.|g' | sort | sed "s|^|$build/|")
echo "SUITE unit: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
