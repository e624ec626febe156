#!/bin/sh
# Installs what building and testing need, with apt, and says so. Does nothing when it is all there.
set -eu
build='build-essential cmake ninja-build pkg-config libuv1-dev libcurl4-openssl-dev libssl-dev libcjson-dev libyaml-dev
	libsqlite3-dev libcairo2-dev uthash-dev'
test='libcmocka-dev clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev nginx-light etcd-server valgrind python3 git
	ca-certificates curl openssl procps'
wanted=$build
[ "${1:-test}" = build ] || wanted="$build $test"

missing=
for p in $wanted; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ "${1:-test}" != build ] && ! command -v npm >/dev/null; then
	missing="$missing nodejs npm"
fi
if [ "${1:-test}" != build ] && ! python3 -m pip --version >/dev/null 2>&1; then
	missing="$missing python3-pip"
fi
[ -n "$missing" ] || exit 0
echo "packages: installing$missing" >&2
root=
[ "$(id -u)" = 0 ] || root='sudo -n'
$root apt-get update -q >&2
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -q --no-install-recommends $missing >&2
