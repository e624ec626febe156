#!/bin/sh
# Installs what is needed, with apt, and says so: `build` for building, `demo` for a demo too, else for testing as well.
# Does nothing when it is all there.
set -eu
build='build-essential cmake ninja-build pkg-config libuv1-dev libcurl4-openssl-dev libssl-dev libcjson-dev libyaml-dev
	libsqlite3-dev libcairo2-dev uthash-dev'
test='libcmocka-dev clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev nginx-light etcd-server valgrind python3 git
	ca-certificates curl openssl procps zsh fish man-db'
for_what=${1:-test}
case $for_what in
build) wanted=$build ;;
demo) wanted="$build nginx-light" ;;
*) for_what=test wanted="$build $test" ;;
esac

missing=
for p in $wanted; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ $for_what = test ] && ! command -v npm >/dev/null; then
	missing="$missing nodejs npm"
fi
if [ $for_what = test ] && ! python3 -m pip --version >/dev/null 2>&1; then
	missing="$missing python3-pip"
fi
# Where a browser is no package (Ubuntu has it as a snap alone), the suite of that name says so.
browser=
if [ $for_what = test ]; then
	for b in chromium chromium-browser google-chrome chromium-is-missing; do
		! command -v "$b" >/dev/null || break
	done
	[ "$b" != chromium-is-missing ] || browser='chromium fonts-dejavu-core'
fi
[ -n "$missing$browser" ] || exit 0
echo "packages: installing$missing $browser" >&2
root=
[ "$(id -u)" = 0 ] || root='sudo -n'
$root apt-get update -q >&2
export DEBIAN_FRONTEND=noninteractive
[ -z "$missing" ] || $root apt-get install -y -q --no-install-recommends $missing >&2
[ -z "$browser" ] || $root apt-get install -y -q --no-install-recommends $browser >&2 || echo 'packages: no browser' >&2
