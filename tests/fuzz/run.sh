#!/usr/bin/env bash
# Each parser of foreign bytes for some seconds on its corpus: FUZZ_SECONDS=20 by default, longer by hand.
set -u
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-20}
cmake --preset fuzz >build/configure-fuzz.log 2>&1 || { cat build/configure-fuzz.log; exit 1; }
cmake --build --preset fuzz -j "$(nproc)" >build/build-fuzz.log 2>&1 || { tail -n 40 build/build-fuzz.log; exit 1; }
passed=0 failed=0
for source in tests/fuzz/*_fuzz.c; do
	name=$(basename "$source" .c)
	corpus=tests/fuzz/corpus/${name%_fuzz}
	found=$(mktemp -d)
	if "build/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
		-artifact_prefix="build/$name-" "$found" "$corpus" >"build/$name.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		tail -n 30 "build/$name.log"
		echo "FAIL $name"
	fi
	rm -rf "$found"
done
echo "SUITE fuzz: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
