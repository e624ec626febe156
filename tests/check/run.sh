#!/usr/bin/env bash
# What can be said of the code without running it.
set -u
cd "$(dirname "$0")/../.."
passed=0 failed=0
check() { # NAME COMMAND...
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		printf '%s\n' "$out" | tail -n 60
		echo "FAIL $name"
	fi
}
check 'includes keep to the allowed edges' bash tests/check/includes.sh
check 'each header compiles alone' bash tests/check/headers.sh
check 'banned functions' bash tests/check/banned.sh
check 'the project speaks of itself alone' bash tests/check/alone.sh
check 'clang-format' bash tests/check/format.sh
check 'clang builds without a warning' bash tests/check/clang.sh
check 'clang-tidy' bash tests/check/tidy.sh
echo "SUITE check: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
