#!/bin/sh
# From a clone to a running demo, on Debian 12 or Ubuntu 24.04 with nothing else: installs what is missing, builds the
# release, and runs `rollcall demo` with the words that it is given:
#
#   deploy/quickstart.sh               stays until Ctrl-C
#   deploy/quickstart.sh --auto        plays the whole story by itself and ends
#   deploy/quickstart.sh --auto --keep plays it and stays
set -eu
cd "$(dirname "$0")/.."
had_nginx=$(command -v nginx || PATH=$PATH:/usr/sbin command -v nginx || true)
sh tests/packages.sh demo
if [ -z "$had_nginx" ] && command -v systemctl >/dev/null; then
	# The package starts an nginx of its own at port 80. The demo runs one of its own and needs none of that.
	root=
	[ "$(id -u)" = 0 ] || root='sudo -n'
	$root systemctl disable --now nginx >/dev/null 2>&1 || true
fi
echo "quickstart: building the release, about a minute" >&2
cmake --preset release -DROLLCALL_WERROR=OFF >/dev/null # a newer compiler's new warning is nothing for a user
cmake --build --preset release -j "$(nproc)" --target rollcall rollouts-demo
exec build/release/rollcall demo "$@"
