#!/usr/bin/env bash
set -u
cd "$(dirname "$0")/../.."
[ -f build/clang/compile_commands.json ] || cmake --preset clang >/dev/null || exit 1
git ls-files 'base/*.c' 'controller/*.c' 'bot/*.c' 'app/*.c' 'deploy/*.c' |
	xargs -P "$(nproc)" -n 8 clang-tidy-14 --quiet -p build/clang 2>&1 | grep -vE '^[0-9]+ warnings? generated|^Suppressed|^Use -header' |
	tee build/tidy.log
! grep -qE 'warning:|error:' build/tidy.log
