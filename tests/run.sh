#!/usr/bin/env bash
# Every test: ./tests/run.sh, or some: ./tests/run.sh SUITE...   Ends with "N passed, N failed, N skipped".
# Suites: check unit valgrind sim chat cluster local browser fuzz. Logs and builds go to build/.
set -u
cd "$(dirname "$0")/.."
all='check unit valgrind sim chat cluster local browser fuzz'
suites=${*:-$all}
export ROLLCALL_BUILD=$PWD/build/asan
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
passed=0 failed=0 skipped=0
jobs=$(nproc)

sum() { # a line "SUITE name: N passed, N failed, N skipped" is added up
	local p f s
	read -r p f s < <(sed -n 's/^SUITE [^:]*: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$1" |
		awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }')
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}
suite() { # NAME COMMAND...: one that crashes before it could count has failed
	local name=$1 log=build/log-$1
	shift
	echo "== $name"
	local began=$SECONDS
	"$@" 2>&1 | tee "$log"
	local rc=${PIPESTATUS[0]}
	local before=$failed
	sum "$log"
	if [ "$rc" != 0 ] && [ "$failed" = "$before" ]; then
		echo "SUITE $name ended with $rc and counted no failure"
		failed=$((failed + 1))
	fi
	echo "== $name took $((SECONDS - began)) s"
}
plane() { # built once, kept outside the tree; a machine that cannot have it: the suites say so
	[ -z "${plane_asked:-}" ] || return 0
	plane_asked=1
	echo '== control plane'
	sh tests/cluster/control-plane.sh >/dev/null
}
finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	exit
}

mkdir -p build
sh tests/packages.sh || { echo 'tests/run.sh: packages are missing'; failed=1; finish; }
build() { # PRESET [OPTION...]
	cmake --preset "$1" "${@:2}" >"build/configure-$1.log" 2>&1 && cmake --build --preset "$1" -j "$jobs" >"build/build-$1.log" 2>&1
}
echo '== build'
if ! build asan; then
	tail -n 60 build/configure-asan.log build/build-asan.log
	failed=1
	finish
fi
for s in $suites; do
	case $s in
	check) suite check bash tests/check/run.sh ;;
	unit) suite unit bash tests/unit/run.sh ;;
	valgrind) suite valgrind bash tests/unit/valgrind.sh ;;
	sim) suite sim bash tests/sim/run.sh ;;
	chat | cluster | local)
		plane
		suite "$s" python3 tests/lib/runner.py "tests/$s"
		;;
	browser) suite browser python3 tests/lib/runner.py tests/browser ;;
	fuzz) suite fuzz bash tests/fuzz/run.sh ;;
	*) echo "tests/run.sh: there is no suite $s; there are: $all"; failed=$((failed + 1)) ;;
	esac
done
finish
