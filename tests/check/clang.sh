#!/usr/bin/env bash
# The second compiler, with its own warnings.
set -u
cd "$(dirname "$0")/../.."
cmake --preset clang >build/configure-clang.log 2>&1 || { cat build/configure-clang.log; exit 1; }
cmake --build --preset clang -j "$(nproc)" >build/build-clang.log 2>&1 || { grep -E 'error|warning' build/build-clang.log; exit 1; }
