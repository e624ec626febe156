#!/bin/sh
# From a clone to a checked binary: installs what is missing (Debian, Ubuntu), builds the release, lets it judge its own
# example and the manifests that its users wrote. Says what to do next.
set -eu
cd "$(dirname "$0")/.."
sh tests/packages.sh build
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)"
rollcall=build/release/rollcall
"$rollcall" version
"$rollcall" check config.example.yaml tests/fixtures/seed/podinfo.yaml tests/fixtures/seed/podinfo-canary.yaml
cat <<NEXT

$rollcall is built. Next:
  copy config.example.yaml to config.yaml and fill in your people, Slack or DingTalk
  $rollcall check config.yaml YOUR-CANARY.yaml      everything that is wrong, each with line and column
  kubectl apply -f deploy/crds -f deploy/rbac.yaml
  $rollcall serve --config config.yaml
  $rollcall list                                    in another terminal
NEXT
