#!/bin/sh
# Installs the packages of a folder (this one: the official clients) into a cache outside the tree and prints where, for
# NODE_PATH.
# The folder is named after the lock file, so a changed lock never meets old packages.
set -eu

here=$(cd "${1:-$(dirname "$0")}" && pwd)
cache=${ROLLCALL_CACHE:-$HOME/.cache/rollcall}
hash=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c1-16)
target=$cache/npm-$hash

if [ ! -e "$target/node_modules/.complete" ]; then
	command -v npm >/dev/null || { echo "install.sh: npm is missing" >&2; exit 1; }
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/npm-new.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/"
	(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund >&2)
	touch "$work/node_modules/.complete"
	# Of two installs at the same time the first wins, the other is thrown away.
	mv -T "$work" "$target" 2>/dev/null || [ -e "$target/node_modules/.complete" ]
fi
echo "$target/node_modules"
