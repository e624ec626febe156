#!/usr/bin/env bash
# No path of a machine and no host of a package registry in anything that is published.
set -u
cd "$(dirname "$0")/../.."
if git grep -nIE '(^|[^a-z.])/(work|root)/|\.\./shared|https?://[a-z0-9.-]*(npmjs|pypi|debian|golang|crates)\.[a-z]+' -- \
	':!tests/check/alone.sh'; then
	exit 1
fi
