#!/usr/bin/env bash
set -u
cd "$(dirname "$0")/../.."
git ls-files '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror
