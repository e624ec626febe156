#!/usr/bin/env bash
# Whole rollouts by the thousand on a virtual clock. A failing one prints its seed: build/asan/sim --seed N replays it.
set -u
cd "$(dirname "$0")/../.."
build=${ROLLCALL_BUILD:-build/asan}
if "$build/sim" --count 3000; then
	echo 'SUITE sim: 1 passed, 0 failed, 0 skipped'
else
	echo 'SUITE sim: 0 passed, 1 failed, 0 skipped'
	exit 1
fi
