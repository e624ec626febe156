#!/usr/bin/env bash
# The pure rooms once more under valgrind, which sees reads of memory that nobody wrote. ASan and valgrind do not mix, so
# this is a build of its own.
set -u
cd "$(dirname "$0")/../.."
build=build/valgrind
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug >build/configure-valgrind.log 2>&1 || { cat build/configure-valgrind.log; exit 1; }
programs=$(find tests/unit -name '*_test.c' |
	grep -E 'base/(arena|strbuf|text|json|yaml|duration|clock|metrics|crypto|http_judge|http_target)_test|model/|core/|commands/|policy|cards/' |
	sed 's|^tests/unit/||; s|\.c$||; s|/|.|g' | sort)
# shellcheck disable=SC2086
cmake --build "$build" -j "$(nproc)" --target $programs >build/build-valgrind.log 2>&1 || { tail -n 40 build/build-valgrind.log; exit 1; }
passed=0 failed=0
for name in $programs; do
	if out=$(ROLLCALL_UNDER_VALGRIND=1 timeout 600 valgrind -q --error-exitcode=9 --leak-check=full \
		--errors-for-leak-kinds=definite --suppressions=tests/unit/valgrind.supp "$build/$name" 2>&1); then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		printf '%s\n' "$out" | tail -n 60
		echo "FAIL $name"
	fi
done
echo "SUITE valgrind: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
