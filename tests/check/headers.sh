#!/usr/bin/env bash
# A header that needs another one before it is a trap.
set -u
cd "$(dirname "$0")/../.."
flags=$(pkg-config --cflags libuv libcurl openssl libcjson yaml-0.1 sqlite3)
bad=0
for h in $(git ls-files 'base/*.h' 'controller/*.h' 'bot/*.h' 'app/*.h'); do
	# shellcheck disable=SC2086
	echo "#include \"$h\"" | gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -I. $flags -fsyntax-only -x c - || bad=1
done
exit $bad
